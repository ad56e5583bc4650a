"""Where networks run: device, precision, threads, determinism."""

import argparse
import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass

import psutil
import torch

from kits.cli import UserError
from kits.networks.gpu import claim_gpu, find_gpu

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Device:
    """A device, and how networks compute on it.

    Attributes:
        device: CPU or GPU.
        precision: of the networks' layers; weights and loss are always float32.
        deterministic: the same result bit for bit, rather than the fastest algorithms.
    """

    torch_device: torch.device
    precision: torch.dtype = torch.float32
    deterministic: bool = True

    @property
    def name(self) -> str:
        """The GPU's name, or the number of CPU threads, and the precision, for the record."""
        threads = f"CPU, {torch.get_num_threads()} threads"
        device = torch.cuda.get_device_name(self.torch_device) if self.torch_device.type == "cuda" else threads
        return f"{device}, {str(self.precision).removeprefix('torch.')}"

    def autocast(self) -> AbstractContextManager[None]:
        """The context in which networks compute in this precision."""
        return torch.autocast(self.torch_device.type, self.precision, enabled=self.precision != torch.float32)

    def free_memory(self) -> int:
        """Bytes of the device's memory that are free."""
        if self.torch_device.type == "cuda":
            return torch.cuda.mem_get_info(self.torch_device)[0]
        return psutil.virtual_memory().available


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """The options of `choose`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to run")
    parser.add_argument(
        "--precision",
        choices=("auto", *PRECISIONS),
        default="auto",
        help="auto: bfloat16 on a CPU or GPU that computes in it, else float32 on the CPU and float16 on a GPU",
    )
    parser.add_argument(
        "--deterministic",
        choices=("auto", "true", "false"),
        default="auto",
        help="only algorithms that give the same result bit for bit; auto: on the CPU, where it costs nothing",
    )
    parser.add_argument("--threads", type=int, default=cores, help="CPU threads")


def computes_bfloat16(name: str) -> bool:
    """Whether the `cpu`, or the GPU (`cuda`), multiplies bfloat16 in hardware; where it is emulated it is slower."""
    if name == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Every processor with AMX has AVX512-BF16 too; the second question heeds limits set in the environment.
    return torch.cpu.get_capabilities().get("avx512_bf16", False) and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def choose_device(arguments: argparse.Namespace) -> Device:
    """Set threads and determinism, and choose device and precision, by the options of `add_device_options`.

    Of several GPUs it takes one that no other job has.

    Raises:
        UserError: `cuda` was asked for and there is none.
    """
    name = arguments.device
    if name != "cpu":
        claim_gpu()
        if given := os.environ.get("CUDA_VISIBLE_DEVICES"):
            print(f"GPU {given} (CUDA_VISIBLE_DEVICES)", flush=True)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cpu" and find_gpu():
            print("warning: there is a GPU, but torch cannot use it (CPU build, or no driver)", file=sys.stderr)
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda was asked for, but torch finds no GPU; set device to auto or cpu")
    precision = arguments.precision
    if precision == "auto":
        otherwise = "float16" if name == "cuda" else "float32"
        precision = "bfloat16" if computes_bfloat16(name) else otherwise
    deterministic = arguments.deterministic == "true" or (arguments.deterministic == "auto" and name == "cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it, cuBLAS is not deterministic
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs a fifth of the speed
    torch.set_num_threads(arguments.threads)
    return Device(torch.device(name), PRECISIONS[precision], deterministic)
