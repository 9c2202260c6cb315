"""The one committer of a store: gives frames their index and replaces the metadata, last."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rawkit.errors import StoreError
from rawkit.store.coordinates import NO_TARGET
from rawkit.store.files import lock, output_errors, write_atomically
from rawkit.store.layout import (
    COORDINATES,
    FRAMES_TABLE,
    METADATA,
    VERSION,
    ArrayLayout,
    ArrayName,
    Codec,
)
from rawkit.store.manifest import About, about_of, derived_files, root_file
from rawkit.store.read import read_root
from rawkit.store.rows import encode_rows, read_rows
from rawkit.store.shard import decode_shard, encode_shard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rawkit.store.rows import FrameRow


@dataclass(frozen=True, slots=True)
class StagedShard:
    """A shard that a worker has written beside the store."""

    path: Path
    """Where it waits."""
    layout: ArrayLayout
    """Geometry, and the codec it was written with: the array's, or while there is no array the one
    that suits this frame."""


@dataclass(frozen=True, slots=True)
class StagedFrame:
    """A decoded, accepted frame that waits for its index."""

    row: FrameRow
    """What is known of it; `index` and `target_index` are still -1."""
    packed: StagedShard
    """Its packed planes."""
    target: StagedShard | None
    """Its rendered target, for a long that has one."""


class StoreWriter:
    """Adds frames to a store. Made by `open_writer`.

    Frames get their index in the order of `add`. `commit` makes all added frames visible at once;
    a process that dies before leaves shards that nobody refers to and that the next run replaces.
    A store keeps the format `version` it has; rows to add must have the `pixel_hash` of it.
    """

    def __init__(
        self, path: Path, attributes: Mapping[str, Any], target: Mapping[str, Any]
    ) -> None:
        self.path = path
        self.staging = path.with_name(path.name + ".part")
        self._attributes = attributes
        self._target = target
        self.rows: list[FrameRow] = []
        self._layouts: dict[tuple[str, ArrayName], ArrayLayout] = {}
        self.version = VERSION
        self._waiting, self._committed_at = 0, time.monotonic()
        if (path / METADATA).exists():
            read_root(path)
            self.rows, about = read_rows(path / FRAMES_TABLE)
            found = about_of(about, self.rows, path / FRAMES_TABLE)
            self._layouts, self.version = dict(found.layouts), found.version
            _check_rendering(path, about, target)
        self._by_hash = {
            (row.group, row.role, row.pixel_hash): row
            for row in self.rows
            if row.duplicate_of is None
        }

    @property
    def names(self) -> frozenset[str]:
        """Names of all frames the store has."""
        return frozenset(row.name for row in self.rows)

    @property
    def codecs(self) -> dict[tuple[str, ArrayName], Codec]:
        """Codec of each array that there is, by group and array."""
        return {key: layout.codec for key, layout in self._layouts.items()}

    def add(self, frame: StagedFrame) -> FrameRow:
        """Give a frame its index and move its shards into place; returns the final row.

        Pixels that the group already holds in the same role are not stored again: the row then
        names the frame it repeats.
        """
        row, group = frame.row, frame.row.group
        original = self._by_hash.get((group, row.role, row.pixel_hash))
        if original is not None:
            _discard(frame)
            row = replace(
                row,
                index=original.index,
                target_index=original.target_index,
                duplicate_of=original.name,
            )
        else:
            target = NO_TARGET
            if frame.target is not None:
                target = self._place(group, "target", frame.target)
            index = self._place(group, "packed", frame.packed)
            row = replace(row, index=index, target_index=target)
            self._by_hash[group, row.role, row.pixel_hash] = row
        self.rows.append(row)
        self._waiting += 1
        return row

    def commit_if_due(self, frames: int, seconds: float) -> None:
        """Commit if so many frames wait, or the last commit was so long ago."""
        if self._waiting >= frames or time.monotonic() - self._committed_at >= seconds:
            self.commit()

    def commit(self) -> None:
        """Make all added frames visible: each group, then the table, then the root.

        The root comes last so that a store that can be opened always has its table.
        """
        about = About(self._attributes, self._target, self._layouts, self.version)
        for name, data in derived_files(about, self.rows):
            write_atomically(self.path / name, data)
        table = encode_rows(self.rows, about.as_dict())
        write_atomically(self.path / FRAMES_TABLE, table)
        name, data = root_file(about)
        write_atomically(self.path / name, data)
        self._waiting, self._committed_at = 0, time.monotonic()

    def _place(self, group: str, name: ArrayName, shard: StagedShard) -> int:
        """Move a shard to the next free index of its array and return that index."""
        layout = self._layouts.get((group, name))
        if layout is None:
            # The first frame in catalog order decides the codec of the array, once.
            layout = replace(shard.layout, count=0)
        elif (layout.height, layout.width) != (shard.layout.height, shard.layout.width):
            raise StoreError("a frame of another geometry", where=self.path / group)
        destination = self.path / group / layout.key(layout.count)
        with output_errors(destination):
            destination.parent.mkdir(parents=True, exist_ok=True)
            if shard.layout.codec != layout.codec:
                frame = decode_shard(shard.path.read_bytes(), shard.layout, shard.path)
                shard.path.write_bytes(encode_shard(frame, layout))
            shard.path.replace(destination)
        self._layouts[group, name] = replace(layout, count=layout.count + 1)
        return layout.count


@contextmanager
def open_writer(
    path: Path, *, attributes: Mapping[str, Any], target: Mapping[str, Any]
) -> Iterator[StoreWriter]:
    """Open a store for adding, or begin a new one, and hold its lock.

    `attributes` describe the collection; `target` says how targets are rendered, and must be what
    the store has. What was added is committed when the block ends, also by an exception.

    Raises
    ------
    StoreLockedError
        If another process is writing to it.
    StoreFormatError
        If it is no store, or one of another format version.
    StoreError
        If its targets were rendered in another way.
    OutputError
        If it cannot be written.
    """
    with lock(path.with_name(path.name + ".lock")):
        writer = StoreWriter(path, attributes, target)
        with output_errors(writer.staging):
            shutil.rmtree(writer.staging, ignore_errors=True)
            writer.staging.mkdir(parents=True)
            _sweep(path)
        try:
            yield writer
        finally:
            try:
                writer.commit_if_due(1, float("inf"))
            finally:
                shutil.rmtree(writer.staging, ignore_errors=True)


def _sweep(store: Path) -> None:
    """Remove what a writer that was killed in the middle of a file has left."""
    chunks = (f"*/*/{name}/c/**/*.part" for name in COORDINATES)
    for pattern in ("*.part", "*/*.part", "*/*/*.part", "*/*/*/*.part", *chunks):
        for path in store.glob(pattern):
            path.unlink(missing_ok=True)


def _discard(frame: StagedFrame) -> None:
    for shard in (frame.packed, frame.target):
        if shard is not None:
            shard.path.unlink(missing_ok=True)


def _check_rendering(path: Path, about: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    if about["rendering"] != dict(target):
        raise StoreError(
            f"targets rendered with {about['rendering']}",
            expected=f"{dict(target)}, as now asked for",
            where=path,
            fix="Ask for what the store has, or ingest into another store.",
        )
