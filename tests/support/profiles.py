"""Cameras whose noise is known, for tests that need a profile."""

from __future__ import annotations

import numpy as np

from rawkit.noise import CameraProfile, NoiseModel, ShadingRange
from rawkit.sensor import Mosaic

RGGB = ((0, 1), (3, 2))


def small_mosaic(height: int = 48, width: int = 64, black: float = 512.0) -> Mosaic:
    """Return a Bayer mosaic of 14 bits."""
    return Mosaic.without_margins(RGGB, (height, width), (black,) * 4, 16383.0)


def small_profile(height: int = 48, width: int = 64) -> CameraProfile:
    """Return a profile of three ISOs, two ranges of gain and three hot pixels."""
    models = [
        NoiseModel.of_values(iso, iso / 400, 0.8 * (iso / 400) ** 0.9, shape, row=0.1 * iso / 400,
                             bias=(0.1, -0.2, 0.3, 0.0))
        for iso, shape in ((400, 0.12), (1600, 0.02), (6400, -0.1))
    ]  # fmt: skip
    rng = np.random.default_rng(5)
    ranges = tuple(
        ShadingRange(
            low, high,
            (rng.normal(size=(2, 4, 5, 6)) * [[[[1.0]]], [[[1e-3]]]]).astype(np.float32),
            np.stack([rng.normal(0, 0.1, height), np.zeros(height)]).astype(np.float32),
            np.stack([rng.normal(0, 0.1, width), np.zeros(width)]).astype(np.float32),
        )
        for low, high in ((400, 400), (1600, 6400))
    )  # fmt: skip
    hot = np.array([[0, 0], [7, 40], [height - 1, width - 1]], np.int32)
    return CameraProfile.known(
        "Acme", "Dark 1", small_mosaic(height, width), models, ranges=ranges, hot=hot
    )


def profile_of_test_camera(
    bias: tuple[float, float, float, float] = (3.0, 5.0, -2.0, 1.0),
    *,
    size: tuple[int, int] = (64, 96),
    hot: tuple[tuple[int, int], ...] = (),
    model: str = "Test",
) -> CameraProfile:
    """Return a profile of the camera of `write_noise_dng`, whose shading is one number a plane."""
    smooth = np.zeros((2, 4, 2, 2), np.float32)
    smooth[0, :, 0, 0] = bias
    flat = ShadingRange(
        100, 1600, smooth, np.zeros((2, size[0]), np.float32), np.zeros((2, size[1]), np.float32)
    )
    models = [NoiseModel.of_values(iso, iso / 400, 2.0, 0.1, bias=bias) for iso in (100, 1600)]
    return CameraProfile.known(
        "Rawkit", model, small_mosaic(*size, black=64.0), models, ranges=(flat,),
        hot=np.array(hot, np.int32).reshape(-1, 2),
    )  # fmt: skip
