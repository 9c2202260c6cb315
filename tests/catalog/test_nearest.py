"""Pairs by number: the nearest long, whatever the order and whatever is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.catalog import Definition, load_definition
from rawkit.catalog.definition import Matcher
from rawkit.catalog.nearest import nearest_number, pair_by_number
from rawkit.errors import DefinitionError

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.catalog.definition import Match

ELD = load_definition("eld")
TOML = """
name = "mine"
title = "Mine"
[[files]]
role = "long"
pattern = '(?P<night>[a-z]+)/long_(?P<number>\\d+)\\.dng'
scene = "{night}"
pair = "{night}"
[[files]]
role = "short"
pattern = '(?P<night>[a-z]+)/dark_(?P<number>\\d+)\\.dng'
scene = "{night}"
pair = "{night}"
[nearest]
group = "number"
[split]
by = "hash"
"""


def pairs(definition: Definition, names: list[str]) -> dict[str, str]:
    matcher = Matcher(definition)
    found: list[tuple[str, Match]] = []
    for name in names:
        match = matcher.match(name)
        assert match is not None
        found.append((name, match))
    return {name: match.pair for name, match in pair_by_number(found, definition.nearest)}


@given(st.permutations(range(1, 17)), st.sets(st.integers(1, 16), min_size=1))
def test_eld_pairs_by_number_in_any_order_and_however_much_is_there(
    order: list[int], there: set[int]
) -> None:
    names = {n: f"NikonD850/scene-3/IMG_{n:04d}.nef" for n in order if n in there}
    found = pairs(ELD, list(names.values()))
    expected = {1: 1, 2: 1, 3: 1, 4: 6, 5: 6, 6: 6, 7: 6, 8: 6, 9: 11, 10: 11, 11: 11, 12: 11,
                13: 11, 14: 16, 15: 16, 16: 16}  # fmt: skip
    assert found == {
        name: f"NikonD850/scene-3/{expected[number]}" for number, name in names.items()
    }


@given(st.integers(), st.sets(st.integers(), min_size=1))
def test_no_long_is_nearer_and_of_two_the_lower_counts(number: int, longs: set[int]) -> None:
    nearest = nearest_number(number, longs)
    assert nearest in longs
    nearer = min(abs(one - number) for one in longs)
    assert abs(nearest - number) == nearer
    assert nearest == min(one for one in longs if abs(one - number) == nearer)


def test_without_a_list_the_longs_that_are_there_count(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    mine = load_definition(str(path))
    names = ["a/dark_3.dng", "a/dark_7.dng", "a/long_2.dng", "a/long_8.dng", "b/dark_3.dng"]
    assert pairs(mine, names) == {
        "a/dark_3.dng": "a/2", "a/dark_7.dng": "a/8", "a/long_2.dng": "a/2", "a/long_8.dng": "a/8",
        "b/dark_3.dng": "b",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('group = "number"', 'group = "n"', "nearest.group is 'n'"),
        ('group = "number"', 'group = "number"\nlongs = ["one"]', "longs"),
        ("[nearest]", "[nearest_long]", "no such field"),
    ],
)
def test_a_wrong_rule_is_said(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TOML.replace(old, new))
    with pytest.raises(DefinitionError, match=words):
        load_definition(str(path))
