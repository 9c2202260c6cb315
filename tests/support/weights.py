"""Weights that know nothing, and those that a training has written, compared bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from rawkit.models import build, save_safetensors
from rawkit.train import LAST, load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_untaught(path: Path, licence: str) -> Path:
    """Write weights of a small network that know nothing, always the same; returns the path."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        state = build("lamba2021-lite").state_dict()
    save_safetensors(path, "lamba2021-lite", state, {}, licence=licence)
    return path


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a run's last checkpoint."""
    return dict(load_checkpoint(folder / LAST).model)


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    """Tell whether all weights of one are those of the other."""
    return all(torch.equal(value, other[name]) for name, value in one.items())
