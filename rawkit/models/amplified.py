"""The input of a network, made from a mosaic as the sensor gave it, window by window.

A mosaic of 100 megapixels takes 200 MB as the sensor's integers and 400 MB as what a network reads.
So the integers are kept, and a window of them is padded, normalised and amplified when it is asked
for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.errors import MosaicError, UsageError
from rawkit.models.padding import padding_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from rawkit.models.ksigma import KSigma
    from rawkit.models.padding import Padding
    from rawkit.models.registry import Network
    from rawkit.models.tiles import Area
    from rawkit.sensor import Cell, Mosaic


_BLOCK_PIXELS = 1 << 18
"""Pixels normalised at a time."""


@dataclass(frozen=True, slots=True)
class AmplifiedMosaic:
    """A padded, normalised, amplified mosaic that exists window by window; see `amplified`."""

    pixels: NDArray[np.uint16]
    """Visible mosaic, shape (height, width), sensor units."""
    black: NDArray[np.float32]
    """Black level of each pixel of the canonical cell, shape (side, side), sensor units."""
    span: NDArray[np.float32]
    """White minus black level of each pixel of the canonical cell, shape (side, side)."""
    factor: float
    """The amplification."""
    padding: Padding
    """How the mosaic is padded."""
    gains: NDArray[np.float32] | None = None
    """What each pixel of the canonical cell is multiplied by beside the factor, shape (side, side);
    None: nothing."""
    offset: float = 0.0
    """What is added in the end."""

    @property
    def height(self) -> int:
        """Rows with padding."""
        return self.padding.padded_height

    @property
    def width(self) -> int:
        """Columns with padding."""
        return self.padding.padded_width

    def window(self, window: Area) -> Tensor:
        """Return a window of the padded mosaic: max(value - black, 0) / (white - black) x factor.

        Where there are gains, the factor of each plane is the factor times its gain; an offset is
        added in the end.

        Parameters
        ----------
        window
            In pixels of the padded mosaic; borders are multiples of the cell's side.

        Returns
        -------
        Tensor
            float32 (1, 1, rows, columns); bit for bit what `rawkit.sensor.normalise` gives for each
            plane, times the factor.

        Raises
        ------
        UsageError
            If a border of the window cuts a cell.
        """
        side = len(self.black)
        if any(border % side for border in (window.top, window.left, *window.shape)):
            raise UsageError(f"{window}", expected=f"borders at multiples of {side} pixels")
        height, width = window.shape
        sensor = self._copied(window).reshape(height // side, side, width)
        values = np.empty(sensor.shape, np.float32)
        # Whole rows at a time, few enough to stay in the cache: four times as fast as by cells.
        black, span = (np.tile(level, width // side) for level in (self.black, self.span))
        factor = np.float32(self.factor)
        factors = factor if self.gains is None else np.tile(self.gains * factor, width // side)
        rows = max(1, _BLOCK_PIXELS // max(1, side * width))
        for top in range(0, len(values), rows):
            block = values[top : top + rows]
            np.copyto(block, sensor[top : top + rows])
            block -= black
            np.maximum(block, np.float32(0), out=block)
            block /= span
            block *= factors
            if self.offset:
                block += np.float32(self.offset)
        return torch.from_numpy(values.reshape(1, 1, height, width))

    def _copied(self, window: Area) -> NDArray[np.uint16]:
        """Sensor values of a window of the padded mosaic."""
        padding = self.padding
        top, left = window.top - padding.top, window.left - padding.left
        bottom, right = window.bottom - padding.top, window.right - padding.left
        inside = top >= 0 and bottom <= padding.height, left >= 0 and right <= padding.width
        rows, columns = window.slices()
        # One way at a time: whole rows are copied forty times as fast as pixels one by one.
        found = self.pixels[:, left:right] if inside[1] else self.pixels
        found = found[top:bottom] if inside[0] else found[padding.rows()[rows]]
        return found if inside[1] else found[:, padding.columns()[columns]]


def amplified(
    pixels: NDArray[np.uint16],
    mosaic: Mosaic,
    factor: float,
    network: Network,
    gains: Sequence[float] | None = None,
) -> AmplifiedMosaic:
    """Describe a decoded mosaic as the input of a network.

    Parameters
    ----------
    pixels
        Visible mosaic, shape (height, width), sensor units. Kept, not copied.
    mosaic
        Its pattern and levels.
    factor
        The amplification.
    network
        The network that is to read it, from the registry.
    gains
        What each packed plane is multiplied by beside the factor, in the order of the cell's
        planes, after black is subtracted; nothing if None. See `rawkit.sensor.gains_to`.

    Raises
    ------
    MosaicError
        If the network reads another kind of mosaic.
    UsageError
        If the mosaic is smaller than a cell, the white level is not above the black levels, or
        there are not as many gains as planes, finite and above 0.
    """
    cell = mosaic.cell
    if cell != network.cell:
        raise MosaicError(
            f"{_article(cell)} mosaic",
            expected=f"{_article(network.cell)} one: {network.name} reads no other",
            fix=f"Use the weights of a network for {cell.name} mosaics.",
        )
    if max(mosaic.black_level) >= mosaic.white_level:
        raise UsageError(
            f"black levels of {mosaic.black_level} and a white level of {mosaic.white_level:g}",
            expected="a white level above",
        )
    if gains is not None and not (
        len(gains) == cell.planes and all(0 < gain < math.inf for gain in gains)
    ):
        raise UsageError(
            f"gains of {tuple(gains)}", expected=f"{cell.planes} finite numbers above 0, by plane"
        )
    black = _by_pixel(cell, mosaic.black_level)
    height, width = pixels.shape
    return AmplifiedMosaic(
        pixels,
        black.astype(np.float32),
        (mosaic.white_level - black).astype(np.float32),
        factor,
        padding_for(height, width, mosaic.phase, network.multiple, cell),
        None if gains is None else _by_pixel(cell, gains).astype(np.float32),
    )


def stabilised(
    pixels: NDArray[np.uint16], mosaic: Mosaic, noise: KSigma, network: Network
) -> AmplifiedMosaic:
    """Describe a decoded mosaic as the input of a network that takes the k-sigma transform.

    What lies below black counts as black, as the published code has it. `pixels` are kept, not
    copied.

    Raises
    ------
    MosaicError, UsageError
        As `amplified`.
    """
    plain = amplified(pixels, mosaic, noise.scale, network)
    return replace(plain, span=np.ones_like(plain.span), offset=noise.offset)


def _by_pixel(cell: Cell, values: Sequence[float]) -> NDArray[np.float64]:
    """Lay values of the planes out as the pixels of the canonical cell, (side, side)."""
    laid = np.empty((cell.side, cell.side))
    for places, value in zip(cell.positions, values, strict=True):
        for y, x in places:
            laid[y, x] = value
    return laid


def _article(cell: Cell) -> str:
    return f"{'an' if cell.name.startswith('X') else 'a'} {cell.name}"
