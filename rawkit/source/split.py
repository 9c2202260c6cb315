"""Archives that come in parts: which names are parts of one, and their bytes as one file."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from rawkit.errors import MissingError
from rawkit.source.http import HttpRanges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from rawkit.source.ranges import Ranges

_ENDINGS = (
    # Sony.zip.001, Sony.zip.aa, Sony.zip.part01
    re.compile(
        r"(?P<base>.+\.(?:zip|tar|tar\.gz|tgz))(?P<mark>[._-]?(?:part)?[._-]?)(?P<n>\d{1,4}|[a-z]{2})",
        re.IGNORECASE,
    ),
    # SonyPart01, SonyPartaa
    re.compile(
        r"(?P<base>[^.]+?)(?P<mark>[._ -]?part[._ -]?)(?P<n>\d{1,4}|[a-z]{2})", re.IGNORECASE
    ),
)
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_LETTERS = 26
_MOST_PARTS = 2000


class Part(NamedTuple):
    """What a name says of a part."""

    base: str
    """Name of the whole archive, with its folders."""
    mark: str
    """What lies between it and the number."""
    number: str
    """Number or letters, as written."""

    @property
    def place(self) -> int:
        """Place in the order of parts."""
        if self.number.isdigit():
            return int(self.number)
        first, second = (ord(letter) - ord("a") for letter in self.number.lower())
        return first * _LETTERS + second

    @property
    def group(self) -> tuple[str, str, bool]:
        """What all parts of one archive have in common."""
        return self.base, self.mark.lower(), self.number.isdigit()

    @property
    def is_first(self) -> bool:
        """Whether parts may begin with it."""
        return self.place == 0 or (self.number.isdigit() and self.place == 1)

    def at(self, place: int) -> str:
        """Name of the part at another place."""
        if self.number.isdigit():
            return f"{self.base}{self.mark}{place:0{len(self.number)}d}"
        letters = "".join(chr(ord("a") + one) for one in divmod(place, _LETTERS))
        upper = self.number.isupper()
        return f"{self.base}{self.mark}{letters.upper() if upper else letters}"


def part_of(location: str) -> Part | None:
    """Return what the name of a part says; None if it is that of none. Queries do not count."""
    if "://" in location:
        location = re.split(r"[?#]", location, maxsplit=1)[0]
    if location.lower().endswith(_ARCHIVES):
        return None
    folder, slash, name = location.rpartition("/")
    for ending in _ENDINGS:
        found = ending.fullmatch(name)
        if found:
            return Part(folder + slash + found["base"], found["mark"], found["n"])
    return None


def grouped(names: Iterable[str]) -> dict[str, list[str]]:
    """Group the names of parts by the first of them; names that are parts of nothing are dropped.

    One name alone is a part only if parts may begin with it.
    """
    groups: dict[tuple[str, str, bool], dict[int, str]] = {}
    for name in names:
        part = part_of(name)
        if part is not None:
            groups.setdefault(part.group, {})[part.place] = name
    found = {}
    for members in groups.values():
        ordered = [members[place] for place in sorted(members)]
        first = part_of(ordered[0])
        if len(ordered) > 1 or (first is not None and first.is_first):
            found[ordered[0]] = ordered
    return found


def check_complete(names: list[str]) -> None:
    """Check that no part is missing before another one that is there.

    Raises
    ------
    MissingError
        If one is; says which.
    """
    parts = [part for part in map(part_of, names) if part is not None]
    first = parts[0]
    if not first.is_first:
        before = _last(first.at(first.place - 1))
        raise MissingError(
            f"{before} is missing before {_ending(first)}",
            expected="all parts of the archive side by side",
            where=names[0],
            fix="Fetch the part that is missing.",
        )
    for one, other in pairwise(parts):
        if other.place != one.place + 1:
            raise MissingError(
                f"{_last(one.at(one.place + 1))} is missing between {_ending(one)} and "
                f"{_ending(other)}",
                expected="all parts of the archive side by side",
                where=names[0],
                fix="Fetch the part that is missing.",
            )


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _ending(part: Part) -> str:
    return f"{part.mark}{part.number}"


def local_parts(path: Path) -> list[Path]:
    """Return all parts beside a part, itself with them, in their order; checked."""
    part = part_of(path.name)
    beside = sorted(one.name for one in path.parent.iterdir() if one.is_file())
    names = next(
        (names for names in grouped(beside).values() if path.name in names),
        [path.name] if part is not None else [],
    )
    if names:
        check_complete(names)
    return [path.parent / name for name in names]


@dataclass(slots=True)
class _Sizes:
    """Where the parts of an archive begin, once they have been asked."""

    parts: tuple[Ranges, ...] = ()
    """The parts, where they had to be looked for."""
    ends: tuple[int, ...] = ()
    """Byte after the last of each part, within the whole."""


@dataclass(frozen=True, slots=True)
class JoinedRanges:
    """Parts of a file as one file."""

    parts: tuple[Ranges, ...]
    """The parts in their order; the first alone where the others are looked for."""
    find: Callable[[Ranges], tuple[Ranges, ...]] | None = field(default=None, compare=False)
    """Looks for the others, given the first."""
    _sizes: _Sizes = field(default_factory=_Sizes, compare=False, repr=False)

    @property
    def where(self) -> str:
        """Where the first part lies."""
        return self.parts[0].where

    def size(self) -> int:
        """Bytes of all parts; they are asked anew."""
        found = self.parts if self.find is None else self.find(self.parts[0])
        self._sizes.parts = found
        self._sizes.ends = tuple(accumulate(part.size() for part in found))
        return self._sizes.ends[-1]

    def read(self, offset: int, count: int) -> bytes:
        """Read a piece, over the borders of parts."""
        if not self._sizes.ends:
            self.size()
        ends, pieces = self._sizes.ends, []
        number = bisect_right(ends, offset)
        while count > 0 and number < len(ends):
            begins = ends[number - 1] if number else 0
            take = min(count, ends[number] - offset)
            pieces.append(self._sizes.parts[number].read(offset - begins, take))
            offset, count, number = offset + take, count - take, number + 1
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def web_parts(named: Ranges) -> tuple[Ranges, ...]:
    """Ask a web server for the parts beside a part, until there are no more.

    Raises
    ------
    MissingError
        If one is missing before another that is there.
    """
    if not isinstance(named, HttpRanges):
        return (named,)
    part, query = part_of(named.url), urlsplit(named.url).query
    if part is None:
        return (named,)

    def at(place: int) -> HttpRanges:
        return HttpRanges(part.at(place) + (f"?{query}" if query else ""), named.transfer)

    there: dict[int, Ranges] = {part.place: named}
    for step, begin in ((1, part.place + 1), (-1, part.place - 1)):
        place = begin
        while 0 <= place < _MOST_PARTS and _is_there(at(place)):
            there[place] = at(place)
            place += step
    # One missing part would end the search: look behind it.
    beyond = max(there) + 2
    if _is_there(at(beyond)):
        there[beyond] = at(beyond)
    found = [there[place] for place in sorted(there)]
    check_complete([one.where for one in found])
    return tuple(found)


def _is_there(ranges: HttpRanges) -> bool:
    try:
        ranges.size()
    except MissingError as error:
        if "HTTP 4" in error.found:
            return False
        raise
    return True


def joined(locations: list[str], open_one: Callable[[str], Ranges]) -> JoinedRanges:
    """Join parts that are all named."""
    check_complete(locations)
    return JoinedRanges(tuple(open_one(one) for one in locations))
