"""Where a training runs: one device, or one for each process that torchrun starts."""

from __future__ import annotations

import logging
import os
import re
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import torch

from rawkit.errors import TrainingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightning_fabric import Fabric

DEVICES = ("auto", "cpu", "cuda")
_PRECISIONS: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}

PATIENCE = 600.0
"""Seconds that processes wait for one another: longer than the first may take to put a checkpoint
into a bucket, or one to read what it trains on."""
_SETTLING = 0.5
"""Seconds that the last exchange may take to be over in all threads."""
_GONE = ("gloo", "nccl", "connection closed", "connection reset", "timed out", "broken pipe")
"""Words in what torch raises when another process does not answer."""


def ranks_here() -> int:
    """Return how many processes torchrun has started for this training; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank_here() -> int:
    """Return the number of this process among them, from 0."""
    return int(os.environ["RANK"]) if "TORCHELASTIC_RUN_ID" in os.environ else 0


def make_fabric(
    device: str = "auto", precision: str = "fp32", *, patience: float = PATIENCE
) -> Fabric:
    """Set up devices, processes and precision; several processes meet here.

    From then on none waits for another longer than `patience` seconds.

    Raises
    ------
    UsageError
        If there is no such device, or it does not know the precision.
    """
    # Imported here: a second that only trainings have to wait for.
    from lightning_fabric import Fabric  # noqa: PLC0415
    from lightning_fabric.plugins.environments.lightning import (  # noqa: PLC0415
        LightningEnvironment,
    )
    from lightning_fabric.plugins.environments.torchelastic import (  # noqa: PLC0415
        TorchElasticEnvironment,
    )
    from lightning_fabric.strategies.ddp import DDPStrategy  # noqa: PLC0415

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets on every start
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
    several = ranks_here() > 1
    fabric = Fabric(
        accelerator=accelerator,
        devices=int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if several else 1,
        num_nodes=int(os.environ.get("GROUP_WORLD_SIZE", "1")) if several else 1,
        strategy=DDPStrategy(timeout=timedelta(seconds=patience)) if several else "auto",
        precision=_PRECISIONS[precision],
        # Said here, or it would take a training of one process in a job of SLURM for many.
        plugins=[TorchElasticEnvironment() if several else LightningEnvironment()],
    )
    fabric.launch()
    return fabric


@contextmanager
def together(where: object) -> Iterator[None]:
    """Say what it means when another process of a training does not answer any more.

    Raises
    ------
    TrainingError
        If one has gone, or is silent for too long.
    """
    try:
        yield
    except RuntimeError as error:
        if ranks_here() == 1 or not _is_of_others(error):
            raise
        raise TrainingError(
            f"another process of this training has gone ({_what(error)})",
            expected=f"{ranks_here()} processes",
            where=where,
            fix="See what it said, on its machine. The last checkpoint is intact: the same command "
            "on all machines, with --resume, goes on from it.",
        ) from error


def _is_of_others(error: RuntimeError) -> bool:
    known = getattr(torch.distributed, "DistError", ())
    return isinstance(error, known) or any(word in str(error).lower() for word in _GONE)


def _what(error: RuntimeError) -> str:
    """First sentence of an error, without the line of the library's code that it begins with."""
    text = re.sub(r"^\[[^\]]*\.(cc|cpp|hpp|h):\d+\] *", "", str(error).splitlines()[0])
    return text.partition(". ")[0]


def gathered(value: Any) -> list[Any]:
    """Return what each process gives, by its number; values must pickle."""
    if ranks_here() == 1:
        return [value]
    found: list[Any] = [None] * ranks_here()
    torch.distributed.all_gather_object(found, value)
    return found


def leave() -> None:
    """Take leave of the other processes, if there are any."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        # The group's threads may still be letting go of the last tensors, for which they need the
        # interpreter; whoever ends the group holds it, and would wait for them for ever.
        time.sleep(_SETTLING)
        torch.distributed.destroy_process_group()
