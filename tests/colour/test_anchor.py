"""A network's picture gets the sensor's colour: the right one, everywhere, whatever its bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.colour import ColourAnchor, NoiseModel, SensorColour, matrix_of
from rawkit.colour.anchor import LOOK_AHEAD
from rawkit.errors import UsageError
from rawkit.pictures import encoded_of, linear_of
from rawkit.sensor import BAYER, XTRANS
from tests.colour.scenes import (
    WHITE,
    Y,
    colour_of,
    grey_picture,
    mosaic_of,
    patches,
    photograph,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.sensor import Cell


def whole(anchor: ColourAnchor, picture: NDArray[np.float32], *cuts: int) -> NDArray[np.float32]:
    bands = np.split(picture, sorted(cut for cut in cuts if 0 < cut < len(picture)))
    return np.concatenate(list(anchor.bands(bands)))


def inside(values: NDArray[np.floating], side: int = 64, edge: int = 20) -> NDArray[np.floating]:
    """Means of the middles of patches."""
    rows, columns = (n // side for n in values.shape[:2])
    cut = values[: rows * side, : columns * side].reshape(rows, side, columns, side, -1)
    return np.asarray(cut[:, edge:-edge, :, edge:-edge].mean(axis=(1, 3)))


@pytest.mark.parametrize("cell", [BAYER, XTRANS])
def test_patches_of_a_bright_photograph_come_out_in_their_colour(cell: Cell) -> None:
    scene = patches(384, 448)
    pixels, mosaic = photograph(scene, cell=cell, seed=None)
    anchored = whole(ColourAnchor(pixels, mosaic, colour_of(), 1.0), grey_picture(scene))
    np.testing.assert_allclose(inside(linear_of(anchored)), inside(scene), atol=0.012)


@pytest.mark.parametrize("cell", [BAYER, XTRANS])
def test_patches_in_the_dark_come_out_in_their_colour(cell: Cell) -> None:
    scene = patches(384, 448)
    pixels, mosaic = photograph(scene, 60, cell, phase=(1, 1))
    anchored = whole(ColourAnchor(pixels, mosaic, colour_of(), 60.0), grey_picture(scene))
    assert np.abs(inside(linear_of(anchored)) - inside(scene)).mean() < 0.012


def test_a_network_that_sees_wrong_colours_and_brightness_does_not_matter() -> None:
    scene = patches(384, 448)
    pixels, mosaic = photograph(scene, 30)
    anchor = ColourAnchor(pixels, mosaic, colour_of(), 30.0)
    wrong = encoded_of(scene[..., ::-1] * np.linspace(0.6, 1.4, scene.shape[1])[:, None])
    anchored = linear_of(whole(anchor, wrong.astype(np.float32)))
    assert np.abs(inside(anchored) - inside(scene)).mean() < 0.02


@settings(max_examples=12, deadline=None)
@given(
    cell=st.sampled_from([BAYER, XTRANS]),
    sides=st.tuples(st.integers(30, 900), st.integers(12, 90)),
    cuts=st.lists(st.integers(1, 900), max_size=4),
)
def test_the_picture_is_the_same_whatever_bands_it_comes_in(
    cell: Cell, sides: tuple[int, int], cuts: list[int]
) -> None:
    scene = patches(*sides, side=24)
    pixels, mosaic = photograph(scene, 60, cell)
    picture = grey_picture(scene)
    at_once = whole(ColourAnchor(pixels, mosaic, colour_of(), 60.0), picture)
    assert at_once.shape == picture.shape
    in_bands = whole(ColourAnchor(pixels, mosaic, colour_of(), 60.0), picture, *cuts)
    np.testing.assert_array_equal(at_once, in_bands)


def test_slabs_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = patches(1400, 160, side=40)
    pixels, mosaic = photograph(scene, 60)
    picture = grey_picture(scene)
    in_slabs = whole(ColourAnchor(pixels, mosaic, colour_of(), 60.0), picture)
    monkeypatch.setattr("rawkit.colour.anchor._SLAB", 4096)
    monkeypatch.setattr("rawkit.colour.anchor._COLUMNS", 24)
    at_once = whole(ColourAnchor(pixels, mosaic, colour_of(), 60.0), picture)
    # Sums over windows are rounded as they run; a wrong halo would be off by whole levels.
    np.testing.assert_allclose(in_slabs, at_once, atol=2e-4)


def test_bands_go_out_before_the_last_has_come() -> None:
    scene = patches(2600, 32, side=32)
    pixels, mosaic = photograph(scene, 60)
    anchor = ColourAnchor(pixels, mosaic, colour_of(), 60.0)
    come = 0

    def bands() -> object:
        nonlocal come
        for band in np.array_split(grey_picture(scene), 52):
            come += len(band)
            yield band

    first = next(anchor.bands(bands()))  # type: ignore[arg-type]
    assert len(first)
    assert come <= 2 * (LOOK_AHEAD + 256) + 50


def test_saturated_pixels_are_white() -> None:
    pixels = np.full((128, 128), int(WHITE), np.uint16)
    mosaic = mosaic_of(128, 128)
    anchor = ColourAnchor(pixels, mosaic, colour_of(), 1.0)
    anchored = whole(anchor, np.ones((128, 128, 3), np.float32))
    np.testing.assert_allclose(anchored, 1, atol=0.01)


@pytest.mark.parametrize("level", [0, 512, 560])
def test_pure_noise_and_black_have_no_cast(level: int) -> None:
    rng = np.random.default_rng(3)
    pixels = np.clip(rng.normal(level, 5, (512, 512)), 0, WHITE).astype(np.uint16)
    noise = NoiseModel(1 / 6000, (5 / (WHITE - 512)) ** 2)
    colour = SensorColour((1.0, 1.0, 1.0), matrix_of(None), noise)
    anchor = ColourAnchor(pixels, mosaic_of(512, 512), colour, 100.0)
    picture = rng.uniform(0.1, 0.2, (512, 512, 1)).astype(np.float32).repeat(3, axis=2)
    anchored = linear_of(whole(anchor, picture))
    assert np.isfinite(anchored).all()
    means = anchored.mean(axis=(0, 1))
    assert np.abs(means / max(means @ Y, 1e-9) - 1).max() < 0.1 or means.max() < 1e-3


def test_what_is_not_a_number_does_not_spread() -> None:
    scene = patches(256, 256)
    pixels, mosaic = photograph(scene, 60)
    picture = grey_picture(scene)
    picture[100, 100] = np.nan
    picture[:10] = np.inf
    anchored = whole(ColourAnchor(pixels, mosaic, colour_of(), 60.0), picture)
    assert np.isfinite(anchored).all()
    assert anchored.min() >= 0
    assert anchored.max() <= 1


def test_brightness_is_given_back_in_linear_light() -> None:
    scene = patches(256, 256) * 0.3
    pixels, mosaic = photograph(scene, 20)
    picture = grey_picture(scene)
    plain = linear_of(whole(ColourAnchor(pixels, mosaic, colour_of(), 20.0), picture))
    bright = linear_of(
        whole(ColourAnchor(pixels, mosaic, colour_of(), 20.0, brightness=2.0), picture)
    )
    np.testing.assert_allclose(bright, np.minimum(2 * plain, 1), atol=2e-4)


def test_what_does_not_fit_is_refused() -> None:
    pixels, mosaic = photograph(patches(64, 64), 60)
    anchor = ColourAnchor(pixels, mosaic, colour_of(), 60.0)
    with pytest.raises(UsageError, match="rows together"):
        list(anchor.bands([np.zeros((63, 64, 3), np.float32)]))
    with pytest.raises(UsageError, match="a band of shape"):
        list(anchor.bands([np.zeros((64, 65, 3), np.float32)]))
    with pytest.raises(UsageError, match="a factor of"):
        ColourAnchor(pixels, mosaic, colour_of(), float("nan"))
    with pytest.raises(UsageError, match="a balance of"):
        SensorColour((0.0, 1.0, 1.0), matrix_of(None), NoiseModel(0, 1e-9))
