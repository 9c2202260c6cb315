"""Dark shading over the ISOs: lines within ranges of the sensor's gain, and what stands out of it.

Source: Feng et al., PMN, ACM MM 2022. Ranges are found, not given: a line over all ISOs is broken
where breaking it explains more than it costs (Schwarz's criterion).
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.noise import ShadingRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.calibrate.darkness import Darkness

    Floats = NDArray[np.float64]

_SEEN: Final = 4.0
"""Standard errors from which on a weight tells where ranges end."""
_SIGNIFICANT: Final = 3.0
_OFF: Final = 0.03
"""Relative deviation from a line that is none."""
_LEAST: Final = 0.02
"""DN. Likewise."""
_LINE: Final = 2
_RANGE: Final = 1.0
"""What a further range costs by itself: of two ways that explain as much the shorter is taken."""


def shading_of(found: Sequence[Darkness]) -> tuple[ShadingRange, ...]:
    """Find the ranges, and the lines of each; `found` by rising ISO."""
    if not found:
        return ()
    return tuple(_range(found[first:last]) for first, last in pairwise(_borders(found)))


def hot_of(found: Sequence[Darkness]) -> NDArray[np.int32]:
    """Return the pixels that stand out, (n, 2): at two ISOs, where there are as many."""
    seen = Counter(tuple(place) for one in found for place in one.hot.tolist())
    least = min(2, len(found))
    places = sorted(place for place, count in seen.items() if count >= least)
    return np.array(places, np.int32).reshape(-1, 2)


def _borders(found: Sequence[Darkness]) -> list[int]:
    """Return where ranges begin, 0 first, and the number of ISOs last."""
    isos = np.array([one.iso for one in found])
    values = np.stack([one.smooth.ravel() for one in found])
    errors = np.stack([one.smooth_error.ravel() for one in found])
    telling = (np.abs(values) > _SEEN * errors).any(axis=0)
    values, errors = values[:, telling], errors[:, telling]
    errors = np.sqrt(errors**2 + _LEAST**2 + (_OFF * values) ** 2)
    each = values.shape[1] * np.log(max(values.size, 2))
    count = len(isos)
    best = [(0.0, [0])]
    for last in range(1, count + 1):
        choices = []
        for first in range(last):
            cost = _misfit(isos[first:last], values[first:last], errors[first:last])
            cost += each * min(last - first, _LINE) + _RANGE
            choices.append((best[first][0] + cost, [*best[first][1], last]))
        best.append(min(choices))
    return best[count][1]


def _misfit(isos: Floats, values: Floats, errors: Floats) -> float:
    if len(isos) <= _LINE:
        return 0.0
    offset, slope = _lines(isos, values, errors)
    return float(np.square((values - offset - isos[:, None] * slope) / errors).sum())


def _lines(isos: Floats, values: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Fit weighted lines over ISO to columns; through one point they are level."""
    if len(isos) == 1:
        return values[0], np.zeros_like(values[0])
    weights = 1 / np.square(errors)
    total = weights.sum(axis=0)
    centre = (weights * isos[:, None]).sum(axis=0) / total
    mean = (weights * values).sum(axis=0) / total
    off = isos[:, None] - centre
    slope = (weights * off * (values - mean)).sum(axis=0) / (weights * off**2).sum(axis=0)
    return mean - slope * centre, slope


def _range(found: Sequence[Darkness]) -> ShadingRange:
    isos = np.array([one.iso for one in found])
    values = np.stack([one.smooth for one in found])
    errors = np.maximum(np.stack([one.smooth_error for one in found]), 1e-6)
    flat = values.reshape(len(isos), -1)
    offset, slope = _lines(isos, flat, errors.reshape(flat.shape))
    smooth = np.stack([offset, slope]).reshape(2, *values.shape[1:])
    strength = np.square(values / errors).sum(axis=0)
    there = strength > len(isos) + _SIGNIFICANT * np.sqrt(2 * len(isos)) + _SIGNIFICANT
    there[:, 0, 0] = True
    smooth *= there
    lines = [
        _stripes(isos, np.stack([getattr(one, name) for one in found]),
                 np.array([getattr(one, f"{name}_error") for one in found]))
        for name in ("rows", "columns")
    ]  # fmt: skip
    return ShadingRange(
        float(isos[0]), float(isos[-1]), smooth.astype(np.float32),
        *(one.astype(np.float32) for one in lines),
    )  # fmt: skip


def _stripes(isos: Floats, values: Floats, errors: Floats) -> Floats:
    """Lines of what rows or columns have, (2, n), each as far as it is more than noise (Wiener)."""
    seen = values.var(axis=1)
    there = np.maximum(seen - errors**2, 0)
    sure = seen > errors**2 * (1 + 4 * np.sqrt(2 / values.shape[1]))
    share = np.where(sure, there / np.maximum(seen, 1e-300), 0.0)
    weight = np.broadcast_to(np.maximum(errors, 1e-6)[:, None], values.shape)
    return np.stack(_lines(isos, values * share[:, None], weight))
