"""Zip archives written whole or not at all: uncompressed, the same bytes for the same input."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rawkit.errors import OutputError
from rawkit.files import output_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time a zip can tell; members have no other."""
_UNIX, _MODE = 3, 0o100644 << 16
_HEADER = struct.Struct("<4s5HIIIHH")
"""What precedes a member: signature, five we pass over, CRC, both sizes, lengths of two texts."""
_LONG = 0xFFFFFFFF
"""Stands for a size that takes more than 32 bits."""
_PIECE = 1 << 22
_SIGNATURE, _UTF8 = b"PK\3\4", 0x800


Intact = Callable[[str, bytes], bool]
"""Tells whether bytes are those of the member of that name."""


class ZipWriter:
    """Adds members to an archive. Made by `new_zip`."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive, self._path = archive, path

    def has(self, name: str) -> bool:
        """Tell whether an interrupted run has added a member."""
        return name in self._archive.NameToInfo

    def add(self, name: str, data: bytes) -> None:
        """Add a member."""
        info = _info(name)
        with output_errors(self._path):
            self._archive.writestr(info, data, zipfile.ZIP_STORED)

    def add_pieces(self, name: str, size: int, pieces: Iterable[bytes]) -> None:
        """Add a member of a known size, piece by piece."""
        info = _info(name)
        info.file_size = size  # decides before the first piece whether it needs long sizes
        with output_errors(self._path), self._archive.open(info, "w") as member:
            for piece in pieces:
                member.write(piece)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system, info.external_attr = _UNIX, _MODE
    return info


@contextmanager
def new_zip(
    path: Path,
    names: Sequence[str],
    intact: Intact,
    verify: Callable[[zipfile.ZipFile], None],
) -> Iterator[ZipWriter]:
    """Open an archive for writing beside its place; it takes its place when all went well.

    It is to get the members `names`, in this order. Those that a killed run has written, and that
    are `intact`, are kept. `verify` is given the finished archive, opened for reading.

    Raises
    ------
    OutputError
        If it cannot be written, or does not read back; nothing of it is left.
    """
    part = path.with_name(path.name + ".part")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        kept, end = _members_of(part, names, intact)
        os.truncate(part, end)
        # What is no archive yet is appended to.
        archive = zipfile.ZipFile(part, "a", zipfile.ZIP_STORED, allowZip64=True)
    for info in kept:
        archive.filelist.append(info)
        archive.NameToInfo[info.filename] = info
    try:
        with output_errors(path), archive:
            yield ZipWriter(archive, path)
        with zipfile.ZipFile(part) as written:
            verify(written)
        with output_errors(path):
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
    except Exception:
        with suppress(OSError):
            part.unlink()
        raise


def _members_of(
    part: Path, names: Sequence[str], intact: Intact
) -> tuple[list[zipfile.ZipInfo], int]:
    """Read the members that an archive without directory begins with, and where they end."""
    kept: list[zipfile.ZipInfo] = []
    end = 0
    with part.open("rb") as file:
        for name in names:
            info = _info(name)
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                break
            signature, *_, crc, stored, size, length, extra = _HEADER.unpack(header)
            if size == _LONG:
                break  # its sizes stand elsewhere; it is written again
            if signature != _SIGNATURE or stored != size or file.read(length) != name.encode():
                break
            file.seek(extra, os.SEEK_CUR)
            data = file.read(size)
            if len(data) != size or zlib.crc32(data) != crc or not intact(name, data):
                break
            info.header_offset, info.CRC, info.file_size, info.compress_size = end, crc, size, size
            info.compress_type = zipfile.ZIP_STORED
            info.flag_bits = 0 if name.isascii() else _UTF8
            kept.append(info)
            end = file.tell()
    return kept, end


def read_member(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """Read a member of a known size, its checksum checked.

    Raises
    ------
    OutputError
        If it is not there, of another size, or damaged.
    """
    with _reading(archive, name):
        data = archive.read(name)
    _check_size(archive, name, len(data), size)
    return data


def check_member(archive: zipfile.ZipFile, name: str, size: int) -> None:
    """Read a member of a known size piece by piece; raises as `read_member` does."""
    with _reading(archive, name), archive.open(name) as member:
        found = sum(map(len, iter(lambda: member.read(_PIECE), b"")))
    _check_size(archive, name, found, size)


@contextmanager
def _reading(archive: zipfile.ZipFile, name: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise _not_read_back(archive, f"{name} cannot be read ({error})") from error


def _check_size(archive: zipfile.ZipFile, name: str, found: int, size: int) -> None:
    if found != size:
        raise _not_read_back(archive, f"{name} has {found} bytes", f"{size}")


def check_names(archive: zipfile.ZipFile, names: Sequence[str]) -> None:
    """Check that an archive has these members and no others.

    Raises
    ------
    OutputError
        If not.
    """
    found = archive.namelist()
    if sorted(found) != sorted(names):
        raise _not_read_back(archive, f"{len(found)} members", f"{len(names)}, by their names")


def _not_read_back(
    archive: zipfile.ZipFile, found: str, expected: str | None = None
) -> OutputError:
    return OutputError(
        found, expected=expected, where=archive.filename,
        fix="Choose another place, or remove what is there.",
    )  # fmt: skip
