"""Check that a store still holds, byte for byte, what was written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import StoreDamagedError
from rawkit.progress import SILENT
from rawkit.store.coordinates import NO_TARGET
from rawkit.store.files import write_atomically
from rawkit.store.layout import FRAMES_TABLE
from rawkit.store.manifest import derived_files, root_file
from rawkit.store.read import Store
from rawkit.store.rows import encode_rows, written_by_another_version
from rawkit.store.shard import index_bytes, parse_index, verify_chunk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rawkit.progress import Progress
    from rawkit.store.layout import ArrayLayout, ArrayName
    from rawkit.store.read import Group
    from rawkit.store.rows import FrameRow


@dataclass(frozen=True, slots=True)
class Damage:
    """One file of a store that is not what was written."""

    path: Path
    """The file."""
    reason: str
    """What is wrong with it."""
    frame: FrameRow | None
    """The frame whose pixels or target it holds; None for metadata, which follows from the
    table."""


@dataclass(frozen=True, slots=True)
class _Shard:
    path: Path
    layout: ArrayLayout
    row: FrameRow


def verify_store(
    path: Path, *, threads: int = 2, progress: Progress = SILENT
) -> tuple[list[Damage], int]:
    """Check every byte of a store; returns the damage, by path, and the number of files checked.

    Raises
    ------
    MissingError, StoreFormatError, StoreDamagedError
        If the table or the root, from which everything else follows, cannot be used.
    """
    store = Store(path)
    damage = list(_metadata_damage(store))
    shards = [shard for group in store.groups.values() for shard in _shards(store, group)]
    with (
        progress.stage("Verifying", len(shards), "shards") as advance,
        ThreadPoolExecutor(threads) as pool,
    ):
        for found in pool.map(_shard_damage, shards):
            if found is not None:
                damage.append(found)
            advance(1)
    derived = sum(1 for _ in _derived(store))
    return sorted(damage, key=lambda one: str(one.path)), len(shards) + derived


def mend_metadata(path: Path, damage: list[Damage]) -> list[Damage]:
    """Write damaged metadata anew from the table; returns the damage that is left."""
    store = Store(path)
    wanted = {path / name: data for name, data in _derived(store)}
    left = []
    for one in damage:
        if one.path in wanted:
            write_atomically(one.path, wanted[one.path])
        else:
            left.append(one)
    return left


def _derived(store: Store) -> Iterator[tuple[str, bytes]]:
    yield from derived_files(store.about, store.rows)
    yield FRAMES_TABLE, encode_rows(store.rows, store.about.as_dict())
    yield root_file(store.about)


def _metadata_damage(store: Store) -> Iterator[Damage]:
    for name, data in _derived(store):
        path = store.path / name
        try:
            found = path.read_bytes()
        except OSError as error:
            yield Damage(path, f"cannot be read ({error.strerror or error})", None)
            continue
        if name == FRAMES_TABLE and written_by_another_version(path):
            continue  # other bytes for the same rows, which their own digest vouches for
        if found != data:
            yield Damage(path, "is not what the table of frames says", None)


def _shards(store: Store, group: Group) -> Iterator[_Shard]:
    """Yield every shard that the rows vouch for."""
    folder, layouts = store.path / group.name, store.about.layouts
    for row in group.rows:
        packed = layouts[group.name, "packed"]
        yield _Shard(folder / packed.key(row.index), packed, row)
        if row.target_index != NO_TARGET:
            target = layouts[group.name, "target"]
            yield _Shard(folder / target.key(row.target_index), target, row)


def _shard_damage(shard: _Shard) -> Damage | None:
    try:
        data = memoryview(shard.path.read_bytes())
        check_shard(data, shard.layout, shard.path)
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
        return Damage(shard.path, reason, shard.row)
    except StoreDamagedError as error:
        return Damage(shard.path, error.reason, shard.row)
    return None


def check_shard(data: memoryview, layout: ArrayLayout, path: Path) -> None:
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


def array_of(shard_path: Path) -> ArrayName:
    """Tell from a shard's path whether it is of ``packed`` or ``target``."""
    return "packed" if shard_path.parts[-6] == "packed" else "target"
