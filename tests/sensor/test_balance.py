"""Neutrals of balances, and the gains that lead from one to another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.sensor import (
    BAYER,
    REFERENCE_NEUTRAL,
    XTRANS,
    Cell,
    WhiteBalance,
    gains_to,
    neutral_of,
)

POSITIVE = st.floats(0.05, 20)


@given(
    neutral=st.tuples(POSITIVE, st.just(1.0), POSITIVE),
    scale=POSITIVE,
    cell=st.sampled_from([BAYER, XTRANS]),
)
def test_a_neutral_comes_back_from_its_balance_of_any_scale(
    neutral: tuple[float, float, float], scale: float, cell: Cell
) -> None:
    multipliers = [scale / neutral[colour] for colour in cell.colours]
    np.testing.assert_allclose(neutral_of(multipliers, cell.colours), neutral, rtol=1e-12)


@given(own=st.tuples(POSITIVE, st.just(1.0), POSITIVE), cell=st.sampled_from([BAYER, XTRANS]))
def test_gains_put_grey_where_it_is_wanted_and_leave_green(
    own: tuple[float, float, float], cell: Cell
) -> None:
    balance = WhiteBalance(tuple(1 / own[colour] for colour in cell.colours), "camera")
    gains = gains_to(REFERENCE_NEUTRAL, balance, cell.colours)
    assert gains is not None
    for gain, colour in zip(gains, cell.colours, strict=True):
        assert gain * own[colour] == pytest.approx(REFERENCE_NEUTRAL[colour])
        assert colour != 1 or gain == pytest.approx(1)


@pytest.mark.parametrize(
    "balance",
    [
        WhiteBalance((1.0, 1.0, 1.0, 1.0), "unknown"),
        WhiteBalance((0.0, 1.0, 1.0, 1.0), "camera"),
        WhiteBalance((np.nan, 1.0, 1.0, 1.0), "camera"),
        WhiteBalance((2.0, 1.0, 1.5), "camera"),
    ],
)
def test_planes_of_no_usable_balance_stay_as_they_are(balance: WhiteBalance) -> None:
    assert gains_to(REFERENCE_NEUTRAL, balance, BAYER.colours) is None


def test_a_balance_without_a_neutral_is_named() -> None:
    with pytest.raises(UsageError, match="white balance of"):
        neutral_of((1.0, -1.0, 1.0, 1.0), BAYER.colours)
