"""The nouns of one raw file: exposure, mosaic, frame, and the decoded image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BAYER_PLANES = 4
"""Packed planes of a Bayer mosaic: R, G1, B, G2, which are LibRaw's colours 0, 1, 2, 3."""

MAX_RATIO = 300.0
"""The largest amplification any published protocol uses (SID, CVPR 2018)."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """How long, how sensitive and how open; None where neither EXIF nor LibRaw says."""

    seconds: float | None
    """Exposure time in seconds."""
    iso: float | None
    """ISO speed."""
    f_number: float | None
    """Aperture as the f-number N."""

    def __post_init__(self) -> None:
        """Hold None or a positive, finite number in each field."""
        for name in ("seconds", "iso", "f_number"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                object.__setattr__(self, name, None)

    def or_else(self, other: Exposure) -> Exposure:
        """Fill what is None here from `other`."""
        return Exposure(
            self.seconds if self.seconds is not None else other.seconds,
            self.iso if self.iso is not None else other.iso,
            self.f_number if self.f_number is not None else other.f_number,
        )


def exposure_ratio(short: Exposure, long: Exposure) -> float:
    """Long over short exposure time, as the collections publish it; NaN where a time is unknown."""
    if short.seconds is None or long.seconds is None:
        return float("nan")
    return long.seconds / short.seconds


def gain_ratio(short: Exposure, long: Exposure) -> float:
    """Return what the short must really be multiplied by: time x ISO / N^2, long over short.

    Equals `exposure_ratio` where ISO and aperture agree. Where an aperture is unknown on either
    side it is taken to agree; NaN where a time or an ISO is unknown.
    """
    ratio = exposure_ratio(short, long)
    if short.iso is None or long.iso is None:
        return float("nan")
    ratio *= long.iso / short.iso
    if short.f_number is not None and long.f_number is not None:
        ratio *= (short.f_number / long.f_number) ** 2
    return ratio


@dataclass(frozen=True, slots=True)
class Frame:
    """One raw file's identity and metadata as EXIF and its name tell them: no pixels."""

    name: str
    """Path within the collection, with forward slashes; the frame's identity."""
    size_bytes: int
    """Size of the raw file in bytes."""
    make: str | None
    """Camera maker as EXIF spells it."""
    model: str | None
    """Camera model as EXIF spells it."""
    exposure: Exposure
    """Exposure as EXIF tells it; LibRaw may know more at ingest."""
    taken: str | None
    """Date and time of capture as EXIF spells it, `YYYY:MM:DD HH:MM:SS`, camera's local time."""
    orientation: int
    """EXIF orientation, 1 to 8; 1 is upright."""


@dataclass(frozen=True, slots=True)
class Mosaic:
    """The colour filter array of a file, its levels, and its visible area."""

    pattern: tuple[tuple[int, ...], ...]
    """LibRaw colour (0 R, 1 G1, 2 B, 3 G2) of the visible area's first cell, 2x2, row by row."""
    black_level: tuple[float, float, float, float]
    """Black level of each packed plane (R, G1, B, G2) in sensor units."""
    white_level: float
    """LibRaw's `white_level` in sensor units: what the published code divides by."""
    camera_white_level: tuple[float, float, float, float] | None
    """Where each packed plane really saturates, in sensor units, if the file says so."""
    raw_height: int
    """Rows of the whole mosaic, masked borders included, in pixels."""
    raw_width: int
    """Columns of the whole mosaic, masked borders included, in pixels."""
    top: int
    """First row of the visible area within the mosaic, from 0."""
    left: int
    """First column of the visible area within the mosaic, from 0."""
    height: int
    """Rows of the visible area, in pixels."""
    width: int
    """Columns of the visible area, in pixels."""
    pixel_aspect: float
    """Height of a pixel over its width; 1.0 is square."""

    @property
    def pattern_text(self) -> str:
        """The first cell as letters, such as ``RGGB``."""
        return "".join("RGBG"[colour] for row in self.pattern for colour in row)

    @property
    def phase(self) -> tuple[int, int]:
        """Row and column, each 0 or 1, of the first red pixel of the visible area."""
        for y, row in enumerate(self.pattern):
            if 0 in row:
                return y, row.index(0)
        raise AssertionError(self.pattern)  # a Mosaic is only made of Bayer patterns

    def plane_origins(self) -> tuple[tuple[int, int], ...]:
        """First row and column of each packed plane (R, G1, B, G2) within the visible area.

        Unlike in packed planes nothing is cropped: each of the four phases of the visible area,
        taken every second pixel from here, is one plane, up to one row or column longer.
        """
        top, left = self.phase
        cell = ((0, 0), (0, 1), (1, 1), (1, 0))
        return tuple(((top + y) % 2, (left + x) % 2) for y, x in cell)


@dataclass(frozen=True, slots=True)
class WhiteBalance:
    """Multipliers that make grey neutral."""

    multipliers: tuple[float, float, float, float]
    """One for each packed plane (R, G1, B, G2), scaled so that G1 is 1."""
    source: str
    """``camera`` where the as-shot balance is usable, ``daylight`` otherwise."""


@dataclass(frozen=True, slots=True)
class RawImage:
    """One decoded raw file: the visible mosaic as the sensor gave it, and what belongs to it."""

    pixels: NDArray[np.uint16]
    """Visible mosaic, shape (height, width), sensor units, nothing subtracted."""
    mosaic: Mosaic
    """Pattern, levels and geometry."""
    white_balance: WhiteBalance
    """The balance the rendered target uses."""
    exposure: Exposure
    """Exposure as LibRaw tells it."""
