"""What is fetched and evicted where a store cannot hold all: bounds, order, and no waste."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.stream.holding import Need, belady, least_budget, moves

FRAMES = "abcdef"
NEEDS = st.lists(st.frozensets(st.sampled_from(FRAMES), min_size=1, max_size=2), max_size=9)
SIZES = st.fixed_dictionaries({one: st.integers(1, 9) for one in FRAMES})


def brute(needs: list[Need], room: int) -> int:
    """Fewest fetches of frames of size 1, by trying every set that may be kept."""

    @cache
    def best(index: int, held: Need) -> int:
        if index == len(needs):
            return 0
        need = needs[index]
        others = sorted(held - need)
        kept = min(len(others), room - len(need))
        return len(need - held) + min(
            best(index + 1, need | frozenset(some))
            for count in range(kept + 1)
            for some in combinations(others, count)
        )

    return best(0, frozenset())


@given(NEEDS, st.integers(2, 5))
def test_nothing_fetches_less_than_the_moves_where_frames_have_one_size(
    needs: list[Need], room: int
) -> None:
    sizes = dict.fromkeys(FRAMES, 1)
    least = brute(needs, room)
    assert len(list(moves(needs, sizes, room))) == least
    assert belady(needs, sizes, room) == pytest.approx(least)


@given(NEEDS, SIZES, st.integers(0, 30))
def test_moves_keep_the_budget_and_never_fetch_less_than_the_bound(
    needs: list[Need], sizes: dict[str, int], more: int
) -> None:
    budget = least_budget(needs, sizes) + more
    found = list(moves(needs, sizes, budget))
    held: set[str] = set()
    done = iter(found)
    following = next(done, None)
    for index, need in enumerate(needs):
        while following is not None and following.before == index:
            assert held >= set(following.victims)
            held -= set(following.victims)
            held.add(following.frame)
            assert sum(sizes[one] for one in held) <= budget
            following = next(done, None)
        assert need <= held
    assert following is None
    assert sum(sizes[one.frame] for one in found) >= belady(needs, sizes, budget) - 1e-6


@given(NEEDS, SIZES, st.integers(0, 30))
def test_a_move_done_as_early_as_it_says_takes_nothing_that_is_still_used(
    needs: list[Need], sizes: dict[str, int], more: int
) -> None:
    budget = least_budget(needs, sizes) + more
    queue = list(moves(needs, sizes, budget))
    held: set[str] = set()
    for index, need in enumerate(needs):
        while queue and queue[0].after <= index:
            held -= set(queue[0].victims)
            held.add(queue.pop(0).frame)
            assert sum(sizes[one] for one in held) <= budget
        assert need <= held


def test_what_is_held_already_is_not_fetched() -> None:
    needs = [frozenset("ab"), frozenset("ac")]
    found = list(moves(needs, dict.fromkeys("abc", 1), 2, {"a", "b"}))
    assert [(one.frame, one.victims, one.after) for one in found] == [("c", ("b",), 1)]


def test_later_needs_tell_what_is_needed_last() -> None:
    needs = [frozenset("a"), frozenset("b"), frozenset("c"), frozenset("a")]
    sizes = dict.fromkeys("abc", 1)
    assert list(moves(needs, sizes, 2, until=3))[-1].victims == ("b",)
    assert len(list(moves(needs, sizes, 2, until=3))) == 3


def test_a_budget_that_is_too_small_is_refused_with_one_that_works() -> None:
    needs = [frozenset("ab"), frozenset("c")]
    sizes = {"a": 3, "b": 4, "c": 9}
    with pytest.raises(UsageError, match="at least 9"):
        list(moves(needs, sizes, 8))
    assert len(list(moves(needs, sizes, 9))) == 3


def test_windows_in_a_row_need_more() -> None:
    needs = [frozenset("ab"), frozenset("ac"), frozenset("d")]
    sizes = dict.fromkeys("abcd", 1)
    assert [least_budget(needs, sizes, window) for window in (1, 2, 3)] == [2, 3, 4]
