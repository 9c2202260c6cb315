"""Several sources seen as one, and a folder seen as if the archives in it were unpacked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from rawkit.errors import RawkitError, UnreadableError
from rawkit.progress import SILENT
from rawkit.source.names import ZIP_SUFFIXES, is_archive
from rawkit.source.ranges import Piece
from rawkit.source.split import grouped
from rawkit.source.types import HEAD_BYTES, Listing, Refused, SourceFile
from rawkit.source.zips import ZipArchive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from rawkit.progress import Progress
    from rawkit.source.folders import LocalFolder, RemoteFolder
    from rawkit.source.ranges import Ranges
    from rawkit.source.types import Source

_PACKED_TWICE = (
    "an archive in an archive that compresses it once more; unpack the outer one, then name the "
    "folder"
)


class _Parts:
    """Finds the source of a file by its origin, as the listing has learned it."""

    def __init__(self) -> None:
        self._parts: dict[str, Source] = {}

    def _learn(self, part: Source, listing: Listing) -> None:
        self._parts.update(dict.fromkeys((file.origin for file in listing.files), part))

    def _part(self, file: SourceFile) -> Source:
        return self._parts[file.origin]

    def head(self, file: SourceFile, count: int = HEAD_BYTES) -> bytes:
        """Read the first bytes of a file."""
        return self._part(file).head(file, count)

    def read(self, file: SourceFile) -> bytes:
        """Read a file."""
        return self._part(file).read(file)

    def local_path(self, file: SourceFile) -> Path | None:
        """Path of a file that lies in a folder of this machine."""
        return self._part(file).local_path(file)

    def ranges_of(self, file: SourceFile) -> Ranges | None:
        """Pieces of a file, where its source can read them."""
        return self._part(file).ranges_of(file)

    def sequential(self, file: SourceFile) -> bool:
        """Whether the file lies in an archive that must be streamed."""
        return self._part(file).sequential(file)

    def stream(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes]]:
        """Read files of one origin."""
        wanted = list(files)
        if wanted:
            yield from self._part(wanted[0]).stream(wanted)


class Several(_Parts):
    """Sources side by side. Files of one path may lie in more than one of them."""

    def __init__(self, sources: tuple[Source, ...]) -> None:
        super().__init__()
        self._sources = sources

    def files(self, progress: Progress = SILENT) -> Listing:
        """List all sources, one after the other."""
        files: list[SourceFile] = []
        refused: list[Refused] = []
        for source in self._sources:
            listing = source.files(progress)
            self._learn(source, listing)
            files += listing.files
            refused += listing.refused
        return Listing(tuple(files), tuple(refused))

    def describe(self) -> str:
        """Describe all."""
        return ", ".join(source.describe() for source in self._sources)


class Nested(_Parts):
    """A zip archive, and the zip archives in it as if they were unpacked where they lie.

    Those that are stored as they are can be read; those that are compressed once more are refused.
    """

    def __init__(self, outer: ZipArchive) -> None:
        super().__init__()
        self._outer = outer

    def files(self, progress: Progress = SILENT) -> Listing:
        """Read the directories."""
        listing = self._outer.files(progress)
        self._learn(self._outer, listing)
        inner = [file for file in listing.files if is_archive(file.path)]
        if not inner:
            return listing
        files = {file.path: file for file in listing.files if not is_archive(file.path)}
        refused = list(listing.refused)
        for archive in inner:
            self._add(archive, files, refused, progress)
        return Listing(tuple(files[path] for path in sorted(files)), tuple(refused))

    def _add(
        self,
        archive: SourceFile,
        files: dict[str, SourceFile],
        refused: list[Refused],
        progress: Progress,
    ) -> None:
        ranges = self._outer.ranges_of(archive)
        if not isinstance(ranges, Piece) or not archive.path.lower().endswith(ZIP_SUFFIXES):
            refused.append(Refused(archive.path, "unsupported-archive", _PACKED_TWICE))
            return
        part = ZipArchive(ranges)
        try:
            listing = part.files(progress)
        except UnreadableError as error:
            refused.append(Refused(archive.path, error.kind, error.reason))
            return
        self._learn(part, listing)
        refused += [replace(one, path=f"{archive.path}: {one.path}") for one in listing.refused]
        above = archive.path.rpartition("/")[0]
        for file in listing.files:
            path = "/".join(one for one in (above, file.inside, file.path) if one)
            files.setdefault(path, replace(file, path=path, inside=archive.inside))

    def describe(self) -> str:
        """Describe the archive."""
        return self._outer.describe()


class Unpacked(_Parts):
    """A folder of files and archives, as if every archive were unpacked in a folder of its name.

    An archive whose members already lie in such a folder does not get it twice. Where a file lies
    loose and in an archive, or in several archives, the loose one counts, then the archive whose
    name comes first. An archive that cannot be read is refused, and the others are listed.
    """

    def __init__(
        self,
        folder: LocalFolder | RemoteFolder,
        open_archive: Callable[[str | list[str]], Source],
    ) -> None:
        super().__init__()
        self._folder = folder
        self._open = open_archive

    def files(self, progress: Progress = SILENT) -> Listing:
        """List the folder and the archives in it."""
        found = self._folder.files(progress)
        parts = grouped(file.path for file in found.files)
        of_archives = {name for names in parts.values() for name in names}
        loose = [
            file
            for file in found.files
            if not is_archive(file.path) and file.path not in of_archives
        ]
        self._learn(self._folder, found)
        files = {file.path: file for file in loose}
        refused = list(found.refused)
        for archive in found.files:
            if is_archive(archive.path) or archive.path in parts:
                self._add(archive, parts.get(archive.path, []), files, refused, progress)
        return Listing(tuple(files[path] for path in sorted(files)), tuple(refused))

    def _add(
        self,
        archive: SourceFile,
        parts: list[str],
        files: dict[str, SourceFile],
        refused: list[Refused],
        progress: Progress,
    ) -> None:
        above = archive.path.rpartition("/")[0]
        root = self._folder.describe()
        try:
            part = self._open(
                [f"{root}/{one}" for one in parts] if parts else f"{root}/{archive.path}"
            )
            listing = part.files(progress)
        except RawkitError as error:
            refused.append(Refused(archive.path, error.kind, error.reason))
            return
        self._learn(part, listing)
        refused += [replace(one, path=f"{archive.path}: {one.path}") for one in listing.refused]
        again = Counter[str]()
        for file in listing.files:
            path = "/".join(part for part in (above, file.inside, file.path) if part)
            if path in files:
                again[files[path].origin] += 1
            else:
                files[path] = replace(file, path=path, inside="")
        refused += [
            Refused(archive.path, "same-name", f"{count} of its files are taken from {origin}")
            for origin, count in sorted(again.items())
        ]

    def describe(self) -> str:
        """Describe the folder."""
        return self._folder.describe()
