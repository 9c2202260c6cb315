"""How a long lies against its short: shift, rotation and scale, with how sure that is.

The short is s(x) = a L(x - d(x)) + b and noise, with d(x) = t + (scale, rotation) (x - centre). A
phase correlation finds t roughly; then the most likely d follows from the short's difference to the
moved long over the long's slopes (B. D. Lucas and T. Kanade, 1981), each pixel weighted by its
noise, from coarse to fine. Sums are kept for tiles: each has a light and an offset of its own, so
that lamps that flicker do not matter, and tiles in which something moved are left out. The same
sums say how far off the answer may be: with the short's noise (Cramer and Rao's bound), or with how
the tiles disagree, whichever is more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from rawkit.pairing.exposed import binned
from rawkit.pairing.motion import Motion, compose, moved
from rawkit.pairing.tiles import fit_motion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.pairing.noise import Noise

_SMOOTHS: Final = (0.9, 1.4, 2.2)
"""Standard deviations, in pixels, of what smooths both pictures; the first that suffices is taken.
What is finer than two pixels is not where it seems, as planes hold every second one alone."""
_NOISY: Final = 0.3
"""Share of the energy of the long's slopes that may be its own noise."""
_CROP: Final = 768
"""Pixels a side of the middle of a long that its noise is looked for in."""
_TILE: Final = 64
_HUBER: Final = 5.0
"""Standard deviations of the noise beyond which a difference counts no more than there."""
_SIDES: Final = (4, 2, 1)
"""Pixels that are taken together, each way, at each level."""
_LEAST_SIDE: Final = 48
_WHOLE: Final = 0.99
_STEPS: Final = 5
_STILL: Final = 0.03
"""Pixels of a level that count as none where the long need not be moved."""
_CALM: Final = 0.01
"""Pixels of a level below which an update changes nothing."""


def rough_shift(
    short: NDArray[np.float32], long: NDArray[np.float32], usable: NDArray[np.bool_], noise: float
) -> tuple[float, float]:
    """Shift down and right of `short` against `long` by phase correlation, to about a pixel.

    Both are (height, width) and equally bright; where `usable` is False they count as even. `noise`
    is the variance of the short's pixels: frequencies that drown in it count little.
    """
    window = np.outer(np.hanning(short.shape[0] + 2)[1:-1], np.hanning(short.shape[1] + 2)[1:-1])
    window = np.where(usable, window, 0)
    total = max(float(window.sum()), 1e-9)
    ends = []
    for picture in (short, long):
        even = picture - float((picture * window).sum()) / total
        ends.append(np.fft.rfft2(even * window))
    power = noise * float((window**2).sum())
    cross = ends[0] * np.conj(ends[1])
    signal = np.abs(ends[1]) ** 2
    # Whitened as far as the noise allows: edges decide, not the large bright places.
    cross *= signal / (signal + power) / np.maximum(np.abs(cross), 1e-20)
    peaks = np.fft.irfft2(cross, s=short.shape)
    peaks = np.asarray(cv2.GaussianBlur(np.fft.fftshift(peaks), (0, 0), 0.7))
    top, left = np.unravel_index(int(np.argmax(peaks)), peaks.shape)
    return float(top - peaks.shape[0] // 2), float(left - peaks.shape[1] // 2)


@dataclass(frozen=True)
class Template:
    """The long of one level, made ready: smoothed, with its slopes."""

    smooth: NDArray[np.float32]
    """Smoothed light, (height, width)."""
    rows: NDArray[np.float32]
    """Slope down."""
    columns: NDArray[np.float32]
    """Slope to the right."""


def smoothed(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Smooth a picture by a Gaussian."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def template_of(smooth: NDArray[np.float32], motion: Motion | None = None) -> Template:
    """Move a smoothed long, and take its slopes."""
    if motion is not None:
        smooth = moved(smooth, motion)
    return Template(smooth, *_slopes(smooth))


def _slopes(smooth: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slopes down and to the right."""
    kernel, one = np.array([-0.5, 0, 0.5], np.float32), np.ones(1, np.float32)
    rows = cv2.sepFilter2D(smooth, cv2.CV_32F, one, kernel, borderType=cv2.BORDER_REPLICATE)
    columns = cv2.sepFilter2D(smooth, cv2.CV_32F, kernel, one, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(rows, np.float32), np.asarray(columns, np.float32)


def smoothing_of(long: NDArray[np.float32]) -> float:
    """Choose how much to smooth, so that the slopes of a long are not those of its noise."""
    top, left = (max(0, (side - _CROP) // 2) for side in long.shape)
    middle = long[top : top + _CROP, left : left + _CROP]
    mixed = np.diff(np.diff(middle, axis=0), axis=1)
    noise = float(np.median(mixed[::2, ::2] ** 2)) / 0.455 / 4
    for sigma in _SMOOTHS:
        rows, columns = _slopes(smoothed(middle, sigma))
        energy = float(np.mean(rows**2) + np.mean(columns**2))
        if noise / (4 * math.pi * sigma**4) < _NOISY * energy:
            return sigma
    return _SMOOTHS[-1]


def refine(
    short: NDArray[np.float32],
    template: Template,
    gain: float,
    noise: Noise,
    usable: NDArray[np.float32],
) -> Motion:
    """Estimate the motion that is left between a short and a template, both (height, width).

    Both are smoothed, and `noise` is what that leaves of the short's. `gain` is a, `usable` 1 where
    pixels count and 0 elsewhere.
    """
    light = np.float32(gain) * template.smooth
    weight = usable / noise.variance(light)
    root = np.sqrt(weight)
    rest = short - light
    some = rest[::5, ::5][usable[::5, ::5] > 0]
    rest -= np.float32(np.median(some)) if some.size else np.float32(0)
    limit = _HUBER / np.maximum(root, 1e-12)
    np.clip(rest, -limit, limit, out=rest)
    slopes = [np.float32(-gain) * template.rows, np.float32(-gain) * template.columns]
    pictures = [_apart(one, usable) for one in (light, *slopes, rest)]
    grams, centres = _grams([usable, *pictures], root, short.shape)
    information, pull = _marginal(grams)
    return fit_motion(information, pull, centres, short.shape)


def _apart(picture: NDArray[np.float32], usable: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take away what rows and columns have in common, as sensors add an offset to each."""
    picture = picture * usable
    rows = picture.sum(axis=1) / np.maximum(usable.sum(axis=1), 1)
    picture = (picture - rows[:, None]) * usable
    columns = picture.sum(axis=0) / np.maximum(usable.sum(axis=0), 1)
    picture -= columns
    picture *= usable
    return picture


def _grams(
    pictures: Sequence[NDArray[np.float32]], root: NDArray[np.float32], shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Products of pictures, summed over tiles: (tiles, n, n); and centres of tiles, (tiles, 2)."""
    side = min(_TILE, max(16, min(shape) // 6))
    rows, columns = shape[0] // side, shape[1] // side
    tiled = np.empty((rows, columns, len(pictures), side, side), np.float32)
    for number, picture in enumerate(pictures):
        part = (picture * root)[: rows * side, : columns * side]
        tiled[:, :, number] = part.reshape(rows, side, columns, side).swapaxes(1, 2)
    flat = tiled.reshape(rows * columns, len(pictures), side * side)
    products = np.matmul(flat, flat.transpose(0, 2, 1)).astype(np.float64)
    y = (np.arange(rows) + 0.5) * side - shape[0] / 2
    x = (np.arange(columns) + 0.5) * side - shape[1] / 2
    return products, np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)


def _marginal(grams: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Take offset and light (the first two) out of the sums; returns (tiles, 2, 2), (tiles, 2)."""
    nuisance = (
        grams[:, :2, :2]
        + 1e-9 * np.eye(2) * (1 + np.trace(grams[:, :2, :2], axis1=1, axis2=2))[:, None, None]
    )
    cross = grams[:, :2, 2:]
    left = grams[:, 2:, 2:] - np.swapaxes(cross, 1, 2) @ np.linalg.solve(nuisance, cross)
    return left[:, :2, :2], left[:, :2, 2]


def align(
    short: NDArray[np.float32],
    long: NDArray[np.float32],
    gain: float,
    noise: Noise,
    usable: NDArray[np.float32],
    start: Motion,
    *,
    sigma: float,
    ready: Template,
) -> Motion:
    """Find the motion between a short and its long, (height, width), from a rough one on.

    `sigma` is how much both are smoothed, `ready` the template of the long where it lies.
    """
    motion = start
    for side in _SIDES:
        if side > 1 and min(short.shape) // side < _LEAST_SIDE:
            continue
        wide = sigma if side == 1 else _SMOOTHS[0]
        left = 1 / (4 * math.pi * wide**2 * side**2)  # of the variance, by smoothing and binning
        level = _Level(
            smoothed(binned(short, side), wide),
            ready if side == 1 else template_of(smoothed(binned(long, side), wide)),
            gain,
            replace(noise, gain=noise.gain * left, floor=noise.floor * left),
            (binned(usable, side) > _WHOLE).astype(np.float32),
        )
        motion = level.settle(motion.at(1 / side)).at(side)
    return motion


@dataclass(frozen=True)
class _Level:
    """Both pictures at one size, smoothed."""

    short: NDArray[np.float32]
    template: Template
    gain: float
    noise: Noise
    usable: NDArray[np.float32]

    def settle(self, motion: Motion) -> Motion:
        """Go on from a motion until nothing changes.

        Noise in the long makes each step shorter than it should be by the same factor, which two
        steps tell.
        """
        shape = self.short.shape
        before: Motion | None = None
        factor = 1.0
        for _ in range(_STEPS):
            still = motion.farthest(shape) < _STILL
            if still:
                motion = replace(motion, down=0.0, right=0.0, turn=0.0, zoom=0.0)
            template = self.template if still else template_of(self.template.smooth, motion)
            step = refine(self.short, template, self.gain, self.noise, _framed(self.usable, motion))
            if not math.isfinite(step.farthest(shape)) or not math.isfinite(step.sigma):
                return replace(motion, sigma=math.inf)
            if before is not None:
                factor = _lengthened(before, step, factor)
            before = step if not still else None
            taken = replace(
                step, down=step.down * factor, right=step.right * factor,
                sigma=step.sigma * max(1.0, factor),
            )  # fmt: skip
            motion = compose(motion, taken)
            if step.farthest(shape) < (_STILL if still else _CALM):
                break
        return motion


def _lengthened(before: Motion, step: Motion, factor: float) -> float:
    """By what to multiply steps, given the last two and what the last was multiplied by."""
    length = before.down**2 + before.right**2
    along = (before.down * step.down + before.right * step.right) / max(length, 1e-12)
    # What was left of the way after a step of `factor` times its length.
    share = (1 - along) / factor
    return float(np.clip(1 / share, 1.0, 5.0)) if share > 0 else 5.0


def _framed(usable: NDArray[np.float32], motion: Motion) -> NDArray[np.float32]:
    """Leave out the frame that moving has filled with repeated edges."""
    edge = math.ceil(motion.farthest(usable.shape)) + 2
    framed = np.zeros_like(usable)
    inner = (slice(edge, -edge), slice(edge, -edge))
    framed[inner] = usable[inner]
    return framed
