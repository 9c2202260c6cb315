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

With a stride crops lie in a grid instead: see `rawkit.stream.patches`.

Nothing here depends on threads, time or what was read before: where to resume is one number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.stream.bits import REVERSE, TRANSPOSE
from rawkit.stream.near import group_of, pair_places
from rawkit.stream.patches import PatchPlan, count_patches, patch_span
from rawkit.stream.settings import LANES, Sample, generator_for
from rawkit.stream.shapes import FrameShape, FrameShapes, Window, Windows, window_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.stream.settings import PlanSettings

_BLOCK = 1 << 16
"""Samples whose places are drawn at once."""
_KEPT_BLOCKS = 3
"""Blocks that are kept: samples are asked for nearly in their order."""


class EpochPlan:
    """The windows and samples of one epoch.

    A million frames have several million samples: what each is, is held in few bytes, or drawn when
    it is asked for.
    """

    def __init__(self, frames: Sequence[FrameShape], settings: PlanSettings, epoch: int) -> None:
        check_crop(frames, settings)
        self._frames, self._settings = FrameShapes.of(frames).clips(settings.clip), settings
        generator = generator_for(settings.seed, epoch, 0)
        self.windows = _deal_windows(self._frames, settings, generator, epoch)
        """Windows, the one at index j belonging to lane j mod 8."""
        self.epoch = epoch
        """Which epoch, from 0."""
        per_lane = len(self.windows) // LANES
        self._order = np.empty(len(self.windows) * settings.crops_per_window, np.int32)
        for lane in range(LANES):
            draws = generator_for(settings.seed, epoch, 1 + lane).random(
                (per_lane, settings.crops_per_window)
            )
            self._order[lane::LANES] = _lane_order(len(self.windows), lane, settings, draws)
        # All crops of a window are transposed or none is. Nothing needs that any more, but a run
        # that is resumed must go on with the samples it would have had.
        turned = generator_for(settings.seed, epoch, 3 + LANES).integers(0, 2, len(self.windows))
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
        places = generator_for(seed, epoch, 1 + LANES, skip=2 * block * _BLOCK).random((count, 2))
        # A number below 4 takes half of a drawn 64 bits.
        flips_of = generator_for(seed, epoch, 2 + LANES, skip=block * _BLOCK // 2)
        drawn = places, flips_of.integers(0, 4, count)
        if self._settings.clip > 1:
            reversals = generator_for(seed, epoch, 9 + LANES, skip=block * _BLOCK // 2)
            drawn[1][reversals.integers(0, 2, count) > 0] += REVERSE
        kept = list(self._drawn.items())[1 - _KEPT_BLOCKS :]
        self._drawn = {**dict(kept), block: drawn}
        return drawn


def plan_epoch(
    frames: Sequence[FrameShape], settings: PlanSettings, epoch: int
) -> EpochPlan | PatchPlan:
    """Return the plan of an epoch, from 0: of crops at random places, or of patches in a grid.

    Raises
    ------
    UsageError
        If the crops do not fit into every frame.
    """
    if not settings.stride:
        return EpochPlan(frames, settings, epoch)
    check_crop(frames, settings)
    return PatchPlan(frames, settings, epoch)


def epoch_length(frames: Sequence[FrameShape], settings: PlanSettings) -> int:
    """Return the number of samples of every epoch."""
    if settings.stride:
        patches = count_patches(FrameShapes.of(frames), settings)
        return -(-patches // LANES) * LANES
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
        spread = generator_for(settings.seed, epoch, 4 + LANES).random(len(frame))
        moments = pair_places(frames, settings, epoch)[frame] + group_of(frames, settings) * spread
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
    return generator_for(settings.seed, epoch, 8 + LANES).integers(0, places, dtype=np.int32)


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
    if settings.stride:
        return patch_span(settings)
    live = settings.live_windows // LANES
    return LANES * (live * (settings.crops_per_window + 1) - 1)
