"""Exposures and the two ratios between them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.sensor import Exposure, exposure_ratio, gain_ratio

seconds = st.floats(1e-4, 100)
isos = st.floats(25, 1e6)
apertures = st.floats(0.8, 64)
exposures = st.builds(Exposure, seconds, isos, apertures)


def test_the_ratios_of_mid_are_3000_by_time_and_47_by_gain() -> None:
    short, long = Exposure(0.01, 6400, 4.0), Exposure(30.0, 100, 4.0)
    assert exposure_ratio(short, long) == pytest.approx(3000)
    assert gain_ratio(short, long) == pytest.approx(46.875)


def test_the_gain_ratio_counts_the_aperture_squared() -> None:
    assert gain_ratio(Exposure(1, 100, 8.0), Exposure(1, 100, 4.0)) == pytest.approx(4)


@given(exposures, seconds)
def test_with_iso_and_aperture_alike_both_ratios_agree(short: Exposure, time: float) -> None:
    long = Exposure(time, short.iso, short.f_number)
    assert gain_ratio(short, long) == pytest.approx(exposure_ratio(short, long))


@given(exposures, exposures)
def test_swapping_the_exposures_inverts_both_ratios(one: Exposure, other: Exposure) -> None:
    for ratio in (exposure_ratio, gain_ratio):
        assert ratio(one, other) * ratio(other, one) == pytest.approx(1)


@given(exposures, exposures, exposures)
def test_gain_ratios_multiply_along_a_chain(a: Exposure, b: Exposure, c: Exposure) -> None:
    assert gain_ratio(a, b) * gain_ratio(b, c) == pytest.approx(gain_ratio(a, c))


def test_an_unknown_aperture_is_taken_to_agree() -> None:
    assert gain_ratio(Exposure(1, 200, None), Exposure(10, 100, 2.0)) == pytest.approx(5)


def test_ratios_of_unknown_times_are_not_numbers() -> None:
    unknown, known = Exposure(None, 100, 4.0), Exposure(10, 100, 4.0)
    assert math.isnan(exposure_ratio(unknown, known))
    assert math.isnan(exposure_ratio(known, unknown))
    assert math.isnan(gain_ratio(unknown, known))


def test_the_gain_ratio_of_an_unknown_iso_is_not_a_number() -> None:
    assert math.isnan(gain_ratio(Exposure(1, None, 4.0), Exposure(10, 100, 4.0)))


@given(st.sampled_from([0.0, -1.0, math.inf, -math.inf, math.nan]))
def test_an_exposure_holds_no_impossible_numbers(value: float) -> None:
    assert Exposure(value, value, value) == Exposure(None, None, None)


def test_missing_parts_of_an_exposure_are_filled_and_known_ones_kept() -> None:
    found = Exposure(0.5, None, None).or_else(Exposure(0.4, 100, None))
    assert found == Exposure(0.5, 100, None)
