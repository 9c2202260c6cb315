"""Frames whose shards have been deleted to make room: their rows stay, and they can be made anew.

A note beside the table names them. It is written before the first shard of a frame is deleted, and
again once shards are back: whatever dies in between, `settle_evicted` finds out by looking. So it
may name frames that are there: whoever evicts again and again notes many at once, and takes none
off before the end.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import StoreFormatError
from rawkit.store.coordinates import NO_TARGET
from rawkit.store.evicted_note import Evicted, read_note, write_note

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawkit.store.read import Store
    from rawkit.store.rows import FrameRow


def evict_frames(store: Store, rows: Iterable[FrameRow]) -> None:
    """Delete the shards of frames, after they have been noted.

    Raises
    ------
    OutputError
        If the note cannot be written; then nothing is deleted.
    """
    folder, rows = _folder(store), list(rows)
    noted = read_note(folder)
    new = {
        row.name: Evicted(frame_bytes(store, row), shard_keys(store, row))
        for row in rows if row.name not in noted
    }  # fmt: skip
    write_note(folder, noted | new)
    _delete(store, rows)


def _delete(store: Store, rows: Iterable[FrameRow]) -> None:
    folder = _folder(store)
    for row in rows:
        for key in shard_keys(store, row):
            (folder / key).unlink(missing_ok=True)


class Evictions:
    """Deletes shards of a store again and again, with few writes of its note.

    The note names all that may be gone, with some thousands more than have been asked for, and is
    made exact by `settle`. For one user of a store at a time.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted = read_note(_folder(store))

    def evict(self, rows: Iterable[FrameRow]) -> None:
        """Delete the shards of frames, after they have been noted.

        Raises
        ------
        OutputError
            If the note cannot be written; then nothing is deleted.
        """
        store, rows = self._store, list(rows)
        if any(row.name not in self._noted for row in rows):
            others = (
                row for row in store.rows
                if row.duplicate_of is None and row.name not in self._noted
            )  # fmt: skip
            more = {
                row.name: Evicted(frame_bytes(store, row), shard_keys(store, row))
                for row in (*rows, *islice(others, _NOTED_AT_ONCE))
                if row.name not in self._noted
            }
            write_note(_folder(store), self._noted | more)
            self._noted |= more
        _delete(store, rows)

    def settle(self) -> None:
        """Have the note name those that are gone, and no others.

        Raises
        ------
        OutputError
            If it cannot be written; it then names frames that are there, which harms nothing.
        """
        settle_evicted(self._store)
        self._noted = read_note(_folder(self._store))


_NOTED_AT_ONCE = 4096
"""Frames that are noted before anybody asks, so that the note is seldom written."""


def note_returned(store: Store, rows: Iterable[FrameRow]) -> None:
    """Take frames off the note whose shards are all back.

    Raises
    ------
    OutputError
        If the note cannot be written; it then names frames that are there, which harms nothing.
    """
    folder = _folder(store)
    noted, back = read_note(folder), {row.name for row in rows}
    write_note(folder, {name: one for name, one in noted.items() if name not in back})


def settle_evicted(store: Store) -> dict[str, int]:
    """Make the note and the shards agree after a death; returns what `read_evicted` does then.

    Shards come by renaming: a frame is back if all of them are there. What is left of a frame that
    lacks one is deleted.

    Raises
    ------
    OutputError
        If the note cannot be written.
    """
    folder = _folder(store)
    noted = read_note(folder)
    if not noted:
        return {}
    gone: dict[str, Evicted] = {}
    for row in store.rows:
        if row.name in noted and row.duplicate_of is None:
            paths = [folder / key for key in shard_keys(store, row)]
            if not all(path.is_file() for path in paths):
                gone[row.name] = noted[row.name]
                for path in paths:
                    path.unlink(missing_ok=True)
    if gone != noted:
        write_note(folder, gone)
    return {name: one.size for name, one in gone.items()}


def frame_bytes(store: Store, row: FrameRow) -> int:
    """Bytes of the shards of a stored frame; it must be there in stores that do not note them."""
    if row.packed_bytes is not None:
        return row.packed_bytes + (row.target_bytes or 0)
    return sum(store.size(key) for key in shard_keys(store, row))


def shard_keys(store: Store, row: FrameRow) -> tuple[str, ...]:
    """Paths, within the store, of the shards of a stored frame: its planes, and its target."""
    layouts = store.about.layouts
    keys = [f"{row.group}/{layouts[row.group, 'packed'].key(row.index)}"]
    if row.target_index != NO_TARGET:
        keys.append(f"{row.group}/{layouts[row.group, 'target'].key(row.target_index)}")
    return tuple(keys)


def _folder(store: Store) -> Path:
    if not isinstance(store.path, Path):
        raise StoreFormatError(
            "a store elsewhere", expected="a store on this machine to make room in",
            where=store.path,
        )  # fmt: skip
    return store.path
