"""How noisy a sensor is, estimated from the one mosaic there is.

Of light that arrives as photons the variance grows with the signal, and reading adds what does not:
var = shot x signal + read. Both are found from how pixels of one colour differ from their
neighbours: in a patch without texture that is noise alone, so of all patches of one brightness
the calmest quarter tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor import Mosaic

_PATCH = 8
"""Pixels of one plane along a side of a patch."""
_MOST_PATCHES = 20_000
_GROUPS = 24
_CALM = 0.25
"""Share of the patches of a brightness that are taken to be without texture."""
_CALM_BIAS = 0.87
"""What the quartile of variances of patches of noise is to the noise's variance: measured over
patches of 8 by 6 differences that share pixels."""
_SATURATED = 0.95
_ROUNDING = 1 / 12
"""Variance of rounding to integers, in squared sensor units."""


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """Variance of a pixel whose normalised signal is x: shot x + read."""

    shot: float
    """Variance gained with each unit of signal, where 1 is saturation; 1 / full well."""
    read: float
    """Variance without light, in squared normalised units."""


def estimate_noise(pixels: NDArray[np.uint16], mosaic: Mosaic) -> NoiseModel:
    """Estimate the noise of a visible mosaic (height, width); never less than rounding makes.

    A file of few pixels, or one that is saturated all over, is taken to have rounding alone.
    """
    span = mosaic.white_level - max(mosaic.black_level)
    floor = _ROUNDING / span**2
    patches = [_patches(pixels, mosaic, y, x, plane) for y, x, plane in _sampled(mosaic)]
    means, variances = (np.concatenate(parts) for parts in zip(*patches, strict=True))
    usable = (means < _SATURATED) & np.isfinite(variances)
    means, variances = means[usable], variances[usable]
    if means.size < 2 * _GROUPS:
        return NoiseModel(0.0, floor)
    # Patches of one brightness in each group, by rank, so that every group is well filled.
    order = np.argsort(means, kind="stable")
    levels, calm = [], []
    for group in np.array_split(order, _GROUPS):
        calmest = np.quantile(variances[group], _CALM) / _CALM_BIAS
        levels.append(float(np.median(means[group])))
        calm.append(max(float(calmest), floor))
    return _fitted(np.array(levels), np.array(calm), floor)


def _sampled(mosaic: Mosaic) -> list[tuple[int, int, int]]:
    """One pixel of each colour in the first cell: row, column, plane."""
    colours = mosaic.cell.colours
    found = {colours[plane]: (y, x, plane) for y, x, plane in reversed(mosaic.positions())}
    return list(found.values())


def _patches(
    pixels: NDArray[np.uint16], mosaic: Mosaic, y: int, x: int, plane: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of the noise of patches of one plane, spread evenly over the picture."""
    side, black = mosaic.cell.side, mosaic.black_level[plane]
    one = pixels[y::side, x::side]
    rows, columns = (n // _PATCH for n in one.shape)
    step = max(1, int(np.ceil(np.sqrt(rows * columns * 3 / _MOST_PATCHES))))
    blocks = one[: rows * _PATCH, : columns * _PATCH].reshape(rows, _PATCH, columns, _PATCH)
    some = blocks[::step, :, ::step].transpose(0, 2, 1, 3).reshape(-1, _PATCH, _PATCH)
    values = (some.astype(np.float32) - np.float32(black)) / np.float32(mosaic.white_level - black)
    # The second difference is blind to slopes of brightness; its variance is 1.5 of a pixel's.
    bent = values[..., 1:-1] - (values[..., :-2] + values[..., 2:]) / 2
    return (
        values.mean(axis=(1, 2), dtype=np.float64),
        np.square(bent).mean(axis=(1, 2), dtype=np.float64) / 1.5,
    )


def _fitted(
    levels: NDArray[np.float64], variances: NDArray[np.float64], floor: float
) -> NoiseModel:
    """Fit a line whose both parts are not below zero, each group by its relative error."""
    weights = 1 / variances
    design = np.stack([np.maximum(levels, 0), np.ones_like(levels)], axis=1) * weights[:, None]
    (shot, read), *_ = np.linalg.lstsq(design, variances * weights, rcond=None)
    if read < floor:
        signal, target = design[:, 0], variances * weights - floor * weights
        shot, read = float(signal @ target) / max(float(signal @ signal), 1e-300), floor
    if shot < 0:
        shot, read = 0.0, max(float(np.median(variances)), floor)
    return NoiseModel(float(max(shot, 0.0)), float(read))
