"""What a training did, for whoever asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawkit.train.validate import Scores


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a training did."""

    steps: int
    """Optimizer steps done in all."""
    loss: float
    """Smoothed loss at the end."""
    crops_per_second: float
    """Crops a second over all processes, validation not counted."""
    waiting: float
    """Share of the training time spent waiting for data, 0 to 1."""
    scores: Scores | None
    """Validation at the end; None without validation frames."""
    interrupted: bool
    """Whether it was stopped before its last step."""
    missing: str = ""
    """What was asked for and did not land, and why; empty where all did or still does."""
