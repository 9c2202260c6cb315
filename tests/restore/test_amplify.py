"""How bright: the estimate with m, the ratio to an exposure, or a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import MosaicError, UsageError
from rawkit.restore import Brightness, parse_amplification, parse_exposure
from rawkit.sensor import Amplification, Exposure

AUTO = Amplification()
OWN = Exposure(0.1, 400, 4)


@pytest.mark.parametrize(
    ("trained", "ratio", "expected"),
    [
        (Amplification(), None, 7.0),
        (Amplification("auto", 4.0), None, 28.0),
        (Amplification("number", 70.0), None, 70.0),
        (Amplification("ratio"), 120.0, 120.0),
        (Amplification("ratio"), 1200.0, 300.0),
        # A raw file has no long to take a ratio from.
        (Amplification("ratio"), None, 7.0),
    ],
)
def test_without_a_wish_a_network_gets_what_it_was_trained_with(
    trained: Amplification, ratio: float | None, expected: float
) -> None:
    assert Brightness().factors(7.0, OWN, ratio, trained) == [expected]


@given(st.floats(1, 300), st.lists(st.floats(0.1, 100), min_size=1, max_size=4, unique=True))
def test_m_multiplies_the_estimate_and_is_not_clipped(base: float, multiples: list[float]) -> None:
    if len({f"{m:g}" for m in multiples}) < len(multiples):
        return
    chosen = Brightness("auto", tuple(multiples))
    found = chosen.factors(base, OWN, 5.0, Amplification("number", 70.0))
    assert found == [base * m for m in multiples]
    assert len(set(chosen.labels())) == len(multiples)


@pytest.mark.parametrize(
    ("own", "wanted", "expected"),
    [
        (OWN, "10s", 100),
        (OWN, "10s,iso100", 25),
        (OWN, "10s,iso100,f/8", 25 / 4),
        (OWN, "1/5s f8", 0.5),
        (Exposure(0.1, None, None), "10s", 100),
        (Exposure(0.1, 400, None), "10s,iso100,f/8", 25),
        (Exposure(0.001, 100, None), "30s", 300),
    ],
)
def test_the_ratio_to_a_named_exposure(own: Exposure, wanted: str, expected: float) -> None:
    chosen = Brightness("ratio", exposure=parse_exposure(wanted))
    assert chosen.factors(7.0, own, 99.0, AUTO) == pytest.approx([expected])


def test_the_ratio_of_a_store() -> None:
    assert Brightness("ratio").factors(7.0, OWN, 99.0, AUTO) == [99.0]
    with pytest.raises(MosaicError, match="no long exposure"):
        Brightness("ratio").factors(7.0, OWN, None, AUTO)


@pytest.mark.parametrize(
    ("own", "wanted", "missing"),
    [
        (Exposure(None, 100, None), "10s", "exposure time"),
        (Exposure(0.1, None, None), "10s,iso100", "its ISO"),
    ],
)
def test_a_file_that_does_not_say_enough_for_a_ratio_is_named(
    own: Exposure, wanted: str, missing: str
) -> None:
    with pytest.raises(MosaicError, match=missing):
        Brightness("ratio", exposure=parse_exposure(wanted)).factors(7.0, own, None, AUTO)


@pytest.mark.parametrize("text", ["", "10", "fast", "10s,20s", "1/0s", "iso100", "-1s", "10s,x"])
def test_exposures_that_are_none(text: str) -> None:
    if text == "10":  # seconds, without their unit
        assert parse_exposure(text) == Exposure(10, None, None)
        return
    with pytest.raises(UsageError):
        parse_exposure(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("auto", ("auto", ())), ("ratio", ("ratio", ())), ("50,100", ("number", (50, 100)))],
)
def test_amplifications(text: str, expected: object) -> None:
    assert parse_amplification(text) == expected


@pytest.mark.parametrize("values", [(1.0, 1.0), (1.0, 1.0 + 1e-9), (0.0,), (float("inf"),)])
def test_values_that_make_no_names_or_no_sense(values: tuple[float, ...]) -> None:
    with pytest.raises(UsageError):
        Brightness("auto", values)


def test_numbers_give_a_picture_each() -> None:
    chosen = Brightness("number", (50.0, 100.0))
    assert chosen.factors(7.0, OWN, None, AUTO) == [50.0, 100.0]
    assert chosen.labels() == ["_x50", "_x100"]
    with pytest.raises(UsageError):
        parse_amplification("bright")
