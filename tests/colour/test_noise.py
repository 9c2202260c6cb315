"""The noise of a sensor is found from one photograph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.colour import estimate_noise
from rawkit.sensor import BAYER, XTRANS
from tests.colour.scenes import FULL_WELL, READ, WHITE, mosaic_of, patches, photograph

if TYPE_CHECKING:
    from rawkit.sensor import Cell


@pytest.mark.parametrize("cell", [BAYER, XTRANS])
@pytest.mark.parametrize("darker", [10, 60, 200])
def test_shot_and_read_noise_are_found_in_a_dark_photograph(cell: Cell, darker: float) -> None:
    pixels, mosaic = photograph(patches(768, 960), darker, cell)
    noise = estimate_noise(pixels, mosaic)
    assert noise.shot * FULL_WELL == pytest.approx(1, abs=0.3)
    if darker >= 60:  # where there is more light it drowns what reading adds
        assert noise.read**0.5 * FULL_WELL == pytest.approx(READ, rel=0.25)


def test_texture_is_not_taken_for_noise() -> None:
    scene = patches(768, 960)
    rng = np.random.default_rng(1)
    half = scene.shape[1] // 2
    scene[:, :half] *= rng.uniform(0.5, 1.5, (*scene[:, :half].shape[:2], 1))
    pixels, mosaic = photograph(scene, 20)
    assert estimate_noise(pixels, mosaic).shot * FULL_WELL == pytest.approx(1, abs=0.6)


@pytest.mark.parametrize("value", [0, 512, int(WHITE)])
def test_a_mosaic_without_noise_has_that_of_rounding(value: int) -> None:
    noise = estimate_noise(np.full((256, 256), value, np.uint16), mosaic_of(256, 256))
    assert noise.shot == pytest.approx(0, abs=1e-9)
    assert noise.read == pytest.approx(1 / 12 / (WHITE - 512) ** 2)


def test_a_tiny_mosaic_has_an_estimate() -> None:
    noise = estimate_noise(np.full((6, 6), 600, np.uint16), mosaic_of(6, 6))
    assert noise.read > 0
