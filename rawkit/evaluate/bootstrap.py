"""Means over pictures with bootstrap intervals over scenes.

Pictures of a scene are alike, so scenes are what is drawn: as many as there are, with replacement,
each with all of its pictures. The mean of a draw is over its pictures. An interval is that between
two percentiles of the means of all draws (linear interpolation): Efron and Tibshirani, "An
Introduction to the Bootstrap" (1993), chapter 13.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean and its interval."""

    mean: float | None
    """Mean over pictures; None where there is none that has a value."""
    low: float | None
    """Lower end of the interval; None with fewer than two scenes."""
    high: float | None
    """Upper end."""
    pictures: int
    """Pictures that have a value."""


def draws(scenes: int, resamples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw scenes with replacement; how often each was drawn, shape (resamples, scenes)."""
    drawn = rng.integers(0, scenes, size=(resamples, scenes))
    offsets = scenes * np.arange(resamples)[:, None]
    counts = np.bincount((drawn + offsets).ravel(), minlength=resamples * scenes)
    return counts.reshape(resamples, scenes)


def mean_with_interval(
    values: Sequence[float | None], scene: NDArray[np.intp], times: NDArray[np.int64]
) -> Mean:
    """Mean of values, and its interval over draws of their scenes.

    `scene` has the number of each value's scene, `times` is what `draws` returned. Values that are
    None do not count; a draw without any value is left out.
    """
    there = np.array([value is not None for value in values], bool)
    numbers = np.array([0.0 if value is None else value for value in values], np.float64)
    count = int(there.sum())
    if count == 0:
        return Mean(None, None, None, 0)
    mean = float(numbers[there].sum() / count)
    scenes = times.shape[1]
    if scenes < 2 or not np.isfinite(mean):  # noqa: PLR2004 - one scene says nothing of the others
        return Mean(mean, None, None, count)
    sums = np.bincount(scene[there], weights=numbers[there], minlength=scenes)
    counts = np.bincount(scene[there], minlength=scenes)
    drawn = times @ counts
    means = (times @ sums)[drawn > 0] / drawn[drawn > 0]
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Mean(mean, float(low), float(high), count)
