"""Pieces of one file, wherever it lies: on disk, on a web server, in an object store."""

from __future__ import annotations

import http.client
import io
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rawkit.errors import MissingError, UnreadableError, UsageError
from rawkit.source.transfer import TransferError

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import WriteableBuffer

    from rawkit.source.transfer import Transfer

_PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Status codes of web servers that may be gone with the next try."""
_PARTIAL, _NOT_SATISFIABLE = 206, 416
_MISSING = (404, 410)
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", re.IGNORECASE)


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
class HttpRanges:
    """A file on a web server, read by range requests."""

    url: str
    """Its address, http or https."""
    transfer: Transfer
    """Time-out and tries."""

    @property
    def where(self) -> str:
        """Its address."""
        return self.url

    def size(self) -> int:
        """Ask for one byte: the answer tells the size, and whether the server knows ranges."""
        return self.transfer.retried(lambda: self._get(0, 1), self.url)[1]

    def read(self, offset: int, count: int) -> bytes:
        """Fetch a piece."""
        if count == 0:
            return b""
        return self.transfer.retried(lambda: self._get(offset, count), self.url)[0]

    def _get(self, offset: int, count: int) -> tuple[bytes, int]:
        """Make one request; return the bytes and the size of the whole file."""
        headers = {
            "Range": f"bytes={offset}-{offset + count - 1}",
            "Accept-Encoding": "identity",
            "User-Agent": "rawkit",
        }
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310 - http(s) only
        try:
            with urllib.request.urlopen(request, timeout=self.transfer.timeout) as answer:  # noqa: S310 - likewise
                first, last, size = self._range_of(answer)
                if first != offset:
                    raise TransferError(f"bytes from {first} instead of {offset}")
                data = answer.read(min(count, last - first + 1))
        except urllib.error.HTTPError as error:
            with error:
                return b"", self._refusal(error)
        except urllib.error.URLError as error:
            raise TransferError(f"cannot be reached ({_words(error.reason)})") from error
        except (OSError, http.client.HTTPException) as error:
            raise TransferError(f"broke off ({_words(error)})") from error
        expected = min(count, size - offset)
        if len(data) != expected:
            raise TransferError(f"broke off after {len(data)} of {expected} bytes")
        return data, size

    def _range_of(self, answer: Any) -> tuple[int, int, int]:
        """First and last byte of an answer, and size of the whole file."""
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        if answer.status != _PARTIAL or found is None or found[1] is None:
            raise UsageError(
                "the web server does not support range requests",
                expected="one that does, so that only the files wanted travel",
                where=self.url,
                fix="Download the archive and name it: --source FILE.",
            )
        return int(found[1]), int(found[2]), int(found[3])

    def _refusal(self, error: urllib.error.HTTPError) -> int:
        """Raise what an answer other than success means; return the size of an empty file."""
        said = f"HTTP {error.code} {error.reason}".strip()
        if error.code in _PASSING:
            asked = error.headers.get("Retry-After", "")
            raise TransferError(f"answers {said}", float(asked) if asked.isdigit() else None)
        if error.code == _NOT_SATISFIABLE:
            found = _CONTENT_RANGE.fullmatch(error.headers.get("Content-Range", "").strip())
            if found is not None and int(found[3]) == 0:
                return 0
        fix = "Check the address." if error.code in _MISSING else "Is a login needed? Download it."
        raise MissingError(f"the web server answers {said}", where=self.url, fix=fix)


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


def _words(error: object) -> str:
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


def file_system(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path in it.

    Raises
    ------
    UsageError
        If fsspec does not know it, or a package is missing.
    """
    from fsspec.core import url_to_fs  # noqa: PLC0415 - only where a URL is used

    scheme = url.partition("://")[0]
    try:
        fs, path = url_to_fs(url)
    except ImportError as error:
        raise UsageError(
            f"{scheme}:// needs a package that is not installed ({error})",
            where=url,
            fix="pip install rawkit[s3]" if scheme in ("s3", "s3a") else "Install it with pip.",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{scheme}:// is unknown ({error})",
            expected="a folder, an archive, or a URL such as https:// or s3://",
            where=url,
        ) from error
    return fs, str(path)


def fsspec_call(transfer: Transfer, where: str, action: Any) -> Any:
    """Call a file system; try again unless it says that the file is not there or not ours."""

    def once() -> Any:
        try:
            return action()
        except FileNotFoundError as error:
            raise MissingError("not there", where=where, fix="Check the address.") from error
        except PermissionError as error:
            raise MissingError(
                f"access is refused ({_words(error)})", where=where, fix="Check the credentials."
            ) from error
        except Exception as error:
            raise TransferError(f"cannot be read ({_words(error)})") from error

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
