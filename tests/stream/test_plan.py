"""Which crop is sample number i: windows, lanes, and the places of crops."""

from __future__ import annotations

import tracemalloc
from collections import Counter, defaultdict
from itertools import islice

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.stream import EpochPlan, FrameShape, FrameShapes, PlanSettings
from rawkit.stream.plan import check_crop, epoch_length, longest_span, window_chunks
from rawkit.stream.schedule import RankShare, jobs
from rawkit.stream.settings import LANES
from rawkit.stream.shapes import window_size
from tests.support.slow_plan import SlowPlan, slow_jobs

Case = tuple[list[FrameShape], PlanSettings, int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Frames of any shape and chunks, settings whose crops fit into all of them, and an epoch."""
    frames = []
    for _ in range(draw(st.integers(1, 6))):
        height, width = draw(st.integers(2, 60)), draw(st.integers(2, 60))
        chunk = (draw(st.integers(1, height)), draw(st.integers(1, width)))
        frames.append(FrameShape(height, width, chunk))
    augment = draw(st.booleans())
    room = min(min(frame.height, frame.width) for frame in frames) - augment
    chosen = PlanSettings(
        crop=2 * draw(st.integers(1, room)),
        crops_per_window=draw(st.integers(1, 5)),
        live_windows=LANES * draw(st.integers(1, 4)),
        window_chunks=draw(st.integers(1, 5)),
        augment=augment,
        seed=draw(st.integers(0, 2**32)),
    )
    return frames, chosen, draw(st.integers(0, 1000))


FRAMES = [FrameShape(40, 60, (10, 12)), FrameShape(33, 47, (11, 16))]
SETTINGS = PlanSettings(crop=16, live_windows=8, window_chunks=2)


@given(cases())
def test_two_plans_of_the_same_arguments_are_the_same(case: Case) -> None:
    one, other = EpochPlan(*case), EpochPlan(*case)
    assert one.windows == other.windows
    assert [one[i] for i in range(len(one))] == [other[i] for i in range(len(other))]


def test_a_plan_does_not_depend_on_plans_made_before_it() -> None:
    alone = EpochPlan(FRAMES, SETTINGS, 5)
    for epoch in range(5):
        EpochPlan(FRAMES, SETTINGS, epoch)
    after = EpochPlan(FRAMES, SETTINGS, 5)
    assert [alone[i] for i in range(len(alone))] == [after[i] for i in range(len(after))]


@pytest.mark.parametrize("change", ["seed", "epoch"])
def test_another_seed_or_epoch_gives_other_samples(change: str) -> None:
    other = PlanSettings(crop=16, live_windows=8, window_chunks=2, seed=1)
    one = EpochPlan(FRAMES, SETTINGS, 0)
    two = EpochPlan(FRAMES, other, 0) if change == "seed" else EpochPlan(FRAMES, SETTINGS, 1)
    same = sum(one[i] == two[i] for i in range(len(one)))
    assert same < len(one) / 4


@given(cases())
def test_every_window_gives_exactly_its_crops(case: Case) -> None:
    plan = EpochPlan(*case)
    given_crops = Counter(plan[i].window for i in range(len(plan)))
    assert given_crops == dict.fromkeys(range(len(plan.windows)), case[1].crops_per_window)


@given(cases())
def test_sample_i_comes_from_a_window_of_lane_i_mod_8(case: Case) -> None:
    plan = EpochPlan(*case)
    for index in range(len(plan)):
        assert plan.window_numbers()[index] == plan[index].window
        assert plan[index].window % LANES == index % LANES


@given(cases(), st.integers(0, 1000))
def test_all_epochs_have_the_same_number_of_samples(case: Case, epoch: int) -> None:
    frames, chosen, first = case
    length = len(EpochPlan(frames, chosen, first))
    assert length == len(EpochPlan(frames, chosen, epoch))
    assert length % (LANES * chosen.crops_per_window) == 0


@given(cases())
def test_every_frame_gets_windows_that_cover_it_about_once(case: Case) -> None:
    frames, chosen, epoch = case
    plan = EpochPlan(frames, chosen, epoch)
    shares = []
    for frame in frames:
        rows, columns = window_chunks(frame, chosen)
        shares.append(max(1, round(frame.grid[0] * frame.grid[1] / (rows * columns))))
    counts = Counter(window.frame for window in plan.windows)
    assert all(counts[number] >= share for number, share in enumerate(shares))
    # What is more only fills the lanes up.
    assert len(plan.windows) - sum(shares) == -sum(shares) % LANES


@given(cases())
def test_every_crop_lies_within_its_window_and_every_window_within_its_frame(case: Case) -> None:
    frames, chosen, epoch = case
    plan = EpochPlan(frames, chosen, epoch)
    for index in range(len(plan)):
        sample = plan[index]
        window = plan.windows[sample.window]
        frame = frames[window.frame]
        assert 0 <= window.top <= frame.grid[0] - window.rows
        assert 0 <= window.left <= frame.grid[1] - window.columns
        height, width = window_size(frame, window)
        assert 0 <= sample.top <= height - chosen.extent
        assert 0 <= sample.left <= width - chosen.extent
        top = window.top * frame.chunk[0] + sample.top
        left = window.left * frame.chunk[1] + sample.left
        assert top + chosen.extent <= frame.height
        assert left + chosen.extent <= frame.width
        assert 0 <= sample.augmentation < 8
        assert chosen.augment or sample.augmentation == 0


@given(cases())
def test_a_lane_never_has_more_windows_under_way_than_its_share_of_live_ones(case: Case) -> None:
    frames, chosen, epoch = case
    plan = EpochPlan(frames, chosen, epoch)
    under_way: dict[int, Counter[int]] = defaultdict(Counter)
    for index in range(len(plan)):
        lane, number = under_way[index % LANES], plan[index].window
        lane[number] += 1
        if lane[number] == chosen.crops_per_window:
            del lane[number]
        assert len(lane) <= chosen.live_windows // LANES


@given(cases())
def test_a_window_gives_all_its_crops_within_the_longest_span(case: Case) -> None:
    plan = EpochPlan(*case)
    first: dict[int, int] = {}
    for index, number in enumerate(plan.window_numbers().tolist()):
        assert index - first.setdefault(number, index) < longest_span(case[1])


def test_crops_of_a_window_lie_apart() -> None:
    settings = PlanSettings(crop=16, live_windows=32, crops_per_window=4, window_chunks=1)
    plan = EpochPlan([FrameShape(400, 600, (10, 12))], settings, 0)
    numbers = plan.window_numbers()
    steady = numbers[len(numbers) // 4 : 3 * len(numbers) // 4]
    batches = steady[: len(steady) // 8 * 8].reshape(-1, 8)
    assert all(len(set(batch.tolist())) == 8 for batch in batches)
    in_32 = [len(set(part.tolist())) for part in steady[: len(steady) // 32 * 32].reshape(-1, 32)]
    assert sum(in_32) / len(in_32) > 24


@given(cases(), st.integers(0, 5))
def test_the_length_of_an_epoch_is_known_without_its_plan(case: Case, epoch: int) -> None:
    frames, chosen, _ = case
    assert epoch_length(frames, chosen) == len(EpochPlan(frames, chosen, epoch))


def test_crops_reach_every_place_of_a_window_and_every_flip() -> None:
    frame, chosen = FrameShape(12, 14, (12, 14)), PlanSettings(crop=18, crops_per_window=200)
    plan = EpochPlan([frame], chosen, 0)
    samples = [plan[i] for i in range(len(plan))]
    # An extent of 10 in 12 rows and 14 columns.
    assert {sample.top for sample in samples} == {0, 1, 2}
    assert {sample.left for sample in samples} == {0, 1, 2, 3, 4}
    assert {sample.augmentation for sample in samples} == set(range(8))


def test_windows_lie_at_every_place_over_the_epochs() -> None:
    frame, chosen = FrameShape(50, 40, (10, 10)), PlanSettings(crop=8, window_chunks=3)
    places = {
        (window.top, window.left)
        for epoch in range(20)
        for window in EpochPlan([frame], chosen, epoch).windows
    }
    assert places == {(top, left) for top in range(3) for left in range(2)}


@given(cases(), st.integers(1, 40))
def test_a_crop_that_does_not_fit_into_every_frame_is_refused(case: Case, more: int) -> None:
    frames, chosen, epoch = case
    smallest = min(min(frame.height, frame.width) for frame in frames)
    crop = 2 * (smallest - chosen.augment + more)
    too_large = PlanSettings(crop=crop, augment=chosen.augment)
    with pytest.raises(UsageError, match=f"crops of {crop} mosaic pixels"):
        EpochPlan(frames, too_large, epoch)


@given(st.integers(1, 200), st.integers(1, 200), st.booleans())
@settings(max_examples=200)
def test_the_crop_that_is_suggested_instead_fits(height: int, width: int, augment: bool) -> None:  # noqa: FBT001 - drawn
    frame = FrameShape(height, width, (height, width))
    crop = 32 * (min(height, width) // 16 + 1)
    with pytest.raises(UsageError) as caught:
        check_crop([frame], PlanSettings(crop=crop, augment=augment))
    fix = caught.value.fix or ""
    if "--crop" not in fix:
        assert min(height, width) - augment < 16  # nothing that a network takes would fit
        assert "larger" in fix
        return
    suggested = int(fix.removeprefix("Use --crop ").removesuffix("."))
    assert suggested > 0
    assert suggested % 32 == 0
    check_crop([frame], PlanSettings(crop=suggested, augment=augment))


def test_no_frames_are_refused() -> None:
    with pytest.raises(UsageError, match="no frames"):
        EpochPlan([], SETTINGS, 0)


@pytest.mark.parametrize(
    "changes",
    [{"crop": 0}, {"crop": 7}, {"crops_per_window": 0}, {"window_chunks": 0}, {"live_windows": 0},
     {"live_windows": 12}],
)  # fmt: skip
def test_settings_that_make_no_plan_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        PlanSettings(**{"crop": 8, **changes})  # type: ignore[arg-type] # integers all


@given(cases())
def test_windows_hold_a_crop_even_where_the_last_chunks_are_cut(case: Case) -> None:
    frames, chosen, epoch = case
    plan = EpochPlan(frames, chosen, epoch)
    assume(any(frame.height % frame.chunk[0] or frame.width % frame.chunk[1] for frame in frames))
    for window in plan.windows:
        assert min(window_size(frames[window.frame], window)) >= chosen.extent


@settings(max_examples=150)
@given(cases())
def test_a_plan_of_columns_is_the_one_made_frame_by_frame(case: Case) -> None:
    frames, chosen, epoch = case
    plan, slow = EpochPlan(frames * 3, chosen, epoch), SlowPlan(frames * 3, chosen, epoch)
    assert list(plan.windows) == slow.windows
    np.testing.assert_array_equal(plan.window_numbers(), slow.window_numbers())
    assert [plan[i] for i in range(len(plan))] == [slow[i] for i in range(len(slow))]


def test_samples_are_drawn_block_by_block_as_all_at_once() -> None:
    frames = [FrameShape(400, 600, (40, 40))] * 1500
    chosen = PlanSettings(crop=16, window_chunks=2, crops_per_window=1, seed=5)
    plan, slow = EpochPlan(frames, chosen, 2), SlowPlan(frames, chosen, 2)
    assert len(plan) > 50_000
    places = np.random.default_rng(0).integers(0, len(plan), 300).tolist()
    assert [plan[i] for i in places] == [slow[i] for i in places]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rawkit.stream.plan._BLOCK", 64)
        small = EpochPlan(frames, chosen, 2)
        assert [small[i] for i in places] == [slow[i] for i in places]


@given(cases(), st.sampled_from([1, 2, 4, 8]), st.integers(0, 400), st.sampled_from([8, 64]))
def test_jobs_follow_as_if_a_whole_epoch_was_sorted(
    case: Case, ranks: int, position: int, piece: int
) -> None:
    frames, chosen, _ = case
    share = RankShare(8, ranks - 1, ranks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rawkit.stream.schedule._PIECE", piece)
        found = list(islice(jobs(lambda _: frames, chosen, share, position), 60))
    assert found == list(islice(slow_jobs(frames, chosen, share, position), 60))


def test_a_plan_of_a_million_frames_is_small() -> None:
    frames = FrameShapes([FrameShape(32, 48, (32, 48))], np.zeros(1_000_000, np.int32))
    tracemalloc.start()
    try:
        plan = EpochPlan(frames, PlanSettings(crop=32, augment=False), 0)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(plan) == 4_000_000
    assert kept < 32e6
