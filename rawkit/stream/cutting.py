"""The crops of a window, cut from the chunks of a shard that they touch.

`rawkit._native` does a file's chunks in one go while other threads run: it reads a chunk, checks
it, decodes it and cuts what crops have of it, all in the core's cache. What it leaves alone, as a
chunk that is damaged or of another codec, is done step by step here, and so is all where that
module could not be built and what does not lie in a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit import native
from rawkit.stream.augment import Cut, place, with_moves
from rawkit.stream.plan import flips

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


def cut_crops(
    shard: OpenShard,
    job: Job,
    scale: int,
    extent: int,
    outs: Sequence[NDArray[Any]],
    scratch: Scratch,
) -> None:
    """Read the chunks of a window that its crops touch, one by one, and cut the crops from them.

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
    outs
        The crops, shape (planes, side, side), one for each use of the job.
    scratch
        Memory for a chunk.

    Raises
    ------
    StoreDamagedError
        If a chunk cannot be read or fails its checksum; crops are then incomplete.
    """
    needed = touched(job, scale, extent, shard.layout.chunk)
    shard.fetch(job.window.top, job.window.left, needed)
    cuts = [
        Cut(out, scale * use.sample.top, scale * use.sample.left, use.sample.augmentation)
        for use, out in zip(job.uses, outs, strict=True)
    ]
    # Chunks follow each other along the rows of the crops: the native module then puts the lines
    # of the caches that two of them share together before it writes them.
    transposed = any(flips(use.sample.augmentation)[2] for use in job.uses)
    chunks = np.argwhere(needed.T)[:, ::-1] if transposed else np.argwhere(needed)
    while len(chunks):
        done = _natively(shard, job, chunks, cuts, scratch)
        if done < len(chunks):
            _step_by_step(shard, job, chunks[done].tolist(), cuts, scratch)
        chunks = chunks[done + 1 :]


def _natively(
    shard: OpenShard, job: Job, chunks: NDArray[np.intp], cuts: Sequence[Cut], scratch: Scratch
) -> int:
    """Cut crops from chunks, (row, column) in the window; returns how many could be done."""
    layout = shard.layout
    compressed = layout.codec != "none"
    known = not compressed or layout.itemsize == _DECODED_ITEMSIZE
    if not (native.BUILT and native.CUTS and known) or shard.handle is None:
        return 0
    places = shard.places(chunks + np.array([job.window.top, job.window.left]))
    return native.functions.cut_chunks(
        shard.handle,
        np.hstack([places, chunks * layout.chunk]),
        (layout.planes, *layout.chunk, layout.itemsize),
        compressed,
        with_moves(layout.name, cuts),
        scratch.native,
    )


def _step_by_step(
    shard: OpenShard, job: Job, chunk: list[int], cuts: Sequence[Cut], scratch: Scratch
) -> None:
    (row, column), (height, width) = chunk, shard.layout.chunk
    pixels = shard.chunk(job.window.top + row, job.window.left + column, scratch)
    place(
        shard.layout.name,
        pixels,
        [cut._replace(top=cut.top - row * height, left=cut.left - column * width) for cut in cuts],
    )


def native_bytes(layout: ArrayLayout, crops: int) -> int:
    """Bytes that the native module takes to cut so many crops from chunks of an array.

    There is room for a chunk's encoded bytes, for its pixels and a block on the way to them, and
    for a line of the caches of each row or column of each crop.
    """
    seams = crops * layout.planes * max(layout.chunk) * _SEAM_BYTES
    return 3 * (layout.chunk_bytes + _MARGIN) + seams


def touched(job: Job, scale: int, extent: int, chunk: tuple[int, int]) -> NDArray[np.bool_]:
    """Tell which chunks of a window its crops touch, shape (rows, columns) of the window."""
    found = np.zeros((job.window.rows, job.window.columns), np.bool_)
    for use in job.uses:
        top, left = scale * use.sample.top, scale * use.sample.left
        bottom, right = top + scale * extent - 1, left + scale * extent - 1
        found[
            top // chunk[0] : bottom // chunk[0] + 1, left // chunk[1] : right // chunk[1] + 1
        ] = True
    return found
