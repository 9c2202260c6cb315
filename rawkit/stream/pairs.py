"""The frames that can be trained on: a dark frame with its target.

A million pairs are columns of some dozen bytes each; a `PairSource` is made when one is looked at.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeVar, overload

import numpy as np

from rawkit.store import RemoteFile
from rawkit.stream.reader import ShardFile
from rawkit.stream.runs import runs_of
from rawkit.stream.shapes import FrameShape, FrameShapes
from rawkit.stream.values import Values, coded

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from numpy.typing import NDArray

    from rawkit.store import ArrayLayout, ReadablePlace
    from rawkit.stream.runs import Runs
    from rawkit.stream.texts import PackedTexts, SharedTexts

VALIDATED = 8
"""Frames looked at during a training; spread evenly over the split."""
NO_AREA = (0, 0, 0, 0)
"""Area of a pair of which none is known."""
_Item = TypeVar("_Item")
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
    """Rendered target of its long; or the packed planes of that, to train from raw to raw."""
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
    is_long: bool = False
    """Whether the frame is a long itself, of which a short is still to be made."""

    target_levels: NDArray[np.float32] | None = None
    """Where the target is planes: black level of each and white level, shape (5,), sensor units."""
    area: tuple[int, int, int, int] = NO_AREA
    """Rows and columns of the camera's visible area, and the row and column of it, from 0, at which
    the frame begins; no rows where that is unknown."""

    @property
    def shape(self) -> FrameShape:
        """What the plan must know."""
        layout = self.packed.layout
        return FrameShape(layout.height, layout.width, layout.chunk)


_KEPT = 4096
"""Pairs that are kept once they were made."""
NUMBERS = (
    "white_level", "amplification_base", "exposure_ratio", "gain_ratio", "iso", "exposure_time",
)  # fmt: skip
"""Fields of a pair that are numbers."""
_OF_A_TAKE = ("white_level", "exposure_ratio", "gain_ratio", "iso", "exposure_time")
"""Those that do not change within a clip."""


class Origins(NamedTuple):
    """A group of a store that pairs come from."""

    collection: str
    """Collection of the store."""
    place: ReadablePlace
    """Where the store lies."""
    name: str
    """Camera and geometry."""
    packed: ArrayLayout
    """Layout of the packed planes."""
    target: ArrayLayout
    """Layout of the targets."""

    def shard(self, layout: ArrayLayout, index: int) -> ShardFile:
        """Return a shard of one of the two arrays, `index` from 0."""
        return ShardFile(self.place.file(f"{self.name}/{layout.key(index)}"), layout)


class Repeats(NamedTuple):
    """Frames that are not stored, since their pixels are those of pairs that are."""

    names: PackedTexts
    """Their names within the collection."""
    of: NDArray[np.int32]
    """Which pair each repeats, shape (repeats,)."""


class Pairs(Sequence[PairSource]):
    """Pairs as columns, each a `PairSource` when it is looked at.

    Parameters
    ----------
    groups
        Groups that they come from.
    which, places, targets, rows
        Of each pair, shape (pairs,): number of its group, of its dark frame and of its target
        there, and of the row of its dark frame in the table of its store.
    numbers
        Values of `NUMBERS`, shape (pairs,) each.
    black_level, white_balance
        As in `PairSource`, shape (pairs, 4).
    names, scenes, cameras
        Texts of each pair; names are those within the collection.
    longs
        Which are longs, of which shorts are still to be made, shape (pairs,); none if None.
    repeats
        Frames of the same videos and longs that repeat pairs; None: nobody has looked.
    target_levels
        As in `PairSource`, shape (pairs, 5); None where targets are pictures. `targets` then are
        numbers of longs among the frames.
    areas
        As in `PairSource`, shape (pairs, 4); none is known if None.
    """

    def __init__(
        self,
        groups: Sequence[Origins],
        which: NDArray[np.integer],
        places: NDArray[np.int32],
        targets: NDArray[np.int32],
        rows: NDArray[np.int32],
        *,
        numbers: dict[str, NDArray[np.float64]],
        black_level: NDArray[np.float32],
        white_balance: NDArray[np.float32],
        names: PackedTexts,
        scenes: SharedTexts,
        cameras: SharedTexts,
        longs: NDArray[np.bool_] | None = None,
        repeats: Repeats | None = None,
        target_levels: NDArray[np.float32] | None = None,
        areas: NDArray[np.int32] | None = None,
    ) -> None:
        self._areas = None if areas is None else Values(areas)
        self._target_levels = None if target_levels is None else Values(target_levels)
        self.repeats = repeats
        self.longs = np.zeros(len(which), np.bool_) if longs is None else longs
        self.groups, self.which = tuple(groups), which
        self.places, self.targets, self.rows = places, targets, rows
        self._numbers = {name: Values(values) for name, values in numbers.items()}
        self._black_level, self._white_balance = Values(black_level), Values(white_balance)
        self._names, self._scenes, self._cameras = names, scenes, cameras
        self._made: dict[int, PairSource] = {}

    def __len__(self) -> int:
        return len(self.which)

    @overload
    def __getitem__(self, index: int) -> PairSource: ...
    @overload
    def __getitem__(self, index: slice) -> list[PairSource]: ...
    def __getitem__(self, index: int | slice) -> PairSource | list[PairSource]:
        if isinstance(index, slice):
            return [self[one] for one in range(len(self))[index]]
        number = range(len(self))[index]  # raises IndexError beyond the end
        found = self._made.get(number)
        if found is None:
            found = self._source(number)
            if len(self._made) < _KEPT:
                self._made[number] = found
        return found

    def __iter__(self) -> Iterator[PairSource]:
        return (self[number] for number in range(len(self)))

    def _source(self, number: int) -> PairSource:
        one = self.groups[int(self.which[number])]
        packed, target = int(self.places[number]), int(self.targets[number])
        values = {name: self._numbers[name][number].item() for name in NUMBERS}
        return PairSource(
            name=f"{one.collection}/{self._names[number]}",
            packed=one.shard(one.packed, packed),
            target=one.shard(one.target, target),
            black_level=self._black_level[number].astype(np.float32),
            scene=self._scenes[number],
            store=str(one.place.location),
            camera=self._cameras[number],
            white_balance=self._white_balance[number].astype(np.float32),
            is_long=bool(self.longs[number]),
            target_levels=None
            if self._target_levels is None else self._target_levels[number].astype(np.float32),
            area=NO_AREA if self._areas is None else tuple(self._areas[number].tolist()),
            **values,
        )  # fmt: skip

    def names(self) -> Iterator[str]:
        """Yield the names of the pairs within their collections."""
        return (self._names[number] for number in range(len(self)))

    def takes(self) -> list[int]:
        """Return a number for each pair that it shares with all that can be its neighbours."""
        columns = [self.column(name) for name in _OF_A_TAKE]
        balance = np.asarray(self._white_balance.all(), np.float64)
        codes = (self.which, self._scenes.codes, self._cameras.codes)
        together = np.column_stack([*codes, *columns, balance])
        found: list[int] = coded(together)[1].tolist()
        return found

    def column(self, name: str) -> NDArray[np.float64]:
        """Values of one of `NUMBERS`, shape (pairs,)."""
        return np.asarray(self._numbers[name].all(), np.float64)

    def kinds(self) -> list[int]:
        """Return the first pair of each store, camera and area."""
        areas = None if self._areas is None else self._areas.all()
        columns = [self.which, self._cameras.codes, *([] if areas is None else areas.T)]
        _, codes = coded(np.column_stack(columns))
        return sorted(np.unique(codes, return_index=True)[1].tolist())

    def balances(self) -> Counter[tuple[str, tuple[float, ...]]]:
        """Count the pairs of each camera and white balance."""
        cameras, texts = self._cameras.codes, self._cameras.texts
        balances = np.asarray(self._white_balance.all(), np.float32)
        distinct, which = coded(balances)
        together: NDArray[np.int64] = which * len(texts) + cameras
        keys, counts = np.unique(together, return_counts=True)
        found: Counter[tuple[str, tuple[float, ...]]] = Counter()
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            balance, camera = divmod(key, len(texts))
            found[texts[camera].as_py(), tuple(distinct[balance].tolist())] += count
        return found


def balances_of(sources: Sequence[PairSource]) -> Counter[tuple[str, tuple[float, ...]]]:
    """Count the pairs of each camera and white balance, multipliers of the four planes."""
    if isinstance(sources, Pairs):
        return sources.balances()
    return Counter((one.camera, tuple(one.white_balance.tolist())) for one in sources)


def kinds_of(sources: Sequence[PairSource]) -> list[PairSource]:
    """Return the first pair of each store, camera and area of it."""
    if isinstance(sources, Pairs):
        return [sources[number] for number in sources.kinds()]
    return list({(one.store, one.camera, one.area): one for one in reversed(sources)}.values())


def spread(items: Sequence[_Item], most: int = VALIDATED) -> list[_Item]:
    """Choose at most so many, evenly over a list: what a training validates on."""
    count = min(most, len(items))
    return [items[index * len(items) // count] for index in range(count)]


def shapes_of(sources: Sequence[PairSource]) -> FrameShapes:
    """Return what a plan must know of pairs."""
    if not isinstance(sources, Pairs):
        shapes = FrameShapes.of(source.shape for source in sources)
        longs: dict[object, int] = {}
        which = [longs.setdefault(source.target.path, len(longs)) for source in sources]
        return FrameShapes(
            shapes.kinds, shapes.which, np.array(which, np.int64), partial(_runs, sources)
        )
    layouts = [one.packed for one in sources.groups]
    kinds = [FrameShape(one.height, one.width, one.chunk) for one in layouts]
    distinct = list(dict.fromkeys(kinds))
    numbers = np.array([distinct.index(kind) for kind in kinds], np.uint16)
    return FrameShapes(
        distinct, numbers[sources.which], _long_keys(sources), partial(_runs, sources)
    )


def _runs(sources: Sequence[PairSource]) -> Runs:
    """Find the runs of neighbours among pairs."""
    if isinstance(sources, Pairs):
        takes, repeats = sources.takes(), sources.repeats
        if repeats is None:
            return runs_of(sources.names(), takes)
        # A frame that repeats another is a frame of its video all the same.
        names = chain(sources.names(), (repeats.names[at] for at in range(len(repeats.of))))
        found = runs_of(names, [*takes, *(takes[pair] for pair in repeats.of.tolist())])
        stored = np.concatenate([np.arange(len(sources), dtype=np.int32), repeats.of])
        return replace(found, order=stored[found.order])
    return runs_of((source.name for source in sources), map(_take_of, sources))


def _take_of(source: PairSource) -> Hashable:
    """Return what a pair shares with its neighbours, beside the video."""
    values = np.array([getattr(source, name) for name in _OF_A_TAKE], np.float64)
    layouts = [replace(file.layout, count=0) for file in (source.packed, source.target)]
    bits = values.tobytes() + source.white_balance.tobytes()
    return (source.store, source.scene, source.camera, *layouts, bits)


def _long_keys(pairs: Pairs) -> NDArray[np.int64]:
    """Return a number for each pair that those of one target share."""
    return pairs.which.astype(np.int64) << 32 | pairs.targets


def layouts_of(sources: Sequence[PairSource]) -> set[tuple[ArrayLayout, ArrayLayout]]:
    """Return the layouts of planes and targets that pairs have."""
    if not isinstance(sources, Pairs):
        return {(source.packed.layout, source.target.layout) for source in sources}
    return {(one.packed, one.target) for one in _used(sources)}


def any_elsewhere(sources: Sequence[PairSource]) -> bool:
    """Tell whether the store of any pair lies on another machine."""
    if not isinstance(sources, Pairs):
        return any(isinstance(source.packed.path, RemoteFile) for source in sources)
    return any(isinstance(one.place.file(""), RemoteFile) for one in _used(sources))


def _used(pairs: Pairs) -> list[Origins]:
    counts = np.bincount(pairs.which, minlength=len(pairs.groups))
    return [one for one, count in zip(pairs.groups, counts.tolist(), strict=True) if count]


def numbers_of(sources: Sequence[PairSource], name: str) -> NDArray[np.float64]:
    """Values of one of `NUMBERS`, shape (pairs,)."""
    if isinstance(sources, Pairs):
        return sources.column(name)
    return np.array([getattr(source, name) for source in sources], np.float64)


def count_targets(sources: Sequence[PairSource]) -> int:
    """Count the different targets of pairs."""
    if not isinstance(sources, Pairs):
        return len({source.target.path for source in sources})
    return len(np.unique(_long_keys(sources)))


def longs_among(sources: Sequence[PairSource]) -> NDArray[np.bool_]:
    """Tell which are longs, of which shorts are still to be made, shape (pairs,)."""
    if isinstance(sources, Pairs):
        return sources.longs
    return np.array([source.is_long for source in sources], np.bool_)
