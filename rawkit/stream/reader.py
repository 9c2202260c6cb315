"""Chunks of shards, one after another into the same memory, every one checked and decoded.

Files of this machine are read chunk by chunk: the system reads ahead what is announced. Of an
object elsewhere all chunks that are needed are asked for at once, neighbours in one request.
"""

from __future__ import annotations

import os
from array import array
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Self

import numpy as np

from rawkit import native
from rawkit.errors import StoreDamagedError
from rawkit.store import (
    REPAIR,
    ArrayLayout,
    RemoteFile,
    check_sum,
    decompress,
    index_bytes,
    parse_index,
    unreadable_shard,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.store import StoreFile
    from rawkit.stream.cache import ChunkCache

_CRC_BYTES = 4
_MOST_BYTES = 8 << 20
"""Neighbouring chunks of up to so many bytes are one request; more of them are several at once."""


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A shard to read from."""

    path: StoreFile
    """The file: a path, or an object elsewhere."""
    layout: ArrayLayout
    """Its geometry and codec."""


class Scratch:
    """Memory of a thread for one chunk, small enough for a core's cache."""

    def __init__(self) -> None:
        self.native = bytearray()
        """Memory of the native module, which makes it as large as it needs."""
        self._encoded = np.empty(0, np.uint8)
        self._decoded: dict[tuple[object, ...], NDArray[np.generic]] = {}

    def encoded(self, count: int) -> NDArray[np.uint8]:
        """Memory for so many bytes."""
        if len(self._encoded) < count:
            self._encoded = np.empty(count, np.uint8)
        return self._encoded[:count]

    def decoded(self, layout: ArrayLayout) -> NDArray[np.generic]:
        """Memory for a decoded chunk, shape (planes, chunk height, chunk width)."""
        key = (layout.planes, layout.chunk, layout.dtype)
        if key not in self._decoded:
            self._decoded[key] = np.empty((layout.planes, *layout.chunk), layout.dtype)
        return self._decoded[key]


def open_shard(shard: ShardFile, cache: ChunkCache | None = None) -> OpenShard:
    """Open a shard and check its index.

    Raises
    ------
    StoreDamagedError
        If the shard is missing, cut off, or fails a checksum, now or while chunks are read.
    StoreUnreachableError
        If the server of a store elsewhere does not answer after several tries.
    """
    source: _File | _Object
    with _named(shard.path):
        if isinstance(shard.path, RemoteFile):
            source = _Object(shard.path, cache)
            tail = shard.path.read_tail(index_bytes(shard.layout))
        else:
            handle, tail = _open_tail(shard.path, index_bytes(shard.layout))
            source = _File(handle)
    try:
        return OpenShard(shard, source, tail)
    except BaseException:
        source.close()
        raise


def _open_tail(path: Path, count: int) -> tuple[int, bytes]:
    """Open a file; returns the handle and the last bytes."""
    if native.CUTS:
        return native.functions.open_tail(path, count)
    handle = os.open(path, os.O_RDONLY)
    try:
        return handle, os.pread(handle, count, max(0, os.fstat(handle).st_size - count))
    except BaseException:
        os.close(handle)
        raise


@contextmanager
def _named(path: StoreFile) -> Iterator[None]:
    """Name the shard that cannot be read."""
    try:
        yield
    except OSError as error:
        raise unreadable_shard(path, error) from error


class OpenShard:
    """A shard with its index; used as a context it is closed at the end."""

    def __init__(self, shard: ShardFile, source: _File | _Object, tail: bytes) -> None:
        self._path, self._source, self._tail = shard.path, source, tail
        self.layout = shard.layout
        """Geometry and codec."""
        index = parse_index(tail, shard.layout, shard.path)
        # What is out of reach for a signed number lies in no file.
        self._index: list[tuple[int, int]] = [*map(tuple, index.astype(np.int64).tolist())]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()

    @property
    def handle(self) -> int | None:
        """The open file; None if the shard is none of this machine."""
        return self._source.handle

    def places(self, chunks: Iterable[tuple[int, ...]]) -> list[tuple[int, int]]:
        """Offset and length in bytes of chunks, each a row and a column, which count from 0."""
        columns = self.layout.grid[1]
        return [self._index[row * columns + column] for row, column in chunks]

    def announce(self, chunks: Iterable[tuple[int, int]]) -> None:
        """Have chunks read ahead, each row and column, where they are on this machine."""
        if isinstance(self._source, _File):
            with _named(self._path):
                self._source.announce(self.places(chunks))

    def fetch(self, chunks: Iterable[tuple[int, int]]) -> None:
        """Get chunks that are read next, as in `announce`; those of a file are read one by one."""
        if isinstance(self._source, _Object):
            with _named(self._path):
                self._source.fetch(sorted(self.places(chunks)), self._tail)

    def chunk(self, row: int, column: int, scratch: Scratch) -> NDArray[np.generic]:
        """Read a chunk, shape (planes, chunk height, chunk width); valid until the next.

        `row` and `column` count chunks from 0. Where the last chunks reach beyond the frame they
        hold zeros.
        """
        layout, path = self.layout, self._path
        ((offset, length),) = self.places([(row, column)])
        plain = layout.codec == "none"
        if length < _CRC_BYTES or (plain and length != layout.chunk_bytes + _CRC_BYTES):
            raise _damaged(f"a chunk of {length} bytes", path)
        data = scratch.encoded(length)
        with _named(self._path):
            count = self._source.read(offset, data.data)
        if count != length:
            raise _damaged("a shard that is cut off", path)
        body = data[:-_CRC_BYTES]
        check_sum(body, data[-_CRC_BYTES:].data, path)
        if plain:
            return body.view(layout.dtype).reshape(layout.planes, *layout.chunk)
        decompress(body, out := scratch.decoded(layout), path)
        return out


class _File:
    """A file of this machine."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def announce(self, places: Sequence[Sequence[int]]) -> None:
        """Have the system read ahead; piece by piece, since it takes no more at once."""
        if native.CUTS:
            native.functions.announce(self.handle, array("q", chain.from_iterable(places)))
            return
        for offset, length in places:
            os.posix_fadvise(self.handle, offset, length, os.POSIX_FADV_WILLNEED)

    def close(self) -> None:
        """Close it."""
        os.close(self.handle)

    def read(self, offset: int, out: memoryview) -> int:
        """Read into memory."""
        done = 0
        while done < len(out) and (count := os.preadv(self.handle, [out[done:]], offset + done)):
            done += count
        return done


@dataclass(slots=True)
class _Object:
    """An object elsewhere."""

    file: RemoteFile
    """Which."""
    cache: ChunkCache | None
    """Where chunks are kept on this machine, if asked for."""
    handle: None = field(default=None, init=False)
    """It is no file."""
    _got: dict[int, memoryview] = field(default_factory=dict)
    """Chunks by their offset."""

    def close(self) -> None:
        """Do nothing: connections are kept by the place."""

    def fetch(self, pieces: Sequence[tuple[int, int]], index: bytes) -> None:
        """Ask for all chunks at once, neighbours in one request."""
        name = str(self.file)
        missing = []
        for offset, length in pieces:
            kept = self.cache.get((name, index, offset), length) if self.cache else None
            if kept is None:
                missing.append((offset, length))
            else:
                self._got[offset] = memoryview(kept)
        runs = _runs(missing)
        spans = [(run[0][0], run[-1][0] + run[-1][1] - run[0][0]) for run in runs]
        answers = self.file.read_ranges(spans) if spans else []
        for run, (start, _), answer in zip(runs, spans, answers, strict=True):
            for offset, length in run:
                piece = memoryview(answer)[offset - start : offset - start + length]
                self._got[offset] = piece
                if self.cache and len(piece) == length:
                    self.cache.put((name, index, offset), piece)

    def read(self, offset: int, out: memoryview) -> int:
        """Copy what was fetched."""
        for start, piece in self._got.items():
            if start <= offset < start + len(piece):
                part = piece[offset - start : offset - start + len(out)]
                out[: len(part)] = part
                return len(part)
        return 0


def _runs(pieces: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Group pieces that follow each other without a gap, up to a size."""
    runs: list[list[tuple[int, int]]] = []
    for offset, length in pieces:
        last = runs[-1] if runs else None
        if (
            last is not None
            and last[-1][0] + last[-1][1] == offset
            and offset + length - last[0][0] <= _MOST_BYTES
        ):
            last.append((offset, length))
        else:
            runs.append([(offset, length)])
    return runs


def _damaged(found: str, path: StoreFile) -> StoreDamagedError:
    return StoreDamagedError(found, expected="the bytes that were written", where=path, fix=REPAIR)
