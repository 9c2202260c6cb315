"""The nouns of one raw file: exposure, mosaic, frame, and the decoded image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from rawkit.errors import MosaicError, UsageError
from rawkit.sensor.cells import BAYER, Cell, Pattern, Position, find_cell

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHANNELS = 3
_MOST_CONDITION = 1e4
"""Matrices of cameras have condition numbers of 2 to 20."""

MOSAICS = "a Bayer or X-Trans mosaic of red, green and blue"
"""What can be decoded and packed, for messages."""
MAX_RATIO = 300.0
"""The largest amplification any published protocol uses (SID, CVPR 2018)."""
_SQUARE_TOLERANCE = 0.005


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

    pattern: Pattern
    """LibRaw colour (0 R, 1 G1, 2 B, 3 G2) of the visible area's first cell, row by row: 2x2 for
    Bayer, 6x6 for X-Trans."""
    black_level: tuple[float, ...]
    """Black level of each packed plane in sensor units: 4 for Bayer, 9 for X-Trans."""
    white_level: float
    """LibRaw's `white_level` in sensor units: what the published code divides by."""
    camera_white_level: tuple[float, ...] | None
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
    """Width of a pixel over its height; 1.0 is square."""

    def __post_init__(self) -> None:
        """Refuse what can be no mosaic.

        Raises
        ------
        MosaicError
            If the pattern is neither Bayer nor X-Trans, it has not a black level for each plane,
            or pixels of no shape.
        """
        found = find_cell(self.pattern)
        if found is None:
            raise MosaicError(f"a mosaic with the cell {self.pattern}", expected=MOSAICS)
        planes = found[0].planes
        if len(self.black_level) != planes:
            raise MosaicError(
                f"{len(self.black_level)} black levels", expected=f"{planes}, one for each plane"
            )
        if not (np.isfinite(self.pixel_aspect) and self.pixel_aspect > 0):
            raise MosaicError(f"pixels of aspect {self.pixel_aspect}", expected="more than 0")

    @classmethod
    def without_margins(
        cls,
        pattern: Pattern,
        shape: tuple[int, int],
        black_level: tuple[float, ...],
        white_level: float,
    ) -> Self:
        """Return a mosaic of which all is visible: `shape` is its height and width in pixels.

        Pixels are square, and where they really saturate is not known.

        Raises
        ------
        MosaicError
            As the constructor.
        """
        return cls(
            pattern=pattern,
            black_level=black_level,
            white_level=white_level,
            camera_white_level=None,
            raw_height=shape[0],
            raw_width=shape[1],
            top=0,
            left=0,
            height=shape[0],
            width=shape[1],
            pixel_aspect=1.0,
        )

    @property
    def pattern_text(self) -> str:
        """The first cell as letters: ``RGGB``, or six by six with ``/`` between rows."""
        rows = ["".join("RGBG"[colour] for colour in row) for row in self.pattern]
        return "".join(rows) if len(rows) == BAYER.side else "/".join(rows)

    @property
    def is_square(self) -> bool:
        """Whether its pixels are, to half a percent, as LibRaw judges it."""
        return abs(self.pixel_aspect - 1) <= _SQUARE_TOLERANCE

    @property
    def square_size(self) -> tuple[int, int]:
        """Rows and columns of a picture of the visible area whose pixels are square.

        The shorter side grows, as in LibRaw.
        """
        if self.is_square:
            return self.height, self.width
        if self.pixel_aspect < 1:
            return int(self.height / self.pixel_aspect + 0.5), self.width
        return self.height, int(self.width * self.pixel_aspect + 0.5)

    @property
    def cell(self) -> Cell:
        """The kind of mosaic."""
        return self._found()[0]

    @property
    def phase(self) -> Position:
        """Row and column of the visible area at which the canonical cell begins, from 0."""
        return self._found()[1]

    def positions(self) -> tuple[tuple[int, int, int], ...]:
        """Row, column and packed plane of each pixel of the visible area's first cell, by plane.

        Every `cell.side`-th pixel from (row, column) belongs to that plane. Unlike in packed
        planes nothing is cropped.
        """
        cell, (top, left) = self._found()
        return tuple(
            ((y + top) % cell.side, (x + left) % cell.side, plane)
            for plane, places in enumerate(cell.positions)
            for y, x in places
        )

    def _found(self) -> tuple[Cell, Position]:
        found = find_cell(self.pattern)
        if found is None:  # pragma: no cover - the constructor has made sure
            raise MosaicError(f"a mosaic with the cell {self.pattern}", expected=MOSAICS)
        return found


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels that override what a file says; None keeps the file's."""

    black: int | None
    """Black level of all planes, in sensor units."""
    white: int | None
    """White level, in sensor units."""

    def __post_init__(self) -> None:
        """Refuse levels the wrong way round.

        Raises
        ------
        UsageError
            If black is below 0, or both are given and white is not above black.
        """
        black, white = self.black, self.white
        if black is not None and black < 0:
            raise UsageError(f"a black level of {black}", expected="0 or more")
        if white is not None and white <= (black or 0):
            raise UsageError(
                f"a white level of {white}", expected=f"more than the black level of {black or 0}"
            )


@dataclass(frozen=True, slots=True)
class WhiteBalance:
    """Multipliers that make grey neutral."""

    multipliers: tuple[float, ...]
    """One for each packed plane, scaled so that the first green is 1."""
    source: str
    """Whose they are, and in brackets why where that had to be decided: ``camera`` (as shot),
    ``daylight``, ``given``, or ``unknown`` with multipliers of 1; such as ``camera (all ones; the
    frame's greys agree)``."""

    @property
    def kind(self) -> str:
        """Whose they are, the first word of `source`."""
        return self.source.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class ColourMatrix:
    """From CIE XYZ to the camera's colours, as the DNG specification has it (ColorMatrix).

    Rows are the camera's R, G and B, columns X, Y and Z; only ratios within a row count, as the
    white balance scales the rows.
    """

    values: tuple[float, ...]
    """The nine values, row by row."""
    source: str
    """``file`` where the file has it, ``libraw`` where LibRaw's table of cameras does, ``fitted``
    where it was found from a long exposure and its picture."""

    def __post_init__(self) -> None:
        """Check that there are nine numbers that can be inverted.

        Raises
        ------
        UsageError
            If not.
        """
        matrix = np.array(self.values, np.float64)
        if matrix.shape != (_CHANNELS**2,) or not np.isfinite(matrix).all():
            raise UsageError(f"a colour matrix of {self.values}", expected="nine finite numbers")
        if not np.linalg.cond(self.array) < _MOST_CONDITION:
            raise UsageError(
                f"a colour matrix of {self.values}", expected="one that can be inverted"
            )

    @property
    def array(self) -> NDArray[np.float64]:
        """The matrix, (3, 3)."""
        return np.array(self.values, np.float64).reshape(_CHANNELS, _CHANNELS)


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
    colour_matrix: ColourMatrix | None = None
    """What leads from XYZ to the camera's colours; None where neither file nor LibRaw says."""
    masked: NDArray[np.uint16] | None = None
    """Masked columns left of the visible area, shape (height, columns), sensor units, if any."""
    resampled: bool = False
    """Whether the file is linear, and its channels were sampled back onto the mosaic."""
