"""The noise of a frame, from the frame itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.pairing.exposed import binned

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TILE: Final = 16
_BINS: Final = 12
_LEAST: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Noise:
    """Variance of a pixel: `gain` times its mean light, plus `floor`; in squared sensor units."""

    gain: float
    """Sensor units of an electron."""
    floor: float
    """Variance without light: that of reading out, and of rounding."""

    def variance(self, light: NDArray[np.float32]) -> NDArray[np.float32]:
        """Variance at a mean light."""
        return np.float32(self.gain) * np.maximum(light, 0) + np.float32(self.floor)


def noise_of(
    light: NDArray[np.float32],
    expected: NDArray[np.float32],
    usable: NDArray[np.bool_],
) -> Noise:
    """Fit the noise of a picture whose mean light is known, both of shape (height, width).

    Only the difference of the differences of neighbours counts: it knows neither slopes nor what
    rows and columns have in common. Of tiles of the same brightness the middle one does, so that
    those with texture or with something that moved do not matter. `usable` says of each tile of 16
    pixels whether it counts, shape (height // 16, width // 16).
    """
    rest = light - expected
    across = rest[:, 1:] - rest[:, :-1]
    mixed = np.zeros_like(rest)
    np.subtract(across[1:], across[:-1], out=mixed[1:, 1:])
    mixed *= mixed
    variances, means = binned(mixed, _TILE)[usable] / 4, binned(expected, _TILE)[usable]
    if variances.size == 0:
        return Noise(0.0, 1.0)
    order = np.argsort(means)
    groups = np.array_split(order, min(_BINS, max(1, len(order) // 8)))
    level = np.array([means[group].mean() for group in groups])
    spread = np.array([np.median(variances[group]) for group in groups])
    return _line(np.maximum(level, 0), spread)


def _line(level: NDArray[np.float64], spread: NDArray[np.float64]) -> Noise:
    """Fit a line to variances over light, by relative error; neither part is below nothing."""
    weight = 1 / np.maximum(spread, _LEAST) ** 2
    mean_level, mean_spread = np.average(level, weights=weight), np.average(spread, weights=weight)
    across = float(np.average((level - mean_level) ** 2, weights=weight))
    slope = 0.0
    if across > 0:
        both = np.average((level - mean_level) * (spread - mean_spread), weights=weight)
        slope = max(0.0, float(both) / across)
    floor = float(mean_spread) - slope * float(mean_level)
    if floor < 0:
        slope, floor = float(mean_spread / max(mean_level, _LEAST)), 0.0
    return Noise(slope, max(floor, _LEAST))
