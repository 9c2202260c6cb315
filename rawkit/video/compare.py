"""The plain conversion that a restored video is shown beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.colour import matrix_of
from rawkit.pictures import convert_planes, orient
from rawkit.restore import toned
from rawkit.sensor import gains_to, pack, phase_crop
from rawkit.video.tones import finished

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.video.footage import RawFrame


def plain(frame: RawFrame, factor: float, bits: int) -> NDArray[np.unsignedinteger]:
    """Convert a frame without a network: levels, a factor, bilinear demosaicing, colours, curve.

    Parameters
    ----------
    frame
        A Bayer frame.
    factor
        What normalised green is multiplied by.
    bits
        Bits per channel.

    Returns
    -------
    ndarray
        (rows, columns, 3), upright, as large as a restored picture; in the curve of sRGB.
    """
    image = frame.image
    mosaic, balance = image.mosaic, image.white_balance
    height, width = image.pixels.shape
    crop = phase_crop(height, width, mosaic.phase, mosaic.cell)
    planes = pack(image.pixels, mosaic.phase, mosaic.cell)
    gains = gains_to((1.0, 1.0, 1.0), balance, mosaic.cell.colours)
    # As they are, where nobody knows the balance.
    matrix = np.eye(3) if gains is None else matrix_of(image.colour_matrix).array()
    red, green, blue, _ = gains or (1.0,) * 4
    light = np.array([red / green, 1.0, blue / green])[:, None] * matrix.T
    black = np.array(mosaic.black_level, np.float64)
    picture = convert_planes(planes, black, mosaic.white_level, factor, light.astype(np.float32))
    below, right = height - crop.top - crop.height, width - crop.left - crop.width
    whole = np.pad(picture, ((crop.top, below), (crop.left, right), (0, 0)), mode="edge")
    square = np.concatenate(list(toned([whole], mosaic, linear=False)))
    return orient(finished(square, bits, "bt709"), frame.capture.orientation)
