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
_SPIKE: Final = 16.0
"""How far a hot pixel stands out, in units of how far pixels usually do."""
_AROUND: Final = tuple((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0))
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

    @property
    def light(self) -> NDArray[np.float32]:
        """Sum of the mended planes above black, shape (height, width)."""
        return self._mended[1]

    @property
    def mended(self) -> NDArray[np.uint16]:
        """The planes with hot pixels replaced, as those lie still whatever the camera does."""
        return self._mended[0]

    @cached_property
    def _mended(self) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        total = np.zeros(self.shape, np.float32)
        for plane in self.planes:
            total += plane
        total -= np.float32(sum(self.blacks))
        return _without_hot_pixels(self.planes, total)

    @cached_property
    def clipped(self) -> NDArray[np.bool_]:
        """Where any plane is clipped, shape (height, width)."""
        return np.asarray(self.mended.max(axis=0) >= np.uint16(min(65535, self._clip_level)))

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


def _without_hot_pixels(
    planes: NDArray[np.uint16], light: NDArray[np.float32]
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Replace pixels that stand far above their neighbours in one plane alone; lights do in all."""
    if min(light.shape) <= _STEP:
        return planes, light
    over = light - cv2.medianBlur(light, 3)
    usual = float(np.median(np.abs(over[::_STEP, ::_STEP]))) + 1.0
    over[[0, -1]] = over[:, [0, -1]] = 0
    rows, columns = np.nonzero(over > np.float32(_SPIKE * usual))
    heights, means = [], []
    for plane in planes:
        around = np.stack([plane[rows + y, columns + x] for y, x in _AROUND]).astype(np.float32)
        heights.append(plane[rows, columns] - around.max(axis=0, initial=0))
        means.append(around.mean(axis=0))
    height = np.stack(heights)
    highest = height.argmax(axis=0)
    peak = height.max(axis=0, initial=0)
    height[highest, np.arange(len(rows))] = 0
    hot = (peak > _SPIKE / 2 * usual) & (height.max(axis=0, initial=0) < peak / 4)
    if not hot.any():
        return planes, light
    at = highest[hot], rows[hot], columns[hot]
    mended, replaced = planes.copy(), np.stack(means)[highest, np.arange(len(rows))][hot]
    light[at[1:]] += replaced - planes[at]
    mended[at] = np.round(replaced)
    return mended, light


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
