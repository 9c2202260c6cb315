"""The note of frames whose shards have been deleted to make room; see `rawkit.store.evicted`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rawkit.errors import StoreFormatError
from rawkit.files import write_atomically
from rawkit.store.layout import FRAMES_TABLE, METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.locations import Location

EVICTED = "evicted.json"
"""Name of the note in a store's folder."""
_FORMAT, _VERSION = "rawkit-evicted", 1


class Evicted(NamedTuple):
    """A frame whose shards have been deleted."""

    size: int
    """Bytes that they took."""
    shards: tuple[str, ...]
    """Their paths within the store."""


def read_note(store: Location) -> dict[str, Evicted]:
    """Read the note of a store: frames by name; none where there is no note.

    Raises
    ------
    StoreFormatError
        If it cannot be read.
    """
    if not isinstance(store, Path):
        return {}  # nothing is evicted elsewhere
    path = store / EVICTED
    try:
        values = json.loads(path.read_bytes())
        if (values["format"], values["version"]) != (_FORMAT, _VERSION):
            raise ValueError("another format")  # noqa: TRY301 - as whatever else is wrong with it
        return {
            str(name): Evicted(int(size), tuple(map(str, shards)))
            for name, (size, *shards) in values["frames"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreFormatError(
            f"a note of evicted frames that cannot be read ({error})",
            expected="what `rawkit train --disk` has written",
            where=path,
            fix="Delete it, and run `rawkit verify --repair`, which makes all shards anew.",
        ) from error


def read_evicted(store: Location) -> dict[str, int]:
    """Return the frames whose shards have been deleted to make room: by name, the bytes they took.

    The note names more while a training goes on, and after its death: shards are looked for.

    Raises
    ------
    StoreFormatError
        If the note cannot be read.
    """
    noted = read_note(store)
    if not isinstance(store, Path):
        return {}
    return {
        name: one.size
        for name, one in noted.items()
        if not all((store / shard).is_file() for shard in one.shards)
    }


def write_note(folder: Path, frames: Mapping[str, Evicted]) -> None:
    """Write the note of a store; nothing evicted: no note.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    if not frames:
        (folder / EVICTED).unlink(missing_ok=True)
        return
    noted = {name: [one.size, *one.shards] for name, one in sorted(frames.items())}
    values = {"format": _FORMAT, "version": _VERSION, "frames": noted}
    write_atomically(folder / EVICTED, (json.dumps(values, indent=0) + "\n").encode())


def is_evicted(shard: object) -> bool:
    """Tell whether a shard that is missing has been deleted to make room.

    For errors: it looks for the store above the path, and at its note.
    """
    if not isinstance(shard, Path):
        return False
    for folder in shard.parents:
        if (folder / EVICTED).is_file():
            wanted = shard.relative_to(folder).as_posix()
            return any(wanted in one.shards for one in read_note(folder).values())
        if (folder / METADATA).is_file() and (folder / FRAMES_TABLE).is_file():
            return False
    return False
