"""The plain conversion that others are compared with: no network, as bright as another picture.

Of a raw file LibRaw renders it once, at 16 bits; the brightness is then changed in linear light by
a table. Of planes in a store, which has no raw file at hand, it is levels, a factor, bilinear
demosaicing, a colour matrix and the curve. So two pictures differ in noise, colour and detail
alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from rawkit.pictures.curve import encoded_of, linear_of
from rawkit.sensor import RenderParameters, open_raw, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_LEVELS = 1 << 16
_ROUNDS = 40
_MOST_GAIN = 1000.0
_BAND = 256
"""Rows that planes are converted in at a time."""
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


def converted(
    path: Path, like: NDArray[np.unsignedinteger], bits: int = 8
) -> NDArray[np.unsignedinteger]:
    """Render a raw file with LibRaw, as bright as another picture (H, W, 3) of 8 or 16 bits.

    Both have the BT.709 curve, and the same mean linear light. Returns (H, W, 3) of so many bits.

    Raises
    ------
    RawFileError
        If the file cannot be decoded.
    """
    meter = LightMeter(8 * like.dtype.itemsize, linear=False)
    meter.see(like)
    with open_raw(path) as raw:
        raw.image(resample=True)  # the checks that LibRaw does not make
        plain = raw.render(RenderParameters(bits=16))
    return as_bright(plain.astype(np.uint16, copy=False), meter.light(), bits, linear=False)


def convert_planes(
    planes: NDArray[np.uint16],
    black: NDArray[np.floating],
    white: float,
    factor: float,
    matrix: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Convert packed planes R, G1, B, G2 (4, h, w) in sensor units to a picture (2h, 2w, 3).

    `black` (4,) and `white` are their levels, `factor` what normalised values are multiplied by,
    and `matrix` (3, 3) leads from sensor colours, as row vectors, to linear light. Values are 0 to
    1 on the BT.709 curve.
    """
    rgb = demosaiced(planes)
    level = np.array([black[0], (black[1] + black[3]) / 2, black[2]])
    for top in range(0, len(rgb), _BAND):
        band = rgb[top : top + _BAND]
        band -= level.astype(np.float32)
        band *= np.float32(factor / (white - float(level.mean())))
        band[:] = encoded_of(np.clip(band @ matrix, 0, 1))
    return rgb


def demosaiced(planes: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Demosaic packed planes R, G1, B, G2 (4, h, w) bilinearly, sensor units; (2h, 2w, 3)."""
    return cv2.cvtColor(unpack(planes), cv2.COLOR_BayerRGGB2RGB).astype(np.float32)
