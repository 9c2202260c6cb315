"""A source that says how many bytes it has handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.progress import SILENT
from rawkit.source import HEAD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from rawkit.progress import Progress
    from rawkit.source import Listing, Ranges, Source, SourceFile


class CountedSource:
    """Another source, whose bytes are told of as they come.

    Parameters
    ----------
    source
        The other one.
    count
        Told how many bytes have come, from any thread.
    """

    def __init__(self, source: Source, count: Callable[[int], None]) -> None:
        self._source, self._count = source, count

    def files(self, progress: Progress = SILENT) -> Listing:
        """List all files; a listing is not counted."""
        return self._source.files(progress)

    def head(self, file: SourceFile, count: int = HEAD_BYTES) -> bytes:
        """Read the first bytes of a file."""
        data = self._source.head(file, count)
        self._count(len(data))
        return data

    def read(self, file: SourceFile) -> bytes:
        """Read a file."""
        data = self._source.read(file)
        self._count(file.stored)
        return data

    def local_path(self, file: SourceFile) -> Path | None:
        """Path of a file that lies on this machine."""
        return self._source.local_path(file)

    def ranges_of(self, file: SourceFile) -> Ranges | None:
        """Pieces of a file, which are not counted."""
        return self._source.ranges_of(file)

    def sequential(self, file: SourceFile) -> bool:
        """Whether a file lies in an archive that must be streamed."""
        return self._source.sequential(file)

    def stream(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes]]:
        """Read files of one origin."""
        for file, data in self._source.stream(files):
            self._count(file.stored)
            yield file, data

    def describe(self) -> str:
        """Say what it is."""
        return self._source.describe()
