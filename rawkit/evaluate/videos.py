"""Which pairs of an evaluation follow each other: its videos.

A video is the frames of one place in a collection, said by their names; frames are neighbours if
their numbers follow each other. A pair that is no part of a video is one of a single frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.catalog import place_in_video

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.evaluate.pairs import Pair


@dataclass(frozen=True)
class Video:
    """Frames of a video, or a single one, in order."""

    name: str
    """What its frames share, such as ``test/dark/0008.npy#*``; of a single frame its own name."""
    pairs: tuple[Pair, ...]
    """Its frames, by their numbers."""
    numbers: tuple[int, ...]
    """Number of each frame, as its name has it; a step of more than one is a gap."""

    @property
    def moves(self) -> bool:
        """Whether any two of its frames are neighbours."""
        return any(b == a + 1 for a, b in zip(self.numbers, self.numbers[1:], strict=False))

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Where frames follow each other without a gap: first, from 0, and one past the last."""
        begins = [index for index in range(len(self.pairs)) if not self.follows(index)]
        return list(zip(begins, [*begins[1:], len(self.pairs)], strict=True))

    def follows(self, index: int) -> bool:
        """Tell whether a frame, from 0, is the neighbour of the one before it."""
        return index > 0 and self.numbers[index] == self.numbers[index - 1] + 1


def videos_of(pairs: Sequence[Pair]) -> list[Video]:
    """Put pairs together that are frames of one video of one group, in the order of the first."""
    found: dict[tuple[str, str, str], list[tuple[int, Pair]]] = {}
    for pair in pairs:
        place = place_in_video(pair.dark.name)
        name, number = (pair.dark.name, 0) if place is None else place
        found.setdefault((pair.collection, pair.group.name, name), []).append((number, pair))
    videos = []
    for (_, _, name), members in found.items():
        ordered = sorted(members, key=lambda one: one[0])
        numbers = tuple(number for number, _ in ordered)
        videos.append(Video(name, tuple(pair for _, pair in ordered), numbers))
    return videos
