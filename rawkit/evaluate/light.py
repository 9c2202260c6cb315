"""The light of a dark frame: its levels, its amplification, and which one would be right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.sensor import (
    amplification_base,
    base_of_histograms,
    image_of_array,
    pack,
    unpack,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.evaluate.pairs import Pair
    from rawkit.evaluate.protocol import Protocol
    from rawkit.restore import Mending
    from rawkit.sensor import Amplification

_SATURATED = 0.95
"""Share of white above which a pixel of the long no longer says how bright it was."""
_LEVELS = 1 << 16


@dataclass(frozen=True)
class Light:
    """A dark frame as a method gets it."""

    planes: NDArray[np.uint16]
    """Packed planes R, G1, B, G2, (4, h, w), sensor units."""
    black: NDArray[np.float32]
    """Black level that is subtracted from each plane, (4,), sensor units."""
    white: float
    """White level, sensor units."""
    base: float
    """The amplifier's estimate with these levels, 1 to 300."""
    by_estimate: bool = True
    """Whether the frame is amplified by a multiple of the estimate."""
    equalised: bool = False
    """Whether the planes are equalised: they no longer tell how much light there was."""
    mended: bool = False
    """Whether its camera's profile was applied: levels and planes are in finer steps then."""

    @property
    def own_levels(self) -> tuple[list[float], float] | None:
        """Black levels and white of the planes where they are not those of the file."""
        return (self.black.tolist(), self.white) if self.mended else None


def light_of(pair: Pair, protocol: Protocol) -> Light:
    """Read a dark frame, with the levels of its file, or the one that the protocol sets."""
    planes, row = pair.planes(), pair.dark
    if pair.mending is not None:
        return _mended(pair, pair.mending, planes)
    black = np.array(row.black_level, np.float32)
    base = row.amplification_base
    if protocol.black_level is not None:
        black = np.full(len(planes), protocol.black_level, np.float32)
        histograms = [np.bincount(plane.ravel(), minlength=_LEVELS) for plane in planes]
        base = base_of_histograms(histograms, black.tolist(), row.white_level)
    white = row.white_level if protocol.white_level is None else protocol.white_level
    return Light(planes, black, white, base)


def _mended(pair: Pair, mending: Mending, planes: NDArray[np.uint16]) -> Light:
    """Mend a dark frame by its camera's profile; its amplification is estimated anew."""
    row = pair.dark
    image = image_of_array(
        unpack(planes), pattern="RGGB", black=list(row.black_level), white=row.white_level
    )
    done, _ = mending.mend_stored(pair.group.store, row, image)
    mosaic = done.image.mosaic
    return Light(
        pack(done.image.pixels, mosaic.phase), np.array(mosaic.black_level, np.float32),
        mosaic.white_level, amplification_base(done.image), mended=True,
    )  # fmt: skip


def factor_of(light: Light, pair: Pair, amplification: Amplification) -> float:
    """Return what the normalised mosaic is multiplied by.

    Raises
    ------
    UsageError
        If a ratio is asked for and not known.
    """
    values = (light.base, pair.gain_ratio, pair.exposure_ratio)
    return float(amplification.factors(*(np.array([one], np.float32) for one in values))[0])


def matching_factor(
    pair: Pair, planes: NDArray[np.uint16], levels: tuple[Sequence[float], float] | None = None
) -> float:
    """Return the amplification that gives a dark frame the mean light of its truth.

    Mean normalised value of the long over that of the dark frame, both by the levels of their
    files, over the pixels that do not saturate in the long. Values below black are kept as they
    are, so that noise does not make a dark frame seem brighter. NaN where the dark frame has no
    light above black, and where the truth is a picture without a long exposure. `levels` are black
    levels and white of the planes where those of the file are not.
    """
    if pair.given:
        return math.nan
    long, dark, truth = pair.long, pair.dark, pair.long_planes()
    blacks, white = levels or (dark.black_level, dark.white_level)
    light = wanted = 0.0
    for plane, other, black, black_long in zip(
        planes, truth, blacks, long.black_level, strict=True
    ):
        span = long.white_level - black_long
        usable = other < black_long + _SATURATED * span
        count = int(np.count_nonzero(usable))
        scale = white - black
        light += (float(plane[usable].sum(dtype=np.float64)) - count * black) / scale
        wanted += (float(other[usable].sum(dtype=np.float64)) - count * black_long) / span
    return wanted / light if light > 0 and wanted > 0 else float("nan")
