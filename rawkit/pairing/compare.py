"""What two aligned frames say in squares of pixels: how bright, how alike, what has moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.pairing.noise import Noise

_ROUNDS: Final = 6
_LEAST: Final = 8
"""Squares that a line is fitted through at least."""
_MODEL: Final = 0.03
"""Share of its light by which a square may differ without anything having moved: edges, lenses."""
_FAINT: Final = 0.15
"""Share of the middle light that is added before a change is taken as a share: black is black."""
_SURE: Final = 5.5
"""Standard deviations from which a change is none of noise."""
_CHANGE: Final = 0.2
"""Share of its light by which a square must have changed."""
_AROUND: Final = 15
"""Squares a side over which light is smooth."""
_SPREADS: Final = (1, 3, 5, 9)
"""Squares a side that are looked at together, as noise may hide what one alone shows."""


@dataclass(frozen=True)
class Brightness:
    """How bright the short is against the long."""

    slope: float
    """Light of the short over that of the long, an offset apart."""
    sigma: float
    """Standard deviation of the slope."""
    means: float
    """Mean light of the short over that of the long, where neither is clipped."""
    offsets: NDArray[np.float64]
    """What the short has beyond that in each plane, sensor units."""


def brightness(
    short: NDArray[np.float32],
    long: NDArray[np.float32],
    usable: NDArray[np.bool_],
    noise: Noise | None,
    pixels: int,
) -> Brightness:
    """Fit the short's squares to the long's, (planes, rows, columns), an offset in each plane.

    Squares that disagree (something moved) count little. `usable` is (rows, columns), `noise` that
    of one plane's pixels, of which a square has `pixels`.
    """
    dark, bright = short[:, usable].astype(np.float64), long[:, usable].astype(np.float64)
    total = max(float(bright.sum()), 1e-9)
    means = float(dark.sum()) / total
    slope, offsets, sigma = max(means, 1e-9), np.zeros(len(short)), np.inf
    if dark.shape[1] < _LEAST:
        return Brightness(slope, sigma, means, offsets)
    robust = np.ones_like(dark)
    for _ in range(_ROUNDS):
        expected = np.maximum(slope * bright, 0)
        if noise is None:
            variance = np.full_like(dark, max(float(dark.var()), 1e-9))
        else:
            variance = (noise.gain * expected + noise.floor) / pixels
        weight = robust / (variance + (_MODEL * expected) ** 2)
        sums = weight.sum(axis=1, keepdims=True)
        centred = bright - (weight * bright).sum(axis=1, keepdims=True) / sums
        level = (weight * dark).sum(axis=1, keepdims=True) / sums
        energy = float((weight * centred**2).sum())
        if energy <= 0:
            break
        slope = float((weight * centred * (dark - level)).sum()) / energy
        sigma = energy**-0.5
        offsets = (level[:, 0] - slope * (bright - centred)[:, 0]).ravel()
        rest = dark - slope * bright - offsets[:, None]
        own = np.abs(rest) * np.sqrt(weight / np.maximum(robust, 1e-9))
        usual = max(float(np.median(own)) / 0.6745, 1e-9)
        robust = np.minimum(1, (2.0 * usual / np.maximum(own, 1e-9)) ** 2)
        sigma *= max(1.0, usual)
    return Brightness(slope, sigma, means, offsets)


@dataclass(frozen=True)
class Change:
    """Where the short shows other things than the long."""

    share: float
    """Share of the usable squares that changed, 0 to 1."""
    places: NDArray[np.bool_]
    """Squares that changed, (rows, columns)."""
    blur: float
    """Relative standard deviation of a square's light at the widest spread: what noise hides."""


def changes(
    short: NDArray[np.float32],
    long: NDArray[np.float32],
    usable: NDArray[np.bool_],
    noise: Noise,
    pixels: int,
    found: Brightness,
) -> Change:
    """Find squares of the short whose light is another than the long's, (planes, rows, columns)."""
    expected = np.maximum(np.float32(found.slope) * long, 0)
    rest = short - expected - found.offsets[:, None, None].astype(np.float32)
    counts = usable.astype(np.float32)
    rest = _without_bands(_without_trend(rest, expected, usable), usable) * counts
    variance = noise.variance(expected) / np.float32(pixels)
    rest = _without_outliers(rest, variance)
    faint = np.float32(_FAINT) * np.median(expected[:, usable], axis=1)[:, None, None]
    base = np.maximum(expected + faint, 1e-6)
    places = np.zeros(usable.shape, np.bool_)
    blur = np.inf
    for spread in _SPREADS:
        if spread > min(usable.shape) // 4:
            break
        near = np.maximum(_summed(counts, spread), 1)
        difference = np.stack([_summed(one, spread) for one in rest]) / near
        light = np.maximum(np.stack([_summed(one * counts, spread) for one in base]) / near, 1e-6)
        spread_variance = np.stack([_summed(one * counts, spread) for one in variance]) / near**2
        sigma = np.sqrt(spread_variance + (_MODEL * light) ** 2 / near)
        sure = np.abs(difference) > _SURE * sigma
        large = np.abs(difference) > _CHANGE * light
        places |= (sure & large).any(axis=0) & usable
        blur = float(np.median((np.sqrt(spread_variance) / light)[:, usable]))
    if _is_noise(places):
        places = np.zeros_like(places)
    return Change(float(places.sum() / max(1, usable.sum())), places, blur)


def _without_outliers(
    rest: NDArray[np.float32], variance: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Replace single squares far from all around them, which hold a hot pixel, by the median."""
    usual = np.stack([cv2.medianBlur(one, 3) for one in rest])
    return np.where(np.abs(rest - usual) > _SURE * np.sqrt(variance), usual, rest)


def _is_noise(places: NDArray[np.bool_]) -> bool:
    """Tell whether what changed is but single squares far apart."""
    if not places.any():
        return False
    count, _, stats, _ = cv2.connectedComponentsWithStats(places.astype(np.uint8), connectivity=8)
    return count > 1 and int(stats[1:, cv2.CC_STAT_AREA].max()) <= 1


def _summed(picture: NDArray[np.float32], spread: int) -> NDArray[np.float32]:
    if spread == 1:
        return picture
    return np.asarray(
        cv2.boxFilter(picture, cv2.CV_32F, (spread, spread), normalize=False,
                      borderType=cv2.BORDER_CONSTANT), np.float32,
    )  # fmt: skip


def _without_bands(rest: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Take away what whole rows and columns of squares have in common, by their medians."""
    masked = np.where(usable, rest, np.nan)
    for axis in (2, 1):
        with np.errstate(all="ignore"):
            middle = _nan_median(masked, axis)
        masked = masked - middle
    return np.nan_to_num(masked).astype(np.float32)


def _nan_median(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Median without what is missing; 0 where all is, or less than half is there."""
    there = np.isfinite(values)
    enough = there.sum(axis=axis, keepdims=True) >= values.shape[axis] / 2
    ordered = np.sort(np.where(there, values, np.inf), axis=axis)
    place = np.maximum(there.sum(axis=axis, keepdims=True) - 1, 0) // 2
    return np.where(enough, np.take_along_axis(ordered, place, axis), 0).astype(np.float32)


def _without_trend(
    rest: NDArray[np.float32], expected: NDArray[np.float32], usable: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Take away light that changed smoothly over the whole picture, as dusk and lamps do."""
    rows, columns = usable.shape
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    shapes = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y]).astype(np.float32)
    light, difference = expected[:, usable].sum(axis=0), rest[:, usable].sum(axis=0)
    basis = (shapes[:, usable] * light).T.astype(np.float64)
    robust = np.ones(len(light))
    weight = 1 / np.maximum(light + 0.2 * float(np.median(light)), 1e-6)
    factors = np.zeros(len(shapes))
    for _ in range(_ROUNDS):
        root = np.sqrt(robust) * weight
        factors, *_ = np.linalg.lstsq(basis * root[:, None], difference * root, rcond=None)
        left = np.abs(difference - basis @ factors) * weight
        usual = max(float(np.median(left)) / 0.6745, 1e-9)
        robust = np.minimum(1, (2.0 * usual / np.maximum(left, 1e-9)) ** 2)
    trend = np.tensordot(factors.astype(np.float32), shapes, 1)
    return rest - trend * expected


def likeness(
    short: NDArray[np.float32],
    long: NDArray[np.float32],
    usable: NDArray[np.bool_],
    noise: Noise,
    pixels: int,
) -> tuple[float, float]:
    """How alike the middle-sized features of both are, and how sure that is.

    Squares are (planes, rows, columns); the correlation of their logarithms, smooth light apart,
    with the short's noise taken out: about 1 for one scene, 0 for two. The second value is its
    standard deviation.
    """
    dark, bright = short.sum(axis=0), long.sum(axis=0)
    slope = float(dark[usable].sum() / max(float(bright[usable].sum()), 1e-9))
    expected = np.maximum(slope * bright, 0)
    base = expected + np.float32(_FAINT * np.median(expected[usable]))
    if not float(base.mean()) > 0:
        return float("nan"), float("inf")
    counts = usable.astype(np.float32)
    near = np.maximum(_summed(counts, _AROUND), 1)
    pair = []
    for picture in (dark, expected):
        even = picture / base.mean()
        pair.append((even - _summed(even * counts, _AROUND) / near)[usable].astype(np.float64))
    variance = noise.variance(expected / len(short)) * np.float32(len(short) / pixels)
    noisy = float((variance[usable] / base.mean() ** 2).mean())
    one, other = pair
    own = float((one * one).mean()) - noisy
    shared = float((one * other).mean())
    theirs = float((other * other).mean())
    if theirs <= 0:
        return float("nan"), float("inf")
    whole = max(own, 0.25 * theirs, 1e-12)
    sigma = np.sqrt((noisy + whole) / (theirs * one.size)) * np.sqrt(theirs / whole)
    return shared / np.sqrt(theirs * whole), float(sigma)
