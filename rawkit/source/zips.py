"""A zip archive, wherever it lies: only its directory and the members wanted are read."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rawkit.errors import UnreadableError
from rawkit.progress import SILENT
from rawkit.source.archive import SeekableArchive
from rawkit.source.inflate import Inflated
from rawkit.source.names import archive_stem, listing_of
from rawkit.source.ranges import LocalRanges, Piece, RangeFile
from rawkit.source.types import HEAD_BYTES, Listing, Refused, SourceFile

if TYPE_CHECKING:
    from rawkit.progress import Progress
    from rawkit.source.ranges import Ranges

_TAIL = (1 << 16) + 1024
"""Bytes at the end in which the end record lies: a comment takes up to 64 kB."""
_HEADER = struct.Struct("<4s22xHH")
"""Signature, and the lengths of name and extra field, of a local header."""
_SIGNATURE = b"PK\x03\x04"
_SPARE = 64
"""Bytes that the extra field before the data may exceed the directory's. The directory follows the
last member and is longer than this, so the request does not reach beyond the archive."""
_ENCRYPTED = 0x41
_SPREAD_FIX = "Join the volumes: zip -s 0 NAME.zip --out WHOLE.zip, then name WHOLE.zip."
_METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}


class _Place(NamedTuple):
    """Where a member lies."""

    offset: int
    """Byte at which its local header begins."""
    compressed: int
    """Bytes of its data."""
    crc: int
    """CRC-32 of its contents."""
    method: int
    """How it is compressed: 0 not at all, 8 deflate."""
    names: int
    """Bytes of its name and extra field in the directory."""


@dataclass(frozen=True, slots=True)
class ZipArchive(SeekableArchive):
    """A zip archive; members stored or deflated, of any size.

    The directory costs two or three reads, a member one read of its compressed bytes and about 100
    more. Contents are checked against length and CRC.
    """

    ranges: Ranges
    """The archive's bytes."""

    def files(self, progress: Progress = SILENT) -> Listing:  # noqa: ARG002 - it takes no time
        """Read the directory."""
        where = self.ranges.where
        try:
            with (
                io.BufferedReader(RangeFile(self.ranges, _TAIL)) as file,
                zipfile.ZipFile(file) as archive,
            ):
                infos = [info for info in archive.infolist() if not info.is_dir()]
                spread = any(info.volume for info in infos)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            raise UnreadableError(
                f"the directory at its end cannot be read ({error})",
                expected="a whole zip archive",
                where=where,
                fix=_SPREAD_FIX
                if "multiple disks" in str(error)
                else "It is cut off, damaged, or no zip archive; fetch it again. Of one in parts "
                "the last may be missing.",
            ) from error
        if spread:
            raise UnreadableError(
                "it is the last of several volumes (.z01, .z02, ..., .zip)",
                expected="an archive in one piece, or cut into pieces as they come",
                where=where,
                fix=_SPREAD_FIX,
            )
        members, refused = [], []
        for info in infos:
            why = _unsupported(info)
            if why is None:
                members.append((info.orig_filename, self._file(info)))
            else:
                refused.append(Refused(info.orig_filename, "unsupported-archive", why))
        return listing_of(members, refused, archive_stem(where))

    def _file(self, info: zipfile.ZipInfo) -> SourceFile:
        names = len(info.orig_filename.encode("utf-8")) + len(info.extra)
        place = _Place(info.header_offset, info.compress_size, info.CRC, info.compress_type, names)
        return SourceFile(
            path="",
            size=info.file_size,
            stamp=f"{info.CRC:08x}",
            origin=self.ranges.where,
            stored=info.compress_size,
            place=tuple(place),
            crc=f"{info.CRC:08x}",
        )

    def head(self, file: SourceFile, count: int = HEAD_BYTES) -> bytes:
        """Read the first bytes of a member, with its header at most `count`."""
        place = _Place(*file.place)
        want = _HEADER.size + place.names + _SPARE + place.compressed
        data = self._after_header(file, self.ranges.read(place.offset, min(count, want)), place)
        if place.method == zipfile.ZIP_STORED:
            return data
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, count)
        except zlib.error as error:
            raise _damaged(file, f"cannot be inflated ({error})") from error

    def read(self, file: SourceFile) -> bytes:
        """Read and check a whole member; one that comes damaged over a network is fetched again."""
        try:
            return self._read(file)
        except UnreadableError:
            if isinstance(self.ranges, LocalRanges):
                raise
            return self._read(file)

    def ranges_of(self, file: SourceFile) -> Piece | Inflated:
        """Pieces of a member; of one that is compressed, cheap from its beginning to its end."""
        place = _Place(*file.place)
        header = self.ranges.read(place.offset, _HEADER.size)
        start = place.offset + _data_offset(file, header, place)
        if place.method == zipfile.ZIP_STORED:
            return Piece(self.ranges, start, file.size, file.where)
        return Inflated(
            self.ranges, start, place.compressed, file.size, place.crc, file.where
        )  # fmt: skip

    def _read(self, file: SourceFile) -> bytes:
        place = _Place(*file.place)
        want = _HEADER.size + place.names + _SPARE + place.compressed
        data = self._after_header(file, self.ranges.read(place.offset, want), place)
        if len(data) < place.compressed:  # the extra field before the data is unusually long
            at = place.offset + want
            data += self.ranges.read(at, place.compressed - len(data))
        if len(data) < place.compressed:
            raise _damaged(file, f"ends after {len(data)} of {place.compressed} bytes")
        if place.method == zipfile.ZIP_DEFLATED:
            data = _inflate(file, data)
        if len(data) != file.size:
            raise _damaged(file, f"has {len(data)} bytes instead of {file.size}")
        if zlib.crc32(data) != place.crc:
            raise _damaged(file, f"has the CRC {zlib.crc32(data):08x} instead of {place.crc:08x}")
        return data

    @staticmethod
    def _after_header(file: SourceFile, data: bytes, place: _Place) -> bytes:
        start = _data_offset(file, data, place)
        return data[start : start + place.compressed]


def _data_offset(file: SourceFile, data: bytes, place: _Place) -> int:
    """Bytes of the local header with which `data` begins."""
    if len(data) < _HEADER.size or not data.startswith(_SIGNATURE):
        raise _damaged(file, f"does not begin at byte {place.offset}, as the directory says")
    _, name, extra = _HEADER.unpack_from(data)
    return _HEADER.size + int(name) + int(extra)


def _unsupported(info: zipfile.ZipInfo) -> str | None:
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted; unpack the archive with its password, then name the folder"
    if info.compress_type not in _METHODS:
        name = zipfile.compressor_names.get(info.compress_type, "an unknown method")  # type: ignore[attr-defined]
        return (
            f"it is compressed by {name} (method {info.compress_type}), expected stored or "
            f"deflated; unpack the archive, then name the folder"
        )
    return None


def _inflate(file: SourceFile, data: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        contents = inflater.decompress(data, file.size + 1)  # no more than it says: a zip bomb
    except zlib.error as error:
        raise _damaged(file, f"cannot be inflated ({error})") from error
    return contents


def _damaged(file: SourceFile, what: str) -> UnreadableError:
    return UnreadableError(
        f"the member {what}", where=file.where, fix="The archive is damaged; fetch it again."
    )
