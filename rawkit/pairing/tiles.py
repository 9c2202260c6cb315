"""One motion from the many of tiles, whatever moved in some of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.pairing.motion import Motion

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDS: Final = 8
_SURE: Final = 40.0
"""By how much rotation and scale must improve chi-squared to be believed."""
_FAR: Final = 36.0
"""Squared standard deviations from which a tile counts as showing something that moved."""
_LEAST_TILES: Final = 4
"""Tiles from which rotation and scale can be told from a shift."""


def fit_motion(
    information: NDArray[np.float64],
    pull: NDArray[np.float64],
    centres: NDArray[np.float64],
    shape: tuple[int, int],
) -> Motion:
    """Fit one motion to tiles, leaving out those that go another way.

    Rotation and scale are given only where they explain the tiles far better than a shift.

    Parameters
    ----------
    information
        What each tile knows of its own shift, (tiles, 2, 2): the inverse of its covariance.
    pull
        That times its shift down and right, (tiles, 2).
    centres
        Its place down and right of the picture's centre, in pixels, (tiles, 2).
    shape
        Height and width of the picture.

    """
    reach = max(shape) / 2
    y, x = centres[:, 0] / reach, centres[:, 1] / reach
    design = np.zeros((len(y), 2, 4))
    design[:, 0, 0] = design[:, 1, 1] = 1
    design[:, 0, 2], design[:, 1, 2] = x, -y
    design[:, 0, 3], design[:, 1, 3] = y, x
    shift, covariance, off, scale = _robust(information, pull, design[:, :, :2])
    found = np.array([*shift, 0, 0])
    if len(y) >= _LEAST_TILES:
        wide, wide_covariance, wide_off, wide_scale = _robust(information, pull, design)
        scale = min(scale, wide_scale)
        worse, better = (float(np.minimum(one / scale, _FAR).sum()) for one in (off, wide_off))
        if worse - better > _SURE:
            found, covariance = wide, wide_covariance
    sigma = math.sqrt(max(0.0, float(np.linalg.eigvalsh(covariance[:2, :2]).max())))
    down, right, turn, zoom = (float(one) for one in found)
    return Motion(down, right, turn / reach, zoom / reach, sigma)


def _robust(
    information: NDArray[np.float64], pull: NDArray[np.float64], design: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Fit parameters to tiles by weighted least squares.

    Returns the parameters, their covariance, by how much each tile is off, in squared standard
    deviations, and the usual excess of those. A tile's share is its information, less where it
    disagrees more than most. The covariance is larger by as much as tiles disagree more than noise
    explains.
    """
    size = design.shape[2]
    weights = np.ones(len(pull))
    found, scale = np.zeros(size), 1.0
    whole = np.eye(size)
    distance = np.zeros(len(pull))
    inverse = np.linalg.pinv(information, hermitian=True)
    own = (inverse @ pull[:, :, None])[:, :, 0]
    for _ in range(_ROUNDS):
        whole = np.einsum("t,tia,tij,tjb->ab", weights, design, information, design)
        whole += 1e-12 * np.eye(size) * max(1.0, float(np.trace(whole)))
        side = np.einsum("t,tia,ti->a", weights, design, pull)
        found = np.linalg.solve(whole, side)
        off = own - design @ found
        distance = np.einsum("ti,tij,tj->t", off, information, off)
        scale = max(0.1, float(np.median(distance)) / (2 * math.log(2)))
        weights = np.minimum(1, np.sqrt(9 * scale / np.maximum(distance, 1e-9)))
        weights = np.where(distance > _FAR * scale, 0.05 * weights, weights)
    return found, np.asarray(np.linalg.inv(whole) * scale, np.float64), distance, scale
