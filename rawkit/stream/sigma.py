"""How noisy each value is that a network takes: sigma maps, for those that are told.

Of light that arrives as photons the variance is k x + sigma^2, x being the signal in sensor units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def sigma_map(values: Tensor, slope: Tensor, floor: Tensor) -> Tensor:
    """Return the standard deviation of the noise of each value, float32, of the same shape.

    Parameters
    ----------
    values
        What the network takes, not below 0.
    slope
        Variance that is gained with each unit of them; broadcast.
    floor
        Variance without light; broadcast.
    """
    return torch.addcmul(floor, values, slope).sqrt_()


def with_sigma_map(
    planes: Tensor, spans: Tensor, factors: Tensor, gain: Tensor, variance: Tensor
) -> Tensor:
    """Join amplified planes with the map of each.

    Parameters
    ----------
    planes
        (B, P, h, w), normalised and amplified.
    spans
        White less black level of each plane, (B, P), sensor units.
    factors
        What normalised values were multiplied by, (B,).
    gain, variance
        Noise of each frame in sensor units, (B,): k and sigma^2.

    Returns
    -------
    Tensor
        (B, 2 P, h, w): the planes, then their maps.
    """
    unit = (factors[:, None] / spans)[..., None, None]
    slope, floor = (one[:, None, None, None] for one in (gain, variance))
    return torch.cat((planes, sigma_map(planes, unit * slope, unit**2 * floor)), dim=1)
