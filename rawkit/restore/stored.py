"""Frames of stores as input: their planes laid back into a mosaic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.catalog import Selection, select_entries
from rawkit.colour import SQUARE, fit_to_picture, fitted_matrix
from rawkit.errors import SelectionError
from rawkit.sensor import (
    BAYER,
    XTRANS,
    ColourMatrix,
    Exposure,
    Mosaic,
    RawImage,
    WhiteBalance,
    neutral_of,
    unpack,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawkit.locations import Location
    from rawkit.store import FrameRow, Store
    from rawkit.subset import Subset
    from rawkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """One frame of a store."""

    store: Location
    """The store."""
    collection: str
    """Collection it was made from."""
    row: FrameRow
    """What the store says of the frame."""
    index: int
    """Position of its pixels along the frame axis of its group, from 0."""
    gain_ratio: float | None
    """Gain ratio to its long; None where unknown."""
    prefix: str = ""
    """What its name begins with, where several stores are named: the collection and a slash."""

    @property
    def name(self) -> str:
        """Path of its pictures, with the raw file's suffix."""
        return self.prefix + self.row.name

    @property
    def where(self) -> str:
        """Store and name."""
        return f"{self.store}: {self.row.name}"

    def _store(self) -> Store:
        from rawkit.store import Store  # noqa: PLC0415 - restoring raw files does without tables

        return Store(self.store)

    def image(self, *, fit: bool = False) -> RawImage:
        """Read the stored area as a mosaic in the canonical phase.

        With `fit`, where the store does not keep the camera's matrix, it is found from the long of
        the frame and its picture, if there are any.

        Raises
        ------
        StoreDamagedError
            If the shard is missing or fails a checksum.
        """
        row = self.row
        stored = self._store().groups[row.group].read("packed", self.index)
        planes = stored.astype(np.uint16, copy=False)
        cell = BAYER if planes.shape[0] == BAYER.planes else XTRANS
        pixels = unpack(planes, cell)
        height, width = pixels.shape
        mosaic = Mosaic(
            pattern=((0, 1), (3, 2)) if cell == BAYER else cell.pattern(),
            black_level=row.black_level,
            white_level=row.white_level,
            camera_white_level=row.camera_white_level,
            raw_height=row.raw_height,
            raw_width=row.raw_width,
            top=row.visible_top + row.crop_top,
            left=row.visible_left + row.crop_left,
            height=height,
            width=width,
            pixel_aspect=row.pixel_aspect,
        )
        balance = WhiteBalance(row.white_balance, row.white_balance_source)
        exposure = Exposure(row.exposure_time, row.iso, row.f_number)
        matrix = None
        if row.colour_matrix is not None:
            matrix = ColourMatrix(row.colour_matrix, row.colour_matrix_source or "file")
        elif fit:
            matrix = self._fitted_matrix()
        return RawImage(pixels, mosaic, balance, exposure, matrix)

    def _fitted_matrix(self) -> ColourMatrix | None:
        """Find the camera's matrix from the long of the frame and its picture."""
        row, group = self.row, self._store().groups[self.row.group]
        long = group.long_of(row)
        if long is None or long.target_index < 0 or group.packed.planes != BAYER.planes:
            return None
        target = np.ascontiguousarray(group.read("target", long.target_index).transpose(1, 2, 0))
        planes = group.read("packed", long.index)
        found = fit_to_picture(planes, long.black_level, long.white_level, target, square=SQUARE)
        red, green, blue = neutral_of(long.white_balance, BAYER.colours)
        return fitted_matrix(found, (green / red, 1.0, green / blue))


def frames_of_stores(
    stores: Iterable[Store], selection: Selection, *, several: bool
) -> list[StoredFrame]:
    """Frames of stores that pass a selection: dark ones, unless its role says otherwise.

    Raises
    ------
    SelectionError
        If none passes.
    """
    from rawkit.subset import entries_of  # noqa: PLC0415 - restoring raw files does without tables

    found: list[StoredFrame] = []
    failure: SelectionError | None = None
    for store in stores:
        entries = entries_of(store.rows, store.collection)
        try:
            selected = select_entries(
                entries, selection, str(store.path), collection=store.collection
            )
        except SelectionError as error:
            failure = error
            continue
        role = selection.role or "short"
        names = {entry.frame.name for entry in selected.entries if entry.role == role}
        found += _frames(store, names, several=several)
    if not found:
        raise failure or SelectionError("no dark frame in these stores")
    return found


def frames_of_subset(
    subset: Subset, workspace: Workspace, splits: tuple[str, ...] = ()
) -> list[StoredFrame]:
    """Dark frames of a subset, of all splits or some.

    Raises
    ------
    MissingError
        If a store is gone.
    SelectionError
        If the subset has no such frame.
    """
    from rawkit.subset import open_stores  # noqa: PLC0415 - restoring raw files does without tables

    found: list[StoredFrame] = []
    for collection, store in open_stores(subset, workspace).items():
        names = {
            frame.name
            for frame in subset.frames
            if frame.collection == collection
            and frame.role == "short"
            and (not splits or frame.split in splits)
        }
        found += _frames(store, names, several=len(subset.stores) > 1)
    if not found:
        raise SelectionError(
            f"no dark frame of {', '.join(splits) or 'any split'} in subset {subset.name}"
        )
    return found


def _frames(store: Store, names: set[str], *, several: bool) -> list[StoredFrame]:
    """Frames of a store by name; one that repeats another's pixels reads those."""
    found = []
    for group in store.groups.values():
        ratios = group.coordinates["gain_ratio"]
        places = {row.name: row.index for row in group.rows}
        for row in (*group.rows, *group.duplicates):
            if row.name not in names:
                continue
            index = places.get(row.name, places.get(row.duplicate_of or "", row.index))
            ratio = float(ratios[index])
            found.append(
                StoredFrame(
                    store.path,
                    store.collection,
                    row,
                    index,
                    ratio if math.isfinite(ratio) and ratio > 0 else None,
                    f"{store.collection}/" if several else "",
                )
            )
    return sorted(found, key=lambda frame: frame.row.name)
