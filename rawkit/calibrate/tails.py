"""Shape and scale of read noise, by the correlation of probability plots.

The quantiles of what was found are held against those of Tukey lambda distributions of many
shapes; the shape whose plot is straightest is taken, and its slope is the scale (Filliben, The
Probability Plot Correlation Coefficient Test for Normality, Technometrics 17, 1975; for read noise
Wei et al., ELD, CVPR 2020). Two things lie between a sensor's noise and what is found of it, and
are put into the quantiles it is compared with: values were rounded to steps, and of each frame the
mean of all frames has been subtracted, which has a share of the same noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.noise import tukey_quantile, tukey_variance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_GRID: Final = 4096
_REACH: Final = 20.0
"""Standard deviations on either side of the grid on which distributions are laid out."""
_NODES: Final = 1 / (1 + np.exp(-np.linspace(-28, 28, 3001)))
"""Probabilities between which a distribution is interpolated, dense in both tails."""
_FURTHEST: Final = 3.0
"""Normal deviates between which quantiles are compared: beyond are hot pixels that blink."""
_LEVELS: Final = 201
_LEAST_SHAPE, _MOST_SHAPE = -0.42, 0.6
_STEPS: Final = (0.06, 0.015, 0.004)
_BESIDE: Final = 0.02
"""Shapes on either side of the best, by which it is told how parts of the data would differ."""


@dataclass(frozen=True, slots=True)
class Tails:
    """A Tukey lambda distribution that was fitted, with intervals of 95%."""

    scale: float
    """Scale, DN."""
    scale_half: float
    """Half the width of its interval, DN."""
    shape: float
    """Shape lambda."""
    shape_half: float
    """Half the width of its interval."""
    sigma: float
    """Standard deviation of the distribution, DN; better known than either of both."""
    plot: NDArray[np.float32]
    """Probability plot, (2, n): quantiles of the fitted distribution for a scale of 1, and those
    that were found, DN."""


@dataclass(frozen=True, slots=True)
class Residuals:
    """Histograms of noise that remained when means were subtracted."""

    counts: NDArray[np.int64]
    """Pixels in each bin, (parts, bins); parts are independent of each other."""
    width: float
    """Width of a bin, DN; the middle of all bins is 0."""
    frames: int
    """Frames whose mean was subtracted; 0: none was."""
    step: float
    """Distance of neighbouring values of the file, DN."""
    kept: float = 1.0
    """Share of the variance that is left by means of rows and columns, subtracted as well."""


def fit_tails(found: Residuals) -> Tails:
    """Fit a Tukey lambda distribution to histograms; intervals by leaving out one part at a time.

    (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 11: the jackknife.)
    """
    z = np.linspace(-_FURTHEST, _FURTHEST, _LEVELS)
    levels = _normal_cdf(z)
    whole = _quantiles(found.counts.sum(axis=0), found.width, levels)
    # All quantities below are of noise with the variance of a single frame's.
    stretch = np.sqrt(found.frames / (found.frames - 1)) if found.frames > 1 else 1.0
    stretch /= np.sqrt(found.kept)
    whole = whole * stretch
    shape = _best_shape(whole, levels, found)
    beside = np.clip(shape + _BESIDE * np.arange(-2, 3), _LEAST_SHAPE, _MOST_SHAPE + 2 * _BESIDE)
    references, scales = zip(*(_reference(one, whole, levels, found) for one in beside),
                             strict=True)  # fmt: skip
    laid = np.array(references)
    best, scale = _refined(whole[None], laid, np.array(scales), beside)
    parts = len(found.counts)
    left = found.counts.sum(axis=0)[None] - found.counts
    some = np.stack([_quantiles(one, found.width, levels) for one in left]) * stretch
    shapes, sizes = _refined(some, laid, np.array(scales), beside)
    spread = (parts - 1) / np.sqrt(parts)
    wide = student(parts - 1) * spread
    reference = laid[2] / scales[2]
    return Tails(
        scale=float(scale[0]),
        scale_half=float(wide * sizes.std()),
        shape=float(best[0]),
        shape_half=float(wide * shapes.std()),
        sigma=float(scale[0] * np.sqrt(tukey_variance(float(best[0])))),
        plot=np.stack([reference, whole]).astype(np.float32),
    )


def student(free: int) -> float:
    """Return the 97.5% quantile of Student's t, to 1% from 4 degrees of freedom on."""
    z = 1.959964
    return z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)


def _best_shape(whole: Floats, levels: Floats, found: Residuals) -> float:
    low, high = _LEAST_SHAPE, _MOST_SHAPE
    best = 0.0
    for step in _STEPS:
        shapes = np.arange(low, high + step / 2, step)
        fits = [_correlation(whole, _reference(one, whole, levels, found)[0]) for one in shapes]
        best = float(shapes[int(np.argmax(fits))])
        low, high = max(best - step, _LEAST_SHAPE), min(best + step, _MOST_SHAPE)
    return best


def _correlation(x: Floats, y: Floats) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def _refined(
    quantiles: Floats, references: Floats, scales: Floats, shapes: Floats
) -> tuple[Floats, Floats]:
    """Find shape and scale between shapes that were tried, for each set of quantiles (n, levels).

    `references` (5, levels) are those of the shapes with the scales of the whole.
    """
    centred = references - references.mean(axis=1, keepdims=True)
    mine = quantiles - quantiles.mean(axis=1, keepdims=True)
    products = mine @ centred.T
    squares = np.square(centred).sum(axis=1)
    correlations = products / np.sqrt(np.square(mine).sum(axis=1)[:, None] * squares)
    bends = np.polyfit(shapes - shapes[2], correlations.T, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.where(bends[0] < 0, -bends[1] / (2 * bends[0]), 0.0)
    off = np.clip(off, shapes[0] - shapes[2] - _BESIDE, shapes[-1] - shapes[2] + _BESIDE)
    lines = np.polyfit(shapes - shapes[2], np.log(scales * products / squares).T, 2)
    sizes = np.exp(lines[0] * off**2 + lines[1] * off + lines[2])
    return shapes[2] + off, sizes


def _reference(
    shape: float, whole: Floats, levels: Floats, found: Residuals
) -> tuple[Floats, float]:
    """Quantiles that noise of a shape would have, of the scale that fits best, and that scale."""
    # The spread of the middle is known well; the distribution's own follows from it in two steps.
    scale = float(np.ptp(whole) / np.ptp(tukey_quantile(levels[[0, -1]], shape)))
    quantiles = whole
    for _ in range(2):
        quantiles = _laid_out(shape, scale, levels, found)
        slope = float(quantiles @ whole / (quantiles @ quantiles))
        # Rounding is no part of the scale: where it is much of the noise, the step is larger.
        scale *= max(slope, 0.2)
    return quantiles * max(slope, 0.2), scale


def _laid_out(shape: float, scale: float, levels: Floats, found: Residuals) -> Floats:
    """Quantiles at `levels` of noise as it is found: rounded, and less the mean of all frames."""
    frames = found.frames
    total = np.sqrt(scale**2 * tukey_variance(shape) + found.step**2 / 12)
    edges = np.linspace(-_REACH, _REACH, _GRID + 1) * total
    # Cycles per DN of the frequencies of the grid.
    rates = np.fft.rfftfreq(_GRID, edges[1] - edges[0])
    first = np.sqrt((frames - 1) / frames) if frames > 1 else 1.0
    density = _waves(shape, scale * first, edges) * np.sinc(rates * found.step * first)
    if frames > 1:
        other = 1 / np.sqrt(frames * (frames - 1))
        rest = np.abs(_waves(shape, scale * other, edges)) * np.sinc(rates * found.step * other)
        density = density * rest ** (frames - 1)
    cumulated = np.concatenate([[0.0], np.cumsum(np.fft.irfft(density, _GRID))])
    keep = np.concatenate([[True], np.diff(np.maximum.accumulate(cumulated)) > 0])
    laid: Floats = np.interp(levels, np.maximum.accumulate(cumulated)[keep], edges[keep])
    return (laid - laid[::-1]) / 2


def _waves(shape: float, scale: float, edges: Floats) -> NDArray[np.complex128]:
    """Fourier transform of the probabilities between edges."""
    places = scale * tukey_quantile(_NODES, shape)
    return np.fft.rfft(np.diff(np.interp(edges, places, _NODES)))


def _quantiles(counts: NDArray[np.int64], width: float, levels: Floats) -> Floats:
    bins = counts.size
    edges = (np.arange(bins + 1) - bins / 2) * width
    cumulated = np.concatenate([[0], np.cumsum(counts)]) / max(int(counts.sum()), 1)
    keep = np.concatenate([[True], np.diff(cumulated) > 0])
    return np.asarray(np.interp(levels, cumulated[keep], edges[keep]))


def _normal_cdf(z: Floats) -> Floats:
    from math import erf  # noqa: PLC0415 - one function

    return np.array([0.5 * (1 + erf(value / np.sqrt(2))) for value in z])
