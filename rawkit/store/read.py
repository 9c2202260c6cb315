"""Opening a store: its groups, layouts and frames; whole frames for people and tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rawkit.errors import MissingError, StoreDamagedError, StoreEvictedError, StoreFormatError
from rawkit.locations import Url
from rawkit.store.coordinates import NO_TARGET, coordinates, stored_rows
from rawkit.store.evicted import is_evicted
from rawkit.store.layout import (
    FORMAT,
    FRAMES_TABLE,
    METADATA,
    READABLE,
    ArrayLayout,
    ArrayName,
    layout_of_metadata,
)
from rawkit.store.manifest import about_of, derived_files
from rawkit.store.places.place import open_place, open_readable
from rawkit.store.places.web import WebPlace
from rawkit.store.rows import read_rows
from rawkit.store.shard import REPAIR, decode_shard

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.locations import Location
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
    name: str
    """Such as ``ilce-7sm2/1424x2128``."""
    rows: tuple[FrameRow, ...]
    """Stored frames, by index."""
    duplicates: tuple[FrameRow, ...] = ()
    """Rows whose pixels are those of a stored frame."""

    @property
    def store(self) -> Location:
        """Path or URL of the store."""
        return self.place.location

    @cached_property
    def packed(self) -> ArrayLayout:
        """Layout of the packed planes."""
        return read_layout(self.place, self.name, "packed")

    @cached_property
    def target(self) -> ArrayLayout | None:
        """Layout of the targets; None where there are none."""
        if not self.place.exists(f"{self.name}/target/{METADATA}"):
            return None
        return read_layout(self.place, self.name, "target")

    @cached_property
    def coordinates(self) -> dict[str, NDArray[np.generic]]:
        """Coordinates of the frames, as stored beside the planes."""
        return coordinates([*self.rows, *self.duplicates], self.name)

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
    """A store, opened for reading."""

    def __init__(self, location: Location | str) -> None:
        self.place = open_readable(location)
        """Where it lies."""
        self.path = self.place.location
        """Path or URL."""
        self.attributes = read_root(self.place)
        """Title, licence, citation, format."""
        table = self.place.file(FRAMES_TABLE)
        rows, about = read_rows(table)
        self.rows = tuple(rows)
        """All rows of the table, duplicates included."""
        self.about = about_of(about, self.rows, table)
        """What the table says of the store."""

    @property
    def collection(self) -> str:
        """Name of the collection it was made from."""
        return str(self.attributes["collection"])

    @cached_property
    def groups(self) -> dict[str, Group]:
        """Cameras and geometries, by name."""
        names = sorted({row.group for row in self.rows})
        return {name: self._group(name) for name in names}

    def _group(self, name: str) -> Group:
        duplicates = (
            row for row in self.rows if row.group == name and row.duplicate_of is not None
        )
        return Group(self.place, name, tuple(stored_rows(self.rows, name)), tuple(duplicates))

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """Bytes of all files, by key."""
        if isinstance(self.place, WebPlace):
            return self.place.sizes_of(self._keys())
        return open_place(self.path).sizes()

    def _keys(self) -> set[str]:
        """Paths of all files that the table of frames tells of."""
        derived = {key for key, _ in derived_files(self.about, self.rows)}
        return {METADATA, FRAMES_TABLE} | derived | {key for key, _, _ in self.shards()}

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
        """Bytes of all files of the store."""
        return sum(self._sizes.values())
