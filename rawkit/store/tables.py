"""The table of frames with its parts, opened as one."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawkit.errors import StoreFormatError
from rawkit.store.frames import FrameTable
from rawkit.store.layout import FRAMES_TABLE, part_name
from rawkit.store.parquet import OpenTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.store.places.place import ReadablePlace


@dataclass(frozen=True, slots=True)
class Tables:
    """The table of frames and its parts, opened."""

    table: FrameTable
    """All rows."""
    joined: int
    """Rows of ``frames.parquet``; 0 where it does not exist yet."""
    about: dict[str, Any]
    """What the newest of them says of the store."""
    joined_about: dict[str, Any]
    """What ``frames.parquet`` says; empty where it does not exist yet."""


def read_tables(
    place: ReadablePlace, parts: Sequence[Sequence[int]], *, check: bool = False
) -> Tables:
    """Open the table of frames with the parts that the root names; `check` compares all digests.

    Raises
    ------
    FileNotFoundError
        If a file is missing: a writer may have joined the parts meanwhile.
    StoreFormatError, StoreDamagedError
        As `OpenTable`.
    """
    opened: list[tuple[OpenTable, int]] = []
    if not parts or int(parts[0][0]):
        table = OpenTable(place.file(FRAMES_TABLE))
        opened.append((table, table.rows))
    count = joined = sum(rows for _, rows in opened)
    for first, rows in parts:
        if first + rows <= count:
            continue  # the table has them already
        table = OpenTable(place.file(part_name(int(first))))
        if first != count or table.rows < rows:
            raise FileNotFoundError(errno.ENOENT, "a part of the table is gone", str(table.path))
        opened.append((table, int(rows)))
        count += int(rows)
    if check:
        for table, _ in opened:
            table.check()
    versions = {table.version for table, _ in opened}
    if len(versions) > 1:
        raise StoreFormatError("parts of a table of several versions", where=place.location)
    pieces = [table.piece(rows) for table, rows in opened]
    newest, oldest = opened[-1][0].about, opened[0][0].about if joined else {}
    return Tables(FrameTable(pieces, versions.pop()), joined, newest, oldest)
