"""The Tukey lambda distribution, with which read noise is described.

It is given by its quantile function, ``Q(p) = (p^L - (1 - p)^L) / L`` times a scale: symmetric,
logistic for a shape L of 0, within a thousandth normal for 0.14, with heavier tails the lower L
is. Sources: Joiner and Rosenblatt, Some properties of the range in samples from Tukey's symmetric
lambda distributions, JASA 66, 1971; for read noise Wei et al., A Physics-based Noise Formation
Model for Extreme Low-light Raw Denoising (ELD), CVPR 2020.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOGISTIC = 1e-4
"""Shapes nearer to 0 than this are taken as 0: the formulas divide by them, and a variance
differs by a few parts in ten thousand."""
LEAST_SHAPE = -0.49
"""Below -1/2 the distribution has no variance."""
NORMAL_SHAPE = 0.1349
"""The shape at which it is nearest to a normal distribution."""


def tukey_quantile(p: NDArray[Any], shape: float) -> NDArray[np.float64]:
    """Quantiles at probabilities `p` (any shape of array, in 0..1), for a scale of 1."""
    p = np.asarray(p, np.float64)
    if abs(shape) < _LOGISTIC:
        return np.asarray(np.log(p) - np.log1p(-p))
    return np.asarray((p**shape - (1 - p) ** shape) / shape)


def tukey_variance(shape: float) -> float:
    """Variance for a scale of 1; infinite for shapes of -1/2 and below."""
    if shape <= -0.5:  # noqa: PLR2004 - where the integral ends
        return math.inf
    if abs(shape) < _LOGISTIC:
        return math.pi**2 / 3
    beta = math.exp(2 * math.lgamma(shape + 1) - math.lgamma(2 * shape + 2))
    return 2 / shape**2 * (1 / (1 + 2 * shape) - beta)


def normal_scale(sigma: float) -> float:
    """Scale of a Tukey lambda of `NORMAL_SHAPE` that has the standard deviation `sigma`."""
    return sigma / math.sqrt(tukey_variance(NORMAL_SHAPE))
