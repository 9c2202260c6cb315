"""Runs of neighbours: known from numbers, whatever the order, and ended by every gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from rawkit.stream.runs import Runs, runs_of

if TYPE_CHECKING:
    import random

Frames = list[tuple[str, int]]


def found(runs: Runs, frames: Frames) -> list[Frames]:
    """List the frames of each run."""
    return [
        [frames[member] for member in runs.members(run, 0, int(length))]
        for run, length in enumerate(runs.lengths)
    ]


@st.composite
def shuffled_frames(draw: st.DrawFn) -> Frames:
    """Frames of a few videos, some of them missing, in any order."""
    frames = draw(st.sets(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=40))
    return draw(st.permutations(sorted(frames)))


@given(shuffled_frames())
def test_runs_are_the_frames_between_gaps(frames: Frames) -> None:
    runs = runs_of(
        [f"{video}.npy#{number:04d}" for video, number in frames], ["kind"] * len(frames)
    )
    parts = found(runs, frames)
    assert sorted(frame for part in parts for frame in part) == sorted(frames)
    for part in parts:
        video, first = part[0]
        assert part == [(video, first + step) for step in range(len(part))]
        assert (video, first - 1) not in frames
        assert (video, first + len(part)) not in frames


@given(shuffled_frames(), st.integers(1, 6))
def test_runs_that_are_too_short_are_left_out(frames: Frames, length: int) -> None:
    runs = runs_of([f"{video}_{number}.dng" for video, number in frames], [0] * len(frames))
    long_enough = runs.of_at_least(length)
    expected = [part for part in found(runs, frames) if len(part) >= length]
    assert found(long_enough, frames) == expected
    assert runs.longest == max((len(part) for part in found(runs, frames)), default=0)


@given(shuffled_frames(), st.data())
def test_a_change_of_kind_ends_a_run(frames: Frames, data: st.DataObject) -> None:
    kinds = [data.draw(st.sampled_from("xy")) for _ in frames]
    runs = runs_of([f"{video}/{number:03d}.dng" for video, number in frames], kinds)
    kind_of = dict(zip(frames, kinds, strict=True))
    for part in found(runs, frames):
        assert len({kind_of[frame] for frame in part}) == 1


@given(shuffled_frames(), st.randoms(use_true_random=False))
def test_runs_do_not_depend_on_the_order_of_frames(frames: Frames, random: random.Random) -> None:
    others = list(frames)
    random.shuffle(others)
    one, other = (
        found(runs_of([f"{video}#{number}" for video, number in each], [0] * len(each)), each)
        for each in (frames, others)
    )
    assert one == other


def test_frames_without_a_number_are_alone() -> None:
    runs = runs_of(["a.dng", "b.dng", "a.dng"], [0, 0, 0])
    assert runs.lengths.tolist() == [1, 1, 1]
