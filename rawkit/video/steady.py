"""One smooth curve for a whole video: what would flicker if each frame decided it for itself.

Each frame is estimated alone; the median over a window of frames drops what is off, a running mean
over the same window takes the steps out of it. Both look as far ahead as back, so the curve neither
lags nor depends on where a restoration was begun.
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
    medians = _centred(frames, radius, lambda values: np.median(values, axis=0))
    return _centred(medians, radius, lambda values: np.mean(values, axis=0))


def held_frames(radius: int = RADIUS) -> int:
    """Return how many frames `steadied` holds beside the one it hands out.

    Frames behind are kept for their estimates alone.
    """
    return 2 * radius


def _centred(
    frames: Iterable[tuple[Value, NDArray[np.float64]]],
    radius: int,
    average: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> Iterator[tuple[Value, NDArray[np.float64]]]:
    """Average the logarithms of estimates over a window around each frame."""
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
        yield value, np.exp(average(np.array(near)))
