"""Restore a mosaic in patches that overlap and whose borders are blended: what is often done.

Each patch is run as if it were a whole picture, so what lies beyond its border is not seen, and a
network that looks far sees little. Where patches overlap their pictures are averaged, each weighed
by how far a pixel lies from its patch's border. That hides the borders and takes as much more time
as patches overlap; `rawkit.models.inference` has no borders to hide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.errors import UsageError
from rawkit.models.stages import Staged, device_of
from rawkit.models.tiles import Area

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rawkit.models.amplified import AmplifiedMosaic

PATCH = 96
"""Pixels a side of a patch unless told otherwise: a multiple of what all networks want."""
_CELL = 2
"""Patches begin at whole cells of a Bayer mosaic."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """How patches overlap."""

    times: int
    """Patches that each pixel lies in, each way: 1 lays them side by side."""
    side: int = PATCH
    """Side of a patch in mosaic pixels."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 1 <= self.times <= self.side // _CELL:
            raise UsageError(
                f"patches of {self.side} pixels that overlap {self.times} times",
                expected="a number of times from 1, and patches with as many cells",
                fix="Use --overlap 2.",
            )

    @property
    def stride(self) -> int:
        """Pixels from each patch to the next; the last one begins earlier, to end in time."""
        return self.side // self.times // _CELL * _CELL

    def text(self) -> str:
        """Return it as on the command line."""
        return f"{self.times}x{self.side}"

    def check(self, multiple: int) -> None:
        """Refuse patches that a network cannot take.

        Raises
        ------
        UsageError
            If the side is no multiple of what it wants.
        """
        if self.side % multiple:
            raise UsageError(
                f"patches of {self.side} pixels",
                expected=f"a multiple of {multiple}, as the network wants",
                fix=f"Use --overlap {self.times}x{max(1, round(self.side / multiple)) * multiple}.",
            )


def overlapped_bands(
    net: Staged, mosaic: AmplifiedMosaic, overlap: Overlap
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Restore a mosaic in overlapping patches, band by band, from the top.

    What is held beside the caller's integers is a row of patches: 16 bytes for each of its pixels.

    Yields
    ------
    top : int
        First row of the band in the visible area, from 0.
    band : ndarray
        float32 (rows, width, 3), RGB of 0 to 1, as those of `restore_bands`.

    Raises
    ------
    UsageError
        If the network cannot take such patches, or reads no Bayer mosaics; raised with the first
        band.
    """
    shape, padding = net.geometry, mosaic.padding
    overlap.check(shape.multiple)
    if padding.period is not None:
        raise UsageError("overlapping patches of an X-Trans mosaic", expected="a Bayer mosaic")
    tops = starts(mosaic.height, overlap.side, overlap.stride)
    lefts = starts(mosaic.width, overlap.side, overlap.stride)
    rows, columns = min(overlap.side, mosaic.height), min(overlap.side, mosaic.width)
    weights = np.outer(tent(rows), tent(columns))[..., None]
    sums = np.zeros((rows, mosaic.width, 3), np.float32)
    counts = np.zeros((rows, mosaic.width, 1), np.float32)
    for top, following in zip(tops, [*tops[1:], mosaic.height], strict=True):
        for left in lefts:
            picture = _patch(net, mosaic, Area(top, left, top + rows, left + columns))
            sums[:, left : left + columns] += weights * picture
            counts[:, left : left + columns] += weights
        done = following - top
        first, last = max(top, padding.top), min(following, padding.top + padding.height)
        if first < last:
            kept = np.s_[first - top : last - top, padding.left : padding.left + padding.width]
            yield first - padding.top, sums[kept] / counts[kept]
        for held in (sums, counts):
            held[: rows - done] = held[done:].copy()
            held[rows - done :] = 0


def starts(length: int, side: int, stride: int) -> list[int]:
    """Return where patches begin that cover `length`, from 0, rising; one if it is no longer."""
    return [0] if length <= side else [*range(0, length - side, stride), length - side]


def tent(length: int) -> NDArray[np.float32]:
    """Return the weights of a patch along an axis: the distance to its nearer border, in pixels."""
    middle = np.arange(length, dtype=np.float32) + np.float32(0.5)
    found: NDArray[np.float32] = np.minimum(middle, length - middle)
    return found


def _patch(net: Staged, mosaic: AmplifiedMosaic, area: Area) -> NDArray[np.float32]:
    """Run a network on a patch alone; (rows, columns, 3)."""
    device, dtype = device_of(net)
    with torch.inference_mode():
        window = mosaic.window(area).to(device, dtype)
        if net.geometry.features:
            features = net.look_far(net.squeeze(window))
        else:
            cell = net.geometry.render_multiple
            height, width = area.shape
            features = window.new_empty((1, 0, height // cell, width // cell))
        picture: NDArray[np.float32] = (
            net.render(window, features)[0].permute(1, 2, 0).float().cpu().numpy()
        )
    return picture
