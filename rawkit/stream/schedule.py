"""What a process reads, in order: windows with the places of their crops in its batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.stream.epochs import EpochShapes
from rawkit.stream.plan import epoch_length, longest_span, plan_epoch
from rawkit.stream.settings import LANES
from rawkit.workers import give_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from rawkit.stream.epochs import EpochSources
    from rawkit.stream.pairs import PairSource
    from rawkit.stream.settings import PlanSettings, Sample
    from rawkit.stream.shapes import FrameShape, FrameShapes, Window


_LARGE = 1 << 18
"""Samples of an epoch from which on it matters what its plan was made from."""
_PIECE = 1 << 15
"""Samples that are sorted at once."""


@dataclass(frozen=True, slots=True)
class RankShare:
    """Which part of every batch a process hands out."""

    batch_size: int
    """Samples of a step over all ranks."""
    rank: int = 0
    """Which process this is, from 0."""
    ranks: int = 1
    """Processes that share the lanes: 1, 2, 4 or 8."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.batch_size < 1:
            raise UsageError("an empty batch", expected="at least 1 sample")
        if self.ranks < 1 or LANES % self.ranks:
            raise UsageError(
                f"{self.ranks} processes",
                expected=" or ".join(str(n) for n in range(1, LANES + 1) if LANES % n == 0),
                fix=f"Samples are dealt to {LANES} lanes, which the processes share evenly.",
            )
        if not 0 <= self.rank < self.ranks:
            raise UsageError(f"rank {self.rank} of {self.ranks}", expected=f"0 to {self.ranks - 1}")
        if self.batch_size % self.ranks:
            raise UsageError(
                f"a batch of {self.batch_size} for {self.ranks} processes",
                expected="the same number of samples for each",
                fix=f"Use a batch of {-(-self.batch_size // self.ranks) * self.ranks}.",
            )

    @property
    def size(self) -> int:
        """Samples of each batch of this process."""
        return self.batch_size // self.ranks


@dataclass(frozen=True, slots=True)
class Use:
    """A crop and its place."""

    batch: int
    """Number of the batch since the stream was started, from 0."""
    slot: int
    """Place within the process's part of that batch, from 0."""
    epoch: int
    """Epoch of the sample."""
    sample: Sample
    """Where it lies in its window."""


@dataclass(frozen=True, slots=True)
class Job:
    """A window to be read, and all that is cut from it."""

    window: Window
    """Which."""
    uses: tuple[Use, ...]
    """Its crops that this process hands out, first use first."""
    frames: tuple[int, ...]
    """What is read, in the order of time: indices of frames among those of the epoch, from 0."""

    @property
    def epoch(self) -> int:
        """Epoch it belongs to."""
        return self.uses[0].epoch

    @property
    def first(self) -> int:
        """Batch of the first crop."""
        return self.uses[0].batch

    @property
    def last(self) -> int:
        """Batch of the last crop."""
        return self.uses[-1].batch


def jobs(
    frames: Callable[[int], Sequence[FrameShape]],
    settings: PlanSettings,
    share: RankShare,
    position: int,
) -> Iterator[Job]:
    """Yield a process's windows from sample `position` on, for ever, by their first use.

    `frames` says what an epoch draws from. It is asked for epochs in their order, for the next one
    when the last window of the one before has been yielded.
    """
    epoch, start = place_of(frames, settings, position)
    done = 0
    while True:
        plan = plan_epoch(frames(epoch), settings, epoch)
        if len(plan) > _LARGE:
            give_back()  # what it was made from is several times as large
        # Epochs are whole rounds of the lanes, so a rank's samples go on across their border.
        first = start + (share.rank - start) % share.ranks
        numbers = plan.window_numbers()[first :: share.ranks]
        for serials in by_window(numbers, longest_span(settings)):
            uses = tuple(
                Use(
                    *divmod(done + serial, share.size),
                    epoch,
                    plan[first + serial * share.ranks],
                )
                for serial in serials
            )
            window = plan.windows[int(numbers[serials[0]])]
            yield Job(window, uses, plan.frames_of(window))
        done += len(numbers)
        epoch, start = epoch + 1, 0


class Ahead:
    """The frames of the windows that a process will read, epoch by epoch, as far as they are fixed.

    Parameters
    ----------
    epochs, settings, share
        As in a stream.
    position
        First sample that is read.
    batches
        Batches after which nothing is read any more; None: for ever.
    """

    def __init__(
        self,
        epochs: EpochSources,
        settings: PlanSettings,
        share: RankShare,
        position: int,
        batches: int | None = None,
    ) -> None:
        self._epochs, self._settings, self._share = epochs, settings, share
        self._shapes = EpochShapes(epochs)
        self.epoch, self._start = place_of(self._shapes, settings, position)
        self._left = None if batches is None else batches * share.size

    @property
    def ends(self) -> bool:
        """Whether nothing will be read of any epoch to come."""
        return self._left is not None and self._left <= 0

    @property
    def knows(self) -> bool:
        """Whether the next epoch is fixed, and something of it will be read."""
        return not self.ends and self._epochs.known(self.epoch)

    @property
    def grows(self) -> bool:
        """Whether later epochs may have more pairs, so that each is fixed shortly before it."""
        return self._epochs.grows

    def take(self) -> list[tuple[PairSource, ...]]:
        """Return the pairs of each window of the next epoch, in order, and go on to that after."""
        found = self._read(self._shapes(self.epoch), self._epochs.sources(self.epoch), self.epoch)
        self.epoch, self._start = self.epoch + 1, 0
        return found

    def guess(self) -> list[tuple[PairSource, ...]]:
        """Return those of the epoch after, were it to have the pairs of the one before."""
        if self.ends or not self.epoch:
            return []
        shapes, sources = self._shapes.guess(self.epoch), self._epochs.sources(self.epoch - 1)
        left = self._left
        found = self._read(shapes, sources, self.epoch)
        self._left = left
        return found

    def _read(
        self, shapes: FrameShapes, sources: Sequence[PairSource], epoch: int
    ) -> list[tuple[PairSource, ...]]:
        plan, share = plan_epoch(shapes, self._settings, epoch), self._share
        first = self._start + (share.rank - self._start) % share.ranks
        numbers = plan.window_numbers()[first :: share.ranks]
        if self._left is not None:
            numbers, self._left = numbers[: max(0, self._left)], self._left - len(numbers)
        # By the first sample of each, as `by_window` has them.
        distinct, firsts = np.unique(numbers, return_index=True)
        windows = distinct[np.argsort(firsts, kind="stable")]
        if self._settings.clip == 1:
            return [(sources[number],) for number in plan.windows.frame[windows].tolist()]
        return [
            tuple(sources[frame] for frame in plan.frames_of(plan.windows[number]))
            for number in windows.tolist()
        ]


def place_of(
    frames: Callable[[int], Sequence[FrameShape]], settings: PlanSettings, position: int
) -> tuple[int, int]:
    """Return the epoch of sample `position`, counted from 0 over all, and its number within it."""
    epoch, length = 0, 0
    before: Sequence[FrameShape] | None = None
    while True:
        found = frames(epoch)
        if found is not before:
            before, length = found, epoch_length(found, settings)
        if position < length:
            return epoch, position
        epoch, position = epoch + 1, position - length


def by_window(numbers: NDArray[np.integer], span: int) -> Iterator[list[int]]:
    """Yield, for each window in the order of first use, the indices of its samples, ascending.

    `numbers` are the windows of samples; those of one lie within `span` samples. They are looked at
    piece by piece: an epoch may have millions.
    """
    for start in range(0, len(numbers), _PIECE):
        before = numbers[max(0, start - span) : start]
        piece = numbers[start : start + _PIECE + span]
        sorter = np.argsort(piece, kind="stable")
        borders = np.flatnonzero(np.diff(piece[sorter])) + 1
        begins = np.concatenate(([0], borders))
        ends = np.concatenate((borders, [len(piece)]))
        firsts = sorter[begins]
        new = (firsts < _PIECE) & ~np.isin(piece[firsts], before)
        for index in np.flatnonzero(new)[np.argsort(firsts[new])].tolist():
            yield (start + sorter[begins[index] : ends[index]]).tolist()


def open_batches(settings: PlanSettings, share: RankShare, ahead: int) -> int:
    """Batches that may be under way: those a window may reach, and those of `ahead` more windows.

    With fewer the batch that is waited for could need a window that has no room yet.
    """
    samples = longest_span(settings) // share.ranks + ahead * settings.crops_per_window
    return -(-samples // share.size) + 1
