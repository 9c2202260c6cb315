"""Do a file's levels fit its pixels? Questions that LibRaw does not ask.

The answers are for people: a level that does not fit is a warning that names the suspected one,
never a refusal. In honest dark frames 40% of the pixels lie below black.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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


def check_levels(image: RawImage) -> LevelCheck:
    """Compare the levels of a file with its visible pixels and its masked border."""
    mosaic, pixels = image.mosaic, image.pixels
    saturated = float(np.count_nonzero(pixels >= mosaic.white_level) / pixels.size)
    return LevelCheck(saturated, _below_black(pixels, mosaic) or _masked(image))


def _below_black(pixels: NDArray[np.uint16], mosaic: Mosaic) -> str | None:
    """Say whether half of a plane lies further below black than its own spread explains."""
    side = mosaic.cell.side
    for y, x, plane in mosaic.positions():
        values = pixels[y::side, x::side]
        median = float(np.median(values))
        black = mosaic.black_level[plane]
        if median >= black - _LEAST_STEP:
            continue
        spread = _MAD_TO_SIGMA * float(np.median(np.abs(values.astype(np.float32) - median)))
        if median < black - _SIGMAS * max(spread, _LEAST_STEP):
            return (
                f"half of plane {plane} lies below {median:.0f}, the black level is {black:g}; "
                f"suspected black level: at most {median:.0f}"
            )
    return None


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
