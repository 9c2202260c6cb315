"""Epochs planned frame by frame: the slow way that `rawkit.stream.plan` must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.stream.plan import epoch_length, window_chunks
from rawkit.stream.schedule import Job, RankShare, Use
from rawkit.stream.settings import LANES, PlanSettings, Sample
from rawkit.stream.shapes import Window, window_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rawkit.stream import FrameShape

_TRANSPOSE = 4


class SlowPlan:
    """The windows and samples of one epoch."""

    def __init__(self, frames: Sequence[FrameShape], settings: PlanSettings, epoch: int) -> None:
        self._frames, self._settings = frames, settings
        generator = _generator(settings.seed, epoch, 0)
        self.windows = _deal_windows(frames, settings, generator)
        """Windows, the one at index j belonging to lane j mod 8."""
        self.epoch = epoch
        """Which epoch, from 0."""
        per_lane = len(self.windows) // LANES
        self._order = np.empty(len(self.windows) * settings.crops_per_window, np.int64)
        for lane in range(LANES):
            draws = _generator(settings.seed, epoch, 1 + lane).random(
                (per_lane, settings.crops_per_window)
            )
            self._order[lane::LANES] = _lane_order(len(self.windows), lane, settings, draws)
        self._places = _generator(settings.seed, epoch, 1 + LANES).random((len(self._order), 2))
        # All crops of a window are transposed or none is. Nothing needs that any more, but a run
        # that is resumed must go on with the samples it would have had.
        flipped = _generator(settings.seed, epoch, 2 + LANES).integers(0, 4, len(self._order))
        turned = _generator(settings.seed, epoch, 3 + LANES).integers(0, 2, len(self.windows))
        self._augmentations = flipped + _TRANSPOSE * turned[self._order]

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
            augmentation=int(self._augmentations[index]) if self._settings.augment else 0,
            number=range(len(self))[index],
        )

    def window_numbers(self) -> NDArray[np.int64]:
        """Index of the window of every sample, in the order of samples."""
        return self._order


def slow_jobs(
    frames: Sequence[FrameShape], settings: PlanSettings, share: RankShare, position: int
) -> Iterator[Job]:
    """Yield a process's windows from sample `position` on, for ever, by their first use."""
    epoch, start = divmod(position, epoch_length(frames, settings))
    done = 0
    while True:
        plan = SlowPlan(frames, settings, epoch)
        # Epochs are whole rounds of the lanes, so a rank's samples go on across their border.
        first = start + (share.rank - start) % share.ranks
        numbers = plan.window_numbers()[first :: share.ranks]
        for serials in _by_window(numbers):
            uses = tuple(
                Use(
                    *divmod(done + serial, share.size),
                    epoch,
                    plan[first + serial * share.ranks],
                )
                for serial in serials
            )
            window = plan.windows[int(numbers[serials[0]])]
            yield Job(window, uses, (window.frame,))
        done += len(numbers)
        epoch, start = epoch + 1, 0


def _by_window(numbers: NDArray[np.int64]) -> Iterator[list[int]]:
    """Yield, for each window in the order of first use, the indices of its samples, ascending."""
    if not len(numbers):
        return
    sorter = np.argsort(numbers, kind="stable")
    borders = np.flatnonzero(np.diff(numbers[sorter])) + 1
    begins = np.concatenate(([0], borders))
    ends = np.concatenate((borders, [len(numbers)]))
    for index in np.argsort(sorter[begins], kind="stable").tolist():
        yield sorter[begins[index] : ends[index]].tolist()


def _window_count(frame: FrameShape, settings: PlanSettings) -> int:
    """Windows that cover a frame about once."""
    rows, columns = window_chunks(frame, settings)
    return max(1, round(frame.grid[0] * frame.grid[1] / (rows * columns)))


def _deal_windows(
    frames: Sequence[FrameShape], settings: PlanSettings, generator: np.random.Generator
) -> list[Window]:
    """Draw every frame's windows, shuffle them, and fill up to a multiple of the lanes."""
    windows = []
    for number, frame in enumerate(frames):
        rows, columns = window_chunks(frame, settings)
        places = (frame.grid[0] - rows + 1, frame.grid[1] - columns + 1)
        count = _window_count(frame, settings)
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
    """Order in which a lane's windows give their crops: window index of each of its samples.

    `draws`, shape (windows of the lane, crops of each), lie between 0 and 1.
    """
    crops, live = settings.crops_per_window, settings.live_windows // LANES
    numbers = np.arange(lane, count, LANES)
    moments = np.arange(len(numbers))[:, None] + live * (np.arange(crops) + draws) / crops
    return np.repeat(numbers, crops)[np.argsort(moments, axis=None, kind="stable")]


def _generator(seed: int, epoch: int, purpose: int) -> np.random.Generator:
    """Return an independent generator for each purpose of each epoch."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch, purpose])))
