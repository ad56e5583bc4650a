"""GPUs and CPUs of this machine. This module imports what Snakemake brings only, since the Snakefile imports it."""

import os
from pathlib import Path

DEVICE_KEYS = ("device", "precision", "deterministic")
"""The keys of the configuration that choose what computes networks, besides the option `--threads`."""
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""The number of CPU threads that this process may use at once."""
WSL_DRIVER = Path("/usr/lib/wsl/lib/libcuda.so.1")
"""The driver of a GPU within Windows's Linux, where it has no device file of its own."""


def find_gpu() -> bool:
    """Return whether this process may use a GPU, NVIDIA or AMD, by looking for its device file or driver."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
        return False
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/kfd").exists() or WSL_DRIVER.exists()


def list_gpus() -> list[str]:
    """List the NVIDIA GPUs that this process may use, by their names in `CUDA_VISIBLE_DEVICES`."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name not in ("", "-1")]
    # Only the number of files counts: in a container they keep the host's names, while CUDA counts from 0.
    return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def claim_gpu() -> None:
    """Among several GPUs, take one that no other job uses, and hide the others from this process.

    If this process sees only one GPU, as in a SLURM job, nothing is taken.
    """
    names = list_gpus()
    if len(names) > 1:
        from kidney_tumor.locks import acquire

        os.environ["CUDA_VISIBLE_DEVICES"] = acquire("gpu", names)
