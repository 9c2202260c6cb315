"""Windows of shards into memory: a few large reads, every chunk checked and decoded in place."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rawkit.errors import StoreDamagedError
from rawkit.store import ArrayLayout, RemoteFile, decode_chunk, index_bytes, parse_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.store import StoreFile
    from rawkit.stream.plan import Window


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A shard to read windows from."""

    path: StoreFile
    """The file: a path, or an object elsewhere."""
    layout: ArrayLayout
    """Its geometry and codec."""


def window_shape(layout: ArrayLayout, rows: int, columns: int) -> tuple[int, int, int]:
    """Shape of a buffer for a window of so many chunks: (planes, height, width)."""
    return layout.planes, rows * layout.chunk[0], columns * layout.chunk[1]


def read_window(
    shard: ShardFile, window: Window, out: NDArray[np.generic], scratch: NDArray[np.generic]
) -> None:
    """Read the chunks of a window into `out`, shaped as `window_shape` says.

    `scratch` holds one decoded chunk, (planes, chunk height, chunk width). Where the last chunks
    reach beyond the frame, `out` holds zeros.

    Raises
    ------
    StoreDamagedError
        If the shard is missing, cut off, or fails a checksum.
    StoreUnreachableError
        If the server of a store elsewhere does not answer.
    """
    layout = shard.layout
    height, width = layout.chunk
    try:
        with _opened(shard) as (index, read):
            for row in range(window.rows):
                first = (window.top + row) * layout.grid[1] + window.left
                entries = index[first : first + window.columns].tolist()
                # Chunks of a row lie side by side: one read fetches them all.
                start, end = entries[0][0], entries[-1][0] + entries[-1][1]
                band = memoryview(read(start, end - start))
                if len(band) != end - start:
                    raise StoreDamagedError("a shard that is cut off", where=shard.path)
                top, bottom = row * height, (row + 1) * height
                for column, (offset, length) in enumerate(entries):
                    piece = band[offset - start : offset - start + length]
                    decode_chunk(piece, layout, scratch, shard.path)
                    out[:, top:bottom, column * width : (column + 1) * width] = scratch
    except OSError as error:
        raise _unreadable(shard.path, error) from error


_Read = Callable[[int, int], bytes]


@contextmanager
def _opened(shard: ShardFile) -> Iterator[tuple[NDArray[np.uint64], _Read]]:
    """Yield the index of a shard, and what reads a piece of it: offset and length in bytes."""
    tail = index_bytes(shard.layout)
    if isinstance(shard.path, RemoteFile):
        data = shard.path.read_tail(tail)
        yield parse_index(data, shard.layout, shard.path), shard.path.read
        return
    handle = os.open(shard.path, os.O_RDONLY)
    try:
        size = os.fstat(handle).st_size
        index = parse_index(os.pread(handle, tail, max(0, size - tail)), shard.layout, shard.path)
        if (index.sum(axis=1) > size).any():
            raise StoreDamagedError("a shard whose index points beyond its end", where=shard.path)
        yield index, partial(_read, handle)
    finally:
        os.close(handle)


def _read(handle: int, offset: int, length: int) -> bytes:
    """Read a piece of a file, shorter only at its end."""
    parts = []
    while length > 0 and (part := os.pread(handle, length, offset)):
        parts.append(part)
        offset, length = offset + len(part), length - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unreadable(path: StoreFile, error: OSError) -> StoreDamagedError:
    return StoreDamagedError(
        f"a shard that cannot be read ({error.strerror or error})",
        expected="a shard of the store",
        where=path,
        fix="Ingest its frame again into a new store.",
    )
