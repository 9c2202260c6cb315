"""From the camera's colours to linear light on sRGB primaries, and what to do where it is absurd.

What a file or LibRaw says leads from CIE XYZ to the camera. Turned round it becomes what LibRaw
renders with: rows sum to 1, so that what the balance makes neutral stays neutral.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor import ColourMatrix

Source = Literal["file", "libraw", "fitted", "none"]

XYZ_OF_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
"""Linear light on sRGB primaries to CIE XYZ, the values that LibRaw has."""
_LEAST_SUM = 1e-6
_MOST_GAIN = 8.0
"""Largest element of a usable matrix: the published ones stay below 3, and a matrix multiplies the
noise of colour by as much."""


@dataclass(frozen=True, slots=True)
class CameraMatrix:
    """A colour matrix and where it is from."""

    values: tuple[tuple[float, float, float], ...]
    """Balanced camera red, green, blue to linear sRGB, three rows; each sums to 1."""
    source: Source
    """``file``; ``libraw`` for its table; ``fitted`` to a long and its picture; ``none``: there is
    no usable one, and the camera's balanced colours are taken as they are."""
    reason: str | None = None
    """Why there is none, if there is none."""

    def array(self) -> NDArray[np.float32]:
        """Return the values, float32 (3, 3)."""
        return np.array(self.values, np.float32)

    def xyz_to_camera(self) -> NDArray[np.float64]:
        """Return CIE XYZ (D65) to balanced camera colours, float64 (3, 3)."""
        return np.asarray(np.linalg.inv(np.array(self.values)) @ np.linalg.inv(XYZ_OF_RGB))


IDENTITY: tuple[tuple[float, float, float], ...] = (
    (1.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, 0.0, 1.0),
)


def matrix_of(found: ColourMatrix | None) -> CameraMatrix:
    """Return what a file's matrix makes of balanced colours, from CIE XYZ to camera.

    The source is ``none``, with the reason, where it cannot be used: there is none, it is singular,
    it turns colours over, or it multiplies more than any camera's.
    """
    if found is None:
        return CameraMatrix(IDENTITY, "none", "the file brings none and LibRaw knows none")
    camera = found.array @ XYZ_OF_RGB
    sums = camera.sum(axis=1, keepdims=True)
    if (np.abs(sums) < _LEAST_SUM).any() or abs(np.linalg.det(camera / sums)) < _LEAST_SUM:
        return CameraMatrix(IDENTITY, "none", "it has values that mean nothing")
    known: dict[str, Source] = {"file": "file", "fitted": "fitted"}
    source = known.get(found.source, "libraw")
    return _checked(np.linalg.inv(camera / sums), source)


def _checked(matrix: NDArray[np.float64], source: Source) -> CameraMatrix:
    """Refuse what no camera has; scale the rest so that rows sum to 1."""
    sums = matrix.sum(axis=1, keepdims=True)
    if not np.isfinite(matrix).all() or (sums <= 0).any():
        return CameraMatrix(IDENTITY, "none", "it has values that mean nothing")
    three = matrix / sums
    if np.abs(three).max() > _MOST_GAIN:
        return CameraMatrix(IDENTITY, "none", f"it multiplies by {np.abs(three).max():.3g}")
    if abs(np.linalg.det(three)) < 1e-3 or (np.diag(three) <= 0).any():  # noqa: PLR2004 - none
        return CameraMatrix(IDENTITY, "none", "it is singular, or turns colours over")
    rows = tuple((float(r), float(g), float(b)) for r, g, b in three)
    return CameraMatrix(rows, source)
