"""The camera's colours found from a long exposure and the picture LibRaw made of it.

Stores of format versions 1 and 2 do not keep the camera's matrix; a long and its target say it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.pictures import linear_of
from rawkit.sensor import matrix_to_srgb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.sensor import ColourMatrix

_SATURATED = 0.9
"""Share of white above which a pixel says nothing of colour."""
_LEAST_SQUARES = 64
_LEAST_LIGHT = 1e-3
SQUARE = 8
"""Cells along a side of the squares that tell a matrix."""
_BAND = 256
"""Rows of a target that are halved at a time."""


def fit_to_picture(
    planes: NDArray[np.generic],
    black: Sequence[float],
    white: float,
    target: NDArray[np.unsignedinteger],
    *,
    square: int = 1,
) -> NDArray[np.float32]:
    """Fit by least squares what leads from normalised sensor colours to a picture's linear light.

    White balance is part of it.

    Parameters
    ----------
    planes
        Packed planes R, G1, B, G2 of the long, (4, h, w), sensor units.
    black, white
        Their levels, in sensor units.
    target
        Its picture, (2h, 2w, 3), 8 or 16 bits, BT.709 curve.
    square
        Cells along a side of the squares that are compared. Single cells fit the pixels as they
        are, edges included, of which LibRaw makes colours that no matrix does; means of squares
        tell the matrix itself.

    Returns
    -------
    ndarray
        float32 (3, 3), for sensor colours as row vectors.
    """
    level = np.array(black, np.float32)[:, None, None]
    normalised = (planes.astype(np.float32) - level) / (np.float32(white) - level)
    sensor = np.stack([normalised[0], (normalised[1] + normalised[3]) / 2, normalised[2]], -1)
    light = np.empty((target.shape[0] // 2, target.shape[1] // 2, 3), np.float32)
    for top in range(0, len(light), _BAND // 2):
        light[top : top + _BAND // 2] = _halved(target[2 * top : 2 * top + _BAND])
    seen, truth = _squares(sensor, square), _squares(light, square)
    usable = (
        (seen.max((1, 2)) < _SATURATED) & (truth.max((1, 2)) < _SATURATED)
        & (truth.min((1, 2)) > 0)
    )  # fmt: skip
    if np.count_nonzero(usable) < _LEAST_SQUARES:
        if square > 1:
            return fit_to_picture(planes, black, white, target, square=square // 2)
        usable = np.ones(len(truth), bool)
    colours, wanted = (one[usable].mean(1, dtype=np.float64) for one in (seen, truth))
    # Dark squares tell a matrix as well as bright ones do.
    weights = 1 / np.maximum(wanted.mean(1, keepdims=True), _LEAST_LIGHT) if square > 1 else 1.0
    solved = np.linalg.lstsq(colours * weights, wanted * weights, rcond=None)[0]
    return np.asarray(solved, np.float32)


def _squares(picture: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Cut a picture (H, W, 3) into squares, (squares, side * side, 3)."""
    rows, columns = (n // side for n in picture.shape[:2])
    whole = picture[: rows * side, : columns * side]
    parts = whole.reshape(rows, side, columns, side, 3).swapaxes(1, 2)
    return parts.reshape(rows * columns, side * side, 3)


def fitted_matrix(
    fit: NDArray[np.float32], balance: tuple[float, float, float]
) -> ColourMatrix | None:
    """Return the camera's matrix that `fit_to_picture` of squares tells of, less the balance.

    `balance` are the multipliers of R, G and B. None where it cannot be inverted.
    """
    return matrix_to_srgb(fit.T.astype(np.float64) / np.array(balance), "fitted")


def _halved(target: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
    """Means of linear light over 2x2 pixels of a target (H, W, 3), H and W even."""
    light = linear_of(target.astype(np.float32) / np.float32(np.iinfo(target.dtype).max))
    means = (light[::2, ::2] + light[1::2, ::2] + light[::2, 1::2] + light[1::2, 1::2]) / 4
    return np.asarray(means, np.float32)
