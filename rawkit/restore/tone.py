"""What becomes of bands between the network and the writer: square pixels, and linear light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.pictures import encoded_of, linear_of, stretch_bands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.sensor import Mosaic


def toned(
    bands: Iterable[NDArray[np.float32]], mosaic: Mosaic, *, linear: bool
) -> Iterator[NDArray[np.float32]]:
    """Make pixels square where the sensor's are not, and light linear where that is wanted.

    Takes and yields float32 (rows, width, 3) of 0 to 1 from the top, taken in the BT.709 curve.
    """
    if mosaic.is_square:
        yield from map(linear_of, bands) if linear else bands
        return
    light = map(linear_of, bands)  # which is what LibRaw stretches, too
    size = mosaic.height, mosaic.width
    wide = stretch_bands(light, size, mosaic.square_size, mosaic.pixel_aspect)
    yield from wide if linear else map(encoded_of, wide)
