"""Checkpoints: written whole or not at all, read without running any code in them."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from rawkit.errors import WeightsError
from rawkit.files import write_atomically
from rawkit.models import CHECKPOINT_FORMAT, CHECKPOINT_VERSION, load_weights
from rawkit.train.identity import identity_of
from rawkit.train.settings import TrainSettings, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from rawkit.models import SeenCamera
    from rawkit.train.folder import RunFolder
    from rawkit.train.identity import DataIdentity

LAST, BEST, WEIGHTS = "last.pt", "best.pt", "weights.safetensors"
_KEPT = "step-*.pt"


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
    """Optimizer steps done; where the schedule stands."""
    position: int
    """Samples taken from the stream by all processes."""
    best_psnr: float
    """Best validation PSNR so far in dB; minus infinity before the first."""
    average: Mapping[str, Tensor] | None = None
    """Moving average of the weights; None where none is kept."""
    scaler: Mapping[str, Any] = field(default_factory=dict)
    """State of the loss scaler; empty but with fp16."""
    generators: Mapping[str, Tensor] = field(default_factory=dict)
    """State of torch's random generators, by device; empty in an earlier version's checkpoint."""
    critic: Mapping[str, Any] = field(default_factory=dict)
    """State of the critic (`model`) and of its `optimizer`; empty without one."""
    data: DataIdentity | None = None
    """Which frames it is on; None in an earlier version's checkpoint."""
    cameras: Mapping[str, SeenCamera] = field(default_factory=dict)
    """The cameras of the training pairs, by model; empty where none is known."""


def encode_checkpoint(state: TrainState) -> bytes:
    """Return the file of a checkpoint.

    Under ``model`` are the weights to restore with: the moving average where there is one, and then
    those that are trained under ``trained``.
    """
    content: dict[str, Any] = {
        "format": CHECKPOINT_FORMAT,
        "version": CHECKPOINT_VERSION,
        "network": state.settings.network,
        "settings": state.settings.as_dict(),
        "model": dict(state.model if state.average is None else state.average),
        "optimizer": dict(state.optimizer),
        "step": state.step,
        "position": state.position,
        "best_psnr": state.best_psnr,
        "scaler": dict(state.scaler),
        "generators": dict(state.generators),
        "data": None if state.data is None else state.data.as_dict(),
        "cameras": {model: one.as_dict() for model, one in state.cameras.items()},
        "neutral": None if state.settings.neutral is None else list(state.settings.neutral),
    }
    if state.settings.licence:
        content["licence"] = state.settings.licence
    if state.critic:
        content["critic"] = dict(state.critic)
    if state.average is not None:
        content["trained"] = dict(state.model)
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def save_checkpoint(path: Path, state: TrainState) -> None:
    """Write a checkpoint atomically.

    Raises
    ------
    OutputError
        If it cannot be written; the one that was there is intact.
    """
    write_atomically(path, encode_checkpoint(state))


def load_checkpoint(path: Path) -> TrainState:
    """Read a checkpoint to resume from, of this version or an earlier one.

    Raises
    ------
    WeightsError
        If it is no checkpoint, of another version, or only weights.
    """
    weights = load_weights(path)
    content: Any = None
    with suppress(Exception):  # whole and sound, as just read; weights of another kind are not
        content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or "optimizer" not in content:
        raise WeightsError(
            "weights without the state of a training",
            expected="a checkpoint written by `rawkit train`",
            where=path,
        )
    trained = content.get("trained")
    try:
        return TrainState(
            settings=settings_of(weights.settings, path),
            model=weights.state_dict if trained is None else dict(trained),
            optimizer=content["optimizer"],
            step=int(content["step"]),
            position=int(content["position"]),
            best_psnr=float(content["best_psnr"]),
            average=None if trained is None else weights.state_dict,
            scaler=content.get("scaler", {}),
            generators=content.get("generators", {}),
            critic=_critic_of(content),
            data=identity_of(content.get("data")),
            cameras=weights.cameras,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"a checkpoint without a usable {error}",
            expected="a checkpoint written by `rawkit train`",
            where=path,
        ) from error


def _critic_of(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the state of a critic as far as it can be told that it is one."""
    critic = content.get("critic", {})
    if critic:
        _ = critic["model"], critic["optimizer"]
    return dict(critic)


def keep_copies(folder: RunFolder, step: int, count: int) -> None:
    """Keep the last checkpoint of a run under its step too, and of such copies the newest ones.

    Raises
    ------
    OutputError, StoreUnreachableError
        If the folder cannot be changed; the last checkpoint is intact.
    """
    if count > 1:
        folder.copy(LAST, f"step-{step:08d}.pt")
    copies = folder.files(_KEPT)
    for old in copies[: max(0, len(copies) - (count if count > 1 else 0))]:
        folder.delete(old)


def generator_states() -> dict[str, Tensor]:
    """State of torch's random generators on the CPU and the current GPU."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def set_generators(states: Mapping[str, Tensor]) -> None:
    """Put torch's random generators where they stood."""
    if "cpu" in states:
        torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
