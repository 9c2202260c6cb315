"""Tar archives: read by position where they lie on disk uncompressed, else streamed in order."""

from __future__ import annotations

import io
import tarfile
import tempfile
import weakref
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from rawkit.errors import UnreadableError
from rawkit.progress import SILENT
from rawkit.source.archive import SeekableArchive
from rawkit.source.names import archive_stem, listing_of
from rawkit.source.ranges import Piece, RangeFile
from rawkit.source.types import HEAD_BYTES, Listing, Refused, SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rawkit.progress import Progress
    from rawkit.source.ranges import Ranges

_READ_AHEAD = 4 << 20
_READ_HEADER = 1 << 10
_KEPT_HEAD = 16 << 10
"""First bytes of each member that are kept while a stream is listed, for its EXIF."""
_KEPT_IN_MEMORY = 32 << 20
_FIX = "The archive is cut off or damaged; fetch it again."


@dataclass(frozen=True, slots=True)
class TarFile(SeekableArchive):
    """An uncompressed tar archive on this machine; a place is where a member's contents begin."""

    ranges: Ranges
    """The archive's bytes, on this machine."""

    def files(self, progress: Progress = SILENT) -> Listing:
        """Read the header of every member, without what lies between."""
        with _opened(self.ranges, "r:", _READ_HEADER) as archive:
            members, refused = _scan(archive, self.ranges.where, progress)
        return listing_of(members, refused, archive_stem(self.ranges.where))

    def head(self, file: SourceFile, count: int = HEAD_BYTES) -> bytes:
        """Read the first bytes of a member."""
        return self.ranges.read(file.place[0], min(count, file.size))

    def ranges_of(self, file: SourceFile) -> Piece:
        """Pieces of a member."""
        return Piece(self.ranges, file.place[0], file.size, file.where)

    def read(self, file: SourceFile) -> bytes:
        """Read a member."""
        data = self.ranges.read(file.place[0], file.size)
        if len(data) != file.size:
            raise UnreadableError(
                f"the member ends after {len(data)} of {file.size} bytes",
                where=file.where,
                fix=_FIX,
            )
        return data


@dataclass(eq=False)
class TarStream:
    """A tar archive that is compressed or far away.

    It has no directory and cannot be entered in the middle. `files` streams it once, from its first
    byte to its last, and keeps the first 16 kB of every member in a temporary file, so that `head`
    costs nothing. `stream` goes through it once more and hands out the members wanted in archive
    order; `read` of a single member streams everything before it.
    """

    ranges: Ranges
    """The archive's bytes."""
    _heads: dict[tuple[int, ...], tuple[int, int]] = field(default_factory=dict)
    """Where the first bytes of a member lie in `_kept`: offset and length."""
    _kept: IO[bytes] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"ranges": self.ranges}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.ranges, self._heads, self._kept = state["ranges"], {}, None

    def files(self, progress: Progress = SILENT) -> Listing:
        """Stream the archive once."""
        self._heads = {}
        self._kept = tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY)  # noqa: SIM115 - kept open
        weakref.finalize(self, self._kept.close)
        with _opened(self.ranges, "r|*") as archive:
            members, refused = _scan(archive, self.ranges.where, progress, self._keep)
        return listing_of(members, refused, archive_stem(self.ranges.where))

    def _keep(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        contents, kept = archive.extractfile(member), self._kept
        if contents is not None and kept is not None:
            head = contents.read(_KEPT_HEAD)
            self._heads[member.offset_data,] = kept.seek(0, io.SEEK_END), len(head)
            kept.write(head)

    def head(self, file: SourceFile, count: int = HEAD_BYTES) -> bytes:
        """Return the bytes that were kept, at most 16 kB; empty in another process."""
        if self._kept is None or file.place not in self._heads:
            return b""
        offset, length = self._heads[file.place]
        self._kept.seek(offset)
        return self._kept.read(min(count, length))

    def read(self, file: SourceFile) -> bytes:
        """Stream the archive up to one member."""
        for _, data in self.stream([file]):
            return data
        raise UnreadableError("the member is not there any more", where=file.where, fix=_FIX)

    def local_path(self, file: SourceFile) -> None:  # noqa: ARG002 - the protocol's
        """Nowhere."""
        return

    def ranges_of(self, file: SourceFile) -> None:  # noqa: ARG002 - the protocol's
        """Nothing: it cannot be entered in the middle."""
        return

    def sequential(self, file: SourceFile) -> bool:  # noqa: ARG002 - the protocol's
        """Yes."""
        return True

    def stream(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes]]:
        """Stream the archive once, up to the last member wanted."""
        wanted = {file.place: file for file in files}
        if not wanted:
            return
        with _opened(self.ranges, "r|*") as archive:
            for member in archive:
                file = wanted.pop((member.offset_data,), None)
                contents = archive.extractfile(member) if file is not None else None
                if file is not None and contents is not None:
                    data = contents.read()
                    if len(data) != file.size:
                        raise tarfile.ReadError("it has changed since it was listed")
                    yield file, data
                if not wanted:
                    return

    def describe(self) -> str:
        """Path or URL."""
        return self.ranges.where


@contextmanager
def _opened(ranges: Ranges, mode: str, read_ahead: int = _READ_AHEAD) -> Iterator[tarfile.TarFile]:
    """Open an archive and turn the errors of reading it into ours."""
    try:
        with (
            io.BufferedReader(RangeFile(ranges), read_ahead) as file,
            tarfile.open(fileobj=file, mode=mode) as archive,  # type: ignore[call-overload]  # a literal
        ):
            yield archive
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise UnreadableError(
            f"cannot be read to its end ({error})",
            expected="a whole tar archive",
            where=ranges.where,
            fix=_FIX,
        ) from error


def _scan(
    archive: tarfile.TarFile, where: str, progress: Progress, visit: Any = None
) -> tuple[list[tuple[str, SourceFile]], list[Refused]]:
    """Go through all members; `visit` is called with each while its contents are at hand."""
    members: list[tuple[str, SourceFile]] = []
    refused: list[Refused] = []
    with progress.stage(f"Listing {archive_stem(where)}", None, "files") as advance:
        for member in archive:
            if member.isfile():
                members.append((member.name, _file(member, where)))
                if visit is not None:
                    visit(archive, member)
                advance(1)
            elif not member.isdir():
                refused.append(Refused(member.name, "unsupported-archive", "a link, no file"))
            archive.members = []  # type: ignore[attr-defined]  # or it grows with the archive
    return members, refused


def _file(member: tarfile.TarInfo, where: str) -> SourceFile:
    return SourceFile(
        path="",
        size=member.size,
        stamp=f"{member.mtime:.0f}",
        origin=where,
        stored=member.size,
        place=(member.offset_data,),
    )
