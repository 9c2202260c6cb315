"""Whether pixels were balanced before they were written, asked of the pixels themselves.

A balance of all ones says one of two things: that the camera balanced the pixels before it wrote
them, or that nobody told. Which one shows in the tint, the logarithm of red x blue / green². A
filter array lets through more green than red and blue under any light there is: lights are redder
or bluer, and then one of the two grows as the other falls, but hardly greener. So the tint of
unbalanced pixels is far below 0 whatever the light, and that of balanced ones is near it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PLAUSIBLE = (0.2, 8.0)
"""Least and greatest multiplier of red or blue, green 1, of cameras and lights that there are."""
_DARKEST = 0.02
"""Share of the 99th percentile of green below which a place is not asked."""
_SATURATED = 0.9


@dataclass(frozen=True, slots=True)
class Chosen:
    """One of two balances, and why."""

    index: int
    """Which of the candidates it is, from 0."""
    reason: str
    """What the pixels say, for people."""


def plausible(balance: Sequence[float]) -> bool:
    """Whether multipliers of red, green and blue, green 1, may be a camera's."""
    low, high = PLAUSIBLE
    return all(bool(np.isfinite(one)) and low <= one <= high for one in balance)


def tint(squares: NDArray[np.float32], balance: Sequence[float]) -> float:
    """Return the median logarithm of red x blue / green² under a balance: 0 is neither green nor
    magenta, below 0 green. NaN where no place has light in all colours.

    Parameters
    ----------
    squares
        The mosaic's `overview`, float32 (3, rows, columns).
    balance
        Multipliers of red, green and blue.
    """  # noqa: D205 - one sentence says it
    red, green, blue = squares.reshape(3, -1).astype(np.float64)
    top = float(np.quantile(green, 0.99))
    usable = (green > max(_DARKEST * top, 0)) & (green < _SATURATED) & (red > 0) & (blue > 0)
    if not usable.any():
        return float("nan")
    red, green, blue = red[usable], green[usable], blue[usable]
    scale = balance[0] * balance[2] / balance[1] ** 2
    return float(np.median(np.log(red * blue / green**2)) + np.log(scale))


def choose_balance(
    squares: NDArray[np.float32], first: Sequence[float], second: Sequence[float]
) -> Chosen:
    """Choose the balance under which a frame has less tint; the first where there is no telling.

    Parameters
    ----------
    squares
        The mosaic's `overview`, float32 (3, rows, columns).
    first, second
        Multipliers of red, green and blue. One that is not `plausible` is not chosen while the
        other is.
    """
    if not plausible(second):
        return Chosen(0, "the other is no camera's")
    if not plausible(first):
        return Chosen(1, "the other is no camera's")
    tints = tint(squares, first), tint(squares, second)
    if not np.isfinite(tints).all():
        return Chosen(0, "there is no light to tell by")
    index = int(abs(tints[1]) < abs(tints[0]))
    return Chosen(index, f"tint {tints[index]:+.2f}, and {tints[1 - index]:+.2f} under the other")
