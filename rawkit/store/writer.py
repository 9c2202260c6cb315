"""The one committer of a store: gives frames their index and replaces the metadata, last."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from rawkit.errors import (
    StoreError,
    StoreFormatError,
    StoreLockedError,
    StoreUnreachableError,
)
from rawkit.files import output_errors
from rawkit.locations import Url
from rawkit.store.coordinates import NO_TARGET, Members
from rawkit.store.frames import FrameRows, FrameTable, InMemory
from rawkit.store.known import KnownHashes
from rawkit.store.layout import (
    FRAMES_TABLE,
    METADATA,
    PARTS,
    VERSION,
    ArrayLayout,
    ArrayName,
    Codec,
    is_part,
    part_name,
)
from rawkit.store.locks.lock import lock, lock_of
from rawkit.store.manifest import About, about_of, derived_stages, root_file
from rawkit.store.parquet import OpenTable, encode_table
from rawkit.store.parts import with_part
from rawkit.store.places.objects import ObjectPlace
from rawkit.store.places.place import open_place
from rawkit.store.places.uploads import Uploads
from rawkit.store.profiles import PROFILES, delete_profiles
from rawkit.store.read import read_root
from rawkit.store.rows import VERSION_KEY
from rawkit.store.staged import StagedFrame, StagedShard, discard_frame, encoded_anew, size_of
from rawkit.store.staging import ObjectStaging, objects_of, staging_of
from rawkit.store.tables import read_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rawkit.locations import Location
    from rawkit.store.rows import FrameRow


_PARTS_SINCE = _SIZES_SINCE = 4
"""Format version from which on a store knows parts of its table, and the bytes of its shards."""
_NOT_ATTRIBUTES = frozenset({"format", VERSION_KEY, PARTS})
"""What the root says that is not of the collection."""


class StoreWriter:
    """Adds frames to a store. Made by `open_writer`.

    Frames get their index in the order of `add`. `commit` makes all added frames visible at once,
    as a part of the table beside it; `join` makes one table of all parts, and what follows from it.
    A process that dies before leaves shards that nobody refers to and that the next run replaces.
    A store keeps the format `version` it has; rows to add must have the `pixel_hash` of it.
    """

    def __init__(
        self,
        location: Location,
        attributes: Mapping[str, Any],
        target: Mapping[str, Any],
        *,
        staging: Path,
        check_held: Callable[[], None],
    ) -> None:
        self.path = location
        self.staging = staging
        """Folder of this machine in which workers put shards."""
        self.objects = ObjectStaging.of(location) if isinstance(location, Url) else None
        """Where workers that do not see that folder put them; None: nowhere."""
        self.place = open_place(location)
        """Where the store lies."""
        self._uploads = Uploads(self.place)
        self._check_held = check_held
        self._attributes = attributes
        self._target = target
        self._layouts: dict[tuple[str, ArrayName], ArrayLayout] = {}
        self.version, self._committed_at = VERSION, time.monotonic()
        self._pending: list[FrameRow] = []
        self._parts: list[tuple[int, int]] = []
        self._committed: Mapping[str, Any] = {}
        self._must_join = False
        """Whether a join was interrupted: the table is there, but the root still names parts."""
        self._table = FrameTable([])
        self._written: dict[str, bytes] = {}  # digests of what the last commit wrote
        if self.place.exists(METADATA):
            self._load()
        self._known = KnownHashes(self._table)

    def _load(self) -> None:
        """Read what was committed, all of it checked."""
        self._committed = read_root(self.place)
        parts = self._committed.get(PARTS, [])
        try:
            tables = read_tables(self.place, parts, check=True)
        except FileNotFoundError as error:
            raise StoreFormatError(
                f"the table of frames cannot be read ({error.strerror or error})",
                expected="a Parquet file", where=error.filename or self.path,
                fix="The store was not written by rawkit, or is damaged: ingest into a new one.",
            ) from error  # fmt: skip
        self._table, self.version = tables.table, tables.table.version
        self._parts = [(int(first), int(rows)) for first, rows in parts if first >= tables.joined]
        self._must_join = len(self._parts) < len(parts)
        found = about_of(tables.about, Members(self._table), self.place.file(FRAMES_TABLE))
        self._layouts = dict(found.layouts)
        _check_rendering(self.path, tables.about, self._target)

    @property
    def rows(self) -> FrameRows:
        """All rows, those that wait for a commit included."""
        return self._everything().rows

    @property
    def last(self) -> FrameRow:
        """The row that was added last, and is not committed yet."""
        return self._pending[-1]

    def _everything(self) -> FrameTable:
        pending = FrameTable.of(self._pending, self.version)
        return FrameTable([*self._table.pieces, *pending.pieces], self.version)

    @property
    def names(self) -> frozenset[str]:
        """Names of all frames the store has."""
        return frozenset(self._everything().texts("name"))

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
        original = self._known.find(row, self._row)
        if original is not None:
            discard_frame(frame)
            row = replace(
                row,
                index=original.index,
                target_index=original.target_index,
                duplicate_of=original.name,
            )
        else:
            target: tuple[int, int | None] = NO_TARGET, None
            if frame.target is not None:
                target = self._place(group, "target", frame.target)
            index = self._place(group, "packed", frame.packed)
            row = replace(row, index=index[0], target_index=target[0])
            if self.version >= _SIZES_SINCE:
                row = replace(row, packed_bytes=index[1], target_bytes=target[1])
            self._known.add(row, len(self._table) + len(self._pending))
        self._pending.append(row)
        return row

    def _row(self, number: int) -> FrameRow:
        """Return a row by its number, from 0."""
        waiting = number - len(self._table)
        return self._pending[waiting] if waiting >= 0 else self._table.rows[number]

    def commit_if_due(self, frames: int, seconds: float) -> None:
        """Commit if so many frames wait, or the last commit was so long ago."""
        if len(self._pending) >= frames or time.monotonic() - self._committed_at >= seconds:
            self.commit()

    def commit(self) -> None:
        """Make all added frames visible: their rows as a part of the table, then the root.

        The root comes last, and names the parts. A store of an older version knows no parts: there
        all is joined.

        Raises
        ------
        OutputError, StoreUnreachableError
            If something cannot be written; the last commit stands.
        StoreLockedError
            If another process has taken the store over.
        """
        if self.version < _PARTS_SINCE:
            self.join()
            return
        self._uploads.settle()
        self._check_held()
        if self._pending:
            about, everything = self._about(), self._everything()
            parts, replaced = with_part(self._parts, len(self._table), len(everything))
            first, rows = parts[-1]
            part = FrameTable([InMemory(everything.plain(first, rows))], self.version)
            data = encode_table(part, about.as_dict())
            name, root = root_file(about, parts)
            self.place.write_stages([{part_name(first): data}, {name: root}])
            kept = len(self._table.pieces) - len(self._parts) + len(parts) - 1
            piece = OpenTable(self.place.file(part_name(first)), data).piece()
            self._table = FrameTable([*self._table.pieces[:kept], piece], self.version)
            self._parts = parts
            for gone in replaced:
                self.place.delete(part_name(gone))
        self._settled()

    def join(self) -> None:
        """Commit, with one table of all parts, and coordinates and arrays that know all frames.

        What is written is the same whatever parts there were. Raises as `commit`.
        """
        self._uploads.settle()
        self._check_held()
        about, everything = self._about(), self._everything()
        members = Members(everything)
        stages = [
            *derived_stages(about, members),
            {FRAMES_TABLE: (data := encode_table(everything, about.as_dict()))},
            dict([root_file(about)]),
        ]
        digests = {name: sha256(data).digest() for stage in stages for name, data in stage.items()}
        new = {name for name, digest in digests.items() if self._written.get(name) != digest}
        self.place.write_stages(
            [{name: data for name, data in stage.items() if name in new} for stage in stages]
        )
        self._written = digests
        if PROFILES in self._attributes:
            delete_profiles(self.place, self._attributes)
        self._table = OpenTable(self.place.file(FRAMES_TABLE), data).table()
        for first, _ in self._parts:
            self.place.delete(part_name(first))
        self._parts, self._must_join = [], False
        self._settled()

    def _about(self) -> About:
        return About(self._attributes, self._target, self._layouts, self.version)

    def _settled(self) -> None:
        self._pending, self._committed_at = [], time.monotonic()

    def finish(self) -> None:
        """Join what waits, unless a transfer has failed: then the last commit stands."""
        try:
            if (self._pending or self._parts or self._must_join) and self._uploads.failed is None:
                self.join()
        finally:
            self._uploads.close()

    def sweep(self) -> None:
        """Remove what a writer that was killed has left: halves of files, and what no row names."""
        self.place.sweep()
        if not isinstance(self.path, Url):
            self._sweep_shards()
        used = {part_name(first) for first, _ in self._parts}
        for name in sorted({*filter(is_part, self.place.top())} - used):
            self.place.delete(name)
        delete_profiles(self.place, self._attributes, self._committed)

    def _sweep_shards(self) -> None:
        """Delete shards that were never committed: they lie behind all that were."""
        for (group, _), layout in self._layouts.items():
            index = layout.count
            while self.place.exists(key := f"{group}/{layout.key(index)}"):
                self.place.delete(key)
                index += 1

    def _place(self, group: str, name: ArrayName, shard: StagedShard) -> tuple[int, int]:
        """Move a shard to the next free index of its array; returns that index, and its bytes."""
        layout = self._layouts.get((group, name))
        if layout is None:
            # The first frame in catalog order decides the codec of the array, once.
            layout = replace(shard.layout, count=0)
        elif (layout.height, layout.width) != (shard.layout.height, shard.layout.width):
            raise StoreError("a frame of another geometry", where=self.path / group)
        path = shard.path
        size = shard.size
        if shard.layout.codec != layout.codec:
            path, size = encoded_anew(shard, layout, self.staging), None
        if size is None:
            size = size_of(path)
        self._uploads.add(path, f"{group}/{layout.key(layout.count)}")
        self._layouts[group, name] = replace(layout, count=layout.count + 1)
        return layout.count, size


@contextmanager
def open_writer(
    location: Location,
    *,
    attributes: Mapping[str, Any],
    target: Mapping[str, Any],
    staging: Path | None = None,
) -> Iterator[StoreWriter]:
    """Open a store for adding, or begin a new one, and hold its lock.

    `attributes` describe the collection; `target` says how targets are rendered, and must be what
    the store has. `staging` is the folder in which shards of a store elsewhere wait for their
    transfer, see `rawkit.store.staging`. What was added is committed when the block ends, also by
    an exception.

    Raises
    ------
    StoreLockedError
        If another process is writing to it.
    StoreFormatError
        If it is no store, or one of another format version.
    StoreError
        If its targets were rendered in another way.
    OutputError, StoreUnreachableError
        If it cannot be written.
    """
    waiting = staging_of(location, staging)
    with lock(lock_of(location)) as check_held:
        writer = StoreWriter(
            location, attributes, target, staging=waiting, check_held=check_held
        )  # fmt: skip
        with output_errors(waiting):
            shutil.rmtree(waiting, ignore_errors=True)
            waiting.mkdir(parents=True)
            writer.sweep()
        _clear_objects(location)
        try:
            yield writer
        finally:
            try:
                writer.finish()
            finally:
                shutil.rmtree(waiting, ignore_errors=True)
                with suppress(StoreUnreachableError):  # the next run clears them
                    _clear_objects(location)


def write_rows(location: Location, rows: Sequence[FrameRow] | FrameTable, about: About) -> None:
    """Write all of a store but its shards: what follows from the rows, their table, and the root.

    `about` has the layouts of the arrays; their counts follow from the rows. For stores whose
    shards come from elsewhere, and for large tables to try things on.

    Raises
    ------
    OutputError, StoreUnreachableError
        If something cannot be written.
    """
    table = rows if isinstance(rows, FrameTable) else FrameTable.of(rows, about.version)
    members = Members(table)
    about = about_of(about.as_dict(), members, location)
    open_place(location).write_stages([
        *derived_stages(about, members),
        {FRAMES_TABLE: encode_table(table, about.as_dict())},
        dict([root_file(about)]),
    ])  # fmt: skip


def clear_after_death(location: Location, staging: Path | None = None) -> None:
    """Finish what a writer that was killed has left: lock, staged shards, parts of the table.

    The next writer does the same; this is for a run that finds nothing to write. A store whose
    writer lives is left alone.

    Raises
    ------
    OutputError, StoreUnreachableError
        If they cannot be removed, or joined.
    """
    waiting, held, place = staging_of(location, staging), lock_of(location), open_place(location)
    is_left = waiting.exists() or open_place(held.parent).exists(held.name)
    is_left |= isinstance(location, Url) and bool(ObjectPlace(objects_of(location)).sizes())
    about = read_root(place) if place.exists(METADATA) else {}
    if not is_left and PARTS not in about:
        return
    with suppress(StoreLockedError), lock(held) as check_held:
        shutil.rmtree(waiting, ignore_errors=True)
        _clear_objects(location)
        if not place.exists(METADATA):
            return
        table = read_tables(place, read_root(place).get(PARTS, []))
        attributes = {key: value for key, value in about.items() if key not in _NOT_ATTRIBUTES}
        writer = StoreWriter(
            location, attributes, table.about["rendering"], staging=waiting, check_held=check_held
        )  # fmt: skip
        writer.sweep()
        writer.finish()


def _clear_objects(location: Location) -> None:
    """Delete what runs that are over have left in the bucket; whoever calls holds the lock."""
    if isinstance(location, Url):
        ObjectPlace(objects_of(location)).clear()


def _check_rendering(path: Location, about: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    if about["rendering"] != dict(target):
        raise StoreError(
            f"targets rendered with {about['rendering']}",
            expected=f"{dict(target)}, as now asked for",
            where=path,
            fix="Ask for what the store has, or ingest into another store.",
        )
