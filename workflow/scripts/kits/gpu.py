"""Whether there is a GPU, asked without importing torch: the Snakefile imports this."""

import os
from pathlib import Path


def gpu_present() -> bool:
    """Whether this process may see a GPU (NVIDIA or AMD), by its device file."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
        return False
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/kfd").exists()
