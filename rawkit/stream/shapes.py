"""Shapes of frames and windows of whole chunks, as columns: each an object when it is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray


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

    Parameters
    ----------
    kinds
        Different shapes.
    which
        Number of the shape of each frame, shape (frames,).
    longs
        A number that frames of one long exposure share, shape (frames,); None: each has its own.
    places
        Place of each frame in the epoch, from 0, shape (frames,), where windows are shuffled among
        few; None: as the plan chooses it.
    """

    def __init__(
        self,
        kinds: Sequence[FrameShape],
        which: NDArray[np.integer],
        longs: NDArray[np.integer] | None = None,
        places: NDArray[np.int64] | None = None,
    ) -> None:
        self.kinds, self.which, self.longs = tuple(kinds), which, longs
        self.places = places

    @classmethod
    def of(cls, frames: Iterable[FrameShape]) -> FrameShapes:
        """Return the shapes of frames."""
        if isinstance(frames, FrameShapes):
            return frames
        numbers: dict[FrameShape, int] = {}
        which = [numbers.setdefault(frame, len(numbers)) for frame in frames]
        return cls(tuple(numbers), np.array(which, np.int32))

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
    """

    def __init__(
        self,
        frame: NDArray[np.int32],
        top: NDArray[np.integer],
        left: NDArray[np.integer],
        sizes: Sequence[tuple[int, int]],
        which: NDArray[np.integer],
    ) -> None:
        self.frame, self.top, self.left = frame, top, left
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
        return Window(frame, int(self.top[index]), int(self.left[index]), rows, columns)

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
