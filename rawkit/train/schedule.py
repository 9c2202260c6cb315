"""The step size over a training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawkit.train.settings import TrainSettings

_FLOOR = 0.01
"""Share of the rate that a cosine ends at."""


def rate_at(settings: TrainSettings, step: int) -> float:
    """Return the step size of step number `step`, from 0.

    A warm-up of w steps multiplies the rate of step i by (i + 1) / (w + 1) while i < w.
    """
    rate = settings.learning_rate * share_at(settings, step)
    if step < settings.warmup:
        rate *= (step + 1) / (settings.warmup + 1)
    return rate


def share_at(settings: TrainSettings, step: int) -> float:
    """Return the share of a rate that the schedule alone leaves to step number `step`, from 0."""
    done = min(1.0, step / settings.steps)
    if settings.schedule == "cosine":
        return _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * done))
    if settings.schedule == "step":
        passed = sum(step >= round(one * settings.steps) for one in settings.milestones)
        return settings.gamma**passed
    return 1.0
