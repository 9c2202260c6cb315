"""What LibRaw says of a file beside its pixels: pattern, levels, white balance, exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import rawpy

from rawkit.errors import MosaicError, UsageError
from rawkit.sensor.as_shot import Candidates
from rawkit.sensor.cells import BAYER, XTRANS, find_cell
from rawkit.sensor.linear import RGGB, is_linear
from rawkit.sensor.types import MOSAICS, ColourMatrix, Exposure, Mosaic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.sensor.cells import Pattern

NO_MOSAIC = "no mosaic: every pixel has all colours"
_LEAST_DETERMINANT = 1e-6
_LEAST_FIRST = 0.125
"""LibRaw takes a file's matrix only if its first element is above this."""
_SRGB_OF_XYZ = np.linalg.inv(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
"""Linear sRGB (D65) of XYZ, with LibRaw's values."""


@dataclass(frozen=True, slots=True)
class Description:
    """All of a file but its pixels."""

    mosaic: Mosaic
    """Pattern, levels and geometry."""
    candidates: Candidates
    """The balances of which a rendering uses one."""
    colours: Colours
    """From LibRaw's colours to packed planes."""
    exposure: Exposure
    """Exposure as LibRaw tells it."""
    colour_matrix: ColourMatrix | None
    """From XYZ to the camera's colours; None where nobody says."""
    linear: bool = False
    """Whether the file holds all colours of each pixel; the mosaic is the one to sample onto."""


def describe_raw(
    raw: Any, path: Path | str, *, has_matrix: bool = False, is_dng: bool = False
) -> Description:
    """Read the description of an unpacked file; must come before LibRaw renders and changes it.

    `has_matrix` tells whether the file itself says which colours its camera sees, `is_dng` whether
    it is a DNG: other linear files are not taken.

    Raises
    ------
    MosaicError
        If the file holds neither all colours of each pixel nor a mosaic that is Bayer or X-Trans.
    """
    linear = is_dng and is_linear(raw)
    colours = Colours(RGGB if linear else _pattern(raw, path))
    return Description(
        _mosaic(raw, colours, linear=linear),
        Candidates(raw.camera_whitebalance, raw.daylight_whitebalance),
        colours,
        _exposure(raw),
        _colour_matrix(raw, "file" if has_matrix else "libraw"),
        linear,
    )


class Colours:
    """Takes values that LibRaw gives for each colour to packed planes."""

    def __init__(self, pattern: Pattern) -> None:
        found = find_cell(pattern)
        if found is None:  # pragma: no cover - _pattern has made sure
            raise MosaicError(f"a mosaic with the cell {pattern}", expected=MOSAICS)
        cell, (top, left) = found
        self.pattern = pattern
        self._of_plane = [
            pattern[(y + top) % cell.side][(x + left) % cell.side]
            for y, x in (places[0] for places in cell.positions)
        ]

    def by_plane(self, of_colour: Sequence[float]) -> tuple[float, ...]:
        """Return the value of each packed plane from those of LibRaw's colours R, G1, B, G2."""
        return tuple(float(of_colour[colour]) for colour in self._of_plane)

    def of(self, planes: Sequence[float]) -> tuple[float, float, float, float]:
        """Return the values of R, G1, B and G2 from those of packed planes, the inverse."""
        found = dict(zip(self._of_plane, planes, strict=True))
        return found[0], found[1], found[2], found.get(3, found[1])


def _pattern(raw: Any, path: Path | str) -> Pattern:
    if raw.raw_type != rawpy.RawType.Flat or raw.raw_pattern is None:
        raise MosaicError(NO_MOSAIC, expected=MOSAICS, where=path)
    letters = raw.color_desc.decode("ascii", "replace")
    if raw.num_colors != 3 or letters != "RGBG":  # noqa: PLR2004 - three colours
        raise MosaicError(f"a four-colour mosaic ({letters})", expected=MOSAICS, where=path)
    rows, columns = raw.raw_pattern.shape
    # raw_color counts from the whole mosaic; within wide margins it, and with it raw_pattern, is
    # garbage for X-Trans.
    top, left = raw.sizes.top_margin, raw.sizes.left_margin
    pattern = tuple(
        tuple(int(raw.raw_color(top + y, left + x)) for x in range(columns)) for y in range(rows)
    )
    if (rows, columns) not in ((BAYER.side,) * 2, (XTRANS.side,) * 2) or not find_cell(pattern):
        raise MosaicError(
            f"a mosaic with a cell of {rows}x{columns}: {pattern}", expected=MOSAICS, where=path
        )
    return pattern


def _mosaic(raw: Any, colours: Colours, *, linear: bool) -> Mosaic:
    sizes = raw.sizes
    black, saturation = raw.black_level_per_channel, raw.camera_white_level_per_channel
    if linear:  # there is but one green
        black = _with_one_green(black)
        saturation = None if saturation is None else _with_one_green(saturation)
    usable = saturation is not None and all(value > 0 for value in saturation)
    return Mosaic(
        pattern=colours.pattern,
        black_level=colours.by_plane(black),
        white_level=float(raw.white_level),
        camera_white_level=colours.by_plane(saturation) if usable else None,
        raw_height=sizes.raw_height,
        raw_width=sizes.raw_width,
        top=sizes.top_margin,
        left=sizes.left_margin,
        height=sizes.height,
        width=sizes.width,
        pixel_aspect=float(sizes.pixel_aspect),
    )


def _with_one_green(of_colour: Sequence[float]) -> tuple[float, ...]:
    red, green, blue = of_colour[:3]
    return red, green, blue, green


def _exposure(raw: Any) -> Exposure:
    other = raw.other
    return Exposure(float(other.shutter_speed), float(other.iso_speed), float(other.aperture))


def _colour_matrix(raw: Any, source: str) -> ColourMatrix | None:
    """Take the matrix that LibRaw renders with; an absurd one is none.

    One that the file brings, from the camera's balanced colours to sRGB, comes before the one of
    LibRaw's table, as when LibRaw renders.
    """
    to_srgb = np.asarray(raw.color_matrix, np.float64)
    if np.isfinite(to_srgb).all() and to_srgb[0, 0] > _LEAST_FIRST and not to_srgb[:, 3:].any():
        return matrix_to_srgb(to_srgb[:, :3], "file")
    table = np.asarray(raw.rgb_xyz_matrix, np.float64)
    if not table.any() or table[3:].any():  # a fourth row is a fourth colour
        return None
    return _matrix(table[:3, :3], source)


def matrix_to_srgb(matrix: NDArray[np.float64], source: str) -> ColourMatrix | None:
    """Return the colour matrix of a camera whose balanced colours lead to linear sRGB by another.

    Its rows are scaled so that white is neutral. None if that matrix, (3, 3), cannot be inverted.
    """
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < _LEAST_DETERMINANT:
        return None
    return _matrix(np.linalg.inv(matrix) @ _SRGB_OF_XYZ, source)


def _matrix(values: NDArray[np.float64], source: str) -> ColourMatrix | None:
    try:
        return ColourMatrix(tuple(float(value) for value in values.ravel()), source)
    except UsageError:
        return None
