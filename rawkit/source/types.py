"""What a source is, and what it says of its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rawkit.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rawkit.progress import Progress
    from rawkit.source.ranges import Ranges

HEAD_BYTES = 1 << 16
"""The first bytes of a file, in which its EXIF lies."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source: a file in a folder, a member of an archive, an object."""

    path: str
    """Path within the source, relative, with forward slashes."""
    size: int
    """Bytes of its contents."""
    stamp: str
    """Changes when the contents do: time of change, ETag, or checksum; empty where unknown."""
    origin: str
    """Folder, archive or URL it lies in."""
    stored: int
    """Bytes it takes up there: fewer than `size` where it is compressed."""
    place: tuple[int, ...] = ()
    """Where its source finds it again; what the numbers mean is the source's own business."""
    inside: str = ""
    """Name of the archive it lies in, without suffix: the folder that unpacking would make. Empty
    where `path` begins with it, and outside of archives."""
    crc: str | None = None
    """CRC-32 of its contents, eight hexadecimal digits; None where its source says none."""

    checksum: str = ""
    """Algorithm and checksum of its contents, such as ``sha1:40 digits``; empty where its source
    says none."""

    @property
    def remote(self) -> bool:
        """Whether its bytes come over a network."""
        return "://" in self.origin

    @property
    def where(self) -> str:
        """Origin and path, for people."""
        return f"{self.origin}: {self.path}"


@dataclass(frozen=True, slots=True)
class Refused:
    """Something in a source that cannot be used, and why."""

    path: str
    """Path within the source, as it is written there."""
    kind: str
    """Stable word for the kind of reason."""
    reason: str
    """One line for people."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All that a source holds."""

    files: tuple[SourceFile, ...]
    """Files, sorted by path. Hidden ones are passed over."""
    refused: tuple[Refused, ...] = ()
    """What cannot be used."""


class Source(Protocol):
    """Files from one place or several. Can be pickled, so that workers fetch for themselves.

    `files` comes first: the other methods take the `SourceFile` objects that it returns.
    """

    def files(self, progress: Progress = SILENT) -> Listing:
        """List all files.

        Raises
        ------
        MissingError
            If the place is not there or does not answer.
        UnreadableError
            If it is an archive that is damaged or cut off.
        UsageError
            If it cannot be read in this way; says in which it can.
        """

    def head(self, file: SourceFile, count: int = HEAD_BYTES) -> bytes:
        """Return the first bytes of a file, at most `count`; no more than `count` travel."""

    def read(self, file: SourceFile) -> bytes:
        """Return the contents of a file.

        Raises
        ------
        UnreadableError
            If this file is gone or damaged; others may be well.
        MissingError
            If the place does not answer any more.
        """

    def local_path(self, file: SourceFile) -> Path | None:
        """Path at which a file lies on this machine as it is; None for all others."""

    def ranges_of(self, file: SourceFile) -> Ranges | None:
        """Pieces of a file without the rest of it; None where only the whole can be read."""

    def sequential(self, file: SourceFile) -> bool:
        """Whether a file can only be reached by reading all that lies before it."""

    def stream(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes]]:
        """Yield files of one origin and their contents in the cheapest order, reading once."""

    def describe(self) -> str:
        """Say what it is, in a few words."""
