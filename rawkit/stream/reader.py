"""Windows of shards into memory: a few large reads, every chunk checked and decoded in place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.errors import StoreDamagedError
from rawkit.store import ArrayLayout, decode_chunk, index_bytes, parse_index

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.stream.plan import Window


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A shard to read windows from."""

    path: Path
    """The file."""
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
    """
    layout = shard.layout
    height, width = layout.chunk
    try:
        handle = os.open(shard.path, os.O_RDONLY)
    except OSError as error:
        raise _unreadable(shard.path, error) from error
    try:
        index = _read_index(handle, shard)
        for row in range(window.rows):
            first = (window.top + row) * layout.grid[1] + window.left
            entries = index[first : first + window.columns].tolist()
            # Chunks of a row lie side by side: one read fetches them all.
            start, end = entries[0][0], entries[-1][0] + entries[-1][1]
            band = memoryview(_read(handle, start, end - start, shard.path))
            for column, (offset, length) in enumerate(entries):
                piece = band[offset - start : offset - start + length]
                decode_chunk(piece, layout, scratch, shard.path)
                out[:, row * height : (row + 1) * height, column * width : (column + 1) * width] = (
                    scratch
                )
    except OSError as error:
        raise _unreadable(shard.path, error) from error
    finally:
        os.close(handle)


def _read_index(handle: int, shard: ShardFile) -> NDArray[np.uint64]:
    size, tail = os.fstat(handle).st_size, index_bytes(shard.layout)
    index = parse_index(os.pread(handle, tail, max(0, size - tail)), shard.layout, shard.path)
    if (index.sum(axis=1) > size).any():
        raise StoreDamagedError("a shard whose index points beyond its end", where=shard.path)
    return index


def _read(handle: int, offset: int, length: int, path: Path) -> bytes:
    parts = []
    while length > 0:
        part = os.pread(handle, length, offset)
        if not part:
            raise StoreDamagedError("a shard that is cut off", where=path)
        parts.append(part)
        offset, length = offset + len(part), length - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unreadable(path: Path, error: OSError) -> StoreDamagedError:
    return StoreDamagedError(
        f"a shard that cannot be read ({error.strerror or error})",
        expected="a shard of the store",
        where=path,
        fix="Ingest its frame again into a new store.",
    )
