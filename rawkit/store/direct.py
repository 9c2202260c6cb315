"""New files written past the page cache, behind the back of who fills them.

What an ingest writes is not read again soon. The page cache would copy it, push out what is in use,
and on a virtual machine that is given its memory page by page, take 2 ms for each new MB. So whole
blocks go from a buffer to the disk while another buffer is filled. Where a file system does not
allow that, or a disk is too slow for it, the page cache takes the rest of the file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from numpy.typing import NDArray

BLOCK = 4096
"""Bytes that memory, position and length of a direct write are multiples of."""
BUFFER_BYTES = 4 << 20
SLOW_SECONDS = 0.02
"""A disk that takes longer for a buffer is slower than a shard is encoded: better not wait for it.
Also what a file may lose to it before that is noticed."""
_DIRECT = getattr(os, "O_DIRECT", 0)


class DirectFile:
    """A new file that grows at its end. Made by `create_direct`; not thread-safe."""

    def __init__(self, handle: int, threads: ThreadPoolExecutor, largest: int) -> None:
        self._handle, self._threads = handle, threads
        size = max(BUFFER_BYTES, largest + BLOCK)
        self._buffer, self._spare = _aligned(size), _aligned(size)
        self._filled, self._handed_on = 0, 0
        self._under_way: Future[None] | None = None

    @property
    def size(self) -> int:
        """Bytes of the file so far."""
        return self._handed_on + self._filled

    def room(self, size: int) -> NDArray[np.uint8]:
        """Append so many bytes: returns where they go, to be filled before the next call."""
        if self._filled + size > self._buffer.size:
            self._hand_on()
        self._filled += size
        return self._buffer[self._filled - size : self._filled]

    def finish(self) -> None:
        """Write all that is left."""
        self._hand_on()
        self._wait()
        _through_cache(self._handle)  # what is left is no whole block
        self._write(self._buffer[: self._filled], self._handed_on)

    def _hand_on(self) -> None:
        """Have all whole blocks written and go on in the other buffer."""
        self._wait()
        whole = self._filled // BLOCK * BLOCK
        rest = self._filled - whole
        try:
            self._under_way = self._threads.submit(
                self._write, self._buffer[:whole], self._handed_on
            )
        except RuntimeError as error:
            raise MemoryError("no memory for a thread") from error
        self._spare[:rest] = self._buffer[whole : self._filled]
        self._buffer, self._spare = self._spare, self._buffer
        self._filled, self._handed_on = rest, self._handed_on + whole

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()
            self._under_way = None

    def _write(self, data: NDArray[np.uint8], offset: int) -> None:
        started = time.monotonic()
        while data.size:
            try:
                written = os.pwrite(self._handle, data.data, offset)
            except OSError as error:
                if error.errno != errno.EINVAL or not _through_cache(self._handle):
                    raise
                continue
            data, offset = data[written:], offset + written
        if time.monotonic() - started > SLOW_SECONDS:
            _through_cache(self._handle)


@contextmanager
def create_direct(path: Path, largest: int) -> Iterator[DirectFile]:
    """Create or replace a file that is filled in pieces of at most `largest` bytes.

    It is complete when the block ends without an exception.

    Raises
    ------
    OSError
        If it cannot be written.
    MemoryError
        If there is none for a thread.
    """
    handle = _open(path)
    try:
        with ThreadPoolExecutor(1) as threads:
            file = DirectFile(handle, threads, largest)
            yield file
            file.finish()
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
    try:
        return os.open(path, flags | _DIRECT, 0o666)
    except OSError as error:
        if error.errno != errno.EINVAL or not _DIRECT:
            raise
        return os.open(path, flags, 0o666)


def _through_cache(handle: int) -> bool:
    """Have the rest of a file go through the page cache; returns whether it did not before."""
    flags = fcntl.fcntl(handle, fcntl.F_GETFL)
    if not flags & _DIRECT:
        return False
    fcntl.fcntl(handle, fcntl.F_SETFL, flags & ~_DIRECT)
    return True


def _aligned(size: int) -> NDArray[np.uint8]:
    """Return memory that begins at a multiple of a block."""
    memory = np.empty(size + BLOCK, np.uint8)
    start = -memory.ctypes.data % BLOCK
    return memory[start : start + size]
