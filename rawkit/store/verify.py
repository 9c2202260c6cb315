"""Check that a store still holds, byte for byte, what was written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import StoreDamagedError
from rawkit.progress import SILENT
from rawkit.store.evicted_note import read_evicted
from rawkit.store.layout import FRAMES_TABLE, part_name
from rawkit.store.parquet import OpenTable, written_by_another_version
from rawkit.store.places.place import open_place
from rawkit.store.profiles import damaged_profiles, profile_keys
from rawkit.store.read import Store
from rawkit.store.shard import index_bytes, parse_index, verify_chunk

if TYPE_CHECKING:
    from rawkit.locations import Location
    from rawkit.progress import Progress
    from rawkit.store.layout import ArrayLayout, ArrayName
    from rawkit.store.places.place import ReadablePlace, StoreFile
    from rawkit.store.rows import FrameRow


@dataclass(frozen=True, slots=True)
class Damage:
    """One file of a store that is not what was written."""

    path: StoreFile
    """The file."""
    key: str
    """Its path within the store."""
    reason: str
    """What is wrong with it."""
    frame: FrameRow | None
    """The frame whose pixels or target it holds; None for metadata, which follows from the
    table."""


@dataclass(frozen=True, slots=True)
class _Shard:
    place: ReadablePlace
    key: str
    layout: ArrayLayout
    row: FrameRow


def verify_store(
    location: Location, *, threads: int | None = None, progress: Progress = SILENT
) -> tuple[list[Damage], int]:
    """Check every byte of a store; returns the damage, by path, and the number of files checked.

    So many threads read; by default two, and as many as pay where each waits for a server.

    Shards that were deleted to make room are no damage; `rawkit.store.read_evicted` names their
    frames.

    Raises
    ------
    MissingError, StoreFormatError, StoreDamagedError
        If the table or the root, from which everything else follows, cannot be used.
    StoreUnreachableError
        If its server does not answer, or refuses: that says nothing of the store.
    """
    store = Store(location)
    for name in [
        *([FRAMES_TABLE] if store.joined else []),
        *(part_name(n) for n, _ in store.parts),
    ]:
        OpenTable(store.place.file(name)).check()
    threads = threads or max(2, store.place.transfers)
    damage = [
        Damage(store.place.file(key), key, reason, None)
        for key, reason in damaged_profiles(store.place, store.attributes)
    ]
    profiles = len(profile_keys(store.attributes))
    evicted = read_evicted(store.path)
    shards = [
        _Shard(store.place, key, layout, row)
        for key, layout, row in store.shards()
        if row.name not in evicted or store.place.exists(key)
    ]
    with (
        progress.stage("Verifying", len(shards), "shards") as advance,
        ThreadPoolExecutor(threads) as pool,
    ):
        derived = list(store.derived())
        for found in pool.map(lambda one: _metadata_damage(store.place, *one), derived):
            damage += found
        for found in pool.map(_shard_damage, shards):
            damage += found
            advance(1)
    return sorted(damage, key=lambda one: one.key), len(shards) + len(derived) + profiles


def mend_metadata(location: Location, damage: list[Damage]) -> list[Damage]:
    """Write damaged metadata anew from the table; returns the damage that is left."""
    store, place = Store(location), open_place(location)
    wanted = dict(store.derived())
    place.write_stages([{one.key: wanted[one.key] for one in damage if one.key in wanted}])
    return [one for one in damage if one.key not in wanted]


def _metadata_damage(place: ReadablePlace, key: str, data: bytes) -> list[Damage]:
    try:
        found = place.read(key)
    except OSError as error:
        return [Damage(place.file(key), key, _unread(error), None)]
    if key == FRAMES_TABLE and written_by_another_version(found):
        return []  # other bytes for the same rows, which their own digest vouches for
    if found != data:
        return [Damage(place.file(key), key, "is not what the table of frames says", None)]
    return []


def _shard_damage(shard: _Shard) -> list[Damage]:
    file = shard.place.file(shard.key)
    try:
        check_shard(memoryview(shard.place.read(shard.key)), shard.layout, file)
    except OSError as error:
        return [Damage(file, shard.key, _unread(error), shard.row)]
    except StoreDamagedError as error:
        return [Damage(file, shard.key, error.reason, shard.row)]
    return []


def _unread(error: OSError) -> str:
    return f"cannot be read ({error.strerror or error})"


def check_shard(data: memoryview, layout: ArrayLayout, path: object) -> None:
    """Check that index and chunks are whole and that nothing else is in the file.

    Raises
    ------
    StoreDamagedError
        If not.
    """
    tail = index_bytes(layout)
    index = parse_index(bytes(data[-tail:]), layout, path).astype(np.int64)
    starts = np.concatenate(([0], np.cumsum(index[:, 1])))
    if not np.array_equal(index[:, 0], starts[:-1]) or starts[-1] + tail != len(data):
        raise StoreDamagedError("a shard with bytes that its index does not know", where=path)
    for offset, length in index.tolist():
        verify_chunk(data[offset : offset + length], path)


def array_of(key: str) -> ArrayName:
    """Tell from a shard's path within its store whether it is of ``packed`` or ``target``."""
    return "packed" if key.split("/")[-6] == "packed" else "target"
