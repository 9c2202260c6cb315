"""The k-sigma transform: the noise of any camera and ISO, made that of one.

Of light that arrives as photons the variance is k x + sigma^2, x being the signal in sensor units.
With another k and sigma at every ISO a network would have to know each; the transform

    x' = x k_a / k + (sigma^2 / k^2 - sigma_a^2 / k_a^2) k_a

makes the variance k_a x' + sigma_a^2 of all of them, that of an anchor, so that one network serves
all. After Wang et al., "Practical Deep Raw Image Denoising on Mobile Devices" (ECCV 2020), whose
published code (MegEngine/PMRID, run_benchmark.py) calls sigma^2 sigma.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.colour import estimate_noise
from rawkit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor import Mosaic


@dataclass(frozen=True, slots=True)
class ShotAndRead:
    """The noise of a sensor at one ISO, as far as the transform takes it."""

    gain: float
    """System gain k, sensor units per electron."""
    variance: float
    """Variance of all noise without light, sigma^2, in squared sensor units."""

    def __post_init__(self) -> None:
        """Refuse what is no noise.

        Raises
        ------
        UsageError
            If the gain is not above 0, or the variance below 0, or either not finite.
        """
        if not (0 < self.gain < math.inf and 0 <= self.variance < math.inf):
            raise UsageError(
                f"a gain of {self.gain:g} and a variance of {self.variance:g}",
                expected="a gain above 0 and a variance of at least 0",
            )


def noise_seen(pixels: NDArray[np.uint16], mosaic: Mosaic, steps: int = 1) -> ShotAndRead | None:
    """Find the noise of a frame in its own pixels; None where it does not show any.

    Parameters
    ----------
    pixels
        Visible mosaic, shape (height, width), in `steps` of a sensor unit.
    mosaic
        Its pattern and levels, in the same.
    steps
        How many of its units make one of the sensor.

    Returns
    -------
    ShotAndRead or None
        In sensor units.
    """
    seen = estimate_noise(pixels, mosaic)
    if not seen.shot > 0:
        return None
    span = (mosaic.white_level - float(np.mean(mosaic.black_level))) / steps
    return ShotAndRead(seen.shot * span, seen.read * span**2)


RENO_1600 = ShotAndRead(
    0.0005995267 * 1600 + 0.00868861,
    7.11772e-7 * 1600**2 + 6.514934e-4 * 1600 + 0.11492713,
)
"""The anchor: the phone of the paper (Reno 10x) at ISO 1600, in its units of 10 bits."""
RENO_SPAN = 959.0
"""White less black level of that phone, in its units."""


@dataclass(frozen=True, slots=True)
class KSigma:
    """The transform of one frame, as the one line that it is: y = scale x + offset.

    x is in sensor units above black, y in what the network takes.
    """

    scale: float
    """What sensor units are multiplied by, above 0."""
    offset: float
    """What is added then."""

    @classmethod
    def of(cls, noise: ShotAndRead, white: float) -> KSigma:
        """Return the transform of frames with this noise to the anchor.

        `white` is what the network takes for the anchor's white: 256 for the published one.
        """
        anchor, unit = RENO_1600, white / RENO_SPAN
        relative = noise.variance / noise.gain**2 - anchor.variance / anchor.gain**2
        return cls(anchor.gain / noise.gain * unit, relative * anchor.gain * unit)

    def forward(self, values: NDArray) -> NDArray:  # type: ignore[type-arg] # any float
        """Transform sensor units above black."""
        return values * self.scale + self.offset

    def inverse(self, values: NDArray) -> NDArray:  # type: ignore[type-arg] # any float
        """Return sensor units above black of what `forward` gave."""
        return (values - self.offset) / self.scale
