"""Opening a store: its groups, layouts and frames; whole frames for people and tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from rawkit.errors import MissingError, StoreDamagedError, StoreEvictedError, StoreFormatError
from rawkit.locations import Url
from rawkit.store.coordinates import (
    NO_TARGET,
    Coordinates,
    GroupFrames,
    Members,
    long_of_pair,
)
from rawkit.store.evicted_note import is_evicted
from rawkit.store.frames import column_of
from rawkit.store.layout import (
    FORMAT,
    FRAME_RATES,
    FRAMES_TABLE,
    METADATA,
    PARTS,
    READABLE,
    ArrayLayout,
    ArrayName,
    layout_of_metadata,
    part_name,
)
from rawkit.store.manifest import (
    About,
    about_of,
    chunk_bytes,
    chunk_keys,
    derived_files,
    metadata_keys,
    root_file,
)
from rawkit.store.parquet import encode_table
from rawkit.store.places.place import open_place, open_readable
from rawkit.store.places.web import WebPlace
from rawkit.store.profiles import profile_keys
from rawkit.store.shard import REPAIR, decode_shard
from rawkit.store.tables import read_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from rawkit.locations import Location
    from rawkit.store.frames import FrameRows
    from rawkit.store.places.place import ReadablePlace, StoreFile
    from rawkit.store.rows import FrameRow


def read_root(place: ReadablePlace) -> dict[str, Any]:
    """Attributes of a store's root.

    Raises
    ------
    MissingError
        If there is no store.
    StoreFormatError
        If it is something else, or has another format version.
    """
    where = place.location
    if not place.exists(METADATA):
        raise MissingError(
            "no store",
            expected=f"a folder with {METADATA}",
            where=where,
            fix="`rawkit ingest` makes one.",
        )
    attributes = _read_json(place.file(METADATA)).get("attributes", {})
    if not isinstance(attributes, dict) or attributes.get("format") != FORMAT:
        raise StoreFormatError(
            "a zarr hierarchy of another kind", expected=f"attribute format = {FORMAT}", where=where
        )
    version = attributes.get("format_version")
    if version not in READABLE:
        raise StoreFormatError(
            f"format version {version}",
            expected=" or ".join(map(str, READABLE)),
            where=where,
            fix="Read it with the rawkit that wrote it, or ingest into a new store.",
        )
    return attributes


def read_layout(place: ReadablePlace, group: str, name: ArrayName) -> ArrayLayout:
    """Layout of ``packed`` or ``target`` of a group.

    Raises
    ------
    StoreFormatError
        If its metadata is missing or of another kind.
    """
    file = place.file(f"{group}/{name}/{METADATA}")
    return layout_of_metadata(name, _read_json(file), file)


def _read_json(path: StoreFile) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StoreFormatError(
            f"metadata that cannot be read ({error})", expected="zarr v3 metadata", where=path
        ) from error
    if not isinstance(found, dict):
        raise StoreFormatError("metadata that is no object", where=path)
    return found


@dataclass(frozen=True)
class Group:
    """One camera and geometry of a store."""

    place: ReadablePlace
    """Where the store lies."""
    about: About
    """What the table says of the store."""
    frames: GroupFrames
    """Which rows of the table are its."""

    @property
    def name(self) -> str:
        """Such as ``ilce-7sm2/1424x2128``."""
        return self.frames.name

    @property
    def store(self) -> Location:
        """Path or URL of the store."""
        return self.place.location

    @cached_property
    def rows(self) -> FrameRows:
        """Stored frames, by index."""
        return self.frames.rows

    @cached_property
    def duplicates(self) -> FrameRows:
        """Rows whose pixels are those of a stored frame."""
        return self.frames.repeated

    @property
    def packed(self) -> ArrayLayout:
        """Layout of the packed planes."""
        return self.about.layouts[self.name, "packed"]

    @property
    def target(self) -> ArrayLayout | None:
        """Layout of the targets; None where there are none."""
        return self.about.layouts.get((self.name, "target"))

    @cached_property
    def coordinates(self) -> Coordinates:
        """Coordinates of the frames, as stored beside the planes once the table is whole."""
        return Coordinates(self.frames)

    def columns(self, *names: str) -> pa.Table:
        """Read columns of the stored frames, by index; see `FrameTable.columns`."""
        return self.frames.of_stored(*names)

    def long_of(self, row: FrameRow) -> FrameRow | None:
        """Ground truth of the pair of a row of this group; None where it is not there."""
        return self._longs.get(row.pair)

    @cached_property
    def _longs(self) -> dict[str, FrameRow]:
        frames = self.frames
        everyone = np.concatenate([frames.stored, frames.duplicates])
        longs = everyone[frames.table.is_long[everyone]]
        numbers = np.unique(frames.long_of(longs))
        return long_of_pair(frames.table.take(numbers.astype(np.int64)))

    def key(self, name: ArrayName, index: int) -> str:
        """Path of a shard within the store, `index` from 0."""
        layout = self.packed if name == "packed" else self.target
        if layout is None:
            raise MissingError("a group without targets", where=self.store / self.name)
        return f"{self.name}/{layout.key(index)}"

    def shard(self, name: ArrayName, index: int) -> StoreFile:
        """Return the file of a shard, `index` from 0: a path, or an object elsewhere."""
        return self.place.file(self.key(name, index))

    def read(self, name: ArrayName, index: int) -> NDArray[np.generic]:
        """Read a whole frame, shape (planes, height, width), every chunk checked.

        Raises
        ------
        StoreDamagedError
            If the shard is missing or fails a checksum.
        StoreUnreachableError
            If the server of a store elsewhere does not answer, or refuses.
        """
        key = self.key(name, index)
        layout = self.packed if name == "packed" or self.target is None else self.target
        file = self.place.file(key)
        try:
            data = self.place.read(key)
        except OSError as error:
            raise unreadable_shard(file, error) from error
        return decode_shard(data, layout, file)


def unreadable_shard(file: object, error: OSError) -> StoreDamagedError:
    """Return the error for a shard that is missing, or that this machine cannot read.

    One that was deleted to make room is told from one that is lost.
    """
    if isinstance(error, FileNotFoundError) and is_evicted(file):
        return StoreEvictedError(
            "a shard that was deleted to make room",
            expected="the shards of all frames that are read", where=file,
            fix="`rawkit verify --refill` makes it anew from its raw file; so does "
            "`rawkit train --disk` as it goes.",
        )  # fmt: skip
    return StoreDamagedError(
        f"a shard that cannot be read ({error.strerror or error})",
        expected="a shard of the store", where=file,
        fix=REPAIR,
    )  # fmt: skip


class Store:
    """A store, opened for reading: what was committed when it was opened, or by the last `refresh`.

    Of the table of frames only what is asked for is read.
    """

    def __init__(self, location: Location | str) -> None:
        self.place = open_readable(location)
        """Where it lies."""
        self.path = self.place.location
        """Path or URL."""
        self._open()

    def _open(self) -> None:
        """Read root and table; once more where a writer has joined the parts between the two."""
        for left in reversed(range(_TRIES)):
            attributes = read_root(self.place)
            parts = attributes.pop(PARTS, [])
            try:
                tables = read_tables(self.place, parts)
            except FileNotFoundError as error:
                if not left:
                    raise StoreFormatError(
                        f"the table of frames cannot be read ({error.strerror or error})",
                        expected="a Parquet file", where=error.filename or self.path,
                        fix="The store was not written by rawkit, or is damaged: ingest into a new "
                        "one.",
                    ) from error  # fmt: skip
                continue
            break
        self.attributes = attributes
        """Title, licence, citation, format."""
        self.parts: list[tuple[int, int]] = [(int(first), int(rows)) for first, rows in parts]
        """Parts of the table that wait to be joined: number of the first row, and rows."""
        self.joined = tables.joined
        """Rows of ``frames.parquet``: those that the arrays know."""
        self._joined_about = tables.joined_about
        self.frames = tables.table
        """The columns of all rows."""
        self._members = Members(self.frames)
        self.about = about_of(tables.about, self._members, self.place.file(FRAMES_TABLE))
        """What the table says of the store."""
        for name in ("groups", "_sizes", "rows"):
            self.__dict__.pop(name, None)

    def refresh(self) -> bool:
        """See what was committed since the store was opened; tells whether there are new rows.

        Groups and rows that were taken before stay as they are.

        Raises
        ------
        StoreFormatError, StoreDamagedError
            If the root or the table cannot be read.
        StoreUnreachableError
            If the server of a store elsewhere does not answer, or refuses.
        """
        attributes, before = read_root(self.place), len(self.frames)
        if self.parts and attributes.get(PARTS) == [list(part) for part in self.parts]:
            return False
        self._open()
        return len(self.frames) > before

    @cached_property
    def rows(self) -> FrameRows:
        """All rows of the table, duplicates included; each is made when it is looked at."""
        return self.frames.rows

    @property
    def table(self) -> pa.Table:
        """All that is known of all frames, one row each, as pyarrow."""
        return self.frames.whole()

    @property
    def collection(self) -> str:
        """Name of the collection it was made from."""
        return str(self.attributes["collection"])

    @property
    def frame_rates(self) -> dict[str, float]:
        """Frames a second of its videos, by scene, where they are known."""
        return {scene: float(rate) for scene, rate in self.attributes.get(FRAME_RATES, {}).items()}

    @cached_property
    def groups(self) -> dict[str, Group]:
        """Cameras and geometries, by name."""
        return {
            name: Group(self.place, self.about, frames) for name, frames in self._members.items()
        }

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """Bytes of all files, by key."""
        if isinstance(self.place, WebPlace):
            return self.place.sizes_of(self._keys())
        return open_place(self.path).sizes()

    def _keys(self) -> set[str]:
        """Paths of all files that the table of frames tells of."""
        chunks = chunk_keys(self._joined) if self.joined else ()
        return {*self._tables(), *chunks} | {key for key, _, _ in self.shards()}

    def derived(self) -> Iterator[tuple[str, bytes]]:
        """Yield path and bytes of all files that follow from the table, itself and the root last.

        While parts of it wait, the others follow from the rows that are joined.
        """
        if self.joined:
            members = self._joined
            about = about_of(self._joined_about, members, self.place.file(FRAMES_TABLE))
            table = members.table
            yield from derived_files(about, table.rows)
            yield FRAMES_TABLE, encode_table(table, about.as_dict())
        yield root_file(self.about, self.parts)

    @property
    def _joined(self) -> Members:
        """Groups of the rows that the arrays know."""
        return self._members if not self.parts else Members(self.frames.first(self.joined))

    def _tables(self) -> list[str]:
        """Paths of the tables and of all metadata."""
        parts = [part_name(first) for first, _ in self.parts]
        joined = [FRAMES_TABLE, *metadata_keys(self._joined)] if self.joined else []
        return [METADATA, *parts, *joined, *profile_keys(self.attributes)]

    def shards(self) -> Iterator[tuple[str, ArrayLayout, FrameRow]]:
        """Yield every shard that the rows vouch for: path within the store, layout, and frame."""
        layouts = self.about.layouts
        arrays: tuple[ArrayName, ...] = ("packed", "target")
        for group in self.groups.values():
            for row in group.rows:
                for name, index in zip(arrays, (row.index, row.target_index), strict=True):
                    if index != NO_TARGET:
                        layout = layouts[group.name, name]
                        yield f"{group.name}/{layout.key(index)}", layout, row

    def size(self, key: str) -> int:
        """Bytes of a file of the store; elsewhere those of all files are asked for once.

        Raises
        ------
        StoreDamagedError
            If it is missing.
        """
        try:
            if isinstance(self.path, Url) and key in self._sizes:
                return self._sizes[key]
            return self.place.size(key)
        except OSError as error:
            raise unreadable_shard(self.place.file(key), error) from error

    def stored_bytes(self) -> int:
        """Bytes of all files of the store; from version 4 on its table knows those of shards."""
        columns = self.frames.columns("packed_bytes", "target_bytes", "duplicate_of")
        stored = column_of(columns, "duplicate_of").is_null()
        if pc.any(pc.and_(stored, column_of(columns, "packed_bytes").is_null())).as_py():
            return sum(self._sizes.values())
        known = sum(pc.sum(column_of(columns, name)).as_py() or 0 for name in _BYTES)
        chunks = chunk_bytes(self.about, self._joined) if self.joined else 0
        return known + chunks + sum(map(self._size_if_there, self._tables()))

    def _size_if_there(self, key: str) -> int:
        try:
            return self.place.size(key)
        except FileNotFoundError:
            return 0


_TRIES = 5
"""How often a table that changes meanwhile is opened."""
_BYTES = ("packed_bytes", "target_bytes")
