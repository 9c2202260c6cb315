"""What a subset is, and how its pairs spread over cameras, ISO speeds, ratios and places."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from rawkit.catalog import Selection
from rawkit.subset.frames import SubsetFrames, camera_of, place_of, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rawkit.subset.frames import SubsetFrame

FORMAT: Final = "rawkit-subset"
VERSION: Final = 1
SPLITS: Final = ("train", "val", "test")


AXES: Final[Mapping[str, tuple[str, Callable[[Any], str | float | None]]]] = {
    "camera": ("group", camera_of),
    "place": ("scene", place_of),
    "iso": ("iso", lambda iso: iso),
    "ratio": ("ratio", rounded),
}
"""What the balance of a subset is counted over: the column, and what is counted of its value."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the training split is taken, beside the fraction."""

    max_pairs: int | None = None
    """At most so many training pairs."""
    max_bytes: int | None = None
    """At most so many bytes of shards, whole val and test included."""


@dataclass(frozen=True, slots=True)
class Subset:
    """A named choice of frames."""

    name: str
    """Its name, as in ``rawkit train --subset NAME``."""
    fraction: float
    """Share of the training scenes, above 0 and at most 1."""
    seed: int
    """Seed of the order in which scenes are taken."""
    created: str
    """When it was made, ISO 8601, UTC."""
    stores: Mapping[str, str]
    """Path of each collection's store, relative to the workspace where it lies in it."""
    frames: Sequence[SubsetFrame]
    """Frames, by collection, group and index; held as `SubsetFrames`, whatever they were."""
    limits: Limits = field(default_factory=Limits)
    """Further limits on the training split."""
    selection: Selection = field(default_factory=Selection)
    """Filters on the dark frames of all splits."""

    def __post_init__(self) -> None:
        """Hold frames as columns."""
        object.__setattr__(self, "frames", SubsetFrames.of(self.frames))

    @property
    def columns(self) -> SubsetFrames:
        """The frames, as columns."""
        return cast("SubsetFrames", self.frames)

    def pairs(self, split: str) -> SubsetFrames:
        """Shorts of a split that have a long."""
        return self.columns.where(split=split, role="short", paired=True)

    def pair_count(self, split: str) -> int:
        """Count the pairs of a split."""
        return int(np.count_nonzero(self.columns.which(split=split, role="short", paired=True)))

    def scenes(self, split: str) -> int:
        """Count the scenes of the pairs of a split, those of each collection."""
        return sum(split == found for found, *_ in self._counted("collection", "scene"))

    def balance(self) -> list[tuple[str, str, float | None, float | None, int, int, int]]:
        """Count pairs by collection, camera, ISO and ratio: train, val, test."""
        counts: Counter[tuple[str, str, float | None, float | None, str]] = Counter()
        for split, *values, count in self._counted("collection", "group", "iso", "ratio"):
            collection, group, iso, ratio = values
            counts[collection, camera_of(group), iso, rounded(ratio), split] += count
        keys = sorted({key[:4] for key in counts}, key=lambda key: [str(key[0]), key[1],
                      key[2] or 0.0, key[3] or 0.0])  # fmt: skip
        return [
            (*key, counts[(*key, "train")], counts[(*key, "val")], counts[(*key, "test")])
            for key in keys
        ]

    def balance_over(self, axis: str) -> list[tuple[str | float | None, int, int, int]]:
        """Count pairs by one of `AXES`: its value, then train, val, test."""
        column, value_of = AXES[axis]
        counts: dict[str, Counter[str | float | None]] = {split: Counter() for split in SPLITS}
        for split, value, count in self._counted(column):
            counts[split][value_of(value)] += count
        values = {one for split in SPLITS for one in counts[split]}
        ordered = sorted(values, key=lambda one: (one is None, isinstance(one, str), one or 0))
        return [
            (one, counts["train"][one], counts["val"][one], counts["test"][one]) for one in ordered
        ]

    def _counted(self, *columns: str) -> list[tuple[Any, ...]]:
        """Count the pairs that have the same values: split, the values, then how many."""
        pairs = np.flatnonzero(self.columns.which(role="short", paired=True))
        keys = np.zeros(len(pairs), np.int64)
        columns = ("split", *columns)
        coded = [self.columns.distinct(name) for name in columns]
        for codes, values in coded:
            keys = keys * len(values) + codes[pairs]
        keys, counts = np.unique(keys, return_counts=True)
        found = [counts.tolist()]
        for _, values in reversed(coded):
            keys, codes = np.divmod(keys, max(1, len(values)))
            found.append([values[code] for code in codes.tolist()])
        return list(zip(*reversed(found), strict=True))
