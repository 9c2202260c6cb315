"""A source of which one file has been read already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rawkit.progress import Progress
    from rawkit.source import Listing, Ranges, Source, SourceFile


class HeldSource:
    """Another source; the bytes of one file are here.

    Parameters
    ----------
    source
        The other one.
    file
        The file.
    data
        Its contents.
    """

    def __init__(self, source: Source, file: SourceFile, data: bytes) -> None:
        self._source, self._file, self._data = source, file, data

    def files(self, progress: Progress = SILENT) -> Listing:
        """List all files."""
        return self._source.files(progress)

    def head(self, file: SourceFile, count: int = 1 << 16) -> bytes:
        """Read the first bytes of a file."""
        return self._data[:count] if file == self._file else self._source.head(file, count)

    def read(self, file: SourceFile) -> bytes:
        """Read a file."""
        return self._data if file == self._file else self._source.read(file)

    def local_path(self, file: SourceFile) -> Path | None:
        """Path of a file that lies on this machine."""
        return None if file == self._file else self._source.local_path(file)

    def ranges_of(self, file: SourceFile) -> Ranges | None:
        """Pieces of a file."""
        return self._source.ranges_of(file)

    def sequential(self, file: SourceFile) -> bool:
        """Whether a file lies in an archive that must be streamed."""
        return file != self._file and self._source.sequential(file)

    def stream(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes]]:
        """Read files of one origin."""
        return self._source.stream(files)

    def describe(self) -> str:
        """Say what it is."""
        return self._source.describe()


def read_ahead(source: Source | None, file: SourceFile | None) -> Source | None:
    """Read a file that comes over a network now; returns the source that has it.

    What is wrong with a file that cannot be read is said when it is decoded.

    Raises
    ------
    MissingError
        If its server does not answer.
    """
    if source is None or file is None or not file.remote or source.sequential(file):
        return source
    return HeldSource(source, file, source.read(file))
