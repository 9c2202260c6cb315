"""A plain conversion to compare with: LibRaw's, as bright as the restored picture.

LibRaw renders once, at 16 bits; the brightness is then changed in linear light by a table. So the
two pictures differ in noise, colour and detail alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.pictures.curve import encoded_of, linear_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEVELS = 1 << 16
_ROUNDS = 40
_MOST_GAIN = 1000.0
_STEP = 3
"""Odd, as networks that shuffle pixels treat every second and fourth one in ways of their own."""


class LightMeter:
    """Measures the mean linear light of a picture that goes by in bands.

    Parameters
    ----------
    bits
        Bits per channel of its values.
    linear
        Whether its values are linear light; the BT.709 curve otherwise.
    """

    def __init__(self, bits: int, *, linear: bool) -> None:
        self._counts = np.zeros(1 << bits, np.int64)
        self._linear = linear

    def see(self, band: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
        """Count a band (rows, W, 3), one row and column in three; returns it."""
        some = band[::_STEP, ::_STEP]
        self._counts += np.bincount(some.ravel(), minlength=self._counts.size)
        return band

    def light(self) -> float:
        """Mean linear light, 0 to 1."""
        values = np.linspace(0, 1, self._counts.size)
        light = values if self._linear else linear_of(values)
        return float((self._counts * light).sum() / max(1, self._counts.sum()))


def as_bright(
    plain: NDArray[np.uint16], light: float, bits: int, *, linear: bool
) -> NDArray[np.unsignedinteger]:
    """Change a picture (H, W, 3) of the BT.709 curve so that its mean linear light is `light`.

    Returns values of so many bits, in the same curve or linear light. What is brighter than white
    then is clipped, which is why the factor is searched for.
    """
    counts = np.bincount(plain[::_STEP, ::_STEP].ravel(), minlength=_LEVELS)
    levels = linear_of(np.linspace(0, 1, _LEVELS))
    low, high = 0.0, _MOST_GAIN
    for _ in range(_ROUNDS):
        gain = (low + high) / 2
        mean = (counts * np.minimum(levels * gain, 1)).sum() / max(1, counts.sum())
        low, high = (gain, high) if mean < light else (low, gain)
    bright = np.minimum(levels * low, 1)
    top = (1 << bits) - 1
    values = (bright if linear else encoded_of(bright)) * top + 0.5
    table: NDArray[np.unsignedinteger] = values.astype(np.uint8 if bits == 8 else np.uint16)  # noqa: PLR2004
    return table[plain]
