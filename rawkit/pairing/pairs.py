"""The pairs of a store, and what identifies the pixels of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from rawkit.catalog import Selection
from rawkit.errors import SelectionError
from rawkit.pairing.exposed import Exposed
from rawkit.sensor import gain_ratio
from rawkit.store import exposure_of
from rawkit.subset import Limits, choose_frames

if TYPE_CHECKING:
    from rawkit.store import FrameRow, Group, Store

METHOD = 1
"""Counts up whenever the same pixels come to be measured otherwise."""


@dataclass(frozen=True)
class StoredPair:
    """A dark frame with its long, in an opened store."""

    group: Group
    """Camera and geometry."""
    short: FrameRow
    """Row of the dark frame."""
    long: FrameRow
    """Row of its long; its pixels may be stored under another name."""

    @property
    def gain_ratio(self) -> float:
        """What EXIF says the short must be multiplied by; NaN where it does not."""
        return gain_ratio(exposure_of(self.short), exposure_of(self.long))

    @property
    def key(self) -> str:
        """Digest of everything that decides what is measured, hexadecimal."""
        parts: list[object] = [METHOD]
        for row in (self.short, self.long):
            parts += [row.pixel_hash, row.black_level, row.white_level, row.camera_white_level]
        return sha256(repr(parts).encode()).hexdigest()[:32]

    def read_short(self) -> Exposed:
        """Read the planes of the dark frame."""
        return exposed_of(self.group, self.short)

    def read_long(self) -> Exposed:
        """Read those of the long."""
        return exposed_of(self.group, self.long)


def exposed_of(group: Group, row: FrameRow) -> Exposed:
    """Read the planes of a frame.

    Raises
    ------
    StoreDamagedError
        If its shard is missing or fails a checksum.
    """
    planes = np.asarray(group.read("packed", row.index), np.uint16)
    white = min([row.white_level, *(row.camera_white_level or ())])
    return Exposed(planes, tuple(row.black_level), white)


def pairs_of(store: Store, selection: Selection | None = None) -> list[StoredPair]:
    """Return the pairs of a store that pass filters, by group and index; the first `limit` of them.

    Raises
    ------
    SelectionError
        If no dark frame that passes has a long.
    """
    frames = choose_frames(
        [store], fraction=1.0, seed=0, limits=Limits(),
        selection=replace(selection or Selection(), role=None),
    )  # fmt: skip
    found = []
    for frame in frames:
        if frame.role != "short":
            continue
        group = store.groups[frame.group]
        short = group.rows[frame.index]
        long = group.long_of(short)
        if long is not None:  # else its picture came with it, as those of videos do
            found.append(StoredPair(group, short, long))
    if not found:
        raise SelectionError(
            f"no pair among {len(frames)} frames",
            expected="dark frames with their long exposure",
            where=store.path,
            fix="Ingest the longs, or allow more with the filters.",
        )
    return found
