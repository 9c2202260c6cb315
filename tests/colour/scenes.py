"""Scenes of known colour as a camera would see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.colour import CameraMatrix, NoiseModel, SensorColour, matrix_of
from rawkit.pictures import encoded_of
from rawkit.sensor import BAYER, ColourMatrix, Mosaic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor import Cell

MATRIX = np.array([[1.6, -0.5, -0.1], [-0.2, 1.5, -0.3], [0.05, -0.45, 1.4]])
"""Balanced camera to linear sRGB; rows add up to 1."""
XYZ_OF_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
XYZ_TO_CAMERA = np.linalg.inv(MATRIX) @ np.linalg.inv(XYZ_OF_RGB)
BALANCE = (2.0, 1.0, 1.5)
FULL_WELL, READ = 6000.0, 1.5
BLACK, WHITE = 512.0, 16383.0
Y = np.array([0.2126, 0.7152, 0.0722])


def camera_matrix() -> CameraMatrix:
    """Return it as it comes from a file."""
    return matrix_of(ColourMatrix(tuple(XYZ_TO_CAMERA.ravel().tolist()), "file"))


def mosaic_of(
    height: int, width: int, cell: Cell = BAYER, phase: tuple[int, int] = (0, 0)
) -> Mosaic:
    """Describe a mosaic whose canonical cell begins at `phase`."""
    canonical = np.array(cell.pattern())
    if cell == BAYER:
        canonical[1, 0] = 3
    pattern = np.roll(canonical, phase, (0, 1))
    return Mosaic.without_margins(
        tuple(tuple(int(colour) for colour in row) for row in pattern),
        (height, width),
        (BLACK,) * cell.planes,
        WHITE,
    )


def photograph(
    linear: NDArray[np.float64],
    darker: float = 1.0,
    cell: Cell = BAYER,
    phase: tuple[int, int] = (0, 0),
    seed: int | None = 0,
) -> tuple[NDArray[np.uint16], Mosaic]:
    """Photograph linear sRGB (height, width, 3); no noise, and no rounding to speak of, if None."""
    camera = linear @ np.linalg.inv(MATRIX).T / np.array(BALANCE)
    height, width = linear.shape[:2]
    mosaic = mosaic_of(height, width, cell, phase)
    colours = np.array(mosaic.pattern)
    colours[colours == 3] = 1
    times = (-(-height // len(colours)), -(-width // len(colours)))
    index = np.tile(colours, times)[:height, :width]
    signal = np.take_along_axis(camera, index[..., None], 2)[..., 0]
    electrons = np.maximum(signal, 0) * FULL_WELL / darker
    if seed is not None:
        rng = np.random.default_rng(seed)
        electrons = rng.poisson(electrons) + rng.normal(0, READ, electrons.shape)
    counts = np.rint(BLACK + electrons / FULL_WELL * (WHITE - BLACK))
    return np.clip(counts, 0, WHITE).astype(np.uint16), mosaic


def colour_of() -> SensorColour:
    """Return what is known of the camera."""
    return SensorColour(
        BALANCE, camera_matrix(), NoiseModel(1 / FULL_WELL, (READ / FULL_WELL) ** 2)
    )


def patches(height: int, width: int, side: int = 64) -> NDArray[np.float64]:
    """Patches of all hues on grey, linear sRGB (height, width, 3)."""
    rng = np.random.default_rng(5)
    rows, columns = -(-height // side), -(-width // side)
    few = 0.05 + 0.4 * rng.random((rows, columns, 3))
    return np.asarray(np.kron(few, np.ones((side, side, 1)))[:height, :width], np.float64)


def grey_picture(linear: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return what a network without any colour would make of it, on the tone curve."""
    luminance = (linear @ Y)[..., None].repeat(3, axis=2)
    return encoded_of(luminance).astype(np.float32)
