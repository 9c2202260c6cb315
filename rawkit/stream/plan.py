"""Which crop is sample number i: a pure function of the frames, the settings, seed and epoch.

A frame is cut into windows of whole chunks. An epoch takes from every frame about as many windows
as cover it once, at random places, in random order. Windows are dealt to 8 lanes. Within a lane
window j is live from the moment j to the moment j + k, and gives its m crops at random moments, one
in each m-th of that time; so k windows of a lane are live at any moment, and crops of one window
lie apart. Sample i of an epoch comes from lane i mod 8, so any number of ranks that divides 8 can
share the work without reading a window twice.

A clip is some neighbouring frames at one place. What is cut into windows is then a run of frames
without a gap: a window is the same chunks of as many frames as a clip has, and an epoch takes from
every run about as many as cover it once, in space and in time. All else is as for frames.

Nothing here depends on threads, time or what was read before: where to resume is one number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.stream.bits import REVERSE, TRANSPOSE
from rawkit.stream.shapes import FrameShape, FrameShapes, Window, Windows, window_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LANES = 8
CROPS_PER_WINDOW, LIVE_WINDOWS = 4, 24
"""Defaults of `PlanSettings`."""
CLIP_LIVE_WINDOWS = LANES
"""The least: crops of all live windows are in memory, and clips are as many times larger."""
_BLOCK = 1 << 16
"""Samples whose places are drawn at once."""
_KEPT_BLOCKS = 3
"""Blocks that are kept: samples are asked for nearly in their order."""
_COUNTED = 4
"""Numbers of 64 bits that Philox makes at once."""


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """All that decides the samples, besides the frames."""

    crop: int
    """Side of a crop in pixels of the mosaic, even: packed planes have half of it."""
    crops_per_window: int = CROPS_PER_WINDOW
    """Crops taken from each window that is read. Three windows make a frame of 12 MP."""
    live_windows: int = LIVE_WINDOWS
    """Windows that crops are drawn from at any time; a multiple of 8."""
    window_chunks: int = 4
    """Chunks a side of a window; more where the crop needs it, fewer where the frame has fewer."""
    augment: bool = True
    """Whether crops are flipped and transposed at random; takes one more packed pixel a side."""
    seed: int = 0
    """Seed of everything random."""
    group: int | None = None
    """Pairs that windows are shuffled among at any time, where a store cannot hold all; None: all
    of the epoch."""
    clip: int = 1
    """Neighbouring frames of a sample; 1 draws frames."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.crop % 2:
            raise UsageError(f"crops of {self.crop} mosaic pixels", expected="an even number")
        if self.crop < 1 or self.crops_per_window < 1 or self.window_chunks < 1:
            raise UsageError("a plan without crops", expected="numbers of at least 1")
        if self.group is not None and self.group < 1:
            raise UsageError(f"groups of {self.group} pairs", expected="at least 1")
        if self.clip < 1:
            raise UsageError(f"clips of {self.clip} frames", expected="at least 1 frame")
        if self.live_windows < LANES or self.live_windows % LANES:
            raise UsageError(f"{self.live_windows} live windows", expected=f"a multiple of {LANES}")

    @property
    def packed_side(self) -> int:
        """Side of a crop in packed pixels."""
        return self.crop // 2

    @property
    def extent(self) -> int:
        """Packed pixels a side that a crop needs from its window."""
        return self.packed_side + int(self.augment)


@dataclass(frozen=True, slots=True)
class Sample:
    """One crop."""

    window: int
    """Index of its window within the epoch, from 0."""
    top: int
    """First row within the window, in packed pixels, from 0."""
    left: int
    """First column within the window, in packed pixels, from 0."""
    augmentation: int
    """Bits: 1 flips left and right, 2 flips top and bottom, 4 transposes; in this order. 8 reverses
    the frames of a clip."""
    number: int = 0
    """Which sample of the epoch, from 0."""


class EpochPlan:
    """The windows and samples of one epoch.

    A million frames have several million samples: what each is, is held in few bytes, or drawn when
    it is asked for.
    """

    def __init__(self, frames: Sequence[FrameShape], settings: PlanSettings, epoch: int) -> None:
        check_crop(frames, settings)
        self._frames, self._settings = FrameShapes.of(frames).clips(settings.clip), settings
        generator = _generator(settings.seed, epoch, 0)
        self.windows = _deal_windows(self._frames, settings, generator, epoch)
        """Windows, the one at index j belonging to lane j mod 8."""
        self.epoch = epoch
        """Which epoch, from 0."""
        per_lane = len(self.windows) // LANES
        self._order = np.empty(len(self.windows) * settings.crops_per_window, np.int32)
        for lane in range(LANES):
            draws = _generator(settings.seed, epoch, 1 + lane).random(
                (per_lane, settings.crops_per_window)
            )
            self._order[lane::LANES] = _lane_order(len(self.windows), lane, settings, draws)
        # All crops of a window are transposed or none is. Nothing needs that any more, but a run
        # that is resumed must go on with the samples it would have had.
        turned = _generator(settings.seed, epoch, 3 + LANES).integers(0, 2, len(self.windows))
        self._turned = turned.astype(np.uint8)
        self._drawn: dict[int, tuple[NDArray[np.float64], NDArray[np.int64]]] = {}

    def frames_of(self, window: Window) -> tuple[int, ...]:
        """Return the frames that a window reads, in the order of time, each an index from 0."""
        return self._frames.frames_of(window, self._settings.clip)

    def __len__(self) -> int:
        """Return the number of samples; the same in every epoch."""
        return len(self._order)

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index` of the epoch, from 0."""
        number = int(self._order[index])
        window = self.windows[number]
        height, width = window_size(self._frames[window.frame], window)
        extent = self._settings.extent
        block, within = divmod(index if index >= 0 else index + len(self), _BLOCK)
        places, flipped = self._drawn.get(block) or self._draw(block)
        down, across = places[within]
        augmentation = int(flipped[within]) + TRANSPOSE * int(self._turned[number])
        return Sample(
            window=number,
            top=int(down * (height - extent + 1)),
            left=int(across * (width - extent + 1)),
            augmentation=augmentation if self._settings.augment else 0,
            number=index if index >= 0 else index + len(self),
        )

    def window_numbers(self) -> NDArray[np.int32]:
        """Index of the window of every sample, in the order of samples."""
        return self._order

    def _draw(self, block: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Draw places and flips of a block of samples, the numbers that all at once would give."""
        count = min(_BLOCK, len(self) - block * _BLOCK)
        seed, epoch = self._settings.seed, self.epoch
        places = _generator(seed, epoch, 1 + LANES, skip=2 * block * _BLOCK).random((count, 2))
        # A number below 4 takes half of a drawn 64 bits.
        flips_of = _generator(seed, epoch, 2 + LANES, skip=block * _BLOCK // 2)
        drawn = places, flips_of.integers(0, 4, count)
        if self._settings.clip > 1:
            reversals = _generator(seed, epoch, 9 + LANES, skip=block * _BLOCK // 2)
            drawn[1][reversals.integers(0, 2, count) > 0] += REVERSE
        kept = list(self._drawn.items())[1 - _KEPT_BLOCKS :]
        self._drawn = {**dict(kept), block: drawn}
        return drawn


def epoch_length(frames: Sequence[FrameShape], settings: PlanSettings) -> int:
    """Return the number of samples of every epoch."""
    shapes = FrameShapes.of(frames).clips(settings.clip)
    counts = (
        np.bincount(shapes.which, shapes.times(settings.clip), len(shapes.kinds))
        .astype(np.int64)
        .tolist()
    )
    windows: int = sum(
        count * _window_count(kind, settings)
        for count, kind in zip(counts, shapes.kinds, strict=True)
    )
    return -(-windows // LANES) * LANES * settings.crops_per_window


def fitting_crop(frames: Sequence[FrameShape], *, augment: bool, most: int = 512) -> int:
    """Return the side of crops in mosaic pixels: `most`, or what fits into the smallest frame.

    Raises
    ------
    UsageError
        If there are no frames, or one is smaller than the smallest crop of 32.
    """
    if not frames:
        raise UsageError("no frames to take crops from", expected="at least one pair")
    smallest = _smallest(frames)
    fitting = 2 * (smallest - int(augment)) // 32 * 32
    if fitting < 32:  # noqa: PLR2004 - what the networks' coarsest branch needs
        raise UsageError(
            f"frames of {2 * smallest} mosaic pixels", expected="at least 34 a side to train on"
        )
    return min(most, fitting)


def _smallest(frames: Sequence[FrameShape]) -> int:
    """Return the shortest side of any frame, in packed pixels."""
    shapes = FrameShapes.of(frames)
    used = [shapes.kinds[kind] for kind in np.flatnonzero(np.bincount(shapes.which)).tolist()]
    return min(min(frame.height, frame.width) for frame in used)


def check_crop(frames: Sequence[FrameShape], settings: PlanSettings) -> None:
    """Refuse crops that do not fit into every frame, and clips that fit into no video.

    Raises
    ------
    UsageError
        If there are no frames, one is smaller than a crop, or no run is as long as a clip.
    """
    if not frames:
        raise UsageError("no frames to take crops from", expected="at least one pair")
    shapes = FrameShapes.of(frames)
    _check_clip(shapes, settings)
    smallest = _smallest(shapes.clips(settings.clip))
    if smallest < settings.extent:
        room = smallest - int(settings.augment)
        fitting = 2 * room // 32 * 32
        raise UsageError(
            f"crops of {settings.crop} mosaic pixels from frames of {2 * smallest}",
            expected=f"at most {2 * room} with these settings",
            fix=f"Use --crop {fitting}." if fitting else "Take larger frames: 32 is the least.",
        )


def _check_clip(frames: FrameShapes, settings: PlanSettings) -> None:
    if len(frames.clips(settings.clip)):
        return
    longest = frames.longest_run
    if longest > 1:
        there = f"the longest run of neighbours among {len(frames)} frames has {longest}"
        fix = f"Use --clip {longest} or less, or ingest the frames that are missing."
    else:
        there = f"none of {len(frames)} frames is the neighbour of another"
        fix = (
            "Ingest videos or bursts, whose frames' names end with numbers that follow each other."
        )
    raise UsageError(f"clips of {settings.clip} frames: {there}", expected="videos", fix=fix)


def window_chunks(frame: FrameShape, settings: PlanSettings) -> tuple[int, int]:
    """Rows and columns of chunks of this frame's windows: enough for a crop wherever they lie."""
    rows, columns = (
        min(count, max(settings.window_chunks, _chunks_for(settings.extent, side, length)))
        for count, side, length in zip(
            frame.grid, frame.chunk, (frame.height, frame.width), strict=True
        )
    )
    return rows, columns


def _chunks_for(extent: int, side: int, length: int) -> int:
    """Chunks of `side` that hold `extent` even where the last one is cut at `length`."""
    cut = -length % side
    return -(-(extent + cut) // side)


def _window_count(frame: FrameShape, settings: PlanSettings) -> int:
    """Windows that cover a frame about once."""
    rows, columns = window_chunks(frame, settings)
    return max(1, round(frame.grid[0] * frame.grid[1] / (rows * columns)))


def _deal_windows(
    frames: FrameShapes, settings: PlanSettings, generator: np.random.Generator, epoch: int
) -> Windows:
    """Draw every frame's windows, shuffle them, and fill up to a multiple of the lanes."""
    sizes = [window_chunks(kind, settings) for kind in frames.kinds]
    counts = np.array([_window_count(kind, settings) for kind in frames.kinds])[frames.which]
    times = frames.times(settings.clip)
    counts = counts if times is None else counts * times
    frame = np.repeat(np.arange(len(frames), dtype=np.int32), counts)
    top, left = _window_places(frames, sizes, counts, generator)
    first = _first_frames(frames, settings, frame, epoch)
    extra = -len(frame) % LANES
    if settings.group is not None:
        spread = _generator(settings.seed, epoch, 4 + LANES).random(len(frame))
        moments = _pair_places(frames, settings, epoch)[frame] + _group(frames, settings) * spread
        near = np.argsort(moments, kind="stable").astype(np.int32)
        # The last ones once more, not the first: those frames may be gone by then.
        order = np.concatenate([near, near[-1 - np.arange(extra) % len(near)]])
    else:
        shuffled = generator.permutation(len(frame)).astype(np.int32)
        order = np.concatenate([shuffled, shuffled[np.arange(extra) % len(shuffled)]])
    begins = None if first is None else first[order]
    return Windows(frame[order], top[order], left[order], sizes, frames.which, begins)


def _first_frames(
    frames: FrameShapes, settings: PlanSettings, run: NDArray[np.int32], epoch: int
) -> NDArray[np.int32] | None:
    """Draw at which frame of its run each window begins; None where these are frames."""
    if frames.runs is None:
        return None
    places = frames.runs.lengths[run] - settings.clip + 1
    return _generator(settings.seed, epoch, 8 + LANES).integers(0, places, dtype=np.int32)


def _group(frames: FrameShapes, settings: PlanSettings) -> int:
    """Frames, or runs with as many, that windows are shuffled among at any time."""
    group = settings.group or 1
    if frames.runs is None:
        return group
    return max(1, group * len(frames) // int(frames.runs.lengths.sum()))


def _window_places(
    frames: FrameShapes,
    sizes: Sequence[tuple[int, int]],
    counts: NDArray[np.int64],
    generator: np.random.Generator,
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Draw first row and column of each window: of a frame all rows, then all columns."""
    places = np.array([
        (kind.grid[0] - rows + 1, kind.grid[1] - columns + 1)
        for kind, (rows, columns) in zip(frames.kinds, sizes, strict=True)
    ], np.uint32)  # fmt: skip
    total = int(counts.sum())
    if places.max() == 1:  # nothing is drawn for what has one place
        return np.zeros(total, np.uint16), np.zeros(total, np.uint16)
    twice = np.repeat(counts, 2)
    highest = np.repeat(places[frames.which].ravel(), twice)
    # 32 bits at a time, as numbers of 64 bits below 2**32 are drawn, too.
    drawn = generator.integers(0, highest, dtype=np.uint32).astype(np.uint16)
    is_top = np.repeat(np.tile([True, False], len(counts)), twice)
    return drawn[is_top], drawn[~is_top]


def _pair_places(frames: FrameShapes, settings: PlanSettings, epoch: int) -> NDArray[np.int64]:
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
    _generator(settings.seed, 0, 5 + LANES).shuffle(halves)

    def ending(which: int) -> list[int]:
        """Longs that an epoch ends with, the last one first."""
        order = _generator(settings.seed, which, 6 + LANES).permutation(len(groups))
        return [one for one in order.tolist() if bool(halves[one]) == bool(which % 2)]

    first = ending(epoch - 1) if epoch else []
    last = ending(epoch)[::-1]
    taken = {*first, *last}
    between = [one for one in range(len(groups)) if one not in taken]
    order = first + _generator(settings.seed, epoch, 7 + LANES).permutation(between).tolist() + last
    places = np.empty(len(frames), np.int64)
    places[[number for one in order for number in groups[int(one)]]] = np.arange(len(frames))
    return places


def _lane_order(
    count: int, lane: int, settings: PlanSettings, draws: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Order in which a lane's windows give their crops: window index of each of its samples.

    `draws`, shape (windows of the lane, crops of each), lie between 0 and 1.
    """
    crops, live = settings.crops_per_window, settings.live_windows // LANES
    numbers = np.arange(lane, count, LANES, dtype=np.int32)
    moments = np.arange(len(numbers))[:, None] + live * (np.arange(crops) + draws) / crops
    return np.repeat(numbers, crops)[np.argsort(moments, axis=None, kind="stable")]


def longest_span(settings: PlanSettings) -> int:
    """Return the samples, over all lanes, within which a window gives all its crops, at most.

    While window j of a lane lives, the windows j + d and j + d - k together give at most one crop
    more than a window has, for d = 1 .. k - 1; no other gives any.
    """
    live = settings.live_windows // LANES
    return LANES * (live * (settings.crops_per_window + 1) - 1)


def _generator(seed: int, epoch: int, purpose: int, *, skip: int = 0) -> np.random.Generator:
    """Return an independent generator for each purpose of each epoch.

    It is as after `skip` numbers of 64 bits, a multiple of 4: Philox counts by fours.
    """
    bits = np.random.Philox(np.random.SeedSequence([seed, epoch, purpose]))
    if skip:
        bits.advance(skip // _COUNTED)
    return np.random.Generator(bits)
