"""Do a file's levels fit its pixels? Questions that LibRaw does not ask.

The answers are for people: a level that does not fit is a warning that names the suspected one,
never a refusal. In honest dark frames 40% of the pixels lie below black.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.sensor.amplifier import plane_histograms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor.types import Mosaic, RawImage

_SIGMAS = 3.0
_MAD_TO_SIGMA = 1.4826
_MIN_MASKED_COLUMNS = 4
_MAX_MASKED_NOISE = 0.02
"""Share of the range from black to white. A border that varies more than this is no masked one."""
_LEAST_STEP = 1.0
"""Sensor units; what rounding alone may shift."""


@dataclass(frozen=True, slots=True)
class LevelCheck:
    """What the pixels say of the levels."""

    saturated_share: float
    """Share of visible pixels at or above the white level, 0 to 1."""
    warning: str | None
    """A black level that does not fit, with the suspected one; None where it fits."""


def check_levels(image: RawImage, histograms: NDArray[np.int64] | None = None) -> LevelCheck:
    """Compare the levels of a file with its visible pixels and its masked border.

    `histograms` are the image's `plane_histograms` where they are known already.
    """
    if histograms is None:
        histograms = plane_histograms(image)
    mosaic = image.mosaic
    first = max(0, math.ceil(mosaic.white_level))
    saturated = float(histograms[:, first:].sum() / image.pixels.size)
    return LevelCheck(saturated, _below_black(histograms, mosaic) or _masked(image))


def _below_black(histograms: NDArray[np.int64], mosaic: Mosaic) -> str | None:
    """Say whether half of a plane lies further below black than its own spread explains."""
    for plane, (counts, black) in enumerate(zip(histograms, mosaic.black_level, strict=True)):
        levels = np.flatnonzero(counts)
        if levels.size == 0:
            continue  # a mosaic smaller than a cell
        median = _median(levels, counts[levels])
        if median >= black - _LEAST_STEP:
            continue
        spread = _MAD_TO_SIGMA * _median(np.abs(levels - median), counts[levels])
        if median < black - _SIGMAS * max(spread, _LEAST_STEP):
            return (
                f"half of plane {plane} lies below {median:.0f}, the black level is {black:g}; "
                f"suspected black level: at most {median:.0f}"
            )
    return None


def _median(values: NDArray[np.integer | np.floating], counts: NDArray[np.int64]) -> float:
    """Median of values that occur so often, equal to that of all of them written out."""
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(counts[order])
    last = int(ends[-1]) - 1
    middle = np.searchsorted(ends, (last // 2, (last + 1) // 2), side="right")
    return float(values[order][middle].mean())


def _masked(image: RawImage) -> str | None:
    """Say whether the masked border, which sees no light, has another mean than the black level."""
    border = image.masked
    if border is None or border.shape[1] < _MIN_MASKED_COLUMNS:
        return None
    values = border.astype(np.float32)
    low, high = np.percentile(values, (1, 99))
    inner = values[(values >= low) & (values <= high)]
    mean, sigma = float(inner.mean()), float(inner.std())
    black = float(np.mean(image.mosaic.black_level))
    quiet = sigma <= _MAX_MASKED_NOISE * (image.mosaic.white_level - black)
    if quiet and abs(mean - black) > max(_SIGMAS * sigma, _LEAST_STEP):
        return (
            f"the masked border is {mean:.0f} on average, the black level is {black:g}; "
            f"suspected black level: {mean:.0f}"
        )
    return None
