"""Chunks of shards, one after another into the same memory, every one checked and decoded."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.errors import StoreDamagedError
from rawkit.store import ArrayLayout, check_sum, decompress, index_bytes, parse_index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_CRC_BYTES = 4
_FIX = "`rawkit verify --repair` makes it anew from the raw file."


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A shard to read from."""

    path: Path
    """The file."""
    layout: ArrayLayout
    """Its geometry and codec."""


class Scratch:
    """Memory of a thread, small enough for a core's cache: chunks, and rows of a crop's plane."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[object, ...], NDArray[np.generic]] = {}
        self._flat: dict[str, NDArray[Any]] = {}

    def chunk(self, layout: ArrayLayout, slot: int) -> NDArray[np.generic]:
        """Memory for a decoded chunk, shape (planes, chunk height, chunk width); any slot."""
        key = (layout.planes, layout.chunk, layout.dtype, slot)
        if key not in self._arrays:
            self._arrays[key] = np.empty((layout.planes, *layout.chunk), layout.dtype)
        return self._arrays[key]

    def flat(self, dtype: str, count: int) -> NDArray[Any]:
        """Memory for so many values."""
        if dtype not in self._flat or len(self._flat[dtype]) < count:
            self._flat[dtype] = np.empty(count, dtype)
        return self._flat[dtype]


@contextmanager
def opened(shard: ShardFile) -> Iterator[OpenShard]:
    """Open a shard and check its index.

    Raises
    ------
    StoreDamagedError
        If the shard is missing, cut off, or fails a checksum, now or while chunks are read.
    """
    try:
        handle = os.open(shard.path, os.O_RDONLY)
    except OSError as error:
        raise _unreadable(shard.path, error) from error
    try:
        yield OpenShard(shard, handle)
    except OSError as error:
        raise _unreadable(shard.path, error) from error
    finally:
        os.close(handle)


class OpenShard:
    """A shard with its index."""

    def __init__(self, shard: ShardFile, handle: int) -> None:
        self._path, self._handle = shard.path, handle
        self.layout = layout = shard.layout
        """Geometry and codec."""
        size, tail = os.fstat(handle).st_size, index_bytes(layout)
        encoded = os.pread(handle, tail, max(0, size - tail))
        index = parse_index(encoded, layout, shard.path)
        if (index.sum(axis=1) > size).any():
            raise _damaged("a shard whose index points beyond its end", shard.path)
        self._index = index.reshape(*layout.grid, 2)

    def announce(self, top: int, left: int, rows: int, columns: int) -> None:
        """Have the system read chunks ahead: rows `top` on, columns `left` on, from 0."""
        for row in range(top, top + rows):
            for column in range(left, left + columns):
                offset, length = self._index[row, column].tolist()
                os.posix_fadvise(self._handle, offset, length, os.POSIX_FADV_WILLNEED)

    def chunk(self, row: int, column: int, scratch: Scratch, slot: int = 0) -> NDArray[np.generic]:
        """Read a chunk, shape (planes, chunk height, chunk width); valid until that slot's next.

        `row` and `column` count chunks from 0. Where the last chunks reach beyond the frame they
        hold zeros.
        """
        layout, path = self.layout, self._path
        offset, length = self._index[row, column].tolist()
        out = scratch.chunk(layout, slot)
        if length < _CRC_BYTES or (layout.codec == "none" and length != out.nbytes + _CRC_BYTES):
            raise _damaged(f"a chunk of {length} bytes", path)
        # What is not compressed goes where it belongs at once.
        body = (
            out.reshape(-1).view(np.uint8)
            if layout.codec == "none"
            else scratch.flat("uint8", length - _CRC_BYTES)[: length - _CRC_BYTES]
        )
        crc = bytearray(_CRC_BYTES)
        self._read(body, crc, offset)
        check_sum(body, crc, path)
        if layout.codec != "none":
            decompress(body, out, path)
        return out

    def _read(self, body: NDArray[np.uint8], crc: bytearray, offset: int) -> None:
        parts = [body.data, memoryview(crc)]
        while parts:
            count = os.preadv(self._handle, parts, offset)
            if not count:
                raise _damaged("a shard that is cut off", self._path)
            offset += count
            while parts and count >= len(parts[0]):
                count -= len(parts.pop(0))
            if parts:
                parts[0] = parts[0][count:]


def _damaged(found: str, path: Path) -> StoreDamagedError:
    return StoreDamagedError(found, expected="the bytes that were written", where=path, fix=_FIX)


def _unreadable(path: Path, error: OSError) -> StoreDamagedError:
    return StoreDamagedError(
        f"a shard that cannot be read ({error.strerror or error})",
        expected="a shard of the store",
        where=path,
        fix=_FIX,
    )
