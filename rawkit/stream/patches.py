"""Patches that lie in a grid: every frame is covered exactly, each patch comes once an epoch.

Patches begin at every multiple of the stride, and once more where the last one ends with the frame.
Neighbours make blocks, at most `crops_per_window` patches each, which are read as windows: of the
chunks that they touch. Blocks of all frames are shuffled and dealt to the 8 lanes, each to the one
that has had the fewest patches. At the end blocks are parted so that all lanes have as many; where
the patches are no multiple of 8, up to seven come twice.

Within a lane a block that begins after s patches is live from the moment s / m to the moment
s / m + k, and gives its patches in random order, one in each n-th of that time. All else is as in
`rawkit.stream.plan`: a pure function of the frames, the settings, seed and epoch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

from rawkit.stream.near import group_of, pair_places
from rawkit.stream.settings import LANES, Sample, generator_for
from rawkit.stream.shapes import FrameShape, FrameShapes, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.stream.settings import PlanSettings

_SHUFFLED, _SPREAD, _TURNED, _LANES = 20, 21, 22, 23
"""Purposes of numbers that are drawn here; the lanes' follow the last one."""


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring patches of a frame, read together."""

    window: Window
    """The chunks that they touch, of frame 0."""
    tops: tuple[int, ...]
    """First row of each row of patches in the window, in packed pixels, from 0."""
    lefts: tuple[int, ...]
    """First column likewise."""

    def __len__(self) -> int:
        """Return the number of patches."""
        return len(self.tops) * len(self.lefts)

    def place(self, number: int) -> tuple[int, int]:
        """Return first row and column of a patch in the window, in packed pixels, from 0."""
        row, column = divmod(number, len(self.lefts))
        return self.tops[row], self.lefts[column]


class Part(NamedTuple):
    """What a lane is dealt: some patches of a block."""

    block: int
    """Which block of the epoch, from 0, frame by frame."""
    first: int
    """Its first patch that belongs here, from 0."""
    end: int
    """The first one after that does not."""


def grid(length: int, side: int, stride: int) -> list[int]:
    """Return where patches of `side` begin that cover `length` exactly, from 0, rising."""
    return [*range(0, length - side, stride), length - side]


def count_patches(frames: FrameShapes, settings: PlanSettings) -> int:
    """Return how many patches cover all frames."""
    counts = np.bincount(frames.which, minlength=len(frames.kinds)).tolist()
    return sum(
        count * math.prod(map(len, _grids(kind, settings)))
        for count, kind in zip(counts, frames.kinds, strict=True)
        if count
    )


def patch_span(settings: PlanSettings) -> int:
    """Return the samples, over all lanes, within which a block gives all its patches, at most.

    While one that begins at s lives, only those give patches that begin after s - k m and before
    s + k m.
    """
    live = settings.live_windows // LANES
    return LANES * (2 * live + 1) * settings.crops_per_window


def blocks_of(kind: FrameShape, settings: PlanSettings) -> list[Block]:
    """Part the patches of a frame into blocks, row by row."""
    rows = max(1, math.isqrt(settings.crops_per_window))
    columns = settings.crops_per_window // rows
    tops, lefts = _grids(kind, settings)
    found = []
    for down in _runs(tops, rows):
        first_row, end_row = _touched(down, settings.extent, kind.chunk[0])
        for across in _runs(lefts, columns):
            first, end = _touched(across, settings.extent, kind.chunk[1])
            window = Window(0, first_row, first, end_row - first_row, end - first)
            found.append(
                Block(
                    window,
                    tuple(top - first_row * kind.chunk[0] for top in down),
                    tuple(left - first * kind.chunk[1] for left in across),
                )
            )
    return found


class PatchPlan:
    """The windows and samples of one epoch of patches; about 7 bytes for each."""

    def __init__(self, frames: Sequence[FrameShape], settings: PlanSettings, epoch: int) -> None:
        shapes = FrameShapes.of(frames)
        self._settings, self.epoch = settings, epoch
        kinds = [blocks_of(kind, settings) for kind in shapes.kinds]
        frame = np.repeat(
            np.arange(len(shapes), dtype=np.int32), [len(kinds[kind]) for kind in shapes.which]
        )
        begins = np.searchsorted(frame, np.arange(len(shapes)))
        within = np.arange(len(frame)) - begins[frame]
        sizes = [[len(block) for block in blocks] for blocks in kinds]
        counts = [sizes[shapes.which[one]][number]
                  for one, number in zip(frame.tolist(), within.tolist(), strict=True)]  # fmt: skip
        lanes = deal(counts, _shuffled(shapes, settings, epoch, frame))
        parts = [part for lane in lanes for part in lane]
        of = np.array([part.block for part in parts])
        self._first = np.array([part.first for part in parts], np.int32)
        self.windows = PatchWindows(frame[of], within[of], kinds, shapes.which)
        """What is read, lane by lane."""
        length = sum(part.end - part.first for part in lanes[0])
        self._order = np.empty(LANES * length, np.int32)
        self._patch = np.empty(LANES * length, np.uint16)
        before = 0
        for number, lane in enumerate(lanes):
            order, patch = _lane_order(lane, number, settings, epoch)
            self._order[number::LANES] = order + before
            self._patch[number::LANES] = patch
            before += len(lane)
        self._turned = np.zeros(0, np.uint8)
        if settings.augment:
            generator = generator_for(settings.seed, epoch, _TURNED)
            self._turned = generator.integers(0, 8, len(self._order), np.uint8)

    def frames_of(self, window: Window) -> tuple[int, ...]:
        """Return the frame that a window reads, an index from 0."""
        return (window.frame,)

    def __len__(self) -> int:
        """Return the number of samples; the same in every epoch."""
        return len(self._order)

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index` of the epoch, from 0."""
        number = int(self._order[index])
        block = self.windows.block(number)
        top, left = block.place(int(self._first[number]) + int(self._patch[index]))
        turned = int(self._turned[index]) if self._settings.augment else 0
        return Sample(number, top, left, turned, index if index >= 0 else index + len(self))

    def window_numbers(self) -> NDArray[np.int32]:
        """Index of the window of every sample, in the order of samples."""
        return self._order


class PatchWindows(Sequence[Window]):
    """Windows of blocks as columns, each an object when it is looked at."""

    def __init__(
        self,
        frame: NDArray[np.int32],
        within: NDArray[np.integer],
        kinds: Sequence[Sequence[Block]],
        which: NDArray[np.integer],
    ) -> None:
        self.frame = frame
        """Frame of each window, shape (windows,)."""
        self._within, self._kinds, self._which = within, kinds, which

    def block(self, index: int) -> Block:
        """Return the block that a window reads patches of."""
        kind = int(self._which[int(self.frame[index])])
        return self._kinds[kind][int(self._within[index])]

    def __len__(self) -> int:
        return len(self.frame)

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> list[Window]: ...
    def __getitem__(self, index: int | slice) -> Window | list[Window]:
        if isinstance(index, slice):
            return [self[one] for one in range(len(self))[index]]
        seen = self.block(index).window
        frame = int(self.frame[index])
        return Window(frame, seen.top, seen.left, seen.rows, seen.columns)


def deal(counts: Sequence[int], order: Sequence[int]) -> list[list[Part]]:
    """Deal blocks of so many patches to the lanes, in an order, so that all have as many patches.

    Every patch is dealt once; then up to seven of the last blocks once more.
    """
    lanes: list[list[Part]] = [[] for _ in range(LANES)]
    heap = [(0, lane) for lane in range(LANES)]
    heapify(heap)
    for block in order:
        done, lane = heap[0]
        lanes[lane].append(Part(block, 0, counts[block]))
        heapreplace(heap, (done + counts[block], lane))
    length = -(-sum(counts) // LANES)
    missing = [length - sum(part.end - part.first for part in lane) for lane in lanes]
    for lane, parts in enumerate(lanes):
        while missing[lane] < 0:
            block, first, end = parts.pop()
            to = max(range(LANES), key=missing.__getitem__)
            moved = min(-missing[lane], missing[to], end - first)
            if first < end - moved:
                parts.append(Part(block, first, end - moved))
            lanes[to].append(Part(block, end - moved, end))
            missing[lane] += moved
            missing[to] -= moved
    last = len(order)
    for lane, parts in enumerate(lanes):
        while missing[lane] > 0:
            last = (last or len(order)) - 1
            again = min(missing[lane], counts[order[last]])
            parts.append(Part(order[last], 0, again))
            missing[lane] -= again
    return lanes


def _grids(kind: FrameShape, settings: PlanSettings) -> tuple[list[int], list[int]]:
    """First rows and first columns of a frame's patches, in packed pixels."""
    stride = settings.stride // 2
    return (
        grid(kind.height, settings.extent, stride),
        grid(kind.width, settings.extent, stride),
    )


def _runs(places: Sequence[int], count: int) -> list[Sequence[int]]:
    return [places[first : first + count] for first in range(0, len(places), count)]


def _touched(places: Sequence[int], extent: int, chunk: int) -> tuple[int, int]:
    """First chunk that patches at these places touch, and the first after them that none does."""
    return places[0] // chunk, (places[-1] + extent - 1) // chunk + 1


def _shuffled(
    frames: FrameShapes, settings: PlanSettings, epoch: int, frame: NDArray[np.int32]
) -> list[int]:
    """Order of the blocks, where `frame` is that of each."""
    if settings.group is None:
        generator = generator_for(settings.seed, epoch, _SHUFFLED)
        return [int(one) for one in generator.permutation(len(frame))]
    spread = generator_for(settings.seed, epoch, _SPREAD).random(len(frame))
    places = pair_places(frames, settings, epoch)
    moments = places[frame] + group_of(frames, settings) * spread
    return [int(one) for one in np.argsort(moments, kind="stable")]


def _lane_order(
    parts: Sequence[Part], lane: int, settings: PlanSettings, epoch: int
) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
    """Order of a lane's samples: which of its parts each is of, and which patch of that part."""
    sizes = np.array([part.end - part.first for part in parts])
    number = np.repeat(np.arange(len(parts), dtype=np.int32), sizes)
    begins = np.cumsum(sizes) - sizes
    within = np.arange(len(number)) - begins[number]
    generator = generator_for(settings.seed, epoch, _LANES + lane)
    # Which patch comes when, then the moment of each.
    shuffled = np.lexsort((generator.random(len(number)), number))
    patch = within[shuffled].astype(np.uint16)
    share = (within + generator.random(len(number))) / sizes[number]
    live = settings.live_windows // LANES
    moments = begins[number] / settings.crops_per_window + live * share
    order = np.argsort(moments, kind="stable")
    return number[order], patch[order]
