"""How sharp a picture looks, without anything to compare it with.

A measure of this kind says what is there and not whether it should be: noise counts as detail, and
so does what an adversarial training has made up. It goes beside PSNR and SSIM, never alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from rawkit.metrics.similarity import LUMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARPNESS_WINDOW: Final = 9
"""Pixels over which a picture is blurred to see what it loses, as published."""
_BAND = 256
"""Rows that are looked at at a time."""


def sharpness(picture: NDArray[np.float32]) -> float:
    """No-reference sharpness of (H, W, 3) of 0 to 1: 0 is all blur or flat, 1 all edges.

    1 less the blur of Crete, Dolmiere, Ladret and Nicolas, "The blur effect: perception and
    estimation with a new no-reference perceptual blur metric" (SPIE 6492, 2007), of the luminance
    (BT.709 weights of the encoded values): the share of the differences between neighbouring pixels
    that is lost when the picture is averaged over 9 pixels. The larger blur of the two axes counts.
    Only places count at which the 9 pixels lie within the picture.
    """
    along, down = (_blur(picture, axis) for axis in (1, 0))
    return 1.0 - max(along, down)


def _blur(picture: NDArray[np.float32], axis: int) -> float:
    """Blur along an axis, 0 to 1; 1 for a flat picture."""
    total = lost = 0.0
    margin = SHARPNESS_WINDOW // 2
    rows = len(picture)
    for top in range(0, rows, _BAND):
        # Along the other axis nothing is needed beyond the band.
        before, after = (margin, margin + 1) if axis == 0 else (0, 0)
        first, last = max(0, top - before), min(rows, top + _BAND + after)
        light = picture[first:last] @ np.array(LUMA, np.float32)
        light = light if axis == 1 else np.ascontiguousarray(light.T)
        if light.shape[1] <= SHARPNESS_WINDOW:
            continue
        soft = cv2.blur(light, (SHARPNESS_WINDOW, 1))[:, margin:-margin]
        sharp = np.abs(np.diff(light[:, margin:-margin], axis=1))
        left = np.abs(np.diff(soft, axis=1))
        total += float(sharp.sum(dtype=np.float64))
        lost += float(np.maximum(sharp - left, 0).sum(dtype=np.float64))
    return 1.0 if total == 0 else 1.0 - lost / total
