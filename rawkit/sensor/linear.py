"""Linear raw files: every pixel has all colours, as ProRAW of phones and converted DNGs have them.

They hold no mosaic any more. A network that restores mosaics can still have one: each pixel gives
the colour that a sensor's filter would have let through at its place, RGGB, and the others are
dropped. Their noise is not a sensor's, so nothing learns from such files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import rawpy

from rawkit.sensor.cells import BAYER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor.cells import Pattern

RGGB: Pattern = ((0, 1), (3, 2))
"""The mosaic onto which they are sampled, in LibRaw's colours."""
RESAMPLED = "linear file, sampled back onto RGGB"
"""What is said of a picture that was made so."""
_COLOURS = 3


def is_linear(raw: Any) -> bool:
    """Tell whether every pixel of an unpacked file has red, green and blue."""
    letters = raw.color_desc[:_COLOURS]
    return bool(
        raw.raw_type == rawpy.RawType.Stack and raw.num_colors == _COLOURS and letters == b"RGB"
    )


def sampled(channels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Sample channels R, G, B, ... (height, width, 3 or more) onto a mosaic RGGB (height, width).

    Pixel (y, x) takes the channel of its place: red at even rows and columns, blue at odd ones.
    """
    mosaic = np.empty(channels.shape[:2], channels.dtype)
    for plane, ((y, x),) in enumerate(BAYER.positions):
        mosaic[y::2, x::2] = channels[y::2, x::2, BAYER.colours[plane]]
    return mosaic
