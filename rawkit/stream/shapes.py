"""Shapes of frames and windows of whole chunks, as columns: each an object when it is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from rawkit.stream.runs import Runs


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


class FrameShapes(Sequence[FrameShape]):
    """Shapes of frames: the few that there are, and which one each frame has.

    Those of `clips` are of runs of neighbouring frames, from which clips are cut.

    Parameters
    ----------
    kinds
        Different shapes.
    which
        Number of the shape of each frame, shape (frames,).
    longs
        A number that frames of one long exposure share, shape (frames,); None: each has its own.
    neighbours
        Finds the runs of neighbours among the frames, when clips are asked for; None: no frame is
        known to be the neighbour of another.
    places
        Place of each frame in the epoch, from 0, shape (frames,), where windows are shuffled among
        few; None: as the plan chooses it.
    """

    def __init__(
        self,
        kinds: Sequence[FrameShape],
        which: NDArray[np.integer],
        longs: NDArray[np.integer] | None = None,
        neighbours: Callable[[], Runs] | None = None,
        places: NDArray[np.int64] | None = None,
    ) -> None:
        self.kinds, self.which, self.longs = tuple(kinds), which, longs
        self.places = places
        self._neighbours = neighbours
        self._clips: dict[int, FrameShapes] = {}
        self.runs: Runs | None = None
        """Which frames the runs are made of; None where these are frames."""

    @classmethod
    def of(cls, frames: Iterable[FrameShape]) -> FrameShapes:
        """Return the shapes of frames."""
        if isinstance(frames, FrameShapes):
            return frames
        numbers: dict[FrameShape, int] = {}
        which = [numbers.setdefault(frame, len(numbers)) for frame in frames]
        return cls(tuple(numbers), np.array(which, np.int32))

    def clips(self, length: int) -> FrameShapes:
        """Return what clips of so many frames are cut from: the runs that are long enough.

        Frames themselves where `length` is 1.
        """
        if length == 1 or self.runs is not None:
            return self
        if length not in self._clips:
            self._clips[length] = self._long_enough(length)
        return self._clips[length]

    def placed(self, places: NDArray[np.int64]) -> FrameShapes:
        """Return the same frames at given places in the epoch."""
        return FrameShapes(self.kinds, self.which, self.longs, self._neighbours, places)

    def _long_enough(self, length: int) -> FrameShapes:
        if self._neighbours is None:
            return FrameShapes(self.kinds, self.which[:0])
        runs = self._neighbours().of_at_least(length)
        first = runs.order[runs.begins]
        longs = None if self.longs is None else self.longs[first]
        places = None if self.places is None else np.argsort(np.argsort(self.places[first]))
        found = FrameShapes(self.kinds, self.which[first], longs, places=places)
        found.runs = runs
        return found

    def times(self, length: int) -> NDArray[np.int64] | None:
        """Return how many clips cover each run about once, shape (runs,); None of frames."""
        if self.runs is None:
            return None
        return np.maximum(1, np.rint(self.runs.lengths / length).astype(np.int64))

    @property
    def longest_run(self) -> int:
        """Frames of the longest run of neighbours."""
        return 1 if self._neighbours is None else self._neighbours().longest

    def frames_of(self, window: Window, length: int) -> tuple[int, ...]:
        """Return the frames that a window of a clip of so many reads, in their order, from 0."""
        if self.runs is None:
            return (window.frame,)
        return self.runs.members(window.frame, window.first, length)

    def __len__(self) -> int:
        return len(self.which)

    @overload
    def __getitem__(self, index: int) -> FrameShape: ...
    @overload
    def __getitem__(self, index: slice) -> FrameShapes: ...
    def __getitem__(self, index: int | slice) -> FrameShape | FrameShapes:
        if isinstance(index, slice):
            longs = None if self.longs is None else self.longs[index]
            return FrameShapes(self.kinds, self.which[index], longs)
        return self.kinds[int(self.which[index])]


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole chunks of one frame, or of neighbouring frames."""

    frame: int
    """Index of the frame in the plan's list, from 0; of the run where clips are cut."""
    top: int
    """First row of chunks, from 0."""
    left: int
    """First column of chunks, from 0."""
    rows: int
    """Rows of chunks."""
    columns: int
    """Columns of chunks."""
    first: int = 0
    """First frame within the run, from 0; 0 where frames are cut."""


class Windows(Sequence[Window]):
    """Windows as columns, each an object when it is looked at.

    Parameters
    ----------
    frame, top, left
        Of each window, shape (windows,): as in `Window`.
    sizes
        Rows and columns of chunks of the windows of each frame, shape (kinds of frames, 2).
    which
        Kind of each frame, shape (frames,).
    first
        As in `Window`, shape (windows,); None: 0 for all.
    """

    def __init__(
        self,
        frame: NDArray[np.int32],
        top: NDArray[np.integer],
        left: NDArray[np.integer],
        sizes: Sequence[tuple[int, int]],
        which: NDArray[np.integer],
        first: NDArray[np.integer] | None = None,
    ) -> None:
        self.frame, self.top, self.left, self.first = frame, top, left, first
        self._sizes, self._which = tuple(sizes), which

    def __len__(self) -> int:
        return len(self.frame)

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> list[Window]: ...
    def __getitem__(self, index: int | slice) -> Window | list[Window]:
        if isinstance(index, slice):
            return [self[one] for one in range(len(self))[index]]
        frame = int(self.frame[index])
        rows, columns = self._sizes[self._which[frame]]
        first = 0 if self.first is None else int(self.first[index])
        return Window(frame, int(self.top[index]), int(self.left[index]), rows, columns, first)

    def __iter__(self) -> Iterator[Window]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment] # like a list's


def window_size(frame: FrameShape, window: Window) -> tuple[int, int]:
    """Rows and columns of a window in packed pixels; the last chunks of a frame may be cut."""
    bottom = min((window.top + window.rows) * frame.chunk[0], frame.height)
    right = min((window.left + window.columns) * frame.chunk[1], frame.width)
    return bottom - window.top * frame.chunk[0], right - window.left * frame.chunk[1]
