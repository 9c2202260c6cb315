"""Where a store lies: the few operations it needs, on this machine and in an object store.

Files are named by keys: paths within the place, with slashes. Readers and writers of stores know no
more than this of the ground they stand on; the stream alone reads local files by itself, for speed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rawkit.files import output_errors, write_atomically, write_together
from rawkit.locations import Location, Url, location_of
from rawkit.store.layout import COORDINATES, METADATA
from rawkit.store.places.objects import ObjectPlace
from rawkit.store.places.remote import RemoteFile
from rawkit.store.places.web import WebPlace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

StoreFile = Path | RemoteFile
"""One file of a store: a path here, or an object elsewhere. Both have ``read_bytes``."""


class ReadablePlace(Protocol):
    """A folder of files that are read at will.

    Reading raises `FileNotFoundError` where a file is missing, `OSError` where this machine cannot
    read it, and `StoreUnreachableError` where a server does not answer or refuses.
    """

    @property
    def location(self) -> Location:
        """Path or URL."""

    @property
    def transfers(self) -> int:
        """How many staged files are best moved here at once; 1: moving takes no time."""

    def file(self, key: str) -> StoreFile:
        """Return the file of a key, whether it is there or not."""

    def read(self, key: str) -> bytes:
        """Read a file."""

    def exists(self, key: str) -> bool:
        """Tell whether a file is there."""

    def size(self, key: str) -> int:
        """Bytes of a file."""


class Place(ReadablePlace, Protocol):
    """The same where files are also listed, and replaced whole or not at all."""

    def sizes(self) -> dict[str, int]:
        """Bytes of all files, by key."""

    def top(self) -> list[str]:
        """Names of the files that lie directly here, in order."""

    def write(self, key: str, data: bytes) -> None:
        """Replace a file: readers see the old bytes or the new.

        Raises
        ------
        OutputError, StoreUnreachableError
            If it cannot be written; what was there before is still there.
        """

    def write_stages(self, stages: Sequence[Mapping[str, bytes]]) -> None:
        """Write files by key, in stages: one begins when all files of the one before are there.

        Within a stage any order will do. On a full disk nothing is replaced. Raises as `write`.
        """

    def take(self, staged: Path, key: str) -> None:
        """Move a file of this machine here; it appears when it is whole. Raises as `write`."""

    def delete(self, key: str) -> None:
        """Delete a file; nothing happens where there is none."""

    def sweep(self) -> None:
        """Remove what a writer that was killed in the middle of a file has left."""


@dataclass(frozen=True, slots=True)
class LocalPlace:
    """A folder of this machine."""

    location: Path
    """The folder."""

    @property
    def transfers(self) -> int:
        """One: a file is renamed."""
        return 1

    def file(self, key: str) -> Path:
        """Return the path of a key."""
        return self.location / key

    def read(self, key: str) -> bytes:
        """Read a file."""
        return self.file(key).read_bytes()

    def exists(self, key: str) -> bool:
        """Tell whether a file is there."""
        return self.file(key).is_file()

    def size(self, key: str) -> int:
        """Bytes of a file."""
        return self.file(key).stat().st_size

    def sizes(self) -> dict[str, int]:
        """Bytes of all files, by key."""
        return {
            path.relative_to(self.location).as_posix(): path.stat().st_size
            for path in self.location.rglob("*")
            if path.is_file()
        }

    def top(self) -> list[str]:
        """List the folder; one that is not there is empty."""
        with suppress(FileNotFoundError):
            return sorted(path.name for path in self.location.iterdir() if path.is_file())
        return []

    def write(self, key: str, data: bytes) -> None:
        """Replace a file through a temporary one beside it."""
        write_atomically(self.file(key), data)

    def write_stages(self, stages: Sequence[Mapping[str, bytes]]) -> None:
        """Write all temporary files, then put them in place one after the other."""
        write_together((self.file(key), data) for stage in stages for key, data in stage.items())

    def take(self, staged: Path, key: str) -> None:
        """Rename a file of the same disk."""
        path = self.file(key)
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            staged.replace(path)

    def delete(self, key: str) -> None:
        """Delete a file."""
        path = self.file(key)
        with output_errors(path), suppress(FileNotFoundError):
            path.unlink()

    def sweep(self) -> None:
        """Remove temporary files, looking where a store has any."""
        chunks = (f"*/*/{name}/c/**/*.part" for name in COORDINATES)
        for pattern in ("*.part", "*/*.part", "*/*/*.part", "*/*/*/*.part", *chunks):
            for path in self.location.glob(pattern):
                path.unlink(missing_ok=True)


def open_place(location: Location | str) -> Place:
    """Return the place of a path or a URL; nothing is looked up yet.

    Raises
    ------
    UsageError
        If it is on a web server, fsspec does not know such URLs, or a package is missing.
    """
    if isinstance(location, str):
        location = location_of(location)
    return ObjectPlace(location) if isinstance(location, Url) else LocalPlace(location)


def open_readable(location: Location | str) -> ReadablePlace:
    """Do the same for whoever only reads: a web server will do.

    Raises
    ------
    UsageError
        If fsspec does not know such URLs, or a package is missing.
    """
    if isinstance(location, str):
        location = location_of(location)
    if isinstance(location, Url) and location.on_web:
        return WebPlace(location)
    return open_place(location)


def is_store(location: Location) -> bool:
    """Tell whether a store is there that has seen a commit.

    Raises
    ------
    StoreUnreachableError
        If its server does not answer, or refuses.
    """
    return open_readable(location).exists(METADATA)
