"""A sensor: from light to integers, with the noise that low light shows.

Photon noise and read noise follow A. Foi, M. Trimeche, V. Katkovnik and K. Egiazarian, "Practical
Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE Transactions on
Image Processing 17 (10), 2008. Row noise, one offset for all pixels of a row, follows K. Wei,
Y. Fu, J. Yang and H. Huang, "A Physics-based Noise Formation Model for Extreme Low-light Raw
Denoising", CVPR 2020.

A pixel that collects light of L electrons per second for t seconds reads, at ISO s::

    DN = clip(round(black(s) + g(s) (Poisson(L t) + early) + late + row), 0, white)
    g(s) = s / base_iso / base_electrons_per_dn

with `early` and `late` the read noise before and after the amplifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUNDING_VARIANCE: Final = 1 / 12
"""Variance in DN^2 that rounding to integers adds: that of a uniform unit interval. True where the
noise spreads over a DN or more and read noise fills the steps of single electrons."""

_MAX_BITS = 16
_POISSON_CEILING = 1e15


@dataclass(frozen=True, slots=True)
class Level:
    """A value of the sensor that holds from some ISO up."""

    from_iso: float
    """Lowest ISO at which it holds."""
    value: int
    """The level in sensor units (DN)."""


@dataclass(frozen=True, slots=True)
class SensorModel:
    """How one sensor turns electrons into integers (DN)."""

    full_well: float
    """Electrons of a pixel at the white level at base ISO."""
    base_iso: float
    """ISO at which `full_well` electrons reach the white level."""
    early_noise: float
    """Standard deviation of the read noise before the amplifier, in electrons."""
    late_noise: float
    """Standard deviation of the read noise after the amplifier, in DN."""
    row_noise: float
    """Standard deviation of the offset that all pixels of a row share, before the amplifier, in
    electrons."""
    black_levels: tuple[Level, ...]
    """Black levels in DN by ISO, lowest ISO first."""
    white_levels: tuple[Level, ...]
    """White levels in DN by ISO, lowest ISO first."""
    bits: int
    """Bits of a pixel; no value is above 2^bits - 1."""

    def __post_init__(self) -> None:
        """Refuse what is no sensor."""
        if not 0 < self.bits <= _MAX_BITS:
            raise UsageError(f"a sensor of {self.bits} bits", expected=f"1 to {_MAX_BITS}")
        positive = {"full_well": self.full_well, "base_iso": self.base_iso}
        for name, value in positive.items():
            if not value > 0:
                raise UsageError(f"{name} of {value}", expected="a number above 0")
        for levels in (self.black_levels, self.white_levels):
            isos = [level.from_iso for level in levels]
            if not isos or isos != sorted(isos):
                raise UsageError(f"levels from the ISOs {isos}", expected="some, lowest ISO first")

    def black_level(self, iso: float) -> int:
        """Black level in DN at an ISO."""
        return _level_at(self.black_levels, iso)

    def white_level(self, iso: float) -> int:
        """White level in DN at an ISO, at most 2^bits - 1."""
        return min(_level_at(self.white_levels, iso), (1 << self.bits) - 1)

    def gain(self, iso: float) -> float:
        """DN per electron at an ISO."""
        range_at_base = self.white_level(self.base_iso) - self.black_level(self.base_iso)
        return range_at_base / self.full_well * (iso / self.base_iso)

    def electrons_at_white(self, iso: float) -> float:
        """Electrons that just reach the white level at an ISO."""
        return (self.white_level(iso) - self.black_level(iso)) / self.gain(iso)


def _level_at(levels: tuple[Level, ...], iso: float) -> int:
    value = levels[0].value
    for level in levels:
        if iso >= level.from_iso:
            value = level.value
    return value


def expose(
    light: NDArray[np.float32],
    seconds: float,
    iso: float,
    sensor: SensorModel,
    rng: np.random.Generator,
    *,
    read_noise: bool = True,
    noise: bool = True,
) -> NDArray[np.uint16]:
    """Expose a sensor to light and read it out.

    Parameters
    ----------
    light
        Electrons per second that each pixel collects behind its colour filter, shape
        (height, width), float32, 0 where no light falls (masked borders).
    seconds
        Exposure time in seconds.
    iso
        ISO speed.
    sensor
        The sensor.
    rng
        Source of all randomness; the same state gives the same pixels.
    read_noise
        Add read and row noise. Without them the picture has its own photon noise only, as a long
        exposure for ground truth very nearly has.
    noise
        Add noise at all; False gives the rounded mean.

    Returns
    -------
    NDArray[np.uint16]
        The mosaic in sensor units, shape (height, width).

    Raises
    ------
    UsageError
        If `light` is not two-dimensional, or time or ISO are not above 0.
    """
    if light.ndim != 2:  # noqa: PLR2004 - rows and columns
        raise UsageError(f"light of shape {light.shape}", expected="(height, width)")
    if not (seconds > 0 and iso > 0):
        raise UsageError(f"{seconds} s at ISO {iso}", expected="numbers above 0")
    gain = sensor.gain(iso)
    electrons = light * np.float32(seconds)
    if noise:
        # Far above any full well the distribution does not matter, but its sampler would overflow.
        photons = rng.poisson(np.clip(electrons, 0, _POISSON_CEILING))
        electrons = photons.astype(np.float32)
    signal = electrons * np.float32(gain)
    signal += np.float32(sensor.black_level(iso))
    if noise and read_noise:
        height, width = light.shape
        pixel_sigma = np.hypot(gain * sensor.early_noise, sensor.late_noise)
        signal += rng.standard_normal((height, width), np.float32) * np.float32(pixel_sigma)
        row_sigma = gain * sensor.row_noise
        signal += rng.standard_normal((height, 1), np.float32) * np.float32(row_sigma)
    np.rint(signal, out=signal)
    np.clip(signal, 0, sensor.white_level(iso), out=signal)
    return signal.astype(np.uint16)


def predict_flat_patch(
    light: float, seconds: float, iso: float, sensor: SensorModel, *, read_noise: bool = True
) -> tuple[float, float]:
    """Mean (DN) and variance (DN^2) of evenly lit pixels, as `expose` makes them without clipping.

    The variance is that of one pixel over many exposures, the row's offset and rounding included.

    Parameters
    ----------
    light
        Electrons per second that each pixel collects.
    seconds
        Exposure time in seconds.
    iso
        ISO speed.
    sensor
        The sensor.
    read_noise
        Count read and row noise.
    """
    gain = sensor.gain(iso)
    electrons = light * seconds
    mean = sensor.black_level(iso) + gain * electrons
    variance = gain**2 * electrons + ROUNDING_VARIANCE
    if read_noise:
        variance += gain**2 * (sensor.early_noise**2 + sensor.row_noise**2) + sensor.late_noise**2
    return mean, variance
