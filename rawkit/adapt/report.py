"""What came of an adaptation."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.catalog import LeftOut

WEIGHTS = "weights.safetensors"
REPORT = "report.json"
Colours = Literal["network", "sensor"]
"""Whose colours a restored picture has."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the pictures held back."""

    psnr: float
    """Peak signal-to-noise ratio in dB."""
    ssim: float
    """Structural similarity."""


@dataclass(frozen=True, slots=True)
class AdaptReport:
    """What came of an adaptation."""

    weights: Path
    """What to restore with: the adapted weights, or where they are no better those it began
    with."""
    adapted: bool
    """Whether these are the adapted ones."""
    sensor: Figures
    """What it began with, with the sensor's colours."""
    network: Figures
    """The same with its own colours."""
    after: Figures
    """The adapted weights, with the better of both."""
    colour: Colours
    """Whose colours those are."""
    scenes: tuple[int, int]
    """Scenes trained on, and held back."""
    pairs: tuple[int, int]
    """Pairs likewise."""
    steps: int
    """Optimizer steps."""
    seconds: float
    """Time of training, validations included, over all calls."""
    licence: str | None
    """Terms of the weights; None where there are none."""
    left_out: tuple[LeftOut, ...]
    """Files that were not used, and pairs that do not fit, with the reason."""
    folder: Path
    """Folder of the adaptation."""
    made: bool = False
    """Whether dark photos were made of well-lit ones, which `pairs` then counts to train on."""
    interrupted: bool = False
    """Whether it was stopped; the same call goes on."""

    @property
    def gain(self) -> float:
        """Decibels by which the adapted weights are better than the better of the two before."""
        return self.after.psnr - max(self.sensor.psnr, self.network.psnr)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        values = asdict(self)
        return {
            **values, "weights": str(self.weights), "folder": str(self.folder), "gain": self.gain
        }  # fmt: skip

    def as_json(self) -> bytes:
        """Return the file of a report."""
        return (json.dumps(self.as_dict(), indent=2) + "\n").encode()
