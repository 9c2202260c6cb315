"""Patches in a grid: frames are covered exactly, each patch comes once, in an order of its own."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.stream import BatchStream, FrameShape, PlanSettings
from rawkit.stream.patches import PatchPlan, deal, grid
from rawkit.stream.plan import epoch_length, longest_span, plan_epoch
from rawkit.stream.schedule import RankShare, jobs
from rawkit.stream.settings import LANES
from rawkit.stream.shapes import window_size
from tests.support.fixtures_stream import Shape, assert_same_batch, make_sources

if TYPE_CHECKING:
    from pathlib import Path

Case = tuple[list[FrameShape], PlanSettings, int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Frames of any shape and chunks, patches that fit into all of them, and an epoch."""
    frames = []
    for _ in range(draw(st.integers(1, 4))):
        height, width = draw(st.integers(2, 30)), draw(st.integers(2, 30))
        chunk = (draw(st.integers(1, height)), draw(st.integers(1, width)))
        frames.append(FrameShape(height, width, chunk))
    augment = draw(st.booleans())
    most = min(min(one.height, one.width) for one in frames) - augment
    side = draw(st.integers(1, max(1, most)))
    chosen = PlanSettings(
        crop=2 * side,
        stride=2 * draw(st.integers(1, side)),
        crops_per_window=draw(st.integers(1, 12)),
        live_windows=draw(st.sampled_from([8, 24])),
        augment=augment,
        seed=draw(st.integers(0, 9)),
        group=draw(st.sampled_from([None, 1, 3])),
    )
    return frames, chosen, draw(st.integers(0, 3))


def placed(plan: PatchPlan, frames: list[FrameShape]) -> list[tuple[int, int, int]]:
    """Frame, row and column of every sample, in packed pixels of the frame."""
    found = []
    for index in range(len(plan)):
        sample = plan[index]
        window = plan.windows[sample.window]
        chunk = frames[window.frame].chunk
        found.append((
            window.frame, window.top * chunk[0] + sample.top, window.left * chunk[1] + sample.left
        ))  # fmt: skip
    return found


@given(cases())
@settings(max_examples=80)
def test_every_frame_is_covered_exactly_and_every_patch_comes_once(case: Case) -> None:
    frames, chosen, epoch = case
    plan = PatchPlan(frames, chosen, epoch)
    counts = Counter(placed(plan, frames))
    extent, stride = chosen.extent, chosen.stride // 2
    expected = {
        (number, top, left)
        for number, frame in enumerate(frames)
        for top in grid(frame.height, extent, stride)
        for left in grid(frame.width, extent, stride)
    }
    assert set(counts) == expected
    assert sum(counts.values()) - len(expected) < LANES
    assert len(plan) == epoch_length(frames, chosen)
    for number, frame in enumerate(frames):
        seen = np.zeros((frame.height, frame.width), bool)
        for one, top, left in counts:
            if one == number:
                seen[top : top + extent, left : left + extent] = True
                assert top + extent <= frame.height
                assert left + extent <= frame.width
        assert seen.all()


@given(cases())
@settings(max_examples=60)
def test_patches_lie_in_their_windows_which_end_within_the_longest_span(case: Case) -> None:
    frames, chosen, epoch = case
    plan = PatchPlan(frames, chosen, epoch)
    numbers = plan.window_numbers()
    first: dict[int, int] = {}
    for index, number in enumerate(numbers.tolist()):
        window, sample = plan.windows[number], plan[index]
        assert sample.window == number
        height, width = window_size(frames[window.frame], window)
        assert 0 <= sample.top <= height - chosen.extent
        assert 0 <= sample.left <= width - chosen.extent
        assert window.frame == plan.windows.frame[number]
        assert index - first.setdefault(number, index) < longest_span(chosen)
        assert first[number] % LANES == index % LANES  # ranks share lanes
    assert set(first) == set(range(len(plan.windows)))
    assert max(np.bincount(numbers)) <= chosen.crops_per_window


@given(cases())
@settings(max_examples=30)
def test_an_epoch_is_a_function_of_seed_and_number(case: Case) -> None:
    frames, chosen, epoch = case
    one, two = (plan_epoch(frames, chosen, epoch) for _ in range(2))
    assert [one[i] for i in range(len(one))] == [two[i] for i in range(len(two))]
    assert list(one.windows) == list(two.windows)


@given(cases(), st.integers(1, 400), st.sampled_from([1, 2, 4, 8]))
@settings(max_examples=40)
def test_processes_share_the_samples_that_one_would_have(
    case: Case, start: int, ranks: int
) -> None:
    frames, chosen, _ = case

    def first(share: RankShare, position: int) -> dict[tuple[int, int], tuple[int, object]]:
        """Return the samples of the first four batches, by batch and slot."""
        found = {}
        for job in jobs(lambda _: frames, chosen, share, position):
            for use in job.uses:
                where = (job.window.frame, use.sample.top, use.sample.left, job.window.top,
                         job.window.left, use.sample.augmentation)  # fmt: skip
                found[use.batch, use.slot] = (use.epoch, where)
            if sum(batch < 4 for batch, _ in found) == 4 * share.size:
                return {key: found[key] for key in found if key[0] < 4}
        raise AssertionError

    position = 8 * start
    whole = first(RankShare(8), position)
    shared = {
        (batch, slot * ranks + rank): value
        for rank in range(ranks)
        for (batch, slot), value in first(RankShare(8, rank, ranks), position).items()
    }
    assert shared == whole


def test_another_seed_and_another_epoch_have_another_order() -> None:
    frames = [FrameShape(60, 60, (16, 16))] * 2
    plans = [
        placed(PatchPlan(frames, PlanSettings(crop=20, stride=10, seed=seed, augment=False,
                                              crops_per_window=9), epoch), frames)
        for seed, epoch in ((0, 0), (0, 1), (1, 0))
    ]  # fmt: skip
    assert plans[0] != plans[1] != plans[2] != plans[0]
    # 121 patches of each of two frames, and six that come twice.
    assert [len(set(one)) for one in plans] == [242] * 3
    assert [len(one) for one in plans] == [248] * 3
    # Both frames come throughout.
    share = np.mean([frame for frame, *_ in plans[0][:120]])
    assert 0.2 < share < 0.8


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.integers(0, 9))
def test_lanes_are_dealt_as_many_patches_each_whatever_the_blocks(
    counts: list[int], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(counts)).tolist()
    lanes = deal(counts, order)
    sizes = {sum(end - first for _, first, end in lane) for lane in lanes}
    assert sizes == {-(-sum(counts) // LANES)}
    given_out = Counter(
        (block, patch) for lane in lanes for block, first, end in lane
        for patch in range(first, end)
    )  # fmt: skip
    assert set(given_out) == {(b, p) for b, count in enumerate(counts) for p in range(count)}


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_are_the_pixels_of_the_frame_for_any_number_of_threads(
    tmp_path: Path, threads: int
) -> None:
    sources = make_sources(tmp_path, [Shape(40, 50, (16, 16)), Shape(33, 47, (20, 11))])
    chosen = PlanSettings(crop=20, stride=10, crops_per_window=4, live_windows=8, augment=False)
    stream = BatchStream(sources, chosen, batch_size=4, threads=threads)
    epoch = list(islice(stream.batches(), stream.epoch_length // 4))
    again = BatchStream(sources, chosen, batch_size=4).batches(8)
    for batch, other in zip(epoch[2:5], again, strict=False):
        assert_same_batch(batch, other)
    pixels = {}
    for one in sources:
        whole = PlanSettings(crop=2, stride=2, live_windows=8, augment=False)
        found = BatchStream([one], whole, batch_size=8)
        layout = one.packed.layout
        planes = np.zeros((4, layout.height, layout.width), np.uint16)
        for batch in islice(found.batches(), found.epoch_length // 8):
            for crop, origin in zip(batch.packed, batch.origins, strict=True):
                planes[:, origin.top, origin.left] = crop[:, 0, 0]
        pixels[one.name] = planes
    for batch in epoch:
        for crop, origin in zip(batch.packed, batch.origins, strict=True):
            where = np.s_[:, origin.top : origin.top + 10, origin.left : origin.left + 10]
            np.testing.assert_array_equal(crop, pixels[origin.frame][where])


@pytest.mark.parametrize("changes", [
    {"stride": 3}, {"stride": 22}, {"stride": -2}, {"stride": 10, "clip": 2},
    {"stride": 2, "crops_per_window": 1 << 17},
])  # fmt: skip
def test_grids_that_make_no_sense_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        PlanSettings(**{"crop": 20, **changes})  # type: ignore[arg-type] # any field


def test_frames_smaller_than_a_patch_are_refused() -> None:
    with pytest.raises(UsageError, match="crops of 100 mosaic pixels from frames of 60"):
        plan_epoch([FrameShape(30, 90, (8, 8))], PlanSettings(crop=100, stride=50), 0)
