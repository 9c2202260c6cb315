"""Which scenes a fraction keeps."""

from __future__ import annotations

import math
from fractions import Fraction
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.catalog import thin_scenes
from rawkit.errors import UsageError

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
scene_lists = st.lists(names, max_size=30, unique=True)
seeds = st.integers(0, 2**40)
fractions = st.integers(1, 1000).map(lambda number: number / 1000)
"""Decimals of up to three places, as people write them."""


def scene_order(scenes: list[str], seed: int) -> list[str]:
    """Order scenes by the SHA-256 of seed and scene, computed here once more."""
    return sorted(scenes, key=lambda scene: sha256(f"{seed}:{scene}".encode()).digest())


@given(scene_lists, seeds)
def test_a_tenth_lies_within_four_tenths_within_seven_within_all(
    scenes: list[str], seed: int
) -> None:
    kept = [thin_scenes(scenes, fraction, seed) for fraction in (0.1, 0.4, 0.7, 1.0)]
    assert kept[0] <= kept[1] <= kept[2] <= kept[3] == frozenset(scenes)


@given(scene_lists, seeds, fractions, fractions)
def test_of_any_two_fractions_the_smaller_lies_within_the_larger(
    scenes: list[str], seed: int, one: float, other: float
) -> None:
    smaller, larger = sorted((one, other))
    assert thin_scenes(scenes, smaller, seed) <= thin_scenes(scenes, larger, seed)


@given(st.data(), scene_lists, seeds, fractions)
def test_the_order_of_scenes_does_not_matter(
    data: st.DataObject, scenes: list[str], seed: int, fraction: float
) -> None:
    shuffled = data.draw(st.permutations(scenes))
    assert thin_scenes(shuffled, fraction, seed) == thin_scenes(scenes, fraction, seed)


@given(scene_lists, seeds, fractions)
def test_scenes_given_twice_count_once(scenes: list[str], seed: int, fraction: float) -> None:
    assert thin_scenes(scenes + scenes, fraction, seed) == thin_scenes(scenes, fraction, seed)


@given(scene_lists, seeds, st.integers(1, 1000))
def test_the_count_is_exactly_the_ceiling_of_the_decimal_times_n(
    scenes: list[str], seed: int, thousandths: int
) -> None:
    expected = math.ceil(Fraction(thousandths, 1000) * len(scenes))
    assert len(thin_scenes(scenes, thousandths / 1000, seed)) == expected


@pytest.mark.parametrize(
    ("fraction", "count", "expected"),
    # 0.7 x 10, 0.1 x 30 and 0.55 x 100 come out above the whole number in floating point.
    [(0.7, 10, 7), (0.1, 10, 1), (0.1, 30, 3), (0.55, 100, 55), (0.01, 1, 1), (1.0, 9, 9)],
)
def test_counts_that_floating_point_would_round_up_wrongly(
    fraction: float, count: int, expected: int
) -> None:
    assert len(thin_scenes([str(number) for number in range(count)], fraction, 0)) == expected


@given(scene_lists, seeds, fractions)
def test_the_first_scenes_by_sha256_of_seed_and_scene_are_kept(
    scenes: list[str], seed: int, fraction: float
) -> None:
    kept = thin_scenes(scenes, fraction, seed)
    assert kept == frozenset(scene_order(scenes, seed)[: len(kept)])


def test_another_seed_keeps_other_scenes() -> None:
    scenes = [f"scene-{number}" for number in range(40)]
    assert len({thin_scenes(scenes, 0.5, seed) for seed in range(10)}) == 10


@given(seeds, st.sampled_from([0.0, -0.1, 1.0001, math.inf, math.nan]))
def test_a_fraction_that_is_none_is_refused(seed: int, fraction: float) -> None:
    with pytest.raises(UsageError, match="fraction"):
        thin_scenes(["a"], fraction, seed)
