"""From noisy colour to colour: scale by scale, each trusted as far as its noise allows.

What is looked for at every place is the chroma r (linear RGB over luminance, so that r . Y = 1) and
the gain g (luminance over that of the network). From the largest scale to the smallest a new
estimate x replaces the one from the scale above, x', in part::

    x' + s2 / (s2 + n) (x - x')        n: variance of the noise of x, from the sensor's noise
                                       s2: variance that x - x' has beyond noise, around here

so that flat and dark places keep what was averaged over many cells, and a scale that finds more
than noise has its way. It is the estimate of least mean square error for normal variables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Share of linear red, green and blue of sRGB in luminance."""
EDGE = 3e-4
"""Guided filter: variance of the guide above which an edge is kept; the guide is luminance to the
power of 1 / 2.222, at the brightness of a picture."""
_CHROMA = 0.2
"""Most that the chroma of a place is taken to differ from that of its surroundings, as a standard
deviation; without noise any difference comes through."""
_GAIN = 0.5
"""The same of the gain."""
_TRUSTED = 2.0
"""Times the variance of the noise that differences must exceed before they count."""
_DARKEST = 0.35
"""Share of the luminance that is expected below which the sensor's own is not divided by."""
_FOLLOWED = 0.25
"""Least share of its luminance that a place keeps when it is smoothed with a guide."""
_DARKER, _BRIGHTER = 0.2, 20.0
"""Least and most by which one scale changes the gain."""
_SMOOTHED_TWICE = 2.25
"""Cells that a window of n cells counts for when it is applied twice: 1 / sum of the squares of a
triangle's weights is 1.5 times its half width, each way."""
_LEAST = np.float32(1e-6)


@dataclass(frozen=True)
class ColourNoise:
    """Variance of the noise of linear sRGB and of luminance as functions of linear sRGB."""

    matrix: NDArray[np.float32]
    """Shape (5, 3): of linear sRGB, the shot noise of red, green, blue, of luminance, and luminance
    itself."""
    constant: NDArray[np.float32]
    """Shape (4,): noise of red, green, blue and luminance without light."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A window and what is averaged in it, in pixels of the grid that it is applied to."""

    radius: int
    """Of the window that colour is averaged over."""
    around_chroma: int
    """Of the window in which differences of chroma are compared with their noise."""
    around_gain: int
    """Of the window in which those of the gain are; larger, as the eye sees brightness sharper."""
    twice: bool = False
    """Whether every window is applied twice: smooth weights where there is no guide."""

    @property
    def colour_reach(self) -> int:
        """Pixels beyond a place whose colour it depends on, the scale above aside."""
        times = 2 if self.twice else 1
        return 2 * self.radius + times * max(self.around_chroma, self.around_gain)

    @property
    def estimate_reach(self) -> int:
        """Pixels beyond a place whose estimate from the scale above it depends on."""
        return (2 if self.twice else 1) * max(self.around_chroma, self.around_gain)


@dataclass
class Estimate:
    """Chroma and gain on a grid."""

    chroma: NDArray[np.float32]
    """Linear RGB over luminance, float32 (3, rows, columns)."""
    gain: NDArray[np.float32]
    """Luminance over the network's, float32 (rows, columns)."""

    def enlarged(self, times: int) -> Estimate:
        """Interpolate to a grid of so many times the rows and columns."""
        return Estimate(
            np.stack([enlarge(one, times) for one in self.chroma]), enlarge(self.gain, times)
        )

    def cut(self, rows: slice, columns: slice) -> Estimate:
        """Return a part."""
        return Estimate(self.chroma[:, rows, columns], self.gain[rows, columns])


def enlarge(values: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    """Interpolate (rows, columns) bilinearly; each pixel becomes times x times around its place."""
    rows, columns = values.shape
    size = (columns * times, rows * times)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)


def mix(matrix: NDArray[np.float32], planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply planes (3, rows, columns) by a matrix (n, 3): n planes.

    Not by ``@``: for three columns a BLAS spends most of its time on waking its threads.
    """
    mixed = np.empty((len(matrix), *planes.shape[1:]), np.float32)
    for (first, second, third), target in zip(matrix.tolist(), mixed, strict=True):
        cv2.addWeighted(planes[0], first, planes[1], second, 0, dst=target)
        cv2.scaleAdd(planes[2], third, target, dst=target)
    return mixed


def reduce(values: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    """Average (rows, columns), multiples of `times`, over squares of so many pixels a side."""
    rows, columns = (n // times for n in values.shape)
    return np.asarray(cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def colour_noise(
    matrix: NDArray[np.float32],
    gains: NDArray[np.float32],
    counts: NDArray[np.float32],
    shot: float,
    read: float,
) -> ColourNoise:
    """Carry the noise of a pixel over to the linear sRGB of a cell.

    Parameters
    ----------
    matrix
        Balanced camera to linear sRGB, (3, 3).
    gains
        What red, green and blue are multiplied by before the matrix, (3,).
    counts
        Pixels of red, green and blue in a cell, (3,).
    shot, read
        Variance of a normalised pixel of signal x: shot x + read.
    """
    rows = np.vstack([matrix, np.array(LUMINANCE) @ matrix]).astype(np.float64)
    squared = rows**2 / counts
    of_camera = squared * (shot * gains)
    shots = of_camera @ np.linalg.inv(matrix.astype(np.float64))
    both = np.vstack([shots, np.array(LUMINANCE)])
    return ColourNoise(
        both.astype(np.float32),
        (squared @ (read * gains.astype(np.float64) ** 2)).astype(np.float32),
    )


def coarse(
    colour: NDArray[np.float32],
    luminance: NDArray[np.float32],
    scale: Scale,
    noise: ColourNoise,
    cells: int,
    above: Estimate | None,
) -> Estimate:
    """Estimate on a coarse grid whose pixels are means of `cells` cells; no guide is used."""

    def smooth(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return _box(_box(values, scale.radius), scale.radius)

    samples = cells * _SMOOTHED_TWICE * (2 * scale.radius + 1) ** 2
    means = np.stack([smooth(one) for one in colour])
    structure = np.maximum(smooth(luminance), _LEAST)
    return _refined(means, structure, scale, noise, samples, above)


def guided(
    colour: NDArray[np.float32],
    luminance: NDArray[np.float32],
    scale: Scale,
    noise: ColourNoise,
    cells: int,
    above: Estimate,
    brightness: float,
) -> Estimate:
    """Estimate with a guided filter (He, Sun and Tang, ECCV 2010): edges are the network's.

    Parameters
    ----------
    colour
        Linear sRGB of the sensor, (3, rows, columns).
    luminance
        Linear luminance of the network, (rows, columns).
    scale
        The windows.
    noise
        Noise of a cell's colour.
    cells
        How many cells a pixel of the grid is the mean of.
    above
        The estimate from the scale above, on this grid.
    brightness
        What takes `luminance` to the brightness of a picture, where edges are told from noise.
    """
    radius = scale.radius
    guide = np.power(np.maximum(luminance * np.float32(brightness), 0), np.float32(1 / 2.222))
    mean = _box(guide, radius)
    spread = _box(guide * guide, radius)
    spread -= mean * mean
    spread += np.float32(EDGE)

    def follow(values: NDArray[np.float32]) -> NDArray[np.float32]:
        average = _box(values, radius)
        slope = _box(values * guide, radius)
        slope -= average * mean
        slope /= spread
        average -= slope * mean
        followed = _box(slope, radius)
        followed *= guide
        followed += _box(average, radius)
        return followed

    samples = cells * _SMOOTHED_TWICE * (2 * radius + 1) ** 2
    followed = np.empty_like(colour)
    for one, target in zip(colour, followed, strict=True):
        target[:] = follow(one)
    # Beside a bright edge a line through the window can lead below nothing.
    structure = np.maximum(follow(luminance), luminance * np.float32(_FOLLOWED))
    np.maximum(structure, _LEAST, out=structure)
    return _refined(followed, structure, scale, noise, samples, above)


def detailed(
    colour: NDArray[np.float32],
    luminance: NDArray[np.float32],
    radius: int,
    noise: ColourNoise,
    above: Estimate,
) -> Estimate:
    """Bring in each cell's own luminance, where there is so much light that it is detail.

    A network takes fine texture for noise; where the sensor has next to none, a cell that differs
    from what is expected of it is right. `radius` is that of the window in which differences are
    compared with their noise. In the dark nothing changes.
    """
    own_noise, own = mix(noise.matrix[3:], colour)
    np.maximum(own_noise, 0, out=own_noise)
    own_noise += noise.constant[3]
    expected = above.gain * np.maximum(luminance, _LEAST)
    level = np.maximum(own, expected * np.float32(_DARKEST))
    own_noise /= level * level
    difference = _difference(own, expected)
    np.maximum(own_noise, _box(own_noise, radius), out=own_noise)
    difference *= _weight(_box(difference * difference, radius), own_noise, _GAIN)
    difference += 1
    return Estimate(above.chroma, above.gain * difference)


def _difference(own: NDArray[np.float32], expected: NDArray[np.float32]) -> NDArray[np.float32]:
    """Relative difference of luminance, within bounds."""
    difference = own / expected
    np.clip(difference, _DARKER, _BRIGHTER, out=difference)
    difference -= 1
    return difference


def _box(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    side = 2 * radius + 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)


def _refined(
    colour: NDArray[np.float32],
    structure: NDArray[np.float32],
    scale: Scale,
    noise: ColourNoise,
    samples: float,
    above: Estimate | None,
) -> Estimate:
    """Bring in the estimate of one scale from smoothed colour and luminance; see the top."""

    def around(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
        once = _box(values, radius)
        return _box(once, radius) if scale.twice else once

    shape = structure.shape
    derived = mix(noise.matrix, colour)
    own = derived[4]
    np.maximum(derived[:4], 0, out=derived[:4])
    derived[:4] += noise.constant[:, None, None]
    chroma_noise = np.maximum(np.maximum(derived[0], derived[1]), derived[2])
    gain_noise = derived[3]
    gain = np.ones(shape, np.float32) if above is None else above.gain
    expected = gain * structure
    level = np.maximum(own, expected * np.float32(_DARKEST))
    per_level = np.float32(1 / samples) / (level * level)
    chroma_noise *= per_level
    gain_noise *= per_level

    difference = _difference(own, expected)
    if above is None:
        weight = np.float32(_GAIN**2) / (np.float32(_GAIN**2) + gain_noise)
    else:
        np.maximum(gain_noise, around(gain_noise, scale.around_gain), out=gain_noise)
        beyond = around(difference * difference, scale.around_gain)
        weight = _weight(beyond, gain_noise, _GAIN)
    difference *= weight
    difference += 1
    gain = gain * difference

    chroma = np.clip(colour / level, -1, 8)
    if above is None:
        chroma -= 1
        chroma *= np.float32(_CHROMA**2) / (np.float32(_CHROMA**2) + chroma_noise)
        chroma += 1
    else:
        chroma -= above.chroma
        square = chroma * chroma
        largest = np.maximum(np.maximum(square[0], square[1]), square[2])
        chroma *= _weight(around(largest, scale.around_chroma), chroma_noise, _CHROMA)
        chroma += above.chroma
    own = mix(np.array([LUMINANCE], np.float32), chroma)[0]
    chroma /= np.maximum(own, np.float32(0.2))
    return Estimate(chroma, gain)


def _weight(
    beyond: NDArray[np.float32], noise: NDArray[np.float32], most: float
) -> NDArray[np.float32]:
    """Weight s2 / (s2 + n) of an estimate whose differences have so much variance around it."""
    beyond -= np.float32(_TRUSTED) * noise
    np.clip(beyond, 0, most**2, out=beyond)
    return np.asarray(beyond / (beyond + noise + np.float32(1e-12)), np.float32)
