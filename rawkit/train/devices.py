"""Where a training runs: one device, or one for each process that torchrun starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

import torch

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

DEVICES = ("auto", "cpu", "cuda")
_PRECISIONS: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}


def ranks_here() -> int:
    """Return how many processes torchrun has started for this training; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank_here() -> int:
    """Return the number of this process among them, from 0."""
    return int(os.environ["RANK"]) if "TORCHELASTIC_RUN_ID" in os.environ else 0


def make_fabric(device: str = "auto", precision: str = "fp32") -> Fabric:
    """Set up devices, processes and precision; several processes meet here.

    Raises
    ------
    UsageError
        If there is no such device, or it does not know the precision.
    """
    # Imported here: a second that only trainings have to wait for.
    from lightning_fabric import Fabric  # noqa: PLC0415

    if device not in DEVICES:
        raise UsageError(f"device {device!r}", expected=", ".join(DEVICES))
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "no CUDA device", expected="a GPU that torch can use", fix="Use --device cpu."
        )
    accelerator = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    if precision == "fp16" and accelerator == "cpu":
        raise UsageError(
            "fp16 on the CPU", expected="fp32 or bf16 there", fix="Use --precision bf16."
        )
    fabric = Fabric(
        accelerator=accelerator,
        devices=int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if ranks_here() > 1 else 1,
        num_nodes=int(os.environ.get("GROUP_WORLD_SIZE", "1")) if ranks_here() > 1 else 1,
        strategy="ddp" if ranks_here() > 1 else "auto",
        precision=_PRECISIONS[precision],
    )
    fabric.launch()
    return fabric


def leave() -> None:
    """Take leave of the other processes, if there are any."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
