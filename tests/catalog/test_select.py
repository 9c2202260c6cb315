"""Selection: filters choose shorts, their longs always come, an empty one says what there is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.catalog import (
    Catalog,
    Entry,
    Role,
    Selection,
    load_definition,
    longs_by_pair,
    scan,
    select,
)
from rawkit.errors import SelectionError
from rawkit.sensor import Exposure, Frame


def entry(name: str, role: Role = "short", **changes: Any) -> Entry:
    exposure = Exposure(changes.pop("seconds", 0.1), changes.pop("iso", 100.0), None)
    frame = Frame(name, 1, None, None, exposure, None, 1)
    made = Entry(frame, name, role, "Indoor/pair1", "", "pair", "train")
    return replace(made, **changes)


def catalog(*entries: Entry) -> Catalog:
    ordered = sorted(entries, key=lambda one: one.frame.name)
    return Catalog(load_definition("mid"), Path("source"), tuple(ordered), ())


def names(entries: Catalog, **filters: Any) -> list[str]:
    return [one.frame.name for one in select(entries, Selection(**filters)).entries]


def test_an_empty_selection_takes_every_short_and_the_longs_there_are() -> None:
    whole = catalog(
        entry("s1"),
        entry("s2", pair="other"),
        entry("l1", "long"),
        entry("l2", "long", pair="lone"),
    )
    found = select(whole, Selection())
    assert found.entries == whole.entries
    assert (found.pairs, found.unpaired) == (1, 1)
    assert found.filtered == {}


def test_longs_alone_are_taken_while_nothing_filters() -> None:
    assert names(catalog(entry("l1", "long"))) == ["l1"]


@pytest.mark.parametrize(
    ("iso", "taken"), [(100.0, True), (100.4, True), (101.0, False), (99.0, False), (None, False)]
)
def test_an_iso_is_exact(iso: float | None, taken: bool) -> None:  # noqa: FBT001 - a parameter of the test
    whole = catalog(entry("s1", iso=iso), entry("s2", iso=100.0))
    assert ("s1" in names(whole, isos=(100.0,))) is taken


@pytest.mark.parametrize(
    ("seconds", "taken"),
    [(0.04, True), (0.038, True), (0.042, True), (0.0379, False), (0.0421, False), (None, False)],
)
def test_a_shutter_speed_is_nominal_within_5_percent(seconds: float | None, taken: bool) -> None:  # noqa: FBT001 - a parameter of the test
    whole = catalog(entry("s1", seconds=seconds), entry("s2", seconds=0.04))
    assert ("s1" in names(whole, shutters=(0.04,))) is taken


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("Indoor/pair1", ["a"]),
        ("pair1", ["a", "c"]),
        ("Indoor/*", ["a", "b"]),
        ("*pair1?", ["b"]),
        ("Outdoor/pair1", ["c"]),
    ],
)
def test_scenes_are_named_whole_by_last_part_or_by_pattern(wanted: str, found: list[str]) -> None:
    whole = catalog(
        entry("a", scene="Indoor/pair1"),
        entry("b", scene="Indoor/pair10"),
        entry("c", scene="Outdoor/pair1"),
    )
    assert names(whole, scenes=(wanted,)) == found


def test_filters_of_one_kind_add_and_of_different_kinds_restrict() -> None:
    whole = catalog(
        entry("a", iso=100.0, seconds=1.0),
        entry("b", iso=200.0, seconds=1.0),
        entry("c", iso=200.0, seconds=2.0),
        entry("d", iso=400.0, seconds=1.0),
    )
    assert names(whole, isos=(100.0, 200.0)) == ["a", "b", "c"]
    assert names(whole, isos=(100.0, 200.0), shutters=(1.0,)) == ["a", "b"]


def test_a_split_is_chosen_by_name() -> None:
    whole = catalog(entry("a", split="train"), entry("b", split="val"), entry("c", split="test"))
    assert names(whole, splits=("val", "test")) == ["b", "c"]


def test_a_limit_takes_the_first_shorts_and_their_longs_on_top() -> None:
    whole = catalog(*(entry(f"s{n}") for n in range(5)), entry("l", "long"))
    found = select(whole, Selection(limit=2))
    assert [one.frame.name for one in found.entries] == ["l", "s0", "s1"]
    assert found.filtered == {"limit": 3}


def test_filters_apply_to_shorts_and_longs_always_come() -> None:
    whole = catalog(
        entry("s1", iso=100.0),
        entry("s2", iso=800.0, pair="other"),
        entry("l1", "long", iso=50.0, seconds=30.0),
        entry("l2", "long", iso=800.0, pair="other"),
    )
    found = select(whole, Selection(isos=(100.0,)))
    assert [one.frame.name for one in found.entries] == ["l1", "s1"]
    assert (found.pairs, found.unpaired) == (1, 0)


def test_a_short_that_several_filters_refuse_is_counted_once_by_the_first() -> None:
    whole = catalog(entry("a", split="val", iso=800.0), entry("b", iso=800.0), entry("c"))
    found = select(whole, Selection(splits=("train",), isos=(100.0,)))
    assert found.filtered == {"split": 1, "iso": 1}


entries = st.lists(
    st.tuples(
        st.sampled_from(["short", "long"]),
        st.sampled_from("abc"),
        st.sampled_from([None, 1.0, 10.0, 30.0]),
    ),
    max_size=12,
).map(
    lambda parts: [
        entry(f"{number:02d}", "long" if role == "long" else "short", pair=pair, seconds=seconds)
        for number, (role, pair, seconds) in enumerate(parts)
    ]
)


@given(entries, st.randoms(use_true_random=False))
def test_pairing_does_not_depend_on_the_order_of_files(made: list[Entry], random: Any) -> None:
    shuffled = random.sample(made, len(made))
    assert longs_by_pair(shuffled) == longs_by_pair(made)


@given(entries)
def test_the_long_of_a_pair_is_its_longest_exposure_first_by_name(made: list[Entry]) -> None:
    for pair, chosen in longs_by_pair(made).items():
        rivals = [one for one in made if one.role == "long" and one.pair == pair]
        longest = max(one.frame.exposure.seconds or 0 for one in rivals)
        candidates = [one for one in rivals if (one.frame.exposure.seconds or 0) == longest]
        assert chosen == min(candidates, key=lambda one: one.frame.name)


@given(entries, st.sampled_from([None, 1, 3]))
def test_selected_frames_are_sorted_unique_and_counted(
    made: list[Entry], limit: int | None
) -> None:
    shorts = [one for one in made if one.role == "short"]
    if not shorts:
        return
    found = select(catalog(*made), Selection(limit=limit))
    taken = [one.frame.name for one in found.entries]
    assert taken == sorted(set(taken))
    selected = [one for one in found.entries if one.role == "short"]
    assert len(selected) == found.pairs + found.unpaired
    assert len(selected) + sum(found.filtered.values()) == len(shorts)


def test_nothing_found_lists_what_there_is() -> None:
    whole = catalog(entry("a", iso=100.0, seconds=0.1), entry("b", iso=3200.0, seconds=0.5))
    with pytest.raises(SelectionError) as caught:
        select(whole, Selection(isos=(200.0,), scenes=("Moon",)))
    text = str(caught.value)
    assert "none of 2 dark frames passes --iso 200 --scene Moon" in text
    for part in ("ISO 100, 3200", "shutter 0.1, 0.5", "split train", "scene Indoor/pair1"):
        assert part in text


def test_longs_alone_do_not_pass_a_filter() -> None:
    with pytest.raises(SelectionError, match="none of 0 dark frames"):
        select(catalog(entry("l", "long")), Selection(isos=(100.0,)))


def test_a_look_alike_of_mid_is_selected_by_iso_with_both_longs(mid_folder: Path) -> None:
    whole = scan(load_definition("mid"), mid_folder)
    found = select(whole, Selection(isos=(100.0, 200.0)))
    shorts = [one for one in found.entries if one.role == "short"]
    assert {one.frame.exposure.iso for one in shorts} == {100.0, 200.0}
    assert len(shorts) == 2 * 2 * 2
    assert len(found.entries) - len(shorts) == 2
    assert (found.pairs, found.unpaired) == (8, 0)
    assert found.filtered == {"iso": 4}
