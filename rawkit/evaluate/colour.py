"""How far colours are off: CIELAB differences of encoded pictures.

Pictures are in the BT.709 curve on sRGB primaries, as LibRaw renders the targets: the curve is
inverted (not the one of sRGB), the primaries are taken to CIE XYZ with a D65 white, and that to
CIELAB. Delta E is CIEDE2000: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula"
(Color Research and Application 30, 2005).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from rawkit.pictures import linear_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Real = TypeVar("Real", np.float32, np.float64)

_BAND_PIXELS = 1 << 18
"""Pixels worked on at a time: some thirty temporaries of so many numbers."""
XYZ_OF_RGB: Final = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
"""Linear light on sRGB primaries to CIE XYZ, as scikit-image has it too."""
WHITE: Final = (0.95047, 1.0, 1.08883)
"""D65, two-degree observer."""
_CUBE_END, _CUBE_SLOPE, _CUBE_OFFSET = 0.008856, 7.787, 16 / 116


@dataclass(frozen=True, slots=True)
class ColourError:
    """How the colours of a picture differ from the truth."""

    delta_e: float
    """Mean CIEDE2000 over all pixels."""
    hue_shift: float
    """Degrees by which the hues of the truth must be turned in the a-b plane to fit best, by least
    squares over all pixels: -180 to 180, from red towards yellow where positive; 0 where there is
    no chroma. Pixels count by the product of both chromas, so grey ones, which have no hue, hardly
    count."""
    cast_a: float
    """Mean a* less that of the truth: a cast to red or purple where positive, to green below."""
    cast_b: float
    """Mean b* less that of the truth: a cast to yellow or brown where positive, to blue below."""


def lab_of(encoded: NDArray[Real]) -> NDArray[Real]:
    """CIELAB (..., 3) of encoded pictures (..., 3) of 0 to 1, in the same precision."""
    matrix = np.array(XYZ_OF_RGB).T / np.array(WHITE)
    xyz = linear_of(encoded) @ matrix.astype(encoded.dtype)
    f = np.where(xyz > _CUBE_END, np.cbrt(xyz), _CUBE_SLOPE * xyz + _CUBE_OFFSET)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    )


def colour_error(restored: NDArray[Real], truth: NDArray[Real]) -> ColourError:
    """Compare pictures (H, W, 3) of 0 to 1; sums are made in float64."""
    rows = max(1, _BAND_PIXELS // truth.shape[1])
    delta = cross = dot = 0.0
    cast = np.zeros(3)
    for top in range(0, len(truth), rows):
        one, other = lab_of(restored[top : top + rows]), lab_of(truth[top : top + rows])
        delta += float(delta_e(one, other).sum(dtype=np.float64))
        cast += (one - other).sum(axis=(0, 1), dtype=np.float64)
        a, b, a_true, b_true = one[..., 1], one[..., 2], other[..., 1], other[..., 2]
        cross += float((a_true * b - b_true * a).sum(dtype=np.float64))
        dot += float((a_true * a + b_true * b).sum(dtype=np.float64))
    pixels = truth.shape[0] * truth.shape[1]
    return ColourError(
        delta_e=delta / pixels,
        hue_shift=math.degrees(math.atan2(cross, dot)),
        cast_a=float(cast[1]) / pixels,
        cast_b=float(cast[2]) / pixels,
    )


def delta_e(one: NDArray[Real], other: NDArray[Real]) -> NDArray[Real]:
    """CIEDE2000 of CIELAB colours (..., 3), all weights 1; shape (...)."""
    light_1, a_1, b_1 = np.moveaxis(one, -1, 0)
    light_2, a_2, b_2 = np.moveaxis(other, -1, 0)
    power = ((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(power / (power + 25.0**7))
    a_1, a_2 = a_1 * stretch, a_2 * stretch
    chroma_1, chroma_2 = np.hypot(a_1, b_1), np.hypot(a_2, b_2)
    hue_1 = np.arctan2(b_1, a_1) % (2 * np.pi)
    hue_2 = np.arctan2(b_2, a_2) % (2 * np.pi)
    grey = chroma_1 * chroma_2 == 0
    turn = hue_2 - hue_1
    turn = np.where(turn > np.pi, turn - 2 * np.pi, turn)
    turn = np.where(turn < -np.pi, turn + 2 * np.pi, turn)
    turn = np.where(grey, 0, turn)
    hue_sum = hue_1 + hue_2
    across = np.abs(hue_1 - hue_2) > np.pi
    hue = np.where(across, np.where(hue_sum < 2 * np.pi, hue_sum + 2 * np.pi, hue_sum - 2 * np.pi),
                   hue_sum) / 2  # fmt: skip
    hue = np.where(grey, hue_sum, hue)
    light, chroma = (light_1 + light_2) / 2, (chroma_1 + chroma_2) / 2
    weight_t = (
        1
        - 0.17 * np.cos(hue - np.pi / 6)
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.pi / 30)
        - 0.20 * np.cos(4 * hue - np.radians(63))
    )
    away = (light - 50) ** 2
    scale_light = 1 + 0.015 * away / np.sqrt(20 + away)
    scale_chroma = 1 + 0.045 * chroma
    scale_hue = 1 + 0.015 * chroma * weight_t
    d_light = (light_2 - light_1) / scale_light
    d_chroma = (chroma_2 - chroma_1) / scale_chroma
    d_hue = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(turn / 2) / scale_hue
    blue = np.exp(-(((np.degrees(hue) - 275) / 25) ** 2))
    power = chroma**7
    rotation = -2 * np.sqrt(power / (power + 25.0**7)) * np.sin(2 * np.radians(30) * blue)
    squared = d_light**2 + d_chroma**2 + d_hue**2 + rotation * d_chroma * d_hue
    return np.asarray(np.sqrt(np.maximum(squared, 0)))
