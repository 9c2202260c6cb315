"""Frames whose shards have been deleted to make room: their rows stay, and they can be made anew.

A note beside the table names them. It is written before the first shard of a frame is deleted, and
again after its last shard is back: whatever dies in between, `settle_evicted` finds out by looking.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import StoreFormatError
from rawkit.files import write_atomically
from rawkit.store.coordinates import NO_TARGET
from rawkit.store.layout import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rawkit.locations import Location
    from rawkit.store.read import Store
    from rawkit.store.rows import FrameRow

EVICTED = "evicted.json"
"""Name of the note in a store's folder."""
_FORMAT, _VERSION = "rawkit-evicted", 1


def read_evicted(store: Location) -> dict[str, int]:
    """Return the frames whose shards have been deleted to make room: by name, the bytes they took.

    Raises
    ------
    StoreFormatError
        If the note cannot be read.
    """
    if not isinstance(store, Path):
        return {}  # nothing is evicted elsewhere
    path = store / EVICTED
    try:
        values = json.loads(path.read_bytes())
        if (values["format"], values["version"]) != (_FORMAT, _VERSION):
            raise ValueError("another format")  # noqa: TRY301 - as whatever else is wrong with it
        return {str(name): int(size) for name, size in values["frames"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreFormatError(
            f"a note of evicted frames that cannot be read ({error})",
            expected="what `rawkit train --disk` has written",
            where=path,
            fix="Delete it, and run `rawkit verify --repair`, which makes all shards anew.",
        ) from error


def evict_frames(store: Store, rows: Iterable[FrameRow]) -> None:
    """Delete the shards of frames, after they have been noted.

    Raises
    ------
    OutputError
        If the note cannot be written; then nothing is deleted.
    """
    folder, rows = _folder(store), list(rows)
    noted = read_evicted(folder)
    sizes = {row.name: frame_bytes(store, row) for row in rows if row.name not in noted}
    _write(folder, noted | sizes)
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
    noted, back = read_evicted(folder), {row.name for row in rows}
    _write(folder, {name: size for name, size in noted.items() if name not in back})


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
    noted = read_evicted(folder)
    if not noted:
        return noted
    gone = {}
    for row in store.rows:
        if row.name in noted and row.duplicate_of is None:
            paths = [folder / key for key in shard_keys(store, row)]
            if not all(path.is_file() for path in paths):
                gone[row.name] = noted[row.name]
                for path in paths:
                    path.unlink(missing_ok=True)
    if gone != noted:
        _write(folder, gone)
    return gone


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


def is_evicted(shard: object) -> bool:
    """Tell whether a shard that is missing has been deleted to make room.

    For errors: it looks for the store above the path, and at its table.
    """
    if not isinstance(shard, Path):
        return False
    for folder in shard.parents:
        if (folder / EVICTED).is_file():
            return _names_shard(folder, shard)
        if (folder / METADATA).is_file() and (folder / "frames.parquet").is_file():
            return False
    return False


def _names_shard(folder: Path, shard: Path) -> bool:
    from rawkit.store.read import Store  # noqa: PLC0415 - it raises errors that ask here

    names, store = read_evicted(folder), Store(folder)
    wanted = shard.relative_to(folder).as_posix()
    return any(
        wanted in shard_keys(store, row)
        for row in store.rows
        if row.name in names and row.duplicate_of is None
    )


def _folder(store: Store) -> Path:
    if not isinstance(store.path, Path):
        raise StoreFormatError(
            "a store elsewhere", expected="a store on this machine to make room in",
            where=store.path,
        )  # fmt: skip
    return store.path


def _write(folder: Path, frames: Mapping[str, int]) -> None:
    """Write the note; nothing evicted: no note."""
    if not frames:
        (folder / EVICTED).unlink(missing_ok=True)
        return
    values = {"format": _FORMAT, "version": _VERSION, "frames": dict(sorted(frames.items()))}
    write_atomically(folder / EVICTED, (json.dumps(values, indent=0) + "\n").encode())
