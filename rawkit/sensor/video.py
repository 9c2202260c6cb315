"""A packed Bayer frame without any metadata, as a decoded image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import BlankError, CorruptError
from rawkit.sensor.array import pattern_of
from rawkit.sensor.balance import UNKNOWN_BALANCE
from rawkit.sensor.types import Exposure, Mosaic, RawImage, WhiteBalance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor.types import Levels

_SIDE = 2


def image_of_packed(
    frame: NDArray[np.uint16], mosaic: str, levels: Levels, *, where: str
) -> RawImage:
    """Lay the four channels of a frame (height, width, 4) out as a mosaic of twice the size.

    Channel 2 y + x is the pixel at row y and column x of each 2x2 cell; `mosaic` names the colours
    of the cell in that order, such as ``GBRG``. Levels must be given: the frame says nothing of
    them, nor of exposure and white balance, whose multipliers are 1.

    Raises
    ------
    BlankError
        If all pixels have one value.
    CorruptError
        If a level is missing, or white does not lie above black.
    """
    if levels.black is None or levels.white is None or levels.white <= levels.black:
        raise CorruptError(
            f"a black level of {levels.black} and a white level of {levels.white}",
            expected="both from the definition, white above black",
            where=where,
        )
    height, width = frame.shape[:2]
    pixels = np.empty((_SIDE * height, _SIDE * width), np.uint16)
    for channel in range(_SIDE * _SIDE):
        y, x = divmod(channel, _SIDE)
        pixels[y::_SIDE, x::_SIDE] = frame[..., channel]
    lowest, highest = int(pixels.min()), int(pixels.max())
    if lowest == highest:
        raise BlankError(
            f"all {pixels.size} pixels of the frame are {lowest}",
            expected="a picture",
            where=where,
        )
    return RawImage(
        pixels=pixels,
        mosaic=Mosaic.without_margins(
            pattern_of(mosaic),
            pixels.shape,
            (float(levels.black),) * (_SIDE * _SIDE),
            float(levels.white),
        ),
        white_balance=WhiteBalance((1.0,) * (_SIDE * _SIDE), UNKNOWN_BALANCE),
        exposure=Exposure(None, None, None),
    )
