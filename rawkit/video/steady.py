"""One smooth curve for a whole video: what would flicker if each frame decided it for itself.

Each frame is estimated alone; the median over a window of frames drops what is off, a mean over the
same window, weighted by a raised cosine, takes the steps out of it. Both look as far ahead as back,
so the curve neither lags nor depends on where a restoration was begun.
"""

from __future__ import annotations

from collections import deque
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

RADIUS = 8
"""Frames before and after one whose estimates count for it."""
Value = TypeVar("Value")


def steadied(
    frames: Iterable[tuple[Value, NDArray[np.float64]]], radius: int = RADIUS
) -> Iterator[tuple[Value, NDArray[np.float64]]]:
    """Replace what each frame estimated by the smooth curve.

    Parameters
    ----------
    frames
        Each frame with its estimates: shape (n,), all above 0.
    radius
        Frames to each side that count, as far as there are any. 0 changes nothing. So many frames
        are held, twice.

    Yields
    ------
    value, estimates
        The same frames, in the same order.
    """
    medians = _centred(frames, radius, _median)
    return _centred(medians, radius, _mean)


def held_frames(radius: int = RADIUS) -> int:
    """Return how many frames `steadied` holds beside the one it hands out.

    Frames behind are kept for their estimates alone.
    """
    return 2 * radius


def _centred(
    frames: Iterable[tuple[Value, NDArray[np.float64]]],
    radius: int,
    average: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
) -> Iterator[tuple[Value, NDArray[np.float64]]]:
    """Average the logarithms of estimates over a window around each frame."""
    weights = np.hanning(2 * radius + 3)[1:-1]
    source = iter(frames)
    ahead = deque(islice(source, radius))
    near = deque(
        (np.log(estimates) for _, estimates in ahead), maxlen=2 * radius + 1
    )  # of the frames around the one that is handed out
    for done, following in enumerate(chain(source, repeat(None))):
        if following is not None:
            ahead.append(following)
            near.append(np.log(following[1]))
        elif done > radius:
            near.popleft()
        if not ahead:
            return
        value, _ = ahead.popleft()
        begin = radius - min(done, radius)
        yield value, np.exp(average(np.array(near), weights[begin : begin + len(near)]))


def _median(values: NDArray[np.float64], _: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median over frames, (n,), of estimates (frames, n)."""
    median: NDArray[np.float64] = np.median(values, axis=0)
    return median


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted mean over frames, (n,), of estimates (frames, n)."""
    mean: NDArray[np.float64] = np.average(values, axis=0, weights=weights)
    return mean
