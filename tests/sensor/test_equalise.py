"""Equalised histograms, against ranks counted one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.sensor import (
    equalised,
    equalised_image,
    equalising_tables,
    grey_gains,
    image_of_array,
    level_counts,
)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), black=st.sampled_from([0.0, 64.0]), top=st.integers(70, 3000))
def test_a_pixel_becomes_the_share_of_those_that_are_no_brighter(
    seed: int, black: float, top: int
) -> None:
    planes = np.random.default_rng(seed).integers(0, top, (4, 5, 6), np.uint16)
    tables = equalising_tables(level_counts(planes), [black] * 4)
    found = equalised(planes, tables)
    values = np.maximum(planes.astype(float) - black, 0).ravel()
    shares = np.array([np.mean(values <= value) for value in values])
    np.testing.assert_allclose(found.ravel(), 65535 * shares, atol=0.51)
    assert found.max() == 65535


def test_gains_make_planes_alike_and_the_order_of_each_stays() -> None:
    rng = np.random.default_rng(0)
    light = rng.integers(20, 400, (40, 50))
    planes = np.stack([light // 2, light, light // 4, light]).astype(np.uint16)
    counts = level_counts(planes)
    gains = grey_gains(counts, [0.0] * 4)
    assert gains == pytest.approx((2, 1, 4, 1), rel=0.03)
    found = equalised(planes, equalising_tables(counts, [0.0] * 4, gains)).astype(float)
    means = found.mean(axis=(1, 2))
    assert np.ptp(means) < 0.02 * means.mean()
    for plane, made in zip(planes, found, strict=True):
        order = np.argsort(plane, axis=None)
        assert np.all(np.diff(made.ravel()[order]) >= 0)


@pytest.mark.parametrize("pattern", ["RGGB", "GBRG"])
def test_a_mosaic_is_equalised_whatever_its_phase(pattern: str) -> None:
    pixels = np.random.default_rng(1).integers(60, 900, (9, 13), np.uint16)
    image = image_of_array(pixels, pattern=pattern, black=[64.0] * 4, white=1023.0)
    made = equalised_image(image)
    above = np.maximum(pixels.astype(int) - 64, 0)
    shares = np.array([np.mean(above <= value) for value in above.ravel()])
    np.testing.assert_allclose(made.pixels.ravel(), 65535 * shares, atol=0.51)
    assert set(made.mosaic.black_level) == {0.0}
    assert made.mosaic.white_level == 65535
    assert image.pixels is pixels or np.array_equal(image.pixels, pixels)


def test_nothing_cannot_be_equalised() -> None:
    with pytest.raises(UsageError, match="no pixel"):
        equalising_tables(np.zeros((4, 65536), np.int64), [0.0] * 4)
