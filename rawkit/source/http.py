"""A file on a web server, read by range requests."""

from __future__ import annotations

import http.client
import re
import ssl
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from socket import gaierror
from typing import TYPE_CHECKING

from rawkit.errors import MissingError, UnreadableError, UsageError
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
_PAGES = ("text/html", "application/xhtml+xml")
_PAGE_SUFFIXES = (".html", ".htm")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", re.IGNORECASE)


@contextmanager
def answered(url: str, headers: Mapping[str, str], timeout: float) -> Iterator[Answer]:
    """Make a GET request; the answer is of any status but those that may be gone with the next try.

    Raises
    ------
    TransferError
        If the server cannot be reached, breaks off, also while the answer is read, or has one of
        those.
    MissingError
        If its certificate is not valid: no further try mends that.
    """
    try:
        with CONNECTIONS.get(url, {**_HEADERS, **headers}, timeout) as answer:
            if answer.status in _PASSING:
                asked = answer.headers.get("Retry-After", "")
                raise TransferError(f"answers {status_of(answer)}", _seconds_of(asked))
            yield answer
    except ssl.SSLCertVerificationError as error:
        raise MissingError(
            f"its certificate is not valid ({error.verify_message or words(error)})",
            expected="one that this machine trusts, for this server and this day",
            where=url,
            fix="Check this machine's clock and its list of certificates. If both are right the "
            "server is at fault: name another place, or download the file and name it.",
        ) from error
    except (ConnectionRefusedError, gaierror) as error:
        raise TransferError(f"cannot be reached ({words(error)})") from error
    except (OSError, http.client.HTTPException) as error:
        raise TransferError(f"broke off ({words(error)})") from error


def _seconds_of(asked: str) -> float | None:
    """Seconds that a Retry-After header asks to wait, which holds seconds or a date."""
    if asked.strip().isdigit():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


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
    alone: bool = False
    """Whether it is one file of many: what is wrong with it says nothing of the others."""

    @property
    def _error(self) -> type[MissingError | UnreadableError]:
        """What is raised where its server answers, and not with the file."""
        return UnreadableError if self.alone else MissingError

    @property
    def where(self) -> str:
        """Its address."""
        return self.url

    @property
    def tag(self) -> str:
        """ETag or date of the version that counts; empty before the first answer."""
        return self.version.etag or self.version.modified

    def size(self) -> int:
        """Ask for one byte: the answer tells the size, and whether the server knows ranges.

        What is there now counts from then on.
        """
        self.version.etag, self.version.modified, self.version.size = "", "", None
        return self.transfer.retried(lambda: self._get(0, 1, []), self.url)

    def read(self, offset: int, count: int) -> bytes:
        """Fetch a piece; where an answer breaks off, the rest of it.

        Raises
        ------
        MissingError
            If the server does not answer, refuses, or has another version of the file now.
        UsageError
            If it knows no ranges.
        """
        if count == 0:
            return b""
        got: list[bytes] = []
        self.transfer.retried(
            lambda: self._rest(offset, count, got),
            self.url,
            patient=self.version.size is not None,
            moved=lambda: sum(map(len, got)),
        )
        return got[0] if len(got) == 1 else b"".join(got)

    def _rest(self, offset: int, count: int, got: list[bytes]) -> None:
        """Fetch what is missing of a piece."""
        have = sum(map(len, got))
        if have and self.version.size is not None:
            count = min(count, self.version.size - offset)
        if have < count or not have:
            self._get(offset + have, count - have, got)

    def _get(self, offset: int, count: int, got: list[bytes]) -> int:
        """Make one request, add the bytes to `got`, and return the size of the whole file."""
        headers = {"Range": f"bytes={offset}-{offset + count - 1}"}
        if self.version.condition:
            headers["If-Range"] = self.version.condition
        with answered(self.url, headers, self.transfer.timeout) as answer:
            if answer.status not in (HTTP_WHOLE, HTTP_PARTIAL):
                return self._refusal(answer)
            first, last, size = self._range_of(answer)
            if first != offset:
                raise TransferError(f"bytes from {first} instead of {offset}")
            expected, came = min(count, size - offset), 0
            for piece in answer.pieces(min(count, last - first + 1)):
                got.append(piece)
                came += len(piece)
        if came != expected:
            raise short_of(came, expected)
        return size

    def _range_of(self, answer: Answer) -> tuple[int, int, int]:
        """First and last byte of an answer, and size of the whole file."""
        found = range_of(answer)
        self._check_kind(answer)
        if answer.status == HTTP_WHOLE and self.version.size is not None:
            if self.version.etag and answer.headers.get("ETag", "").strip() == self.version.etag:
                raise TransferError("sends the whole file where a piece was asked for")
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

    def _check_kind(self, answer: Answer) -> None:
        """Refuse web pages, which servers send where a login is missing, and packed bytes."""
        if answer.headers.get_content_type() in _PAGES and not self.url.endswith(_PAGE_SUFFIXES):
            led = f", after it led to {answer.url}" if answer.url != self.url else ""
            raise self._error(
                f"the web server answers with a web page{led}",
                expected="the bytes of the file",
                where=self.url,
                fix="Is a login or a confirmation needed, as drives ask for? Download the file in "
                "a browser and name it: --source FILE.",
            )
        packed = answer.headers.get("Content-Encoding", "identity").strip().lower()
        if packed not in ("", "identity"):
            raise self._error(
                f"the web server packs its answers ({packed})",
                expected="the bytes as they are, as was asked for",
                where=self.url,
                fix="Download the archive and name it: --source FILE.",
            )

    def _check_version(self, answer: Answer, size: int) -> None:
        """Remember the version of the first answer, and compare all others with it."""
        seen = self.version
        etag = answer.headers.get("ETag", "").strip()
        if seen.size is None:
            seen.etag, seen.size = etag, size
            seen.modified = answer.headers.get("Last-Modified", "").strip()
            return
        date = answer.headers.get("Last-Modified", "").strip()
        by_date = not etag and not seen.etag and date and seen.modified and date != seen.modified
        if size != seen.size or (etag and seen.etag and etag != seen.etag) or by_date:
            raise self._changed()

    def _changed(self) -> MissingError | UnreadableError:
        return self._error(
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
        if self.version.size is not None:
            raise self._error(
                f"the web server answers {status_of(answer)}, and gave the file before",
                where=self.url,
                fix="The link has expired, or the file was taken away or locked. Get a fresh "
                "address, or name another place; the same command goes on where this one ends.",
            )
        fix = (
            "Check the address."
            if answer.status in HTTP_MISSING
            else "Is a login needed? Download it."
        )
        raise self._error(f"the web server answers {status_of(answer)}", where=self.url, fix=fix)
