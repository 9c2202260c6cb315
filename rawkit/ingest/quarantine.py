"""Files that could not be used, remembered beside the store: not decoded again while unchanged."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rawkit.catalog import LeftOut
from rawkit.errors import HeaderlessError, NotRawError, UnreadableError, UsageError
from rawkit.store import open_place, open_readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rawkit.catalog import Entry
    from rawkit.locations import Location

_PASSING = frozenset((UnreadableError.kind, "memory"))
"""Kinds of reason that may be gone the next time although the file is the same."""
_UNDESCRIBED = frozenset((HeaderlessError.kind, NotRawError.kind))
"""Kinds of reason that a description of what a file holds may do away with."""


@dataclass(frozen=True, slots=True)
class BadFile:
    """One file of the list."""

    name: str
    """The frame's name."""
    kind: str
    """Stable word for the kind of reason."""
    reason: str
    """One line for people."""
    size: int
    """Bytes of the raw file."""
    stamp: str
    """What its source said of its last change; empty where it says nothing."""

    def still(self, entry: Entry, *, described: bool = False) -> bool:
        """Tell whether the file is the one that could not be used, and would not be again.

        `described` says that now there is a description of files without a header.
        """
        passing = _PASSING | _UNDESCRIBED if described else _PASSING
        return self.kind not in passing and (self.size, self.stamp) == _identity(entry)

    def left_out(self) -> LeftOut:
        """Say that it was not tried again."""
        reason = f"{self.kind} before and unchanged since: {self.reason}"
        return LeftOut(self.name, "quarantined", reason)


@dataclass(frozen=True, slots=True)
class MaxBad:
    """How many files a run may find that cannot be used."""

    count: int | None
    """So many, or None."""
    percent: float | None
    """So many in a hundred of the frames wanted, or None."""

    @classmethod
    def parse(cls, text: str) -> MaxBad:
        """Read ``10`` or ``5%``.

        Raises
        ------
        UsageError
            If it is neither.
        """
        try:
            if text.endswith("%"):
                found = cls(None, float(text[:-1]))
                valid = 0 <= (found.percent or 0) <= 100  # noqa: PLR2004 - a percentage
            else:
                found = cls(int(text), None)
                valid = (found.count or 0) >= 0
        except ValueError:
            valid = False
        if not valid:
            raise UsageError(f"{text!r} files", expected="a number such as 10, or 5%")
        return found

    def allows(self, bad: int, frames: int) -> bool:
        """Tell whether so many bad files among so many frames are within it."""
        if self.count is not None:
            return bad <= self.count
        return self.percent is None or 100 * bad <= self.percent * frames

    def __str__(self) -> str:
        return f"{self.percent:g}%" if self.count is None else str(self.count)


def quarantine_path(store: Location) -> Location:
    """Return the list of a store: beside it, one file a line."""
    return store.with_name(store.stem + ".quarantine.jsonl")


def read_quarantine(store: Location) -> dict[str, BadFile]:
    """Read the list of a store, by name; empty where there is none. Lines of no use are dropped."""
    try:
        path = quarantine_path(store)
        lines = open_readable(path.parent).read(path.name).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = {}
    for line in lines:
        try:
            one = BadFile(**json.loads(line))
        except (ValueError, TypeError):
            continue
        found[one.name] = one
    return found


def update_quarantine(
    store: Location, tried: Iterable[Entry], bad: Mapping[str, LeftOut]
) -> None:  # fmt: skip
    """Bring the list up to date: frames that were tried are in it only if they were bad.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    before = read_quarantine(store)
    after = dict(before)
    for entry in tried:
        name = entry.frame.name
        after.pop(name, None)
        if name in bad:
            after[name] = BadFile(name, bad[name].kind, bad[name].reason, *_identity(entry))
    path = quarantine_path(store)
    place = open_place(path.parent)
    if after == before:
        return
    if not after:
        place.delete(path.name)
        return
    lines = [json.dumps(asdict(after[name]), ensure_ascii=False) + "\n" for name in sorted(after)]
    place.write(path.name, "".join(lines).encode())


def _identity(entry: Entry) -> tuple[int, str]:
    return entry.frame.size_bytes, entry.file.stamp if entry.file is not None else ""
