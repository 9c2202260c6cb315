"""The one committer of a store: gives frames their index and replaces the metadata, last."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from rawkit.errors import StoreError, StoreLockedError, StoreUnreachableError
from rawkit.files import output_errors
from rawkit.locations import Url
from rawkit.store.coordinates import NO_TARGET
from rawkit.store.layout import FRAMES_TABLE, METADATA, VERSION, ArrayLayout, ArrayName, Codec
from rawkit.store.locks.lock import lock, lock_of
from rawkit.store.manifest import About, about_of, derived_stages, root_file
from rawkit.store.places.objects import ObjectPlace, gone
from rawkit.store.places.place import open_place
from rawkit.store.places.remote import RemoteFile
from rawkit.store.places.uploads import Uploads
from rawkit.store.read import read_root
from rawkit.store.rows import encode_rows, read_rows
from rawkit.store.shard import decode_shard, encode_shard
from rawkit.store.staging import ObjectStaging, discard, objects_of, staging_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rawkit.locations import Location
    from rawkit.store.places.place import StoreFile
    from rawkit.store.rows import FrameRow


@dataclass(frozen=True, slots=True)
class StagedShard:
    """A shard that a worker has written beside the store."""

    path: StoreFile
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
        self.rows: list[FrameRow] = []
        self._layouts: dict[tuple[str, ArrayName], ArrayLayout] = {}
        self.version = VERSION
        self._waiting, self._committed_at = 0, time.monotonic()
        self._written: dict[str, bytes] = {}  # digests of what the last commit wrote
        if self.place.exists(METADATA):
            read_root(self.place)
            table = self.place.file(FRAMES_TABLE)
            self.rows, about = read_rows(table)
            found = about_of(about, self.rows, table)
            self._layouts, self.version = dict(found.layouts), found.version
            _check_rendering(location, about, target)
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

        Raises
        ------
        OutputError, StoreUnreachableError
            If something cannot be written; the last commit stands.
        StoreLockedError
            If another process has taken the store over.
        """
        self._uploads.settle()
        self._check_held()
        about = About(self._attributes, self._target, self._layouts, self.version)
        stages = [
            *derived_stages(about, self.rows),
            {FRAMES_TABLE: encode_rows(self.rows, about.as_dict())},
            dict([root_file(about)]),
        ]
        digests = {name: sha256(data).digest() for stage in stages for name, data in stage.items()}
        new = {name for name, digest in digests.items() if self._written.get(name) != digest}
        self.place.write_stages(
            [{name: data for name, data in stage.items() if name in new} for stage in stages]
        )
        self._written = digests
        self._waiting, self._committed_at = 0, time.monotonic()

    def finish(self) -> None:
        """Commit what waits, unless a transfer has failed: then the last commit stands."""
        try:
            if self._waiting and self._uploads.failed is None:
                self.commit()
        finally:
            self._uploads.close()

    def _place(self, group: str, name: ArrayName, shard: StagedShard) -> int:
        """Move a shard to the next free index of its array and return that index."""
        layout = self._layouts.get((group, name))
        if layout is None:
            # The first frame in catalog order decides the codec of the array, once.
            layout = replace(shard.layout, count=0)
        elif (layout.height, layout.width) != (shard.layout.height, shard.layout.width):
            raise StoreError("a frame of another geometry", where=self.path / group)
        path = shard.path
        if shard.layout.codec != layout.codec:
            path = self._encoded_anew(shard, layout)
        self._uploads.add(path, f"{group}/{layout.key(layout.count)}")
        self._layouts[group, name] = replace(layout, count=layout.count + 1)
        return layout.count

    def _encoded_anew(self, shard: StagedShard, layout: ArrayLayout) -> StoreFile:
        """Encode a shard with the codec of its array; happens to the first frames of one alone."""
        path = shard.path
        if isinstance(path, RemoteFile):
            try:
                data = path.read_bytes()
            except FileNotFoundError as error:
                raise gone(path) from error
            frame = decode_shard(data, shard.layout, path)
            here = self.staging / path.key
            with output_errors(here):
                here.write_bytes(encode_shard(frame, layout))
            discard(path)
            return here
        with output_errors(path):
            frame = decode_shard(path.read_bytes(), shard.layout, path)
            path.write_bytes(encode_shard(frame, layout))
        return path


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
            writer.place.sweep()
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


def clear_after_death(location: Location, staging: Path | None = None) -> None:
    """Remove the lock and the staged shards that a writer killed after its last commit has left.

    The next writer does the same; this is for a run that finds nothing to write. A store whose
    writer lives is left alone.

    Raises
    ------
    OutputError, StoreUnreachableError
        If they cannot be removed.
    """
    waiting, held = staging_of(location, staging), lock_of(location)
    left = isinstance(location, Url) and bool(ObjectPlace(objects_of(location)).sizes())
    if not left and not waiting.exists() and not open_place(held.parent).exists(held.name):
        return
    with suppress(StoreLockedError), lock(held):
        shutil.rmtree(waiting, ignore_errors=True)
        _clear_objects(location)


def _clear_objects(location: Location) -> None:
    """Delete what runs that are over have left in the bucket; whoever calls holds the lock."""
    if isinstance(location, Url):
        ObjectPlace(objects_of(location)).clear()


def _discard(frame: StagedFrame) -> None:
    for shard in (frame.packed, frame.target):
        if shard is not None:
            discard(shard.path)


def _check_rendering(path: Location, about: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    if about["rendering"] != dict(target):
        raise StoreError(
            f"targets rendered with {about['rendering']}",
            expected=f"{dict(target)}, as now asked for",
            where=path,
            fix="Ask for what the store has, or ingest into another store.",
        )
