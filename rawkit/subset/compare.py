"""What two subsets have in common, and what each has alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawkit.subset.frames import SubsetFrame
    from rawkit.subset.types import Subset


@dataclass(frozen=True, slots=True)
class Difference:
    """Frames of two subsets, told apart by collection and name."""

    first: tuple[SubsetFrame, ...]
    """Frames that only the first has."""
    second: tuple[SubsetFrame, ...]
    """Frames that only the second has."""
    both: tuple[SubsetFrame, ...]
    """Frames that both have, as the first has them."""

    @property
    def relation(self) -> str:
        """``equal``, ``within`` (the first in the second), ``contains``, ``overlap``, ``apart``."""
        if not self.first and not self.second:
            return "equal"
        if not self.first:
            return "within"
        if not self.second:
            return "contains"
        return "overlap" if self.both else "apart"


def compare_subsets(first: Subset, second: Subset) -> Difference:
    """Compare the frames of two subsets; where they lie in a store does not matter."""
    ours = {(frame.collection, frame.name): frame for frame in first.frames}
    theirs = {(frame.collection, frame.name): frame for frame in second.frames}
    return Difference(
        first=tuple(frame for key, frame in ours.items() if key not in theirs),
        second=tuple(frame for key, frame in theirs.items() if key not in ours),
        both=tuple(frame for key, frame in ours.items() if key in theirs),
    )
