"""System gain by photon transfer: variance grows with light as gain times the light.

The difference of two flat frames of the same light has twice the variance of one, and nothing of
the wall's unevenness or the sensor's. Source: Janesick, Photon Transfer, SPIE Press, 2007; EMVA
1288, release 4.0, section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.sensor import Mosaic

    Floats = NDArray[np.float64]

_TWO: Final = 1.959964
_POINTS: Final = 8
"""Points of a curve for each plane of a pair."""
_TILE: Final = 16
"""Side of the tiles whose variance makes a curve, pixels of a plane."""


@dataclass(frozen=True, eq=False)
class Transfer:
    """What one pair of flat frames tells; or several pairs, or patches of ordinary frames."""

    gain: Floats
    """System gain of each plane, (P,), DN per electron."""
    error: Floats
    """Its standard error."""
    points: NDArray[np.float32]
    """Plane, mean above black and variance, (n, 3); DN, DN^2."""


def measure_pair(
    first: NDArray[np.uint16],
    second: NDArray[np.uint16],
    mosaic: Mosaic,
    dark: Floats,
    variance: Floats,
    white: float,
) -> Transfer:
    """Measure two flat frames of one ISO and about the same light.

    Parameters
    ----------
    first, second
        Visible mosaics, (H, W).
    mosaic
        What they are.
    dark
        Mean of darkness of each plane, black level included, (P,), DN.
    variance
        Variance of single pixels in the dark, (P,), DN^2.
    white
        Where pixels saturate; those near it do not count, DN.
    """
    planes, side = mosaic.cell.planes, mosaic.cell.side
    gain, error = np.zeros(planes), np.zeros(planes)
    weight, points = np.zeros(planes), []
    for y, x, plane in mosaic.positions():
        one = first[y::side, x::side].astype(np.float32)
        other = second[y::side, x::side].astype(np.float32)
        found = _of_plane(one, other, dark[plane], variance[plane], white)
        if found is None:
            continue
        k, spread, curve = found
        gain[plane] += k / spread**2
        weight[plane] += 1 / spread**2
        points.append(np.insert(curve, 0, plane, axis=1))
    error = np.where(weight > 0, 1 / np.sqrt(np.maximum(weight, 1e-300)), np.inf)
    gain = np.where(weight > 0, gain / np.maximum(weight, 1e-300), np.nan)
    curve = np.concatenate(points) if points else np.empty((0, 3))
    return Transfer(gain, error, curve.astype(np.float32))


def _of_plane(
    one: NDArray[np.float32], other: NDArray[np.float32], dark: float, variance: float, white: float
) -> tuple[float, float, Floats] | None:
    near = dark + 0.98 * (white - dark)
    good = (one < near) & (other < near) & (one > dark / 2) & (other > dark / 2)
    if good.mean() < 0.5:  # noqa: PLR2004 - half of it
        return None
    light = float(one[good].mean(dtype=np.float64)) - dark
    ratio = light / (float(other[good].mean(dtype=np.float64)) - dark)
    apart = (one - dark) - np.float32(ratio) * (other - dark)
    limit = 6 * float(np.median(np.abs(apart[good]))) * 1.4826
    good &= np.abs(apart) < limit  # hot pixels, cosmic rays, dust that moved
    apart[~good] = 0
    counts = [np.maximum(good.sum(axis=axis, keepdims=True), 1) for axis in (1, 0)]
    apart -= (apart.sum(axis=1, keepdims=True) / counts[0]).astype(np.float32)
    apart -= (apart.sum(axis=0, keepdims=True) / counts[1]).astype(np.float32)
    apart[~good] = 0
    height, width = one.shape
    free = max(int(good.sum()) * (1 - 1 / height) * (1 - 1 / width), 1.0)
    squares = np.square(apart, dtype=np.float64)
    seen = float(squares.sum()) / free
    both = light * (1 + ratio)
    gain = (seen - variance * (1 + ratio**2)) / both
    error = seen * np.sqrt(2 / free) / both
    if not (gain > 0 and np.isfinite(error)):
        return None
    share = (1 + ratio**2) * free / max(int(good.sum()), 1)
    return gain, error, _curve(one - dark, squares / share, good)


def _curve(light: NDArray[np.float32], squares: Floats, good: NDArray[np.bool_]) -> Floats:
    """Mean and variance of tiles of about the same light, (n, 2)."""
    rows, columns = (size // _TILE for size in light.shape)
    if not rows or not columns:
        return np.array([[light[good].mean(), squares[good].mean()]])

    def tiles(values: NDArray[np.floating]) -> Floats:
        cut = np.where(good, values, 0)[: rows * _TILE, : columns * _TILE]
        return np.asarray(cut.reshape(rows, _TILE, columns, _TILE).sum(axis=(1, 3)), np.float64)

    count, means, variances = tiles(np.ones_like(light)), tiles(light), tiles(squares)
    groups = np.array_split(np.argsort(means, axis=None), min(_POINTS, rows * columns))
    return np.array([
        [values.ravel()[group].sum() / max(count.ravel()[group].sum(), 1)
         for values in (means, variances)]
        for group in groups
    ])  # fmt: skip


def joined(found: Sequence[Transfer]) -> Transfer:
    """Put pairs of one ISO together, each by what it knows."""
    gains = np.array([one.gain for one in found])
    weights = 1 / np.square([one.error for one in found])
    weights = np.where(np.isfinite(gains), weights, 0)
    total = weights.sum(axis=0)
    gain = (np.where(weights > 0, gains, 0) * weights).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Transfer(gain / total, 1 / np.sqrt(total),
                        np.concatenate([one.points for one in found]))  # fmt: skip


def half_width(error: Floats) -> Floats:
    """Half the width of intervals of 95% of such standard errors."""
    return np.asarray(_TWO * error)
