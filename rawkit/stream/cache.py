"""A bounded cache of chunks on this machine, for stores that lie elsewhere.

A file a chunk, as it lies in its shard, its crc32c included; named by a hash of the shard's URL,
its index and the chunk's place. Shards are never rewritten, so nothing is ever out of date. Several
processes may share a folder.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import StoreDamagedError, UsageError
from rawkit.files import output_errors
from rawkit.store import check_sum

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = tuple[str, bytes, int]
"""URL of a shard, its index, offset of the chunk in bytes."""
_CRC_BYTES = 4
_SHARE = 16
"""The folder is looked through once so many parts of the budget were written."""
_KEEP = 0.75
"""Share of the budget that is left by then: so up to four processes stay within it."""


class ChunkCache:
    """Chunks of any store, the least recently used ones deleted.

    Parameters
    ----------
    folder
        Where they are kept; made if missing. Nothing else should be in it.
    budget
        Bytes that all its files together may take.

    Raises
    ------
    UsageError
        If the budget is below 1 MB.
    OutputError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        if budget < 10**6:
            raise UsageError(f"a cache of {budget} bytes", expected="at least 1 MB")
        self._folder, self._budget = Path(folder), budget
        with output_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._written = 0
        self._tidy()

    def get(self, key: Key, length: int) -> bytes | None:
        """Return a chunk of so many bytes; None if it is not there, or damaged."""
        path = self._path(key)
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        try:
            if len(data) != length:
                return None
            check_sum(memoryview(data)[:-_CRC_BYTES], data[-_CRC_BYTES:], path)
        except StoreDamagedError:
            return None
        return data

    def put(self, key: Key, data: memoryview) -> None:
        """Keep a chunk; one that does not fit into a part of the budget is not kept.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        part = self._budget // _SHARE
        if len(data) > part:
            return
        with self._lock:
            due = self._written + len(data) > part
            self._written = len(data) if due else self._written + len(data)
        if due:
            self._tidy()
        path = self._path(key)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
        with output_errors(path):
            path.parent.mkdir(exist_ok=True)
            try:
                temporary.write_bytes(data)
                temporary.replace(path)
            except BaseException:
                with suppress(OSError):
                    temporary.unlink()
                raise

    def _path(self, key: Key) -> Path:
        url, index, offset = key
        name = sha256(b"\0".join((url.encode(), index, str(offset).encode()))).hexdigest()
        return self._folder / name[:2] / name

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each file was last used, its bytes, and its path."""
        for path in self._folder.glob("??/*"):
            with suppress(OSError):  # another process has deleted it
                found = path.stat()
                yield found.st_mtime, found.st_size, path

    def _tidy(self) -> None:
        """Delete the least recently used files until enough is free."""
        with output_errors(self._folder), (self._folder / ".lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            files = sorted(self._files())
            total = sum(size for _, size, _ in files)
            for _, size, path in files:
                if total <= _KEEP * self._budget:
                    return
                path.unlink(missing_ok=True)
                total -= size
