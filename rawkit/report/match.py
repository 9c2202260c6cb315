"""A plain conversion of a dark frame, as bright as the truth: what a restoration must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.pictures import linear_of
from rawkit.sensor import RenderParameters, open_raw

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_ROUNDS = 3
"""Noise that LibRaw clips at black makes the mean light not quite proportional to brightness."""


def brightness_matched(
    path: Path, truth: NDArray[np.unsignedinteger], *, start: float
) -> NDArray[np.uint8]:
    """Render a dark raw file with LibRaw so that its mean linear light is that of the truth.

    `truth` is (height, width, 3), 8 or 16 bits, BT.709 curve; `start` is the brightness to begin
    with, such as the gain ratio. Returns (height, width, 3), 8 bits.
    """
    wanted = _light(truth)
    parameters = RenderParameters(bits=8)
    with open_raw(path) as raw:
        raw.image()  # the checks that LibRaw does not make
        brightness = start
        picture = raw.render(parameters, brightness=brightness)
        for _ in range(_ROUNDS):
            brightness *= wanted / max(_light(picture), 1e-6)
            picture = raw.render(parameters, brightness=brightness)
    return picture.astype(np.uint8, copy=False)


def _light(picture: NDArray[np.unsignedinteger]) -> float:
    """Mean linear light of a picture, 0 to 1."""
    scale = np.iinfo(picture.dtype).max
    return float(linear_of(picture[::2, ::2].astype(np.float64) / scale).mean())
