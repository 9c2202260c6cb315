"""Which crop is sample number i: a pure function of the frames, the settings, seed and epoch.

A frame is cut into windows of whole chunks. An epoch takes from every frame about as many windows
as cover it once, at random places, in random order. Windows are dealt to 8 lanes; a lane keeps a
few windows live and takes each next crop from a random one of them, until a window has given its
crops and the next one of the lane takes its place. Sample i of an epoch comes from lane i mod 8,
so any number of ranks that divides 8 can share the work without reading a window twice.

Nothing here depends on threads, time or what was read before: where to resume is one number.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LANES = 8
_TRANSPOSE, _FLIP_DOWN, _FLIP_ACROSS = 4, 2, 1


@dataclass(frozen=True, slots=True)
class FrameShape:
    """What the plan must know of one frame."""

    height: int
    """Rows of a packed plane."""
    width: int
    """Columns of a packed plane."""
    chunk: tuple[int, int]
    """Rows and columns of a chunk of packed pixels."""

    @property
    def grid(self) -> tuple[int, int]:
        """Chunks down and across."""
        return -(-self.height // self.chunk[0]), -(-self.width // self.chunk[1])


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """All that decides the samples, besides the frames."""

    crop: int
    """Side of a crop in packed pixels (half of it in the mosaic)."""
    crops_per_window: int = 8
    """Crops taken from each window that is read."""
    live_windows: int = 32
    """Windows that crops are drawn from at any time; a multiple of 8."""
    window_chunks: int = 4
    """Chunks a side of a window; more where the crop needs it, fewer where the frame has fewer."""
    augment: bool = True
    """Whether crops are flipped and transposed at random; takes one more packed pixel a side."""
    seed: int = 0
    """Seed of everything random."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.crop < 1 or self.crops_per_window < 1 or self.window_chunks < 1:
            raise UsageError("a plan without crops", expected="numbers of at least 1")
        if self.live_windows < LANES or self.live_windows % LANES:
            raise UsageError(f"{self.live_windows} live windows", expected=f"a multiple of {LANES}")

    @property
    def extent(self) -> int:
        """Packed pixels a side that a crop needs from its window."""
        return self.crop + int(self.augment)


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole chunks of one frame."""

    frame: int
    """Index of the frame in the plan's list, from 0."""
    top: int
    """First row of chunks, from 0."""
    left: int
    """First column of chunks, from 0."""
    rows: int
    """Rows of chunks."""
    columns: int
    """Columns of chunks."""


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
    """Bits: 1 flips left and right, 2 flips top and bottom, 4 transposes; in this order."""


class EpochPlan:
    """The windows and samples of one epoch."""

    def __init__(self, frames: Sequence[FrameShape], settings: PlanSettings, epoch: int) -> None:
        check_crop(frames, settings)
        self._frames, self._settings = frames, settings
        generator = _generator(settings.seed, epoch, 0)
        self.windows = _deal_windows(frames, settings, generator)
        """Windows, the one at index j belonging to lane j mod 8."""
        per_lane = len(self.windows) // LANES * settings.crops_per_window
        self._order = np.empty(per_lane * LANES, np.int64)
        for lane in range(LANES):
            draws = _generator(settings.seed, epoch, 1 + lane).random(per_lane)
            self._order[lane::LANES] = _lane_order(len(self.windows), lane, settings, draws)
        self._places = _generator(settings.seed, epoch, 1 + LANES).random((len(self._order), 2))
        self._flips = _generator(settings.seed, epoch, 2 + LANES).integers(
            0, 8, len(self._order), np.uint8
        )

    def __len__(self) -> int:
        """Return the number of samples; the same in every epoch."""
        return len(self._order)

    def __getitem__(self, index: int) -> Sample:
        """Return sample `index` of the epoch, from 0."""
        number = int(self._order[index])
        window = self.windows[number]
        height, width = window_size(self._frames[window.frame], window)
        extent = self._settings.extent
        down, across = self._places[index]
        return Sample(
            window=number,
            top=int(down * (height - extent + 1)),
            left=int(across * (width - extent + 1)),
            augmentation=int(self._flips[index]) if self._settings.augment else 0,
        )

    def window_of(self, index: int) -> int:
        """Index of the window of a sample, without the rest."""
        return int(self._order[index])


def check_crop(frames: Sequence[FrameShape], settings: PlanSettings) -> None:
    """Refuse crops that do not fit into every frame.

    Raises
    ------
    UsageError
        If there are no frames, or one is smaller than a crop.
    """
    if not frames:
        raise UsageError("no frames to take crops from", expected="at least one pair")
    smallest = min(min(frame.height, frame.width) for frame in frames)
    if smallest < settings.extent:
        room = smallest - int(settings.augment)
        fitting = 2 * room // 32 * 32
        raise UsageError(
            f"crops of {2 * settings.crop} mosaic pixels from frames of {2 * smallest}",
            expected=f"at most {2 * room} with these settings",
            fix=f"Use --crop {fitting}." if fitting else "Take larger frames: 32 is the least.",
        )


def window_size(frame: FrameShape, window: Window) -> tuple[int, int]:
    """Rows and columns of a window in packed pixels; the last chunks of a frame may be cut."""
    bottom = min((window.top + window.rows) * frame.chunk[0], frame.height)
    right = min((window.left + window.columns) * frame.chunk[1], frame.width)
    return bottom - window.top * frame.chunk[0], right - window.left * frame.chunk[1]


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


def _deal_windows(
    frames: Sequence[FrameShape], settings: PlanSettings, generator: np.random.Generator
) -> list[Window]:
    """Draw every frame's windows, shuffle them, and fill up to a multiple of the lanes."""
    windows = []
    for number, frame in enumerate(frames):
        rows, columns = window_chunks(frame, settings)
        places = (frame.grid[0] - rows + 1, frame.grid[1] - columns + 1)
        count = max(1, round(frame.grid[0] * frame.grid[1] / (rows * columns)))
        tops = generator.integers(0, places[0], count)
        lefts = generator.integers(0, places[1], count)
        windows += [
            Window(number, int(top), int(left), rows, columns)
            for top, left in zip(tops, lefts, strict=True)
        ]
    shuffled = [windows[index] for index in generator.permutation(len(windows))]
    extra = -len(shuffled) % LANES
    return shuffled + [shuffled[index % len(shuffled)] for index in range(extra)]


def _lane_order(
    count: int, lane: int, settings: PlanSettings, draws: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Order in which a lane's windows give their crops: window index of each of its samples."""
    waiting = iter(range(lane, count, LANES))
    live = [
        [number, settings.crops_per_window]
        for number in islice(waiting, settings.live_windows // LANES)
    ]
    order = np.empty(len(draws), np.int64)
    for step, draw in enumerate(draws.tolist()):
        slot = int(draw * len(live))
        current = live[slot]
        order[step] = current[0]
        current[1] -= 1
        if current[1] == 0:
            following = next(waiting, None)
            if following is None:
                live[slot] = live[-1]
                live.pop()
            else:
                live[slot] = [following, settings.crops_per_window]
    return order


def _generator(seed: int, epoch: int, purpose: int) -> np.random.Generator:
    """Return an independent generator for each purpose of each epoch."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch, purpose])))


def flips(augmentation: int) -> tuple[bool, bool, bool]:
    """Split the bits: left and right, top and bottom, transpose."""
    return (
        bool(augmentation & _FLIP_ACROSS),
        bool(augmentation & _FLIP_DOWN),
        bool(augmentation & _TRANSPOSE),
    )
