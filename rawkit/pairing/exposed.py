"""A frame made ready to be compared: its planes as light, their sum, and what is clipped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CLIPPED_FROM: Final = 0.97
"""Share of the way from black to white from which a pixel counts as clipped: the response of a real
sensor bends before it ends."""
_STEP: Final = 3
"""One pixel in so many, each way, stands for all where levels are counted."""


@dataclass(frozen=True)
class Exposed:
    """The packed planes of a frame with its levels, sensor units."""

    planes: NDArray[np.uint16]
    """Shape (planes, height, width)."""
    blacks: tuple[float, ...]
    """Black level of each plane."""
    white: float
    """Where the first of the planes saturates."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a plane."""
        return self.planes.shape[1], self.planes.shape[2]

    @property
    def count(self) -> int:
        """Planes: 4, or 9 of X-Trans."""
        return len(self.planes)

    @property
    def span(self) -> float:
        """From black to white, of one plane."""
        return max(1.0, self.white - float(np.mean(self.blacks)))

    @cached_property
    def light(self) -> NDArray[np.float32]:
        """Sum of the planes above black, shape (height, width); isolated hot pixels are mended."""
        total = np.zeros(self.shape, np.float32)
        for plane in self.planes:
            total += plane
        return _without_spikes(total - np.float32(sum(self.blacks)))

    @cached_property
    def clipped(self) -> NDArray[np.bool_]:
        """Where any plane is clipped, shape (height, width)."""
        return np.asarray(self.planes.max(axis=0) >= np.uint16(min(65535, self._clip_level)))

    @property
    def _clip_level(self) -> int:
        black = float(np.mean(self.blacks))
        return int(black + CLIPPED_FROM * (self.white - black))

    def clipped_share(self) -> float:
        """Share of the mosaic's pixels that are clipped, 0 to 1."""
        some = self.planes[:, ::_STEP, ::_STEP]
        return float(np.mean(some >= self._clip_level))

    def highlights(self, quantile: float) -> float:
        """Light below which so large a share of the brightest plane's pixels lies, of white."""
        some = self.planes[:, ::_STEP, ::_STEP].reshape(self.count, -1)
        levels = np.quantile(some, quantile, axis=1) - np.asarray(self.blacks)
        return float(levels.max() / self.span)


def _without_spikes(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace pixels that stand far out of all their neighbours by the median around them."""
    around = cv2.medianBlur(light, 3)
    over = light - around
    usual = float(np.median(np.abs(over[::_STEP, ::_STEP]))) + 1.0
    brightest = float(np.quantile(around[::_STEP, ::_STEP], 0.999)) + 1.0
    typical = max(1.0, float(np.median(around[::_STEP, ::_STEP])))
    # Photon noise grows with the root of light: what is usual in the middle tones is not at lamps.
    limit = 16 * usual * max(1.0, (brightest / typical) ** 0.5)
    spikes = over > np.float32(limit)
    if spikes.any():
        light = np.where(spikes, around, light)
    return light


def binned(picture: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Mean over squares of `side` pixels; what is left over at the bottom and right is cut off."""
    if side == 1:
        return picture
    rows, columns = picture.shape[0] // side, picture.shape[1] // side
    whole = picture[: rows * side, : columns * side]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def plane_means(
    planes: NDArray[np.generic], side: int, blacks: Sequence[float]
) -> NDArray[np.float32]:
    """Mean light of each plane over squares of `side` pixels, (planes, rows, columns)."""
    return np.stack(
        [
            binned(plane.astype(np.float32), side) - np.float32(black)
            for plane, black in zip(planes, blacks, strict=True)
        ]
    )
