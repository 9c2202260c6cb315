"""How bright a picture is made, and what a network is fed for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.colour import CellGrid, overview
from rawkit.colour.multiple import CLIPPED, MIDDLE, MOST, Range, automatic_factor, feeding
from tests.colour.scenes import Y, colour_of, patches, photograph


def squares_of(scene: np.ndarray, darker: float = 1.0) -> np.ndarray:
    pixels, mosaic = photograph(scene, darker)
    return overview(CellGrid(pixels, mosaic))


@pytest.mark.parametrize("darker", [1, 10, 60, 200])
def test_a_photograph_gets_back_the_brightness_it_would_have(darker: float) -> None:
    scene = patches(512, 512)
    middle = np.median(scene @ Y)
    found = automatic_factor(squares_of(scene, darker), colour_of())
    assert found == pytest.approx(MIDDLE / middle * darker, rel=0.15)


def test_bright_things_are_not_lost_for_it() -> None:
    scene = np.full((512, 512, 3), 0.02)
    scene[:64] = 0.8
    found = automatic_factor(squares_of(scene, 20), colour_of())
    clipped = (scene.max(axis=2) * found / 20 > 1.02).mean()
    assert clipped <= CLIPPED
    scene[:64] = 0.02
    scene[:16, :16] = 0.8  # so small that it may clip
    assert automatic_factor(squares_of(scene, 20), colour_of()) > 4 * found


def test_bright_frames_are_made_darker() -> None:
    assert automatic_factor(squares_of(np.full((256, 256, 3), 0.6)), colour_of()) < 0.4


def test_a_frame_without_light_gets_the_most() -> None:
    assert automatic_factor(np.zeros((3, 8, 8), np.float32), colour_of()) == MOST


@given(light=st.floats(1e-5, 1), factor=st.floats(0.01, 5000), high=st.floats(0.05, 0.5))
def test_what_goes_in_and_what_comes_out_make_the_factor(
    light: float, factor: float, high: float
) -> None:
    squares = np.full((3, 4, 4), light, np.float32)
    fed = feeding(squares, colour_of(), factor, Range((0.02, high)))
    assert fed.factor * fed.brightness == pytest.approx(factor)
    assert fed.factor <= MOST
    assert fed.brightness >= 1


def test_inside_the_trained_range_nothing_is_changed() -> None:
    fed = feeding(squares_of(patches(256, 256) * 0.3, 20), colour_of(), 20.0)
    assert (fed.factor, fed.brightness, fed.warning) == (20.0, 1.0, None)


def test_what_was_not_trained_for_is_said() -> None:
    scene = patches(256, 256) * 0.3
    assert "beyond" in (feeding(squares_of(scene, 5000), colour_of(), 5000.0).warning or "")
    assert "median" in (feeding(squares_of(scene, 100), colour_of(), 1.0).warning or "")
