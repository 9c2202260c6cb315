"""Coordinates follow from the rows: which long is whose ground truth, and by what ratio."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.store import FrameRow
from rawkit.store.coordinates import NO_TARGET, coordinates, long_of_pair, stored_rows
from rawkit.store.layout import COORDINATES
from tests.support.factories import frame_row
from tests.support.slow_coordinates import slow_coordinates

GROUP = frame_row().group


def short(index: int, pair: str = "p", **changes: Any) -> FrameRow:
    return frame_row(name=f"short-{index}", index=index, pair=pair, **changes)


def long(
    index: int, target: int, pair: str = "p", seconds: float = 10.0, **changes: Any
) -> FrameRow:
    return frame_row(
        name=f"long-{index}",
        role="long",
        index=index,
        target_index=target,
        pair=pair,
        exposure_time=seconds,
        **changes,
    )


def test_a_short_points_at_the_target_of_its_pair_with_both_ratios() -> None:
    rows = [short(0, iso=6400.0, exposure_time=0.01), long(1, 0, seconds=30.0, iso=100.0)]
    found = coordinates(rows, GROUP)
    assert found["role"].tolist() == [0, 1]
    assert found["target_index"].tolist() == [0, 0]
    assert found["exposure_ratio"].tolist() == pytest.approx([3000, 1])
    assert found["gain_ratio"].tolist() == pytest.approx([46.875, 1])


def test_a_short_whose_long_is_not_there_yet_has_no_target_and_no_ratio() -> None:
    found = coordinates([short(0), long(1, 0, pair="other")], GROUP)
    assert found["target_index"].tolist() == [NO_TARGET, 0]
    assert np.isnan(found["exposure_ratio"][0])
    assert np.isnan(found["gain_ratio"][0])


def test_a_long_without_a_picture_gives_ratios_but_no_target() -> None:
    found = coordinates([short(0), long(1, -1, target_note="pixels of aspect 1.5")], GROUP)
    assert found["target_index"].tolist() == [-1, -1]
    assert found["exposure_ratio"].tolist() == pytest.approx([100, 1])


def test_unknown_exposures_are_not_numbers() -> None:
    found = coordinates([short(0, iso=None, exposure_time=None, f_number=None)], GROUP)
    for name in ("iso", "exposure_time", "f_number"):
        assert np.isnan(found[name][0])


def test_a_long_whose_pixels_are_stored_under_another_name_is_a_ground_truth_too() -> None:
    original = long(1, 0, pair="first", seconds=10.0)
    repeated = frame_row(
        name="long-again",
        role="long",
        pair="second",
        index=1,
        target_index=0,
        exposure_time=10.0,
        duplicate_of=original.name,
    )
    found = coordinates([short(0, pair="second"), original, repeated], GROUP)
    assert found["target_index"].tolist() == [0, 0]
    assert found["exposure_ratio"].tolist() == pytest.approx([100, 1])


def test_rows_of_other_groups_do_not_count() -> None:
    elsewhere = long(0, 0, group="other/4x6")
    found = coordinates([elsewhere, short(0)], GROUP)
    assert found["target_index"].tolist() == [NO_TARGET]


@st.composite
def groups(draw: st.DrawFn) -> list[FrameRow]:
    """Rows of one group: shorts and longs of up to four pairs, in any order of indexes."""
    count = draw(st.integers(1, 12))
    targets = 0
    rows = []
    for index in range(count):
        pair = draw(st.sampled_from("abcd"))
        if draw(st.booleans()):
            rows.append(short(index, pair))
        else:
            seconds = draw(st.sampled_from([1.0, 10.0, 30.0]))
            rows.append(long(index, targets, pair, seconds))
            targets += 1
    return rows


@given(groups(), st.randoms(use_true_random=False))
def test_the_order_of_the_table_does_not_matter(rows: list[FrameRow], random: Any) -> None:
    shuffled = random.sample(rows, len(rows))
    expected, found = coordinates(rows, GROUP), coordinates(shuffled, GROUP)
    for name in COORDINATES:
        np.testing.assert_array_equal(found[name], expected[name])


@given(groups())
def test_the_ground_truth_is_the_longest_exposure_of_the_pair(rows: list[FrameRow]) -> None:
    found = coordinates(rows, GROUP)["target_index"]
    for row in rows:
        longs = [other for other in rows if other.role == "long" and other.pair == row.pair]
        if row.role == "long":
            assert found[row.index] == row.target_index
        elif longs:
            best = max(longs, key=lambda other: other.exposure_time or 0)
            chosen = next(other for other in longs if other.target_index == found[row.index])
            assert chosen.exposure_time == best.exposure_time
        else:
            assert found[row.index] == NO_TARGET


def test_of_two_longs_of_equal_time_the_first_name_counts() -> None:
    rows = [long(1, 1), long(0, 0)]
    assert long_of_pair(rows)["p"].name == "long-0"


def test_coordinates_have_their_types_and_shapes() -> None:
    found = coordinates([short(0), short(1), long(2, 0)], GROUP)
    assert list(found) == list(COORDINATES)
    for name, values in found.items():
        dtype, dimensions = COORDINATES[name]
        assert values.dtype == dtype
        assert values.shape == ((3, 4) if len(dimensions) == 2 else (3,))


def test_stored_rows_leave_duplicates_out_and_go_by_index() -> None:
    rows = [short(1), short(0), frame_row(index=0, name="again", duplicate_of="short-0")]
    assert [row.name for row in stored_rows(rows, GROUP)] == ["short-0", "short-1"]


_seconds = st.none() | st.sampled_from([0.0, -1.0, 0.1, 1 / 3, 10.0, 30.0, float("inf")])
_numbers = st.none() | st.sampled_from([0.0, 0.7, 1.1, 2.8, 3.3, 5.6, 100.0, 12800.0, 1e100])


@st.composite
def mixed(draw: st.DrawFn) -> list[FrameRow]:
    """Rows of two groups: longs with equal times, targets of one's own, and duplicates."""
    rows: list[FrameRow] = []
    counts: dict[str, int] = {}
    for number in range(draw(st.integers(1, 14))):
        group = draw(st.sampled_from(["a/4x6", "b/4x6"]))
        index = counts.setdefault(group, 0)
        counts[group] += 1
        rows.append(frame_row(
            group=group, index=index, name=draw(st.sampled_from("zyx")) + str(number),
            role=draw(st.sampled_from(["short", "long"])), pair=draw(st.sampled_from("pq")),
            exposure_time=draw(_seconds), iso=draw(_numbers), f_number=draw(_numbers),
            target_index=draw(st.sampled_from([-1, index])),
        ))  # fmt: skip
        if draw(st.booleans()):
            again = replace(rows[-1], name=f"again-{number}", duplicate_of=rows[-1].name,
                            pair=draw(st.sampled_from("pqr")))  # fmt: skip
            rows.append(again)
    return rows


@given(mixed(), st.randoms(use_true_random=False))
def test_columns_give_what_rows_gave_to_the_last_bit(rows: list[FrameRow], random: Any) -> None:
    rows = random.sample(rows, len(rows))
    for group in {row.group for row in rows if row.duplicate_of is None}:
        found, slow = coordinates(rows, group), slow_coordinates(rows, group)
        for name in COORDINATES:
            assert found[name].tobytes() == slow[name].tobytes(), name
