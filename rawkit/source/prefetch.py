"""Files fetched ahead of those who decode them, so that the line is busy while they do."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

from rawkit.errors import OutputError, RawkitError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rawkit.source.types import Source, SourceFile

_LARGEST = 64_000_000
"""Bytes of a file that is held in memory while it is fetched, as often as there are connections."""


class Prefetch:
    """Puts files that come over a network down in a folder, some ahead of the one asked for.

    A worker that fetches for itself leaves the line idle while it decodes. Files on this machine,
    those that can only be streamed, and those too large to be held here, are not touched.

    Parameters
    ----------
    source
        Where the files come from.
    wanted
        All files that will be asked for, in that order.
    folder
        Where they wait; its owner removes it.
    ahead
        How many wait at most.
    connections
        How many are fetched at once.
    """

    def __init__(
        self,
        source: Source,
        wanted: Iterable[SourceFile],
        folder: Path,
        *,
        ahead: int = 4,
        connections: int = 2,
    ) -> None:
        self._source, self._folder = source, folder
        self._coming: Iterator[SourceFile] = (one for one in wanted if self._fetches(one))
        self._tasks: SimpleQueue[_Fetch | None] = SimpleQueue()
        self._started: dict[SourceFile, _Fetch] = {}
        self._count, self._closed = 0, threading.Event()
        # A fetch that outlives its ingest must not write over what the next one fetches.
        self._mark = time.monotonic_ns()
        # Daemons: Ctrl-C does not wait for a slow line.
        self._threads = [
            threading.Thread(target=self._work, daemon=True) for _ in range(connections)
        ]
        for _ in range(ahead):
            self._start()

    def path(self, file: SourceFile) -> Path | None:
        """Return where the contents of a file lie now; None if it is not one to be fetched.

        None also for one that could not be read: whoever reads it again says why. The caller
        removes it.

        Raises
        ------
        MissingError
            If its server does not answer.
        OutputError
            If it cannot be put down.
        """
        fetch = self._started.pop(file, None)
        if fetch is None:
            return None
        self._start()
        fetch.done.wait()
        if fetch.error is not None and not isinstance(fetch.error, UnreadableError):
            raise fetch.error
        return None if fetch.error is not None else fetch.path

    def close(self) -> None:
        """Begin no more fetches."""
        self._closed.set()
        for _ in self._threads:
            self._tasks.put(None)

    def _fetches(self, file: SourceFile) -> bool:
        small = max(file.size, file.stored) <= _LARGEST
        return small and file.remote and not self._source.sequential(file)

    def _start(self) -> None:
        file = next(self._coming, None)
        if file is None:
            return
        if not self._count:
            for thread in self._threads:
                thread.start()
        fetch = _Fetch(file, self._folder / f"{self._count:08d}-{self._mark}.fetched")
        self._count += 1
        self._started[file] = fetch
        self._tasks.put(fetch)

    def _work(self) -> None:
        while (fetch := self._tasks.get()) is not None:
            if not self._closed.is_set():
                fetch.run(self._source)


class _Fetch:
    """One file on its way."""

    def __init__(self, file: SourceFile, path: Path) -> None:
        self.file, self.path = file, path
        self.done = threading.Event()
        self.error: RawkitError | None = None

    def run(self, source: Source) -> None:
        """Fetch it and put it down."""
        try:
            self.path.write_bytes(source.read(self.file))
        except RawkitError as error:
            self.error = error
        except OSError as error:
            self.error = OutputError(
                f"cannot be written ({error.strerror or error})",
                where=self.path,
                fix="Free some space.",
            )
        if self.error is not None:
            with suppress(OSError):
                self.path.unlink()
        self.done.set()
