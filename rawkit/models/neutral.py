"""The balance that a network has learned, found by asking it.

A network that was trained on one camera has learned what grey looks like to it, and turns that
into neutral. Flat fields show which grey that is: the one whose picture is neutral from dark to
bright. Planes of another camera are multiplied so that its grey becomes this one.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.models.inference import restore_mosaic
from rawkit.models.padding import padding_for
from rawkit.pictures import linear_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import nn

    from rawkit.models.exports.run import ExportedNetwork
    from rawkit.models.stages import Staged
    from rawkit.sensor import Cell

LEVELS = (0.03, 0.1, 0.3)
"""Light of the flat fields, normalised and amplified."""
_LEAST_SIDE = 64
_GRID = np.geomspace(0.15, 1.5, 6)
_ROUNDS = 4
_CANDIDATES = 4
_LEAST_LIGHT = 1e-3
_BLACK = 100.0
_TRUSTED = 0.25


@dataclass(frozen=True, slots=True)
class LearnedNeutral:
    """A grey as a network's training camera saw it."""

    red: float
    """Normalised red over green."""
    blue: float
    """Normalised blue over green."""
    error: float
    """How far from neutral it comes out: root mean square of log ratios of linear red and blue to
    green, over the levels."""

    @property
    def found(self) -> bool:
        """Whether it comes out so nearly neutral that it is one."""
        return self.error < _TRUSTED


def flat_response(
    net: nn.Module | Staged | ExportedNetwork,
    cell: Cell,
    multiple: int,
    planes: Sequence[float],
) -> NDArray[np.float64]:
    """Return the linear RGB, (3,), that a network makes of a flat field.

    Parameters
    ----------
    net
        The network, prepared or not.
    cell
        The kind of mosaic it reads.
    multiple
        What the sides of its mosaics must be multiples of, in pixels.
    planes
        Normalised, amplified red, green and blue of the field.
    """
    side = -(-_LEAST_SIDE // multiple) * multiple
    size = padding_for(side, side, (0, 0), multiple, cell).padded_height
    pattern = np.array(cell.pattern())
    values = np.asarray(planes, np.float32)[pattern]
    field = np.tile(values, (size // cell.side, size // cell.side))
    picture = restore_mosaic(net, torch.from_numpy(field)[None, None])[0].float().cpu().numpy()
    quarter = size // 4
    # The middle alone, as borders see less than a network looks at.
    inner = picture[:, quarter:-quarter, quarter:-quarter]
    encoded = np.clip(inner.mean(axis=(1, 2), dtype=np.float64), 0, 1)
    return np.asarray(linear_of(encoded), np.float64)


def find_neutral(
    net: nn.Module | Staged | ExportedNetwork, cell: Cell, multiple: int
) -> LearnedNeutral:
    """Find the grey that a network makes neutral, by flat fields; some seconds on a CPU.

    A grid is searched first, as the response folds: other colours come out nearly neutral at one
    level, but not at all.
    """
    seen: dict[tuple[float, float, float], float] = {}

    def off(one: tuple[float, float], level: float) -> float:
        """Mean square of the log ratios at one level."""
        red, blue = one
        key = (round(red, 6), round(blue, 6), level)
        if key not in seen:
            light = flat_response(net, cell, multiple, (level * red, level, level * blue))
            seen[key] = _squared(light)
        return seen[key]

    def error(one: tuple[float, float]) -> float:
        return float(np.sqrt(np.mean([off(one, level) for level in LEVELS])))

    grid = sorted(itertools.product(_GRID, _GRID), key=lambda one: off(one, LEVELS[1]))
    best = min(grid[:_CANDIDATES], key=error)
    step = float(np.log(_GRID[1] / _GRID[0])) / 2
    for _ in range(_ROUNDS):
        moves = itertools.product((-step, 0.0, step), (-step, 0.0, step))
        best = min(((best[0] * np.exp(x), best[1] * np.exp(y)) for x, y in moves), key=error)
        step /= 2
    return LearnedNeutral(float(best[0]), float(best[1]), error(best))


def _squared(light: NDArray[np.float64]) -> float:
    """Mean square of the log ratios of red and blue to green; that of a black field is large."""
    light = np.nan_to_num(light)
    if light[1] < _LEAST_LIGHT:
        return _BLACK
    return float(np.mean(np.square(np.log(np.maximum(light[[0, 2]], _LEAST_LIGHT) / light[1]))))
