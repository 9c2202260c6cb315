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
