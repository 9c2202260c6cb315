"""Which pairs an evaluation looks at, and the identity of their pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from rawkit.catalog import Selection
from rawkit.errors import SelectionError, StoreError
from rawkit.sensor import BAYER, MAX_RATIO, exposure_ratio, gain_ratio
from rawkit.store import NO_TARGET, exposure_of
from rawkit.subset import Limits, choose_frames, no_longer
from rawkit.workspace import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from rawkit.evaluate.protocol import Protocol
    from rawkit.restore import Mending
    from rawkit.store import FrameRow, Group, Store
    from rawkit.subset import Subset, SubsetFrame


@dataclass(frozen=True)
class Pair:
    """A dark frame with its ground truth, in an opened store."""

    collection: str
    """Collection they come from."""
    group: Group
    """Camera and geometry within the store."""
    dark: FrameRow
    """Row of the dark frame."""
    long: FrameRow
    """Row that has the target: of the long exposure, or of the dark frame itself where that came
    with a picture."""
    mending: Mending | None = None
    """What is done to the dark frame by its camera's profile; None: nothing."""

    @property
    def key(self) -> tuple[str, str]:
        """Collection and name of the dark frame: tells pairs of an evaluation apart."""
        return self.collection, self.dark.name

    @property
    def given(self) -> bool:
        """Whether the truth is a picture that came with the dark frame, of no known exposure."""
        return self.long.role != "long"

    @property
    def exposure_ratio(self) -> float:
        """Long over short time; NaN where a time is unknown."""
        if self.given:
            return math.nan
        return exposure_ratio(exposure_of(self.dark), exposure_of(self.long))

    @property
    def gain_ratio(self) -> float:
        """What the dark frame must really be multiplied by; NaN where unknown."""
        if self.given:
            return math.nan
        return gain_ratio(exposure_of(self.dark), exposure_of(self.long))

    def planes(self) -> NDArray[np.uint16]:
        """Read the packed planes of the dark frame, (4, height, width), sensor units."""
        return np.asarray(self.group.read("packed", self.dark.index), np.uint16)

    def long_planes(self) -> NDArray[np.uint16]:
        """Read those of the long exposure."""
        return np.asarray(self.group.read("packed", self.long.index), np.uint16)

    def target(self) -> NDArray[np.unsignedinteger]:
        """Read the target, (H, W, 3), 8 or 16 bits, BT.709 curve on sRGB primaries."""
        found = self.group.read("target", self.long.target_index)
        return np.ascontiguousarray(found.transpose(1, 2, 0))


def choose_pairs(
    stores: Sequence[Store],
    protocol: Protocol,
    *,
    selection: Selection | None = None,
    subset: Subset | None = None,
    limit: int | None = None,
) -> list[Pair]:
    """Choose the pairs of stores that a protocol takes, by collection, group and index.

    `selection` filters further, `subset` keeps what it holds, `limit` the first so many.

    Raises
    ------
    SelectionError
        If nothing is left.
    StoreError
        If a pair is no Bayer one, or the subset names a frame that its store no longer holds.
    """
    frames: Sequence[SubsetFrame] = choose_frames(
        stores,
        fraction=1.0,
        seed=0,
        limits=Limits(),
        selection=replace(selection or Selection(), limit=None, role=None),
    )
    if subset is not None:
        _check_subset(subset, stores)
        kept = {(one.collection, one.name) for one in subset.frames}
        frames = [one for one in frames if (one.collection, one.name) in kept]
    paired = [one for one in frames if one.role == "short" and one.paired]
    wanted = [
        one for one in paired if protocol.takes(one.collection, one.name, one.scene, one.split)
    ]
    if not wanted:
        raise _nothing(protocol, paired, stores)
    found = _located(wanted, {store.collection: store for store in stores})
    if protocol.ratios:
        found = [one for one in found if protocol.nominal(capped(one)) is not None]
        if not found:
            raise _nothing(protocol, paired, stores)
    return found[:limit]


def capped(pair: Pair) -> float:
    """Return the gain ratio of a pair, at most as much as anything is amplified by."""
    return min(pair.gain_ratio, MAX_RATIO)


def _located(frames: Iterable[SubsetFrame], stores: Mapping[str, Store]) -> list[Pair]:
    pairs = []
    for frame in frames:
        group = stores[frame.collection].groups[frame.group]
        if group.packed.planes != BAYER.planes:
            raise StoreError(
                f"{frame.group} has {group.packed.planes} planes",
                expected="the 4 of a Bayer mosaic: the networks know no other",
                where=group.store,
                fix="Leave it out with --camera or --store.",
            )
        dark = group.rows[frame.index]
        long = dark if dark.target_index != NO_TARGET else group.long_of(dark)
        if long is None:
            raise AssertionError(f"{frame.name} is paired and has no long")
        pairs.append(Pair(frame.collection, group, dark, long))
    return pairs


def _check_subset(subset: Subset, stores: Sequence[Store]) -> None:
    """Refuse a subset whose frames are no longer what they were."""
    opened = {store.collection: store for store in stores}
    for frame in subset.frames:
        group = opened[frame.collection].groups.get(frame.group)
        rows = () if group is None else group.rows
        if frame.index >= len(rows) or rows[frame.index].name != frame.name:
            raise no_longer(frame, opened[frame.collection].path)


def _nothing(
    protocol: Protocol, paired: Sequence[SubsetFrame], stores: Sequence[Store]
) -> SelectionError:
    splits = listed(sorted({one.split for one in paired}))
    collections = listed(sorted({one.collection for one in paired}))
    return SelectionError(
        f"none of {len(paired)} pairs belongs to protocol {protocol.name}",
        expected=f"pairs of split {' or '.join(protocol.splits)}"
        + (f" of collection {' or '.join(protocol.collections)}" if protocol.collections else ""),
        where=", ".join(str(store.path) for store in stores),
        fix=f"There are pairs of splits {splits} of collections {collections}; "
        "choose others with --protocol, --split.",
    )


def pairs_digest(pairs: Iterable[Pair]) -> str:
    """SHA-256 over everything about the pairs that decides a figure, hexadecimal.

    Pixels are named by the digests that the store holds of them, so nothing is read.
    """
    digest = sha256()
    for pair in pairs:
        about = pair.group.target
        own = (pair.dark.target_index,) if pair.given else ()
        parts = (
            *pair.key, pair.dark.pixel_hash, pair.dark.black_level, pair.dark.white_level,
            pair.dark.amplification_base, pair.dark.scene, pair.long.name, pair.long.pixel_hash,
            pair.long.black_level, pair.long.white_level, pair.long.exposure_time,
            None if about is None else about.dtype, *own,
            *(() if pair.mending is None else (pair.mending.asked,)),
        )  # fmt: skip
        digest.update(repr(parts).encode())
    return digest.hexdigest()


def known(value: float | None) -> float | None:
    """None for what is not known."""
    return None if value is None or math.isnan(value) else value
