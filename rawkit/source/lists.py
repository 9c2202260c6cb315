"""Lists of files: a line for each, with its checksum, size and address.

Repositories of data give each file an address of its own, and no archive. A list says where they
are, and what they must be::

    # a line that begins so is for people
    base https://example.org/files/
    md5:80090898c84784262a9e59fd1a41f05d  49088000  28771  scene-1/dark.arw
    sha256:9f86d0…0f00a08                 1310720   https://example.org/b.dng  scene-1/long.dng

Columns are divided by spaces or tabs: algorithm and checksum, bytes, the address, whole or after
the last ``base``, and the path within the collection, which may hold spaces.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from rawkit.errors import MissingError, UnreadableError, UsageError
from rawkit.progress import SILENT
from rawkit.source.http import HTTP_WHOLE, HttpRanges, answered, short_of, status_of
from rawkit.source.names import hidden, plain, unsafe
from rawkit.source.ranges import FsspecRanges, LocalRanges
from rawkit.source.types import HEAD_BYTES, Listing, Refused, SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rawkit.progress import Progress
    from rawkit.source.ranges import Ranges
    from rawkit.source.transfer import Transfer

LIST_SUFFIX: Final = ".urls"
"""How the names of lists end."""
ALGORITHMS: Final = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
"""Algorithms of checksums, and their hexadecimal digits."""
_COLUMNS = "ALGORITHM:CHECKSUM BYTES ADDRESS PATH"
_SUM = re.compile(r"([a-z0-9]+):([0-9a-f]+)", re.IGNORECASE)
_NUMBER, _LARGEST, _SHOWN = 3, 64 << 20, 80
_WEB = ("http://", "https://")
_KIND = "list"


class _DamagedError(UnreadableError):
    """The contents of a file are not those of its checksum; told apart only in this module."""


@dataclass(slots=True)
class _WebFile:
    """A file of a web server, in pieces where the server gives them, and else whole.

    Many servers that hand out single files know no range requests. What has come whole is kept as
    long as this is.
    """

    ranges: HttpRanges
    """The file, in pieces."""
    listed: int
    """Bytes that the list says it has."""
    whole: bytes | None = None
    """Its contents, where the server gives no pieces; at most a byte more than listed."""

    @property
    def where(self) -> str:
        """Its address."""
        return self.ranges.where

    def size(self) -> int:
        """Bytes that the list says."""
        return self.listed

    def size_there(self, came: int) -> int:
        """Bytes that the server says it has; those that came where it does not say."""
        if self.whole is not None:
            return len(self.whole)
        said = self.ranges.version.size
        return came if said is None else said

    def read(self, offset: int, count: int) -> bytes:
        """Fetch a piece; the whole where the server gives no pieces."""
        if self.whole is None:
            try:
                return self.ranges.read(offset, count)
            except UsageError:
                self.whole = self._plain(self.listed + 1)
        return self.whole[offset : offset + count]

    def first(self, count: int) -> bytes:
        """Fetch the first bytes, and of a server that gives no pieces hardly more."""
        try:
            return self.ranges.read(0, count)
        except UsageError:
            return self._plain(count)

    def _plain(self, most: int) -> bytes:
        """Ask for the whole, and take so many bytes of it."""
        return self.ranges.transfer.retried(lambda: self._asked(most), self.where)

    def _asked(self, most: int) -> bytes:
        with answered(self.where, {}, self.ranges.transfer.timeout) as answer:
            if answer.status != HTTP_WHOLE:
                raise UnreadableError(
                    f"the web server answers {status_of(answer)}", where=self.where
                )
            data = answer.read(most)
            length = answer.headers.get("Content-Length", "")
        expected = min(most, int(length)) if length.isdecimal() else len(data)
        if len(data) < expected:
            raise short_of(len(data), expected)
        return data


@dataclass(frozen=True, slots=True)
class UrlList:
    """Files at addresses of their own, each with the checksum that a list says."""

    location: str
    """Path or URL of the list."""
    transfer: Transfer
    """How patient to be with servers."""

    def files(self, progress: Progress = SILENT) -> Listing:  # noqa: ARG002 - it takes no time
        """Read the list. Lines that say nothing of use are refused, one by one.

        Raises
        ------
        MissingError
            If the list is not there.
        UnreadableError
            If it is no text, or not one of its lines names a file.
        """
        files: dict[str, SourceFile] = {}
        refused: list[Refused] = []
        base = self.location if self.location.lower().startswith(_WEB) else ""
        for number, line in enumerate(self._text().splitlines(), 1):
            words = line.split(maxsplit=_NUMBER)
            if not words or words[0].startswith("#"):
                continue
            if words[0] == "base" and len(words) > 1:
                base = urljoin(base, words[1])
                continue
            found = _file_of(words, base)
            if isinstance(found, str):
                shown = words[-1].strip()[:_SHOWN] if len(words) > _NUMBER else f"line {number}"
                refused.append(Refused(shown, _KIND, f"line {number} of the list: {found}"))
            elif found.path in files:
                refused.append(
                    Refused(found.path, "same-name", f"line {number} of the list names it again")
                )
            elif not hidden(found.path):
                files[found.path] = found
        if not files:
            raise UnreadableError(
                f"no line of {len(refused)} names a file" if refused else "an empty list",
                expected=f"a file a line: {_COLUMNS}",
                where=self.location,
                fix=f"The first says: {refused[0].reason}." if refused else None,
            )
        return Listing(tuple(files[path] for path in sorted(files)), tuple(refused))

    def head(self, file: SourceFile, count: int = HEAD_BYTES) -> bytes:
        """Fetch the first bytes of a file, which no checksum is of."""
        ranges, count = self.ranges_of(file), min(count, file.size)
        return ranges.first(count) if isinstance(ranges, _WebFile) else ranges.read(0, count)

    def read(self, file: SourceFile) -> bytes:
        """Fetch a file and compare it with its checksum; what comes damaged is fetched again."""
        try:
            return self._read(file)
        except _DamagedError:
            return self._read(file)

    def _read(self, file: SourceFile) -> bytes:
        ranges = self.ranges_of(file)
        data = ranges.read(0, file.size)
        size = ranges.size_there(len(data)) if isinstance(ranges, _WebFile) else len(data)
        if size != file.size:
            raise UnreadableError(
                f"{size} bytes", expected=f"{file.size}, as the list says", where=file.where
            )
        check_sum(data, file)
        return data

    def local_path(self, file: SourceFile) -> None:  # noqa: ARG002 - the protocol's
        """No file lies on this machine."""
        return

    def ranges_of(self, file: SourceFile) -> Ranges:
        """Pieces of a file, which no checksum is of."""
        if file.origin.lower().startswith(_WEB):
            return _WebFile(HttpRanges(file.origin, self.transfer, alone=True), file.size)
        return FsspecRanges(file.origin, self.transfer)

    def sequential(self, file: SourceFile) -> bool:  # noqa: ARG002 - the protocol's
        """No."""
        return False

    def stream(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes]]:
        """Fetch files one after the other."""
        for file in files:
            yield file, self.read(file)

    def describe(self) -> str:
        """Path or URL of the list."""
        return self.location

    def _text(self) -> str:
        data = self._bytes()
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UnreadableError(
                "no text", expected=f"a list of files: {_COLUMNS}", where=self.location
            ) from error

    def _bytes(self) -> bytes:
        if self.location.lower().startswith(_WEB):
            return self.transfer.retried(self._fetched, self.location)
        ranges = (
            FsspecRanges(self.location, self.transfer)
            if "://" in self.location
            else LocalRanges(Path(self.location))
        )
        return ranges.read(0, min(ranges.size(), _LARGEST))

    def _fetched(self) -> bytes:
        with answered(self.location, {}, self.transfer.timeout) as answer:
            if answer.status != HTTP_WHOLE:
                raise MissingError(
                    f"the list is not there ({status_of(answer)})", where=self.location,
                    fix="Check the address.",
                )  # fmt: skip
            return answer.read(_LARGEST)


def check_sum(data: bytes, file: SourceFile) -> None:
    """Compare the contents of a file with the checksum that a list says of it.

    Raises
    ------
    UnreadableError
        If it is another.
    """
    algorithm, _, listed = file.checksum.partition(":")
    if not listed:
        return
    has = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
    if has != listed:
        raise _DamagedError(
            f"its {algorithm} is {has}",
            expected=f"{listed}, as the list says",
            where=file.where,
            fix="It came damaged, or is another file now: fetch it again, or correct the list.",
        )


def _file_of(words: list[str], base: str) -> SourceFile | str:
    """Read the columns of a line, or say what is wrong with it."""
    if len(words) <= _NUMBER:
        return f"{len(words)} columns; expected {_COLUMNS}"
    text, size, address, name = words
    found = _SUM.fullmatch(text)
    digits = ALGORITHMS.get(found[1].lower()) if found else None
    if found is None or digits is None:
        return f"{text[:_SHOWN]!r} is no checksum; expected md5:, sha1:, sha256: or sha512: and it"
    if len(found[2]) != digits:
        return f"a checksum of {len(found[2])} digits; expected the {digits} of {found[1].lower()}"
    if not size.isdecimal():
        return f"{size[:_SHOWN]!r} is no number of bytes"
    url = urljoin(base, address) if base else address
    if "://" not in url or url.lower().startswith("file:"):
        return f"{address[:_SHOWN]!r} is no address; expected https://..., or a base before it"
    why = unsafe(name.strip())
    if why is not None:
        return why
    checksum = f"{found[1].lower()}:{found[2].lower()}"
    return SourceFile(
        path=plain(name.strip()),
        size=int(size),
        stamp=checksum,
        origin=url,
        stored=int(size),
        checksum=checksum,
    )
