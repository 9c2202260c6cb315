"""Samples shared by 1, 2, 4 or 8 processes: the same as one process hands out."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.stream import BatchStream, PlanSettings, pool_bytes
from rawkit.stream.settings import LANES
from tests.support.fixtures_stream import Shape, make_sources

if TYPE_CHECKING:
    from rawkit.stream import Batch, PairSource


RANKS = (1, 2, 4, 8)
SETTINGS = PlanSettings(crop=14, crops_per_window=3, live_windows=16, window_chunks=2, seed=3)
SHAPES = [Shape(30, 45, (8, 12)), Shape(25, 40, (9, 9), codec="none"), Shape(41, 16, (10, 16))]
FIELDS = ("packed", "target", "black_level", "white_level", "amplification_base", "gain_ratio",
          "white_balance")  # fmt: skip


@pytest.fixture(scope="session")
def shared_sources(tmp_path_factory: pytest.TempPathFactory) -> list[PairSource]:
    """Three frames of different sizes, chunks and codecs."""
    return make_sources(tmp_path_factory.mktemp("ranks"), SHAPES)


def streams(
    sources: list[PairSource], ranks: int, batch: int, threads: int = 1
) -> list[BatchStream]:
    """One stream for each rank."""
    return [
        BatchStream(sources, SETTINGS, batch_size=batch, threads=threads, rank=rank, ranks=ranks)
        for rank in range(ranks)
    ]


def woven(parts: list[Batch], position: int, name: str) -> np.ndarray[tuple[int, ...], np.dtype]:
    """Put the ranks' parts of a batch into the order of one process: by sample number."""
    ranks, share = len(parts), len(parts[0].names)
    numbers = range(position, position + ranks * share)
    taken: Counter[int] = Counter()
    rows = []
    for number in numbers:
        rank = number % ranks
        rows.append(getattr(parts[rank], name)[taken[rank]])
        taken[rank] += 1
    return np.array(rows)


@given(st.sampled_from(RANKS), st.integers(1, 2), st.integers(0, 500), st.integers(1, 2))
@settings(max_examples=40)
def test_the_ranks_together_hand_out_the_batches_of_one(
    shared_sources: list[PairSource], ranks: int, times: int, position: int, threads: int
) -> None:
    size = ranks * times
    (alone,) = streams(shared_sources, 1, size)
    several = streams(shared_sources, ranks, size, threads)
    whole = list(islice(alone.batches(position), 3))
    parts = [list(islice(stream.batches(position), 3)) for stream in several]
    for number, batch in enumerate(whole):
        step = [part[number] for part in parts]
        assert {part.position for part in step} == {batch.position}
        for name in (*FIELDS, "names"):
            np.testing.assert_array_equal(
                woven(step, position + number * size, name), getattr(batch, name), err_msg=name
            )


@given(st.sampled_from(RANKS), st.sampled_from(RANKS), st.integers(0, 20), st.integers(1, 20))
@settings(max_examples=20)
def test_another_number_of_ranks_goes_on_where_the_first_one_stopped(
    shared_sources: list[PairSource], before: int, after: int, start: int, steps: int
) -> None:
    first = streams(shared_sources, before, LANES)[0]
    *_, last = islice(first.batches(LANES * start), steps)
    assert last.position == LANES * (start + steps)
    (alone,) = streams(shared_sources, 1, LANES)
    expected = next(iter(alone.batches(last.position)))
    step = [next(iter(one.batches(last.position))) for one in streams(shared_sources, after, LANES)]
    np.testing.assert_array_equal(woven(step, last.position, "packed"), expected.packed)
    np.testing.assert_array_equal(woven(step, last.position, "target"), expected.target)


@pytest.mark.parametrize("ranks", RANKS)
def test_no_window_is_read_by_two_ranks(
    shared_sources: list[PairSource], monkeypatch: pytest.MonkeyPatch, ranks: int
) -> None:
    from rawkit.stream.window import WindowReader

    read: list[list[tuple[int, int]]] = []
    plain = WindowReader.cut

    def noting(self: WindowReader, *rest: Any) -> None:
        read[-1] += [(use.epoch, use.sample.window) for use in self.job.uses[:1]]
        plain(self, *rest)

    monkeypatch.setattr(WindowReader, "cut", noting)
    for stream in streams(shared_sources, ranks, LANES):
        read.append([])
        epoch = islice(stream.batches(), stream.epoch_length // LANES)
        for _ in epoch:
            pass
    numbers = [number for part in read for epoch, number in part if epoch == 0]
    assert len(numbers) == len(set(numbers))
    length = streams(shared_sources, 1, LANES)[0].epoch_length
    assert sorted(numbers) == list(range(length // SETTINGS.crops_per_window))


@pytest.mark.parametrize("ranks", RANKS)
def test_every_frame_gets_its_share_of_an_epoch(
    shared_sources: list[PairSource], ranks: int
) -> None:
    counts: Counter[str] = Counter()
    for stream in streams(shared_sources, ranks, LANES):
        for batch in islice(stream.batches(), stream.epoch_length // LANES):
            counts.update(batch.names)
    assert set(counts) == {source.name for source in shared_sources}
    assert sum(counts.values()) == stream.epoch_length
    alone: Counter[str] = Counter()
    for batch in islice(streams(shared_sources, 1, LANES)[0].batches(), sum(counts.values()) // 8):
        alone.update(batch.names)
    assert counts == alone


def test_a_rank_holds_its_share_of_the_live_windows(shared_sources: list[PairSource]) -> None:
    chosen = PlanSettings(crop=14, live_windows=32, window_chunks=2)
    alone, one_of_eight = (pool_bytes(shared_sources, chosen, ranks) for ranks in (1, 8))
    assert one_of_eight < alone / 2


@pytest.mark.parametrize(
    ("rank", "ranks", "batch", "message"),
    [(0, 3, 3, "3 processes"), (0, 16, 16, "16 processes"), (0, 0, 8, "0 processes"),
     (2, 2, 8, "rank 2 of 2"), (-1, 2, 8, "rank -1"), (0, 4, 6, "batch of 6 for 4")],
)  # fmt: skip
def test_ranks_that_cannot_share_the_lanes_are_refused(
    shared_sources: list[PairSource], rank: int, ranks: int, batch: int, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        BatchStream(shared_sources, SETTINGS, batch_size=batch, rank=rank, ranks=ranks)
