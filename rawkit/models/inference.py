"""Restore a whole mosaic in little memory.

A network in stages (`rawkit.models.stages`) runs strip by strip and tile by tile; the result is
that of one run on the whole picture, to rounding.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from rawkit.errors import UsageError
from rawkit.models.folding import is_folded
from rawkit.models.stages import Staged, device_of, prepare
from rawkit.models.tiles import Area, Tile, spans, tiles
from rawkit.workers import kept_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rawkit.models.exports.run import ExportedNetwork
    from rawkit.models.padding import Padding

STRIP_ROWS = 480
"""Pixels: at most how many rows of a mosaic are squeezed at a time, besides halos."""


class MosaicSource(Protocol):
    """A padded, amplified mosaic that can be looked at window by window."""

    @property
    def height(self) -> int:
        """Rows, in pixels."""
        ...

    @property
    def width(self) -> int:
        """Columns, in pixels."""
        ...

    def window(self, window: Area) -> Tensor:
        """Return float32 (1, 1, rows, columns) of a window; (1, 2, ...) with a sigma map."""
        ...


class PaddedSource(MosaicSource, Protocol):
    """One that says how it is padded."""

    @property
    def padding(self) -> Padding:
        """How the mosaic is padded."""
        ...


def restore_bands(
    net: Staged, mosaic: PaddedSource, *, tile: int | None = None
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Restore a mosaic band by band, from the top; the picture as a whole is never held.

    What is held is planned by `plan_inference`: the caller's integers, the features, one band and
    one tile.

    Parameters
    ----------
    net
        A prepared network: of `prepare`, or of a backend.
    mosaic
        The mosaic as the sensor gave it, described by `amplified` or `with_sigma`.
    tile
        Greatest side of a tile's core in pixels, a multiple of ``geometry.render_multiple``;
        ``geometry.render_tile`` if None. Smaller tiles take less memory and more time.

    Yields
    ------
    top : int
        First row of the band in the visible area, from 0.
    band : ndarray
        float32 (rows, width, 3), RGB of 0 to 1: the whole width of the visible area. Bands follow
        each other without gap or overlap and cover its height. Of a network that gives mosaics
        (rows, width, 1), in the units of its input.

    Raises
    ------
    UsageError
        If the tile has a size that does not fit; raised with the first band.
    """
    with kept_memory():
        yield from _bands(net, mosaic, net.geometry.render_tile if tile is None else tile)


def _bands(
    net: Staged, mosaic: PaddedSource, tile: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    padding = mosaic.padding
    for core, parts in _rendered(net, mosaic, tile):
        top, bottom = max(core.top, padding.top), min(core.bottom, padding.top + padding.height)
        # A band that is only padding is not worth its tiles.
        if top >= bottom:
            continue
        band: NDArray[np.float32] | None = None
        for part, rendered in parts:
            if band is None:
                band = np.empty((bottom - top, padding.width, rendered.shape[1]), np.float32)
            left = max(part.core.left, padding.left)
            right = min(part.core.right, padding.left + padding.width)
            rows = slice(top - part.outer.top, bottom - part.outer.top)
            columns = slice(left - part.outer.left, right - part.outer.left)
            wanted = rendered[0, :, rows, columns].permute(1, 2, 0)
            target = band[:, left - padding.left : right - padding.left]
            torch.from_numpy(target).copy_(wanted)
        if band is not None:
            yield top - padding.top, band


@torch.inference_mode()
def restore_mosaic(
    net: nn.Module | Staged | ExportedNetwork, mosaic: Tensor, *, tile: int | None = None
) -> Tensor:
    """Restore one whole mosaic that is a tensor, tile by tile where the network allows it.

    Parameters
    ----------
    net
        A network of the registry. `prepare` it once if many mosaics are to come; one that still
        has weight norm is copied and prepared at each call.
    mosaic
        float32 (1, 1, H, W), amplified, H and W multiples of what the network wants; (1, 2, H, W)
        with the sigma map of a network that is told the noise.
    tile
        As for `restore_bands`. A network that is not `Staged` runs on the whole mosaic.

    Returns
    -------
    Tensor
        float32 (1, 3, H, W), RGB of 0 to 1, an ordinary contiguous tensor of inference mode, where
        the mosaic is; (1, 1, H, W) of a network that gives mosaics.

    Raises
    ------
    UsageError
        If the mosaic or the tile has a size that does not fit, or if a tile is given for a
        network that cannot be tiled.
    """
    if mosaic.ndim == 0 or mosaic.shape[0] != 1:
        raise UsageError(
            f"a mosaic of shape {tuple(mosaic.shape)}",
            expected="one mosaic, (1, 1, H, W)",
        )
    ready = prepare(net) if isinstance(net, nn.Module) and not is_folded(net) else net
    if isinstance(ready, Staged):
        _check_whole(mosaic, ready.geometry.multiple)
        picture: Tensor | None = None
        side = ready.geometry.render_tile if tile is None else tile
        with kept_memory():
            for _, parts in _rendered(ready, _Whole(mosaic), side):
                for part, rendered in parts:
                    if picture is None:
                        picture = mosaic.new_empty((1, rendered.shape[1], *mosaic.shape[2:]))
                    picture[..., *part.core.slices()] = rendered[..., *part.inner.slices()]
        assert picture is not None  # noqa: S101 - a whole mosaic has a tile
        return picture
    if tile is not None:
        raise UsageError(
            f"tiles of {tile} pixels for {type(net).__name__}",
            expected="a network in stages",
            fix="Leave the tile out.",
        )
    whole: Tensor = ready(mosaic)
    return whole


class _Whole:
    """A mosaic that is there as a tensor."""

    def __init__(self, mosaic: Tensor) -> None:
        self.mosaic = mosaic
        self.height, self.width = mosaic.shape[2:]

    def window(self, window: Area) -> Tensor:
        return self.mosaic[..., *window.slices()]


def _check_whole(mosaic: Tensor, multiple: int) -> None:
    shape = tuple(mosaic.shape)
    if len(shape) != 4 or shape[1] not in {1, 2} or any(s % multiple or not s for s in shape[2:]):  # noqa: PLR2004 - batch, channel, row, column
        raise UsageError(
            f"a mosaic of shape {shape}",
            expected=f"(B, 1, H, W) with H and W multiples of {multiple}",
            fix="Pad the mosaic first.",
        )


def _rendered(
    net: Staged, source: MosaicSource, tile: int
) -> Iterator[tuple[Area, Iterator[tuple[Tile, Tensor]]]]:
    """Yield for each row of tiles the core of all its width, and its tiles as they are rendered."""
    shape, cell = net.geometry, net.geometry.render_multiple
    grid = tiles(source.height, source.width, tile=tile, halo=shape.render_halo, multiple=cell)
    device, dtype = device_of(net)
    with torch.inference_mode():
        features = _features(net, source)

    def render(parts: Iterator[Tile]) -> Iterator[tuple[Tile, Tensor]]:
        for part in parts:
            # The mode is the thread's: it must not be on while the caller has the tile.
            with torch.inference_mode():
                window = source.window(part.outer).to(device, dtype)
                rendered = net.render(window, features[..., *part.outer.slices(cell)])
            yield part, rendered

    for (top, bottom), parts in groupby(grid, lambda part: (part.core.top, part.core.bottom)):
        yield Area(top, 0, bottom, source.width), render(parts)


def _features(net: Staged, source: MosaicSource) -> Tensor:
    """Run what sees far, squeezing strip by strip."""
    device, dtype = device_of(net)
    shape, height, width = net.geometry, source.height, source.width
    if not shape.features:
        cell = shape.render_multiple
        return torch.empty((1, 0, height // cell, width // cell), device=device, dtype=dtype)
    cell = shape.multiple
    # One tensor for all: strips kept apart would pin the memory that others have left.
    squeezed: Tensor | None = None
    for strip in spans(height, tile=STRIP_ROWS, halo=shape.squeeze_halo, multiple=cell):
        window = source.window(Area(strip.start, 0, strip.stop, width)).to(device, dtype)
        rows = slice((strip.first - strip.start) // cell, (strip.last - strip.start) // cell)
        part = net.squeeze(window)[:, :, rows]
        if squeezed is None:
            squeezed = part.new_empty((*part.shape[:2], height // cell, width // cell))
        squeezed[:, :, strip.first // cell : strip.last // cell] = part
    if squeezed is None:
        raise UsageError(f"a mosaic of {width}x{height} pixels", expected="at least one cell")
    return net.look_far(squeezed)
