"""The order of frames in an epoch where windows are shuffled among few of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.stream.settings import LANES, generator_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.stream.settings import PlanSettings
    from rawkit.stream.shapes import FrameShapes


def group_of(frames: FrameShapes, settings: PlanSettings) -> int:
    """Frames, or runs with as many, that windows are shuffled among at any time."""
    group = settings.group or 1
    if frames.runs is None:
        return group
    return max(1, group * len(frames) // int(frames.runs.lengths.sum()))


def pair_places(frames: FrameShapes, settings: PlanSettings, epoch: int) -> NDArray[np.int64]:
    """Return the place of every frame in the epoch, from 0; those of one long follow each other.

    An epoch begins with longs that the one before has ended with. For that longs are parted at
    random into two halves: epochs end with longs of one and of the other half in turn, so none is
    wanted at both ends. Which of a half, and all else, is drawn anew for each epoch.
    """
    if frames.places is not None:
        return frames.places
    numbers = range(len(frames)) if frames.longs is None else frames.longs.tolist()
    longs: dict[int, list[int]] = {}
    for number, long in enumerate(numbers):
        longs.setdefault(long, []).append(number)
    groups = list(longs.values())
    halves = np.arange(len(groups)) < len(groups) // 2
    generator_for(settings.seed, 0, 5 + LANES).shuffle(halves)

    def ending(which: int) -> list[int]:
        """Longs that an epoch ends with, the last one first."""
        order = generator_for(settings.seed, which, 6 + LANES).permutation(len(groups))
        return [one for one in order.tolist() if bool(halves[one]) == bool(which % 2)]

    first = ending(epoch - 1) if epoch else []
    last = ending(epoch)[::-1]
    taken = {*first, *last}
    between = [one for one in range(len(groups)) if one not in taken]
    order = (
        first + generator_for(settings.seed, epoch, 7 + LANES).permutation(between).tolist() + last
    )
    places = np.empty(len(frames), np.int64)
    places[[number for one in order for number in groups[int(one)]]] = np.arange(len(frames))
    return places
