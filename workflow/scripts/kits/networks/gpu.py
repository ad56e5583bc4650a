"""Which GPUs there are, asked without importing torch: the Snakefile imports this."""

import os
from pathlib import Path

from kits.locks import acquire


def find_gpu() -> bool:
    """Whether this process may see a GPU (NVIDIA or AMD), by its device file."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
        return False
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/kfd").exists()


def list_gpus() -> list[str]:
    """The NVIDIA GPUs this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name not in ("", "-1")]
    # By their number: in a container the files keep the names of the host's, and CUDA counts from 0.
    return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def claim_gpu() -> None:
    """Of several GPUs, take one that no other job has, and hide the rest from this process.

    Where there is no choice, as in a SLURM job, which sees its own only, nothing is taken.
    """
    names = list_gpus()
    if len(names) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = acquire("gpu", names)
