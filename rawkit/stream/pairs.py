"""The frames that can be trained on: a dark frame with its target, out of opened stores."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import SelectionError, StoreError
from rawkit.sensor import UNKNOWN_BALANCE
from rawkit.stream.plan import FrameShape
from rawkit.stream.reader import ShardFile
from rawkit.subset import SPLITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rawkit.store import FrameRow, Group, Store
    from rawkit.subset import Subset, SubsetFrame

_BAYER = ("R", "G1", "B", "G2")


def _unknown_balance() -> NDArray[np.float32]:
    return np.full(len(_BAYER), np.nan, np.float32)


@dataclass(frozen=True, slots=True)
class PairSource:
    """One dark frame and its target, ready to be read."""

    name: str
    """Collection and name of the frame."""
    packed: ShardFile
    """Packed planes of the dark frame."""
    target: ShardFile
    """Rendered target of its long."""
    black_level: NDArray[np.float32]
    """Black level of each plane, shape (4,), in sensor units."""
    white_level: float
    """White level in sensor units."""
    amplification_base: float
    """The amplifier's estimate of the whole frame."""
    exposure_ratio: float
    """Long over short time; NaN where a time is unknown."""
    gain_ratio: float
    """What the frame must really be multiplied by; NaN where unknown."""
    iso: float
    """ISO speed; NaN where unknown."""
    exposure_time: float = math.nan
    """Exposure time in seconds; NaN where unknown."""
    scene: str = ""
    """Scene: what no split divides."""
    store: str = ""
    """Where the store lies."""
    camera: str = ""
    """Camera model as EXIF spells it; empty where unknown."""
    white_balance: NDArray[np.float32] = field(default_factory=_unknown_balance)
    """The balance that the target was rendered with, which is that of its long: multipliers of each
    plane, shape (4,), G1 being 1; NaN where unknown."""

    @property
    def shape(self) -> FrameShape:
        """What the plan must know."""
        layout = self.packed.layout
        return FrameShape(layout.height, layout.width, layout.chunk, str(self.target.path))


def pair_sources(
    subset: Subset, stores: Mapping[str, Store], split: str | None
) -> list[PairSource]:
    """All pairs of a split, or of all splits if None, in the subset's order.

    Raises
    ------
    SelectionError
        If the split has none.
    StoreError
        If a store no longer holds a frame of the subset.
    """
    splits = SPLITS if split is None else (split,)
    frames = [frame for one in splits for frame in subset.pairs(one)]
    if not frames:
        raise SelectionError(
            f"subset {subset.name} has no pair in split {' or '.join(splits)}",
            expected="dark frames with their long exposure",
            fix="Ingest more scenes, and make the subset anew with --refresh.",
        )
    return sources_of(frames, stores)


def sources_of(frames: Sequence[SubsetFrame], stores: Mapping[str, Store]) -> list[PairSource]:
    """Locate the shards and the coordinates of frames."""
    rendered: dict[tuple[str, str], dict[int, FrameRow]] = {}
    return [_source(frame, stores[frame.collection], rendered) for frame in frames]


def _source(
    frame: SubsetFrame, store: Store, rendered: dict[tuple[str, str], dict[int, FrameRow]]
) -> PairSource:
    group = store.groups.get(frame.group)
    if group is None or not (
        frame.index < len(group.rows) and group.rows[frame.index].name == frame.name
    ):
        raise StoreError(
            f"{frame.name} is no longer frame {frame.index} of {frame.group}",
            expected="the store that the subset was made from",
            where=store.path,
            fix="Make the subset anew with `rawkit subset --refresh`.",
        )
    key = frame.collection, frame.group
    if key not in rendered:
        rendered[key] = {row.target_index: row for row in group.rows}
    return _located(frame, group, rendered[key])


def _located(frame: SubsetFrame, group: Group, rendered: Mapping[int, FrameRow]) -> PairSource:
    """Locate a pair; `rendered` are the rows of the group by the index of their own target."""
    values, index = group.coordinates, frame.index
    target = group.target
    if target is None:
        raise StoreError(f"{frame.group} has no targets", where=group.store)
    if group.packed.planes != len(_BAYER):
        raise StoreError(
            f"{frame.group} has {group.packed.planes} planes",
            expected=f"the {len(_BAYER)} of a Bayer mosaic: the networks know no other",
            where=group.store,
            fix="Make a subset of other stores with `rawkit subset --store`.",
        )
    target_index = int(values["target_index"][index])
    return PairSource(
        name=f"{frame.collection}/{frame.name}",
        packed=ShardFile(group.shard("packed", index), group.packed),
        target=ShardFile(group.shard("target", target_index), target),
        black_level=values["black_level"][index].astype(np.float32),
        white_level=float(values["white_level"][index]),
        amplification_base=float(values["amplification_base"][index]),
        exposure_ratio=float(values["exposure_ratio"][index]),
        gain_ratio=float(values["gain_ratio"][index]),
        iso=float(values["iso"][index]),
        exposure_time=float(values["exposure_time"][index]),
        scene=frame.scene,
        store=str(group.store),
        camera=group.rows[index].model or "",
        white_balance=_balance_of(rendered.get(target_index)),
    )


def _balance_of(row: FrameRow | None) -> NDArray[np.float32]:
    if row is None or row.white_balance_source == UNKNOWN_BALANCE:
        return _unknown_balance()
    return np.array(row.white_balance, np.float32)
