"""From a network's picture to the integers of a video, whose curve is that of sRGB.

Players show the values of a video as they are, whatever curve its tags name; a viewer of pictures
goes by the profile. So that both show the same, frames of videos have the curve of sRGB, in which
screens are driven. Networks that were trained on LibRaw's pictures give that of BT.709, and are
converted.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rawkit.pictures import linear_of, quantise, srgb_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Curve = Literal["bt709", "srgb"]
"""The curve that a network's pictures have."""
FLOATS = 32
"""Bits of numbers that are not rounded."""
CURVES: tuple[Curve, ...] = ("bt709", "srgb")
_CODES = 1 << 16


def finished(picture: NDArray[np.float32], bits: int, curve: Curve) -> NDArray[Any]:
    """Bring a picture to the curve of sRGB, and round it to integers.

    Parameters
    ----------
    picture
        float32 (rows, columns, 3), 0 to 1; what lies outside is clipped.
    bits
        8 or 16 per channel; 32 for float32 of 0 to 1.
    curve
        The curve that it has.
    """
    if bits == FLOATS:
        clipped = np.clip(picture, 0, 1)
        return clipped if curve == "srgb" else srgb_of(linear_of(clipped)).astype(np.float32)
    if curve == "srgb":
        return quantise(picture, bits)
    return np.take(_table(bits), quantise(picture, 16))


@cache
def _table(bits: int) -> NDArray[np.unsignedinteger]:
    """Value in the curve of sRGB of each value of 16 bits in that of BT.709, shape (65536,)."""
    values = srgb_of(linear_of(np.linspace(0, 1, _CODES)))
    kind = np.uint8 if bits == 8 else np.uint16  # noqa: PLR2004
    table: NDArray[np.unsignedinteger] = np.round(values * ((1 << bits) - 1)).astype(kind)
    return table
