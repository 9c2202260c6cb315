"""Frames whose shards have been deleted to make room: their rows stay, and they can be made anew.

A note beside the table names them. It is written before the first shard of a frame is deleted, and
again after its last shard is back: whatever dies in between, `settle_evicted` finds out by looking.
"""

from __future__ import annotations

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
    for row in rows:
        for key in shard_keys(store, row):
            (folder / key).unlink(missing_ok=True)


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
    gone = {}
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
    """Bytes of the shards of a stored frame that is not evicted."""
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
