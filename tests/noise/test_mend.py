"""Dark shading and hot pixels taken out of mosaics, against plain slow formulas."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import ProfileError
from rawkit.noise import CameraProfile, NoiseModel, ShadingRange, mended, profile_for
from rawkit.noise.hot import mend_hot
from rawkit.sensor import XTRANS, Exposure, Mosaic, RawImage, WhiteBalance
from tests.support.profiles import RGGB, small_mosaic, small_profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

BAYERS = [RGGB, ((1, 0), (2, 3)), ((3, 2), (0, 1)), ((2, 3), (1, 0))]


def image_of(
    pixels: NDArray[np.uint16], mosaic: Mosaic, iso: float | None = 1600
) -> RawImage:  # fmt: skip
    balance = WhiteBalance((2.0, 1.0, 1.5, 1.0)[: min(4, mosaic.cell.planes)], "camera")
    return RawImage(pixels, mosaic, balance, Exposure(0.1, iso, 2.8))


def noisy(mosaic: Mosaic, seed: int = 0, light: float = 20.0) -> NDArray[np.uint16]:
    rng = np.random.default_rng(seed)
    values = 512 + rng.normal(light, 8, (mosaic.height, mosaic.width))
    return np.clip(np.rint(values), 0, 65535).astype(np.uint16)


def value_of(image: RawImage, y: int, x: int) -> float:
    """Value of a pixel above its black level."""
    side = image.mosaic.cell.side
    plane = next(p for a, b, p in image.mosaic.positions() if (a, b) == (y % side, x % side))
    return float(image.pixels[y, x]) - image.mosaic.black_level[plane]


@pytest.mark.parametrize("iso", [400, 1600, 3000, 6400, 12800])
def test_shading_is_subtracted_to_a_fraction_of_a_unit(iso: float) -> None:
    profile = small_profile()
    image = image_of(noisy(profile.mosaic), profile.mosaic, iso)
    found = mended(image, profile, iso, hot_pixels=False)
    shading = profile.shading(iso)
    for y in range(0, 48, 5):
        for x in range(0, 64, 3):
            wanted = float(image.pixels[y, x]) - 512 - float(shading[y, x])
            assert value_of(found.image, y, x) / found.steps == pytest.approx(
                wanted, abs=0.5 / found.steps + 1e-3
            )
    assert found.steps == 3
    assert found.note.shading_rms == pytest.approx(float(np.sqrt(np.mean(shading**2))), rel=1e-5)
    assert (found.note.warning is not None) == (iso > 6400)
    assert found.source is image.mosaic


def test_bands_of_shading_are_the_rows_of_the_whole() -> None:
    for profile in (small_profile(), replace(small_profile(), ranges=())):
        whole = profile.shading(1600)
        for first, last in ((0, 48), (1, 4), (7, 8), (13, 48)):
            np.testing.assert_array_equal(profile.shading(1600, (first, last)), whole[first:last])
        low, high = profile.shading_bounds(1600)
        assert low <= whole.min()
        assert high >= whole.max()


def test_nothing_is_clipped_below_black_and_what_saturates_stays_so() -> None:
    mosaic = small_mosaic(black=0.0)
    smooth = np.zeros((2, 4, 5, 6), np.float32)
    smooth[0, :, 0, 0] = 30.0
    flat = ShadingRange(
        400, 6400, smooth, np.zeros((2, 48), np.float32), np.zeros((2, 64), np.float32)
    )
    profile = replace(small_profile(), mosaic=mosaic, ranges=(flat,))
    pixels = np.full((48, 64), 10, np.uint16)
    pixels[3, 4] = 16383
    found = mended(image_of(pixels, mosaic), profile, 1600, hot_pixels=False)
    assert value_of(found.image, 0, 0) / found.steps == -20
    assert found.image.pixels[3, 4] == found.image.mosaic.white_level
    assert pixels[0, 0] == 10


def test_sixteen_bits_have_no_finer_steps() -> None:
    mosaic = Mosaic.without_margins(RGGB, (48, 64), (512.0,) * 4, 65535.0)
    profile = replace(small_profile(), mosaic=mosaic)
    found = mended(image_of(noisy(mosaic), mosaic), profile, 1600)
    assert found.steps == 1
    assert found.image.mosaic.black_level == (512.0,) * 4


def slow_median(image: RawImage, hot: set[tuple[int, int]], y: int, x: int) -> float | None:
    """Take the median of the nearest neighbours that are not hot, one by one."""
    mosaic = image.mosaic
    side, colours = mosaic.cell.side, mosaic.cell.colours
    planes = {(a, b): plane for a, b, plane in mosaic.positions()}

    def kind(row: int, column: int) -> int:
        plane = planes[row % side, column % side]
        return plane if side == 2 else colours[plane]

    near = []
    for dy in range(-4, 5):
        for dx in range(-4, 5):
            row, column = y + dy, x + dx
            if not (0 <= row < mosaic.height and 0 <= column < mosaic.width):
                continue
            if (row, column) not in hot and kind(row, column) == kind(y, x):
                near.append((dy * dy + dx * dx, (dy, dx), value_of(image, row, column)))
    values = sorted(value for _, _, value in sorted(near)[:8])
    if not values:
        return None
    middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
    return middle + mosaic.black_level[planes[y % side, x % side]]


def mosaics() -> list[Mosaic]:
    levels = (500.0, 510.0, 505.0, 512.0)
    bayer = [Mosaic.without_margins(one, (30, 38), levels, 16383.0) for one in BAYERS]
    pattern = XTRANS.pattern()
    turned = tuple(row[2:] + row[:2] for row in (*pattern[1:], pattern[0]))
    nine = tuple(500.0 + plane for plane in range(9))
    return bayer + [
        Mosaic.without_margins(one, (37, 41), nine, 16383.0) for one in (pattern, turned)
    ]


@pytest.mark.parametrize("mosaic", mosaics(), ids=lambda one: one.pattern_text[:6])
def test_hot_pixels_become_the_median_of_their_neighbours(mosaic: Mosaic) -> None:
    rng = np.random.default_rng(3)
    spots = {(0, 0), (mosaic.height - 1, mosaic.width - 1), (0, mosaic.width - 1)}
    spots |= {(int(y), int(x)) for y, x in rng.integers(0, (mosaic.height, mosaic.width), (60, 2))}
    spots |= {(y, x) for y in range(10, 15) for x in range(12, 18)}  # a cluster
    pixels = noisy(mosaic)
    hot = np.array(sorted(spots), np.int32)
    pixels[tuple(hot.T)] = 9000
    image = image_of(pixels, mosaic)
    found = pixels.copy()
    assert mend_hot(found, mosaic, hot) == len(spots)
    for y, x in spots:
        wanted = slow_median(image, spots, y, x)
        assert wanted is not None
        assert abs(float(found[y, x]) - wanted) <= 0.5
    others = np.ones(pixels.shape, bool)
    others[tuple(hot.T)] = False
    np.testing.assert_array_equal(found[others], pixels[others])


def test_a_pixel_without_healthy_neighbours_keeps_its_value() -> None:
    mosaic = small_mosaic(12, 12)
    everywhere = np.argwhere(np.ones((12, 12), bool)).astype(np.int32)
    pixels = noisy(mosaic)
    found = pixels.copy()
    assert mend_hot(found, mosaic, everywhere) == 0
    np.testing.assert_array_equal(found, pixels)


def test_hot_pixels_alone_leave_units_and_pixels_as_they_are() -> None:
    profile = small_profile()
    image = image_of(noisy(profile.mosaic), profile.mosaic, None)
    before = image.pixels.copy()
    found = mended(image, profile, None, dark_shading=False)
    assert (found.steps, found.note.hot_pixels, found.note.shading_rms) == (1, 3, None)
    assert found.image.mosaic is image.mosaic
    np.testing.assert_array_equal(image.pixels, before)
    assert np.count_nonzero(found.image.pixels != before) <= 3


def test_a_part_of_the_visible_area_is_mended_as_the_whole() -> None:
    mosaic = Mosaic.without_margins(BAYERS[1], (48, 64), (512.0,) * 4, 16383.0)
    profile = replace(small_profile(), mosaic=mosaic, hot=np.array([[7, 40], [0, 5]], np.int32))
    whole = image_of(noisy(mosaic), mosaic)
    part = replace(
        whole, pixels=whole.pixels[:, 1:63],
        mosaic=replace(mosaic, pattern=RGGB, left=1, width=62),
    )  # fmt: skip
    found = mended(part, profile, 1600, at=(0, 1), visible=(48, 64))
    np.testing.assert_array_equal(
        found.image.pixels, mended(whole, profile, 1600).image.pixels[:, 1:63]
    )
    assert found.note.hot_pixels == 2


def test_a_profile_of_another_size_or_pattern_is_refused() -> None:
    profile = small_profile()
    other = small_mosaic(40, 64)
    with pytest.raises(ProfileError, match="64x48 pixels for a frame of 64x40"):
        mended(image_of(noisy(other), other), profile, 1600)
    turned = Mosaic.without_margins(BAYERS[1], (48, 64), (512.0,) * 4, 16383.0)
    with pytest.raises(ProfileError, match="RGGB for a frame of GRBG"):
        mended(image_of(noisy(turned), turned), profile, 1600)
    with pytest.raises(ProfileError, match="does not say its ISO"):
        mended(image_of(noisy(profile.mosaic), profile.mosaic), profile, None)


def test_profiles_are_found_by_the_model() -> None:
    one = small_profile()
    other = CameraProfile.known(
        "Acme", "Light 2", small_mosaic(), [NoiseModel.of_values(100, 1.0, 1.0, 0.1)]
    )
    assert profile_for([one, other], "ACME", "light 2") is other
    assert profile_for([one], None, None) is one
    for make, model in ((None, None), ("Acme", "Dark 3")):
        with pytest.raises(ProfileError):
            profile_for([one, other], make, model)
    with pytest.raises(ProfileError):
        profile_for([one], "Acme", "Dark 2")


def test_a_mosaic_of_finer_steps_has_the_same_light() -> None:
    profile = small_profile()
    image = image_of(noisy(profile.mosaic, light=400), profile.mosaic)
    found = mended(image, profile, 1600, hot_pixels=False).image
    span = image.mosaic.white_level - 512
    fine = found.mosaic.white_level - found.mosaic.black_level[0]
    light = (found.pixels.mean() - found.mosaic.black_level[0]) / fine
    shading = float(profile.shading(1600).mean())
    assert math.isclose(light, (image.pixels.mean() - 512 - shading) / span, rel_tol=1e-4)
