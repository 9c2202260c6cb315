"""A mosaic that is an array already, with what there is to say of it, as a decoded image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.errors import MosaicError, UsageError
from rawkit.sensor.balance import UNKNOWN_BALANCE
from rawkit.sensor.cells import BAYER, find_cell
from rawkit.sensor.types import Exposure, Mosaic, RawImage, WhiteBalance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.sensor.cells import Pattern

_MOST = 65535


def image_of_array(
    pixels: NDArray[Any],
    *,
    pattern: str,
    black: float | Sequence[float],
    white: float,
    white_balance: Sequence[float] | None = None,
) -> RawImage:
    """Describe a mosaic that is there as an array.

    Parameters
    ----------
    pixels
        Mosaic, shape (height, width), integers of 0 to 65535 in sensor units, nothing subtracted.
    pattern
        Colours of the first cell, row by row: ``RGGB``, ``GRBG``, ``GBRG`` or ``BGGR``; for X-Trans
        six rows of six with ``/`` between them.
    black
        Black level, one for all or one for each packed plane, in sensor units.
    white
        White level, in sensor units.
    white_balance
        Multipliers that make grey neutral, R, G, B; unknown if None.

    Raises
    ------
    MosaicError
        If the pattern is neither a Bayer nor an X-Trans one.
    UsageError
        If the array is no mosaic, or levels or multipliers make no sense.
    """
    mosaic = np.asarray(pixels)
    if mosaic.ndim != 2 or 0 in mosaic.shape:  # noqa: PLR2004 - rows and columns
        raise UsageError(
            f"an array of shape {mosaic.shape}", expected="a mosaic, (height, width)",
            fix="Planes (4, h, w) are laid out as a mosaic by rawkit.sensor.unpack.",
        )  # fmt: skip
    if mosaic.dtype.kind not in "ui" or int(mosaic.min()) < 0 or int(mosaic.max()) > _MOST:
        raise UsageError(
            f"a mosaic of {mosaic.dtype}",
            expected=f"integers of 0 to {_MOST}, as the sensor gave them",
        )
    letters = pattern_of(pattern)
    found = find_cell(letters)
    if found is None:
        raise MosaicError(
            f"the pattern {pattern!r}", expected="RGGB, GRBG, GBRG, BGGR, or that of an X-Trans"
        )
    planes = found[0].planes
    blacks = _values("black", black, planes)
    if not all(0 <= level < white <= _MOST for level in blacks):
        raise UsageError(
            f"a black level of {black} and a white level of {white}",
            expected=f"white above black, both from 0 to {_MOST}",
        )
    height, width = mosaic.shape
    return RawImage(
        pixels=np.ascontiguousarray(mosaic, np.uint16),
        mosaic=Mosaic.without_margins(letters, (height, width), blacks, float(white)),
        white_balance=_balance(white_balance, found[0].colours),
        exposure=Exposure(None, None, None),
    )


def pattern_of(text: str) -> Pattern:
    """Read a pattern from letters: LibRaw's colours, 0 R, 1 G on the red row, 2 B, 3 the other G.

    Raises
    ------
    MosaicError
        If it is no square of R, G and B.
    """
    rows = text.upper().split("/")
    if len(rows) == 1 and len(text) == BAYER.side**2:
        rows = [text.upper()[:2], text.upper()[2:]]
    if any(len(row) != len(rows) or set(row) - set("RGB") for row in rows):
        raise MosaicError(f"the pattern {text!r}", expected="letters R, G and B, such as RGGB")
    greens = (1, 3) if len(rows) == BAYER.side else (1, 1)
    return tuple(
        tuple({"R": 0, "B": 2, "G": greens["R" not in row]}[letter] for letter in row)
        for row in rows
    )


def _values(name: str, given: float | Sequence[float], planes: int) -> tuple[float, ...]:
    values = np.atleast_1d(np.asarray(given, np.float64))
    if values.shape not in ((1,), (planes,)) or not np.isfinite(values).all():
        raise UsageError(f"{name} = {given}", expected=f"one number, or {planes} of them")
    return tuple(float(one) for one in np.broadcast_to(values, (planes,)))


def _balance(given: Sequence[float] | None, colours: tuple[int, ...]) -> WhiteBalance:
    if given is None:
        return WhiteBalance((1.0,) * len(colours), UNKNOWN_BALANCE)
    values = np.asarray(given, np.float64)
    if values.shape != (3,) or not (np.isfinite(values).all() and (values > 0).all()):
        raise UsageError(f"white_balance = {given}", expected="three numbers above 0, R, G and B")
    scaled = values / values[1]
    return WhiteBalance(tuple(float(scaled[colour]) for colour in colours), "given")
