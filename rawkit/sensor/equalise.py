"""Histogram equalisation: a curve that makes every brightness of a video or frame as frequent.

The value of a pixel becomes the share of all pixels that are no brighter::

    equalised(v) = 65535 * (pixels of value v or less) / (all pixels)

One curve serves all planes and all frames of a video, so that nothing flickers; it is how "Learning
to See Moving Objects in the Dark" (ICCV 2019) brightens what its network is fed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.sensor.amplifier import plane_histograms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.sensor.types import RawImage

LEVELS = 1 << 16
"""Values that a pixel can have."""
EQUALISED_WHITE = float(LEVELS - 1)
"""White level of equalised planes; their black level is 0."""


def level_counts(planes: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Count the pixels of each plane and level of packed planes (P, h, w): shape (P, 65536)."""
    return np.stack([np.bincount(plane.ravel(), minlength=LEVELS) for plane in planes])


def equalising_tables(
    counts: NDArray[np.int64], black: Sequence[float], gains: Sequence[float] | None = None
) -> NDArray[np.uint16]:
    """Make the curve of each plane from how often it has each level.

    Parameters
    ----------
    counts
        Pixels of each plane and level, over all frames that share the curve: shape (P, 65536).
    black
        Black level of each plane, in sensor units; values below it count as black.
    gains
        What each plane is multiplied by before planes are compared, such as `grey_gains`; None: 1.

    Returns
    -------
    NDArray[np.uint16]
        The equalised value of each plane and level, shape (P, 65536), 65535 for the brightest.

    Raises
    ------
    UsageError
        If nothing was counted.
    """
    if not counts.sum():
        raise UsageError("no pixel to equalise", expected="frames with pixels")
    levels = np.arange(counts.shape[1])
    factors = np.ones(len(counts)) if gains is None else np.asarray(gains, np.float64)
    above = np.maximum(levels[None] - np.asarray(black, np.float64)[:, None], 0) * factors[:, None]
    highest = float(above[counts > 0].max())
    places = np.minimum(np.rint(above * ((LEVELS - 1) / max(highest, 1))), LEVELS - 1)
    # Levels that are whole numbers keep one place each where planes are not multiplied.
    if gains is None and highest < LEVELS:
        places = np.minimum(np.floor(above), LEVELS - 1)
    index = places.astype(np.int64)
    together = np.bincount(index.ravel(), weights=counts.ravel(), minlength=LEVELS)
    share = np.cumsum(together) / together.sum()
    values: NDArray[np.uint16] = np.rint((LEVELS - 1) * share).astype(np.uint16)
    return values[index]


def equalised_image(image: RawImage, tables: NDArray[np.uint16] | None = None) -> RawImage:
    """Put the pixels of a mosaic through the curve of their plane.

    Parameters
    ----------
    image
        A decoded raw file.
    tables
        The curves, (planes, 65536); None: its own.

    Returns
    -------
    RawImage
        The same with black 0 and white 65535.
    """
    mosaic = image.mosaic
    if tables is None:
        tables = equalising_tables(plane_histograms(image), mosaic.black_level)
    pixels, side = np.empty_like(image.pixels, np.uint16), mosaic.cell.side
    for y, x, plane in mosaic.positions():
        place = slice(y, None, side), slice(x, None, side)
        pixels[place] = tables[plane][image.pixels[place]]
    levels = replace(
        mosaic, black_level=(0.0,) * len(mosaic.black_level), white_level=EQUALISED_WHITE
    )
    return replace(image, pixels=pixels, mosaic=levels)


def grey_gains(counts: NDArray[np.int64], black: Sequence[float]) -> tuple[float, ...]:
    """Gains of planes that make their means equal, that of the second plane being 1."""
    levels = np.arange(counts.shape[1], dtype=np.float64)
    means = [
        max(float(one @ levels) / max(1, int(one.sum())) - level, 1e-6)
        for one, level in zip(counts, black, strict=True)
    ]
    return tuple(means[1] / mean for mean in means)


def equalised(planes: NDArray[np.uint16], tables: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Put packed planes (P, h, w) through their curves, (P, 65536)."""
    return np.stack([table[plane] for plane, table in zip(planes, tables, strict=True)])
