"""From the camera's colours to linear light on sRGB primaries, and what to do where it is absurd.

LibRaw renders with one of two matrices: one that a file brings (balanced camera to linear sRGB, from
a DNG's tags), or its own table's (CIE XYZ to camera). Both become the first kind here: rows sum to
1, so that what the balance makes neutral stays neutral.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor import ColourMatrix

Source = Literal["file", "libraw", "none"]

XYZ_OF_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
"""Linear light on sRGB primaries to CIE XYZ, the values that LibRaw has."""
_LEAST_SUM = 1e-6
_LEAST_FIRST = 0.125
"""LibRaw takes a file's matrix only if its first element is above this."""
_MOST_GAIN = 8.0
"""Largest element of a usable matrix: the published ones stay below 3, and a matrix multiplies the
noise of colour by as much."""
_LIKE_NONE = 0.01
"""A rendered matrix so close to none, with which LibRaw renders cameras it does not know, is none."""


@dataclass(frozen=True, slots=True)
class CameraMatrix:
    """A colour matrix and where it is from."""

    values: tuple[tuple[float, float, float], ...]
    """Balanced camera red, green, blue to linear sRGB, three rows; each sums to 1."""
    source: Source
    """``file``; ``libraw`` for its table; ``none``: there is no usable one, and the camera's
    balanced colours are taken as they are."""
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
    """Return what a file's matrix makes of balanced colours; none, with the reason, if unusable."""
    if found is None:
        return CameraMatrix(IDENTITY, "none", "the file brings none and LibRaw knows none")
    camera = found.array @ XYZ_OF_RGB
    sums = camera.sum(axis=1, keepdims=True)
    if (np.abs(sums) < _LEAST_SUM).any() or abs(np.linalg.det(camera / sums)) < _LEAST_SUM:
        return CameraMatrix(IDENTITY, "none", "it has values that mean nothing")
    source: Source = "file" if found.source == "file" else "libraw"
    return _checked(np.linalg.inv(camera / sums), source)


def find_matrix(
    file_matrix: NDArray[np.floating] | None,
    table_matrix: NDArray[np.floating] | None,
    rendered: NDArray[np.floating] | None = None,
) -> CameraMatrix:
    """Choose the matrix that LibRaw renders with, and check it.

    Parameters
    ----------
    file_matrix
        Balanced camera to linear sRGB as a file brings it (LibRaw's ``color_matrix``), shape (3, 3)
        or more columns; zeros or None where it brings none.
    table_matrix
        CIE XYZ to camera (LibRaw's ``rgb_xyz_matrix``), shape (3, 3) or more rows; zeros or None.
    rendered
        Balanced camera to linear sRGB as LibRaw renders it (`rawkit.sensor.probe_matrix`), (3, 3):
        for a camera whose matrix it has and does not hand out. Asked where there is no other.

    Returns
    -------
    CameraMatrix
        With the source ``none`` and the reason where neither can be used: none is there, a fourth
        colour, values that are not finite, a singular matrix, or one that multiplies more than any
        camera's.
    """
    reason = "the file brings none and LibRaw knows none for this camera"
    if file_matrix is not None and np.any(file_matrix):
        found = np.asarray(file_matrix, np.float64)
        if not np.isfinite(found).all() or found[0, 0] > _LEAST_FIRST:
            return _checked(found[:3], "file")
        reason = "the file's has a first element that LibRaw does not take"
    if table_matrix is not None and np.any(table_matrix):
        table = np.asarray(table_matrix, np.float64)
        if table.shape[0] > 3 and np.any(table[3:]):  # noqa: PLR2004 - rows are colours
            return CameraMatrix(IDENTITY, "none", "it is of four colours")
        camera = table[:3, :3] @ XYZ_OF_RGB
        sums = camera.sum(axis=1, keepdims=True)
        if not np.isfinite(camera).all() or (np.abs(sums) < 1e-6).any():  # noqa: PLR2004 - none
            return CameraMatrix(IDENTITY, "none", "LibRaw's has values that mean nothing")
        camera = camera / sums
        if abs(np.linalg.det(camera)) < 1e-6:  # noqa: PLR2004 - none
            return CameraMatrix(IDENTITY, "none", "LibRaw's is singular")
        return _checked(np.linalg.inv(camera), "libraw")
    if rendered is not None and np.any(rendered):
        found = np.asarray(rendered, np.float64)
        plain = np.isfinite(found).all() and np.abs(found - np.eye(3)).max() < _LIKE_NONE
        if not plain:
            return _checked(found, "libraw")
    return CameraMatrix(IDENTITY, "none", reason)


def _checked(matrix: NDArray[np.float64], source: Source) -> CameraMatrix:
    """Refuse what no camera has; scale the rest so that rows sum to 1."""
    fourth = matrix[:, 3:]
    if fourth.size and np.any(fourth):
        return CameraMatrix(IDENTITY, "none", "it is of four colours")
    three = matrix[:, :3]
    sums = three.sum(axis=1, keepdims=True)
    if not np.isfinite(three).all() or (sums <= 0).any():
        return CameraMatrix(IDENTITY, "none", "it has values that mean nothing")
    three = three / sums
    if np.abs(three).max() > _MOST_GAIN:
        return CameraMatrix(IDENTITY, "none", f"it multiplies by {np.abs(three).max():.3g}")
    if abs(np.linalg.det(three)) < 1e-3 or (np.diag(three) <= 0).any():  # noqa: PLR2004 - none
        return CameraMatrix(IDENTITY, "none", "it is singular, or turns colours over")
    rows = tuple((float(r), float(g), float(b)) for r, g, b in three)
    return CameraMatrix(rows, source)
