"""The crops of a window, cut from the chunks of a shard that they touch.

`rawkit._native` does a file's chunks in one go while other threads run: it reads a chunk, checks
it, decodes it and cuts what crops have of it, all in the core's cache. What it leaves alone, as a
chunk that is damaged or of another codec, is done step by step here, and so is all where that
module could not be built and what does not lie in a file.
"""

from __future__ import annotations

from array import array
from itertools import cycle, product
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from rawkit import native
from rawkit.stream.augment import Cut, place, with_moves
from rawkit.stream.bits import flips, in_space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.store import ArrayLayout
    from rawkit.stream.reader import OpenShard, Scratch
    from rawkit.stream.schedule import Job

_DECODED_ITEMSIZE = 2
"""Bytes of the values whose chunks the native module decodes: targets of 8 bits rarely are."""
_SEAM_BYTES = 80
"""A line of 64 bytes, and where it goes."""
_MARGIN = 512
"""Bytes around each, and those that compression may add."""


class WindowPart:
    """What crops of a window need of one shard: chunks, and where they lie in it.

    Parameters
    ----------
    shard
        Packed planes or a target.
    job
        The window and its crops.
    scale
        1 for packed planes and 2 for the target.
    extent
        Packed pixels a side that a crop needs.
    """

    def __init__(self, shard: OpenShard, job: Job, scale: int, extent: int) -> None:
        self.shard, self._job, self._scale = shard, job, scale
        self._chunks = touched(job, scale, extent, shard.layout.chunk)
        top, left = job.window.top, job.window.left
        self._of_frame = [(top + row, left + column) for row, column in self._chunks]

    def announce(self) -> None:
        """Have the system read the chunks ahead, where they are on this machine."""
        self.shard.announce(self._of_frame)

    def cut(self, outs: Sequence[NDArray[Any]], scratch: Scratch) -> None:
        """Read the chunks one by one, and cut the crops from them.

        Parameters
        ----------
        outs
            The crops, shape (planes, side, side): one for each use of the job, or those of all uses
            several times, where several frames of a clip have the same pixels.
        scratch
            Memory for a chunk.

        Raises
        ------
        StoreDamagedError
            If a chunk cannot be read or fails its checksum; crops are then incomplete.
        """
        scale, done = self._scale, 0
        self.shard.fetch(self._of_frame)
        samples = cycle([use.sample for use in self._job.uses])
        cuts = [
            Cut(out, scale * one.top, scale * one.left, in_space(one.augmentation))
            for one, out in zip(samples, outs, strict=False)
        ]
        while done < len(self._chunks):
            done += self._natively(done, cuts, scratch)
            if done < len(self._chunks):
                self._step_by_step(done, cuts, scratch)
                done += 1

    def _natively(self, first: int, cuts: Sequence[Cut], scratch: Scratch) -> int:
        """Cut crops from the chunks from `first` on; returns how many could be done."""
        layout = self.shard.layout
        compressed = layout.codec != "none"
        known = not compressed or layout.itemsize == _DECODED_ITEMSIZE
        if not (native.CUTS and known) or self.shard.handle is None:
            return 0
        height, width = layout.chunk
        pieces = array("q")
        begins = ((row * height, column * width) for row, column in self._chunks[first:])
        for lies, begin in zip(self.shard.places(self._of_frame[first:]), begins, strict=True):
            pieces.extend((*lies, *begin))
        return native.functions.cut_chunks(
            self.shard.handle,
            pieces,
            (layout.planes, height, width, layout.itemsize),
            compressed,
            with_moves(layout.name, cuts),
            scratch.native,
        )

    def _step_by_step(self, number: int, cuts: Sequence[Cut], scratch: Scratch) -> None:
        (row, column), (height, width) = self._chunks[number], self.shard.layout.chunk
        pixels = self.shard.chunk(*self._of_frame[number], scratch)
        place(
            self.shard.layout.name,
            pixels,
            [cut._replace(top=cut.top - row * height, left=cut.left - column * width)
             for cut in cuts],
        )  # fmt: skip


def native_bytes(layout: ArrayLayout, crops: int) -> int:
    """Bytes that the native module takes to cut so many crops from chunks of an array.

    There is room for a chunk's encoded bytes, for its pixels and a block on the way to them, and
    for a line of the caches of each row or column of each crop.
    """
    seams = crops * layout.planes * max(layout.chunk) * _SEAM_BYTES
    return 3 * (layout.chunk_bytes + _MARGIN) + seams


def touched(job: Job, scale: int, extent: int, chunk: tuple[int, int]) -> list[tuple[int, int]]:
    """List the chunks of a window that its crops touch, (row, column) in the window.

    They follow each other along the rows of the crops: the native module then puts the lines of the
    caches that two of them share together before it writes them.
    """
    (height, width), side = chunk, scale * extent
    found: set[tuple[int, int]] = set()
    for use in job.uses:
        top, left = scale * use.sample.top, scale * use.sample.left
        rows = range(top // height, (top + side - 1) // height + 1)
        found.update(product(rows, range(left // width, (left + side - 1) // width + 1)))
    if any(flips(use.sample.augmentation)[2] for use in job.uses):
        return sorted(found, key=itemgetter(1, 0))
    return sorted(found)
