"""Published lists of checksums, as ``sha256sum`` and its like write them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import MissingError, UnreadableError
from rawkit.source import HTTP_WHOLE, answered, status_of

if TYPE_CHECKING:
    from rawkit.source import Transfer

_LINE = re.compile(r"\\?([0-9a-fA-F]+) [ *](.+)")
_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_LARGEST = 64 << 20


class Checksums:
    """Checksums by path; a file is found by the longest end of its path that a list names."""

    def __init__(self, text: str, where: str) -> None:
        self._sums: dict[str, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = _LINE.fullmatch(line.rstrip("\r"))
            if found is None or len(found[1]) not in _ALGORITHMS:
                raise UnreadableError(
                    f"line {number} is {line[:60]!r}",
                    expected="a checksum (MD5, SHA-1, SHA-256 or SHA-512), two spaces and a path",
                    where=where,
                    fix="Correct the list, or take it out of the definition.",
                )
            self._sums[found[2].removeprefix("./").lower()] = found[1].lower()

    def of(self, *paths: str) -> tuple[str, str] | None:
        """Return algorithm and checksum of a file that has these paths; None if not listed."""
        for path in paths:
            parts = path.lower().split("/")
            for start in range(len(parts)):
                listed = self._sums.get("/".join(parts[start:]))
                if listed is not None:
                    return _ALGORITHMS[len(listed)], listed
        return None


def read_checksums(where: str, transfer: Transfer) -> Checksums:
    """Read a list from a path or an address.

    Raises
    ------
    MissingError
        If it is not there.
    UnreadableError
        If it is no such list.
    """
    if where.lower().startswith(("http://", "https://")):
        return Checksums(transfer.retried(lambda: _fetched(where, transfer), where), where)
    path = Path(where).expanduser()
    try:
        return Checksums(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise MissingError(f"the list of checksums cannot be read ({error})", where=path) from error


def _fetched(url: str, transfer: Transfer) -> str:
    with answered(url, {}, transfer.timeout) as answer:
        if answer.status != HTTP_WHOLE:
            raise MissingError(
                f"the list of checksums is not there ({status_of(answer)})",
                where=url,
                fix="Check the definition.",
            )
        return answer.read(_LARGEST).decode("utf-8", "replace")
