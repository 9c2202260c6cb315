"""Checkpoints: written whole or not at all, read without running any code in them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from rawkit.errors import WeightsError
from rawkit.models import CHECKPOINT_FORMAT, CHECKPOINT_VERSION, load_weights
from rawkit.store import write_atomically
from rawkit.train.settings import TrainSettings, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor


@dataclass(frozen=True, slots=True)
class TrainState:
    """All that a training needs to go on as if it had never stopped."""

    settings: TrainSettings
    """What was asked for."""
    model: Mapping[str, Tensor]
    """State of the network, weight norm attached."""
    optimizer: Mapping[str, Any]
    """State of the optimizer."""
    step: int
    """Optimizer steps done."""
    position: int
    """Samples taken from the stream."""
    best_psnr: float
    """Best validation PSNR so far in dB; minus infinity before the first."""


def save_checkpoint(path: Path, state: TrainState) -> None:
    """Write a checkpoint atomically.

    Raises
    ------
    OutputError
        If it cannot be written; the one that was there is intact.
    """
    content = {
        "format": CHECKPOINT_FORMAT,
        "version": CHECKPOINT_VERSION,
        "network": state.settings.network,
        "settings": state.settings.as_dict(),
        "model": dict(state.model),
        "optimizer": dict(state.optimizer),
        "step": state.step,
        "position": state.position,
        "best_psnr": state.best_psnr,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: Path) -> TrainState:
    """Read a checkpoint to resume from.

    Raises
    ------
    WeightsError
        If it is no checkpoint, of another version, or only weights.
    """
    weights = load_weights(path)
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or "optimizer" not in content:
        raise WeightsError(
            "weights without the state of a training",
            expected="a checkpoint written by `rawkit train`",
            where=path,
        )
    try:
        return TrainState(
            settings=settings_of(weights.settings, path),
            model=weights.state_dict,
            optimizer=content["optimizer"],
            step=int(content["step"]),
            position=int(content["position"]),
            best_psnr=float(content["best_psnr"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"a checkpoint without a usable {error}",
            expected="a checkpoint written by `rawkit train`",
            where=path,
        ) from error
