"""Pixels tell whether they were balanced before they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.colour import CellGrid, overview
from rawkit.colour.balance import choose_balance, plausible, tint
from rawkit.sensor import open_raw
from tests.colour.scenes import BALANCE, patches, photograph

if TYPE_CHECKING:
    from pathlib import Path

ONES = (1.0, 1.0, 1.0)
REAL = [
    ("CANON_G2_CRW_0304.CRW", (2.25, 1.0, 1.18)),
    ("CANON_S40_CRW_0101.CRW", (2.38, 1.0, 1.04)),
    ("CANON_EOS_D30_5s.CRW", (2.10, 1.0, 1.06)),
    ("Blackmagic_BMPCC_lowlight_GBRG.dng", (1.68, 1.0, 1.17)),
]
"""Files and the daylight balance of their cameras."""


@pytest.mark.parametrize("light", [(1.0, 1.0, 1.0), (1.6, 1.0, 0.6), (0.7, 1.0, 1.4)])
@pytest.mark.parametrize("darker", [1, 60])
def test_whether_ones_are_right_shows_under_any_light(
    light: tuple[float, float, float], darker: float
) -> None:
    scene = patches(512, 512) * np.array(light)
    pixels, mosaic = photograph(scene, darker)
    squares = overview(CellGrid(pixels, mosaic))
    assert choose_balance(squares, ONES, BALANCE).index == 1
    balanced = (squares * np.array(BALANCE)[:, None, None]).astype(np.float32)
    assert choose_balance(balanced, ONES, BALANCE).index == 0


@pytest.mark.parametrize(("name", "daylight"), REAL)
def test_it_shows_in_real_files(
    real_data: Path, name: str, daylight: tuple[float, float, float]
) -> None:
    with open_raw(real_data / name) as raw:
        image = raw.image()
    squares = overview(CellGrid(image.pixels, image.mosaic))
    assert choose_balance(squares, ONES, daylight).index == 1
    own = np.array(image.white_balance.multipliers)[:3, None, None]
    balanced = (squares * own).astype(np.float32)
    assert choose_balance(balanced, ONES, daylight).index == 0


def test_without_light_the_first_stays() -> None:
    assert choose_balance(np.zeros((3, 4, 4), np.float32), ONES, BALANCE).index == 0
    assert np.isnan(tint(np.full((3, 4, 4), 1.0, np.float32), ONES))


@pytest.mark.parametrize("wrong", [(0, 1, 1), (-1, 1, 1), (1, 1, 40), (1, 1, float("nan"))])
def test_what_no_camera_has_is_not_chosen(wrong: tuple[float, float, float]) -> None:
    squares = overview(CellGrid(*photograph(patches(128, 128))))
    assert not plausible(wrong)
    assert choose_balance(squares, wrong, BALANCE).index == 1
    assert choose_balance(squares, BALANCE, wrong).index == 0


@given(red=st.floats(0.2, 5), blue=st.floats(0.2, 5))
def test_balances_add_up_in_the_tint(red: float, blue: float) -> None:
    squares = np.random.default_rng(0).uniform(0.1, 0.5, (3, 8, 8)).astype(np.float32)
    expected = tint(squares, ONES) + np.log(red * blue)
    assert tint(squares, (red, 1.0, blue)) == pytest.approx(expected)
