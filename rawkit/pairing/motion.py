"""How one picture lies against another: a small shift, rotation and scale."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Motion:
    """How the short lies against the long, in pixels of a level, about the picture's centre."""

    down: float = 0.0
    """Rows."""
    right: float = 0.0
    """Columns."""
    turn: float = 0.0
    """Rotation, in radians, from x to y."""
    zoom: float = 0.0
    """Scale less 1."""
    sigma: float = math.inf
    """Standard deviation of the shift, its worse direction."""

    def at(self, factor: float) -> Motion:
        """Return the same in pixels of which a pixel here is so many."""
        return replace(
            self, down=self.down * factor, right=self.right * factor, sigma=self.sigma * factor
        )

    def farthest(self, shape: tuple[int, int]) -> float:
        """Length of the shift where it is longest in a picture of (height, width)."""
        y, x = shape[0] / 2, shape[1] / 2
        return max(
            math.hypot(
                self.down + self.turn * u * x + self.zoom * v * y,
                self.right + self.zoom * u * x - self.turn * v * y,
            )
            for u in (-1, 1)
            for v in (-1, 1)
        )


def moved(picture: NDArray[np.float32], motion: Motion) -> NDArray[np.float32]:
    """Move a picture (height, width) by a motion; edges are repeated."""
    height, width = picture.shape[:2]
    y, x = (height - 1) / 2, (width - 1) / 2
    zoom, turn = motion.zoom, motion.turn
    matrix = np.array(
        [
            [1 - zoom, turn, zoom * x - turn * y - motion.right],
            [-turn, 1 - zoom, zoom * y + turn * x - motion.down],
        ]
    )
    return np.asarray(
        cv2.warpAffine(
            picture, matrix, (width, height),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )  # fmt: skip


def compose(first: Motion, then: Motion) -> Motion:
    """Return the motion that is `first` and then `then`, both small; as sure as the second."""
    return Motion(
        first.down + then.down, first.right + then.right,
        first.turn + then.turn, first.zoom + then.zoom, then.sigma,
    )  # fmt: skip
