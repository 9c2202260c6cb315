"""Numbers and ranges of numbers as people write them: ``100``, ``1/25``, ``400-1600``."""

from __future__ import annotations

import re

_INFINITE = float("inf")
_MINUS = re.compile(r"(?<![0-9.][eE])-")
"""A minus between two numbers, not the one of 1e-3."""


def number(text: str) -> float:
    """Read a positive number; a fraction such as 1/25 is one.

    Raises
    ------
    ValueError, ZeroDivisionError
        If it is none.
    """
    top, slash, bottom = text.partition("/")
    found = float(top) / float(bottom) if slash else float(top)
    if not 0 < found < _INFINITE:
        raise ValueError(text)
    return found


def band(text: str) -> float | tuple[float, float]:
    """Read a number, or a range of which one end may be open: 400-1600, 400-, -400.

    Raises
    ------
    ValueError, ZeroDivisionError
        If it is neither.
    """
    ends = [end.strip() for end in _MINUS.split(text)]
    if len(ends) == 1 or ends == ["", ""]:
        return number(text)
    first, last = ends
    low = number(first) if first else 0.0
    high = number(last) if last else _INFINITE
    if low > high:
        raise ValueError(text)
    return low, high
