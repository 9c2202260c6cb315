"""Pieces of one file, wherever it lies: on disk, on a web server, in an object store."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rawkit.errors import MissingError, UnreadableError
from rawkit.locations import file_system
from rawkit.source.transfer import TransferError

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import WriteableBuffer

    from rawkit.source.transfer import Transfer


class Ranges(Protocol):
    """Reads any piece of one file; safe in threads and pickles."""

    @property
    def where(self) -> str:
        """Path or URL."""

    def size(self) -> int:
        """Bytes of the whole file; raises `MissingError` if it is not there."""

    def read(self, offset: int, count: int) -> bytes:
        """Bytes [offset, offset + count), fewer only at the end of the file."""


@dataclass(frozen=True, slots=True)
class LocalRanges:
    """A file on this machine."""

    path: Path
    """The file."""

    @property
    def where(self) -> str:
        """Its path."""
        return str(self.path)

    def size(self) -> int:
        """Bytes of the file."""
        try:
            return self.path.stat().st_size
        except OSError as error:
            raise MissingError(
                f"cannot be read ({error.strerror or error})", where=self.path
            ) from error

    def read(self, offset: int, count: int) -> bytes:
        """Read a piece."""
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(offset)
                return _read_all(file, count)
        except OSError as error:
            raise UnreadableError(
                f"cannot be read ({error.strerror or error})", where=self.path
            ) from error


def _read_all(file: io.FileIO, count: int) -> bytes:
    pieces = []
    while count and (piece := file.read(count)):
        pieces.append(piece)
        count -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of another file, as a file of its own: a member that an archive holds as it is."""

    ranges: Ranges
    """The whole."""
    start: int
    """Byte at which the piece begins."""
    length: int
    """Bytes of the piece."""
    name: str
    """What messages call it."""

    @property
    def where(self) -> str:
        """Its name."""
        return self.name

    def size(self) -> int:
        """Bytes of the piece."""
        return self.length

    def read(self, offset: int, count: int) -> bytes:
        """Read a piece of the piece."""
        return self.ranges.read(self.start + offset, max(0, min(count, self.length - offset)))


def words(error: object) -> str:
    """Return what an error says; the name of its kind where it says nothing."""
    return str(error) or type(error).__name__


@dataclass(frozen=True, slots=True)
class FsspecRanges:
    """A file on any file system that fsspec knows, such as ``s3://bucket/key``."""

    url: str
    """Its URL."""
    transfer: Transfer
    """Tries; the time-out is the file system's own."""

    @property
    def where(self) -> str:
        """Its URL."""
        return self.url

    def size(self) -> int:
        """Bytes of the file."""
        fs, path = file_system(self.url)
        return int(fsspec_call(self.transfer, self.url, lambda: fs.info(path))["size"] or 0)

    def read(self, offset: int, count: int) -> bytes:
        """Fetch a piece."""
        if count == 0:
            return b""
        fs, path = file_system(self.url)
        data: bytes = fsspec_call(
            self.transfer, self.url, lambda: fs.cat_file(path, start=offset, end=offset + count)
        )
        return data


def fsspec_call(transfer: Transfer, where: str, action: Any) -> Any:
    """Call a file system; try again unless it says that the file is not there or not ours."""

    def once() -> Any:
        try:
            return action()
        except FileNotFoundError as error:
            raise MissingError("not there", where=where, fix="Check the address.") from error
        except PermissionError as error:
            raise MissingError(
                f"access is refused ({words(error)})", where=where, fix="Check the credentials."
            ) from error
        except Exception as error:
            raise TransferError(f"cannot be read ({words(error)})") from error

    return transfer.retried(once, where)


class RangeFile(io.RawIOBase):
    """A seekable view of ranges; the last bytes are fetched once and kept.

    Parameters
    ----------
    ranges
        What to read.
    tail
        How many bytes at the end to keep, in which archives have their directory.
    """

    def __init__(self, ranges: Ranges, tail: int = 0) -> None:
        self._ranges = ranges
        self._size = ranges.size()
        self._tail_at = max(self._size - tail, 0)
        self._tail: bytes | None = None
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; raises ValueError before the beginning."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(f"byte {start + offset}")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer; 0 at the end."""
        view = memoryview(buffer).cast("B")
        data = self._read(min(len(view), self._size - self._at))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _read(self, count: int) -> bytes:
        if count <= 0:
            return b""
        if self._at < self._tail_at:
            return self._ranges.read(self._at, count)
        if self._tail is None:
            self._tail = self._ranges.read(self._tail_at, self._size - self._tail_at)
        start = self._at - self._tail_at
        return self._tail[start : start + count]


def tag_of(ranges: Ranges) -> str:
    """ETag or date of the file that ranges read, as its server has told it; empty if not known."""
    inner = getattr(ranges, "ranges", None)
    if inner is not None:
        return tag_of(inner)
    return str(getattr(ranges, "tag", ""))
