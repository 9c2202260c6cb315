"""Opening a store: its groups, layouts and frames; whole frames for people and tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawkit.errors import MissingError, StoreDamagedError, StoreFormatError
from rawkit.store.coordinates import coordinates, stored_rows
from rawkit.store.layout import (
    FORMAT,
    FRAMES_TABLE,
    METADATA,
    READABLE,
    ArrayLayout,
    ArrayName,
    layout_of_metadata,
)
from rawkit.store.manifest import about_of
from rawkit.store.rows import read_rows
from rawkit.store.shard import decode_shard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rawkit.store.rows import FrameRow


def read_root(path: Path) -> dict[str, Any]:
    """Attributes of a store's root.

    Raises
    ------
    MissingError
        If there is no store.
    StoreFormatError
        If it is something else, or has another format version.
    """
    metadata = path / METADATA
    if not metadata.is_file():
        raise MissingError(
            "no store",
            expected=f"a folder with {METADATA}",
            where=path,
            fix="`rawkit ingest` makes one.",
        )
    attributes = _read_json(metadata).get("attributes", {})
    if not isinstance(attributes, dict) or attributes.get("format") != FORMAT:
        raise StoreFormatError(
            "a zarr hierarchy of another kind", expected=f"attribute format = {FORMAT}", where=path
        )
    version = attributes.get("format_version")
    if version not in READABLE:
        raise StoreFormatError(
            f"format version {version}",
            expected=" or ".join(map(str, READABLE)),
            where=path,
            fix="Read it with the rawkit that wrote it, or ingest into a new store.",
        )
    return attributes


def read_layout(group: Path, name: ArrayName) -> ArrayLayout:
    """Layout of ``packed`` or ``target`` of a group.

    Raises
    ------
    StoreFormatError
        If its metadata is missing or of another kind.
    """
    path = group / name / METADATA
    return layout_of_metadata(name, _read_json(path), path)


def _read_json(path: Path) -> dict[str, Any]:
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

    store: Path
    """The store."""
    name: str
    """Such as ``ilce-7sm2/1424x2128``."""
    rows: tuple[FrameRow, ...]
    """Stored frames, by index."""
    duplicates: tuple[FrameRow, ...] = ()
    """Rows whose pixels are those of a stored frame."""

    @cached_property
    def packed(self) -> ArrayLayout:
        """Layout of the packed planes."""
        return read_layout(self.store / self.name, "packed")

    @cached_property
    def target(self) -> ArrayLayout | None:
        """Layout of the targets; None where there are none."""
        if not (self.store / self.name / "target" / METADATA).exists():
            return None
        return read_layout(self.store / self.name, "target")

    @cached_property
    def coordinates(self) -> dict[str, NDArray[np.generic]]:
        """Coordinates of the frames, as stored beside the planes."""
        return coordinates([*self.rows, *self.duplicates], self.name)

    def shard(self, name: ArrayName, index: int) -> Path:
        """Path of a shard, `index` from 0."""
        layout = self.packed if name == "packed" else self.target
        if layout is None:
            raise MissingError("a group without targets", where=self.store / self.name)
        return self.store / self.name / layout.key(index)

    def read(self, name: ArrayName, index: int) -> NDArray[np.generic]:
        """Read a whole frame, shape (planes, height, width), every chunk checked.

        Raises
        ------
        StoreDamagedError
            If the shard is missing or fails a checksum.
        """
        path = self.shard(name, index)
        layout = self.packed if name == "packed" or self.target is None else self.target
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreDamagedError(
                f"a shard that cannot be read ({error.strerror})", where=path
            ) from error
        return decode_shard(data, layout, path)


class Store:
    """A store, opened for reading."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.attributes = read_root(self.path)
        """Title, licence, citation, format."""
        rows, about = read_rows(self.path / FRAMES_TABLE)
        self.rows = tuple(rows)
        """All rows of the table, duplicates included."""
        self.about = about_of(about, self.rows, self.path / FRAMES_TABLE)
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
        return Group(self.path, name, tuple(stored_rows(self.rows, name)), tuple(duplicates))

    def stored_bytes(self) -> int:
        """Bytes of all files of the store."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())
