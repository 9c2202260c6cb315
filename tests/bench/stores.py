"""Large stores for benchmarks: a few synthetic 12 MP frames, copied to many."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from click.testing import CliRunner

from rawkit.cli import main
from rawkit.store import StagedFrame, StagedShard, Store, open_writer
from rawkit.stream.locate import sources_of
from rawkit.subset import SubsetFrame
from tests.support.factories import local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rawkit.stream import PairSource

SIZE = "4256x2848"
"""Of the sensor of the Alpha 7S II, 12 MP."""


def original(folder: Path) -> Path:
    """Make and ingest a synthetic scene as a user would, with 8-bit targets; returns the store."""
    store = folder / "stores" / "sid.zarr"
    if not (store / "frames.parquet").exists():
        raw = folder / "data" / "sid"
        _rawkit("synth", "sid", str(raw), "--scenes", "1", "--size", SIZE)
        _rawkit("--workspace", str(folder), "ingest", "sid", "--targets", "8", "--workers", "0")
        shutil.rmtree(raw)
    return store


def _rawkit(*words: str) -> None:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == 0, result.output


def copied_store(source: Path, path: Path, pairs: int) -> Path:
    """Add so many pairs, one scene each, to a store, by copying the shards of another.

    Copies are files of their own, not links: links would share their pages in the page cache.
    """
    store = Store(source)
    (group,) = store.groups.values()
    shorts = [row for row in group.rows if row.role == "short"]
    long = next(row for row in group.rows if row.role == "long")
    target = group.target
    assert target is not None
    rendering = store.about.rendering
    with open_writer(path, attributes=store.attributes, target=rendering) as writer:
        begin = len(writer.rows) // 2
        for number in range(begin, begin + pairs):
            scene = f"{number:05d}"
            for row in (shorts[number % len(shorts)], long):
                packed = writer.staging / "packed"
                shutil.copyfile(local(group.shard("packed", row.index)), packed)
                staged = None
                if row.role == "long":
                    shutil.copyfile(
                        local(group.shard("target", row.target_index)), writer.staging / "target"
                    )
                    staged = StagedShard(writer.staging / "target", target)
                name = f"{scene}-{row.role}"
                hashed = f"blake3:{sha256(name.encode()).hexdigest()}"
                fresh = replace(
                    row, name=name, source=f"{name}.ARW", scene=scene, pair=scene, split="train",
                    index=-1, target_index=-1, pixel_hash=hashed,
                )  # fmt: skip
                writer.add(StagedFrame(fresh, StagedShard(packed, group.packed), staged))
    return path


def pair_bytes(source: Path) -> float:
    """Return the mean bytes that `copied_store` writes for a pair."""
    (group,) = Store(source).groups.values()
    sizes = {"short": [0], "long": [0]}
    for row in group.rows:
        size = local(group.shard("packed", row.index)).stat().st_size
        if row.role == "long":
            size += local(group.shard("target", row.target_index)).stat().st_size
        sizes[row.role].append(size)
    return sum(sum(found) / (len(found) - 1) for found in sizes.values())


def pairs_of(path: Path) -> list[PairSource]:
    """All pairs of a store that `copied_store` made."""
    store = Store(path)
    frames = [
        SubsetFrame(
            store.collection, row.group, row.index, row.name, row.scene, row.split, row.role,
            row.iso, None, paired=True,
        )
        for row in store.rows
        if row.role == "short"
    ]  # fmt: skip
    return list(sources_of(frames, {store.collection: store}))


def files_below(path: Path) -> Iterator[Path]:
    """Yield all files."""
    return (file for file in path.rglob("*") if file.is_file())


def drop_cache(path: Path) -> None:
    """Drop the pages of all files below `path` from the page cache (posix_fadvise, DONTNEED)."""
    for file in files_below(path):
        handle = os.open(file, os.O_RDONLY)
        try:
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)
