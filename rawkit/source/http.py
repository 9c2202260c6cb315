"""A file on a web server, read by range requests."""

from __future__ import annotations

import http.client
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import gaierror
from typing import TYPE_CHECKING

from rawkit.errors import MissingError, UsageError
from rawkit.source.connections import CONNECTIONS
from rawkit.source.ranges import words
from rawkit.source.transfer import TransferError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rawkit.source.connections import Answer
    from rawkit.source.transfer import Transfer

_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "rawkit"}
_PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Status codes of web servers that may be gone with the next try."""
HTTP_WHOLE, HTTP_PARTIAL, HTTP_NOT_SATISFIABLE = 200, 206, 416
HTTP_MISSING = (404, 410)
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", re.IGNORECASE)


@contextmanager
def answered(url: str, headers: Mapping[str, str], timeout: float) -> Iterator[Answer]:
    """Make a GET request; the answer is of any status but those that may be gone with the next try.

    Raises
    ------
    TransferError
        If the server cannot be reached, breaks off, also while the answer is read, or has one of
        those.
    """
    try:
        with CONNECTIONS.get(url, {**_HEADERS, **headers}, timeout) as answer:
            if answer.status in _PASSING:
                asked = answer.headers.get("Retry-After", "")
                raise TransferError(
                    f"answers {status_of(answer)}", float(asked) if asked.isdigit() else None
                )
            yield answer
    except (ConnectionRefusedError, gaierror) as error:
        raise TransferError(f"cannot be reached ({words(error)})") from error
    except (OSError, http.client.HTTPException) as error:
        raise TransferError(f"broke off ({words(error)})") from error


def status_of(answer: Answer) -> str:
    """Return the status of an answer in words, such as ``HTTP 404 Not Found``."""
    return f"HTTP {answer.status} {answer.reason}".strip()


def range_of(answer: Answer) -> tuple[int, int, int] | None:
    """First and last byte of an answer and size of the whole file; None if it does not say so.

    Where there are no such bytes they are 0 and -1.
    """
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    if found is None:
        return None
    return int(found[1] or 0), int(found[2] or -1), int(found[3])


def short_of(got: int, expected: int) -> TransferError:
    """Return the error for an answer that ends too early."""
    return TransferError(f"broke off after {got} of {expected} bytes")


@dataclass(slots=True)
class _Version:
    """Which version of a file was seen first: the pieces of two do not fit together."""

    etag: str = ""
    """ETag, if the server gives one."""
    modified: str = ""
    """Date of the last change, likewise."""
    size: int | None = None
    """Bytes of the whole file."""

    @property
    def condition(self) -> str:
        """Value of an If-Range header; empty if the server gives nothing that may stand there."""
        return self.modified if not self.etag or self.etag.startswith("W/") else self.etag


@dataclass(frozen=True, slots=True)
class HttpRanges:
    """A file on a web server, read by range requests over connections that are kept.

    What the first answer says of its version holds for all others, also in other processes.
    """

    url: str
    """Its address, http or https."""
    transfer: Transfer
    """Time-out and tries."""
    version: _Version = field(default_factory=_Version, compare=False, repr=False)
    """What it was when it was first asked for."""

    @property
    def where(self) -> str:
        """Its address."""
        return self.url

    def size(self) -> int:
        """Ask for one byte: the answer tells the size, and whether the server knows ranges.

        What is there now counts from then on.
        """
        self.version.etag, self.version.modified, self.version.size = "", "", None
        return self.transfer.retried(lambda: self._get(0, 1), self.url)[1]

    def read(self, offset: int, count: int) -> bytes:
        """Fetch a piece.

        Raises
        ------
        MissingError
            If the server does not answer, refuses, or has another version of the file now.
        UsageError
            If it knows no ranges.
        """
        if count == 0:
            return b""
        return self.transfer.retried(lambda: self._get(offset, count), self.url)[0]

    def _get(self, offset: int, count: int) -> tuple[bytes, int]:
        """Make one request; return the bytes and the size of the whole file."""
        headers = {"Range": f"bytes={offset}-{offset + count - 1}"}
        if self.version.condition:
            headers["If-Range"] = self.version.condition
        with answered(self.url, headers, self.transfer.timeout) as answer:
            if answer.status not in (HTTP_WHOLE, HTTP_PARTIAL):
                return b"", self._refusal(answer)
            first, last, size = self._range_of(answer)
            if first != offset:
                raise TransferError(f"bytes from {first} instead of {offset}")
            data = answer.read(min(count, last - first + 1))
        expected = min(count, size - offset)
        if len(data) != expected:
            raise short_of(len(data), expected)
        return data, size

    def _range_of(self, answer: Answer) -> tuple[int, int, int]:
        """First and last byte of an answer, and size of the whole file."""
        found = range_of(answer)
        if answer.status == HTTP_WHOLE and self.version.size is not None:
            raise self._changed()
        if answer.status != HTTP_PARTIAL or found is None or found[1] < 0:
            raise UsageError(
                "the web server does not support range requests",
                expected="one that does, so that only the files wanted travel",
                where=self.url,
                fix="Download the archive and name it: --source FILE.",
            )
        self._check_version(answer, found[2])
        return found

    def _check_version(self, answer: Answer, size: int) -> None:
        """Remember the version of the first answer, and compare all others with it."""
        seen = self.version
        etag = answer.headers.get("ETag", "").strip()
        if seen.size is None:
            seen.etag, seen.size = etag, size
            seen.modified = answer.headers.get("Last-Modified", "").strip()
        elif size != seen.size or (etag and seen.etag and etag != seen.etag):
            raise self._changed()

    def _changed(self) -> MissingError:
        return MissingError(
            "it is another file now than when it was listed",
            expected="one that stays the same while it is read",
            where=self.url,
            fix="Run the same command again: it lists the archive anew and goes on.",
        )

    def _refusal(self, answer: Answer) -> int:
        """Raise what an answer other than success means; return the size of an empty file."""
        if answer.status == HTTP_NOT_SATISFIABLE:
            found = range_of(answer)
            if found is not None and found[2] == 0:
                return 0
            if self.version.size is not None:
                raise self._changed()
        fix = (
            "Check the address."
            if answer.status in HTTP_MISSING
            else "Is a login needed? Download it."
        )
        raise MissingError(f"the web server answers {status_of(answer)}", where=self.url, fix=fix)
