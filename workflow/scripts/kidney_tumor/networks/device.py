"""The device on which networks run, its precision, threads and determinism."""

import argparse
import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass

import psutil
import torch
from torch import nn

from kidney_tumor.errors import UserError
from kidney_tumor.networks.hardware import claim_gpu, find_gpu

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Device:
    """A device, and how networks compute on it.

    Attributes:
        torch_device: The CPU or GPU.
        precision: The precision of the networks' layers; weights and loss are always float32.
        deterministic: Whether results are bitwise reproducible, for which slower algorithms may be needed.
    """

    torch_device: torch.device
    precision: torch.dtype = torch.float32
    deterministic: bool = True

    @property
    def name(self) -> str:
        """The name of the GPU or the number of CPU threads, and the precision."""
        threads = f"CPU, {torch.get_num_threads()} threads"
        device = torch.cuda.get_device_name(self.torch_device) if self.torch_device.type == "cuda" else threads
        return f"{device}, {str(self.precision).removeprefix('torch.')}"

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context in which networks compute in this precision."""
        return torch.autocast(self.torch_device.type, self.precision, enabled=self.precision != torch.float32)

    def hold(self, network: nn.Module) -> None:
        """Move a network here, into the layout in which it computes fastest."""
        layout = torch.channels_last
        network.to(self.torch_device, memory_format=layout)  # type: ignore[call-overload]  # torch's types lack layouts

    def measure_free_memory(self) -> int:
        """Measure the free memory of the device, in bytes."""
        if self.torch_device.type == "cuda":
            return torch.cuda.mem_get_info(self.torch_device)[0]
        return psutil.virtual_memory().available


def computes_bfloat16(name: str) -> bool:
    """Return whether the `cpu` or the GPU (`cuda`) multiplies bfloat16 in hardware, since emulation is slow."""
    if name == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Every processor with AMX has AVX512-BF16 too. The second function respects limits set in the environment.
    in_hardware = torch.cpu.get_capabilities().get("avx512_bf16", False)
    return bool(in_hardware and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def choose_device(arguments: argparse.Namespace) -> Device:
    """Choose a device by the options of `hardware.DEVICE_KEYS` and `--threads`; set threads and determinism.

    Among several GPUs, it chooses one that no other job uses.

    Raises:
        UserError: The option is `cuda` and torch finds no GPU.
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
    # torch.use_deterministic_algorithms does the same, but imports the compiler, which takes a second and is not used.
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    # A debugging aid that costs a fifth of the speed.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # torch's types lack it
    torch.set_num_threads(arguments.threads)
    return Device(torch.device(name), PRECISIONS[precision], deterministic)
