"""What a subset is, and how its pairs spread over cameras, ISO speeds, ratios and places."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rawkit.catalog import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FORMAT: Final = "rawkit-subset"
VERSION: Final = 1
SPLITS: Final = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class SubsetFrame:
    """One frame of a subset."""

    collection: str
    """Collection it comes from."""
    group: str
    """Group within that collection's store."""
    index: int
    """Position along the frame axis of the group, from 0."""
    name: str
    """Identity within the collection."""
    scene: str
    """What one split never divides."""
    split: str
    """``train``, ``val`` or ``test``."""
    role: str
    """``short`` or ``long``."""
    iso: float | None
    """ISO speed."""
    ratio: float | None
    """Exposure ratio to its long; None where there is no long, or a time is unknown."""
    paired: bool
    """Whether its long is there and has a target."""

    @property
    def camera(self) -> str:
        """Camera, as the first part of the group spells it."""
        return self.group.partition("/")[0]

    @property
    def place(self) -> str | None:
        """First part of a scene with a slash, such as MID's ``indoor``; None for other scenes."""
        place, slash, _ = self.scene.partition("/")
        return place if slash else None

    @property
    def rounded_ratio(self) -> float | None:
        """Ratio to two digits, as it is counted."""
        return None if self.ratio is None else float(f"{self.ratio:.2g}")


AXES: Final[Mapping[str, Callable[[SubsetFrame], str | float | None]]] = {
    "camera": lambda frame: frame.camera,
    "place": lambda frame: frame.place,
    "iso": lambda frame: frame.iso,
    "ratio": lambda frame: frame.rounded_ratio,
}
"""What the balance of a subset is counted over."""


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
    frames: tuple[SubsetFrame, ...]
    """Frames, by collection, group and index."""
    limits: Limits = field(default_factory=Limits)
    """Further limits on the training split."""
    selection: Selection = field(default_factory=Selection)
    """Filters on the dark frames of all splits."""

    def pairs(self, split: str) -> list[SubsetFrame]:
        """Shorts of a split that have a long."""
        return [
            frame
            for frame in self.frames
            if frame.split == split and frame.role == "short" and frame.paired
        ]

    def balance(self) -> list[tuple[str, str, float | None, float | None, int, int, int]]:
        """Count pairs by collection, camera, ISO and ratio: train, val, test."""
        counts: Counter[tuple[str, str, float | None, float | None, str]] = Counter()
        for split in SPLITS:
            for frame in self.pairs(split):
                counts[frame.collection, frame.camera, frame.iso, frame.rounded_ratio, split] += 1
        keys = sorted({key[:4] for key in counts}, key=lambda key: [str(key[0]), key[1],
                      key[2] or 0.0, key[3] or 0.0])  # fmt: skip
        return [
            (*key, counts[(*key, "train")], counts[(*key, "val")], counts[(*key, "test")])
            for key in keys
        ]

    def balance_over(self, axis: str) -> list[tuple[str | float | None, int, int, int]]:
        """Count pairs by one of `AXES`: its value, then train, val, test."""
        value = AXES[axis]
        counts = {split: Counter(map(value, self.pairs(split))) for split in SPLITS}
        values = {one for split in SPLITS for one in counts[split]}
        ordered = sorted(values, key=lambda one: (one is None, isinstance(one, str), one or 0))
        return [
            (one, counts["train"][one], counts["val"][one], counts["test"][one]) for one in ordered
        ]
