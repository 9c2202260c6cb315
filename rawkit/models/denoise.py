"""A mosaic through a network that gives mosaics: fed as it was trained, back in sensor units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.models.amplified import amplified, stabilised
from rawkit.models.inference import restore_bands
from rawkit.models.ksigma import KSigma
from rawkit.models.sigma import with_sigma
from rawkit.sensor import by_pixel, in_cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rawkit.models.inference import PaddedSource
    from rawkit.models.ksigma import ShotAndRead
    from rawkit.models.registry import Network
    from rawkit.models.stages import Staged
    from rawkit.sensor import Mosaic


def denoise_bands(
    net: Staged,
    pixels: NDArray[np.uint16],
    mosaic: Mosaic,
    network: Network,
    *,
    factor: float = 1.0,
    noise: ShotAndRead | None = None,
    k_sigma: bool = False,
    tile: int | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Denoise a mosaic, in bands from the top; the result as a whole is never held.

    Parameters
    ----------
    net
        A prepared network that gives mosaics.
    pixels
        Visible mosaic, shape (height, width), sensor units.
    mosaic
        Its pattern and levels.
    network
        What the registry says of the network.
    factor
        The amplification it is fed with; without meaning after the k-sigma transform.
    noise
        Noise of the frame, where the network is told it or takes the transform.
    k_sigma
        Whether it takes mosaics after the k-sigma transform.
    tile
        As for `restore_bands`.

    Yields
    ------
    ndarray
        float32 (rows, width), sensor units above black; together the whole visible area.

    Raises
    ------
    MosaicError
        If the network reads another kind of mosaic.
    UsageError
        If the noise is asked for and not known, or the network gives pictures.
    """
    if network.gives != "mosaic":
        raise UsageError(
            f"a mosaic by {network.name}, which gives pictures",
            expected="a network that gives mosaics, such as raw-unet or pmrid",
        )
    if noise is None and (k_sigma or network.takes_sigma):
        raise UsageError(f"{network.name} without the noise of the frame", expected="its noise")
    source: PaddedSource
    spans = None
    scale, offset = np.float32(factor), np.float32(0)
    if k_sigma and noise is not None:
        transform = KSigma.of(noise, network.anchor_white)
        source = stabilised(pixels, mosaic, transform, network)
        scale, offset = np.float32(transform.scale), np.float32(transform.offset)
    else:
        plain = source = amplified(pixels, mosaic, factor, network)
        if network.takes_sigma and noise is not None:
            source = with_sigma(plain, noise)
        spans = by_pixel(mosaic, [mosaic.white_level - one for one in mosaic.black_level])
    for top, band in restore_bands(net, source, tile=tile):
        values = band[..., 0]
        values -= offset
        values /= scale
        if spans is not None:
            in_cells(values, top, spans, np.multiply)
        yield values
