"""Live windows: handed out in order, in bounded memory, and never for ever waited for."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import StoreDamagedError
from rawkit.stream import BatchStream, EpochPlan, PlanSettings, pool_bytes
from rawkit.stream.pool import READ_AHEAD, WindowPool
from tests.factories import local
from tests.fixtures_stream import Shape, make_sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rawkit.stream import PairSource

SETTINGS = PlanSettings(crop=8, crops_per_window=2, live_windows=8, window_chunks=2)
SMALL = [Shape(32, 48, (8, 8)), Shape(24, 32, (8, 8))]


def plan_of(sources: Sequence[PairSource], settings: PlanSettings, epoch: int = 0) -> EpochPlan:
    """Plan an epoch over sources."""
    return EpochPlan([source.shape for source in sources], settings, epoch)


def test_crops_come_in_the_order_of_the_plan_with_their_window(tmp_path: Path) -> None:
    sources = make_sources(tmp_path, SMALL)
    plan = plan_of(sources, SETTINGS)
    pool = WindowPool(sources, SETTINGS, threads=2)
    seen = 0
    for index, crop in enumerate(pool.crops(plan, range(len(plan)))):
        assert crop.sample == plan[index]
        window = plan.windows[crop.sample.window]
        assert crop.source is sources[window.frame]
        assert crop.window.packed.shape == (4, 8 * window.rows, 8 * window.columns)
        assert crop.window.target.shape == (3, 16 * window.rows, 16 * window.columns)
        seen += 1
    assert seen == len(plan)


def test_windows_are_held_in_no_more_buffers_than_live_and_ahead(tmp_path: Path) -> None:
    sources = make_sources(tmp_path, SMALL[:1] * 8)
    pool = WindowPool(sources, SETTINGS, threads=2)
    addresses = set()
    for epoch in range(3):
        plan = plan_of(sources, SETTINGS, epoch)
        assert len(plan.windows) > 2 * (SETTINGS.live_windows + READ_AHEAD)
        for crop in pool.crops(plan, range(len(plan))):
            addresses.add(crop.window.packed.__array_interface__["data"][0])
    assert len(addresses) <= SETTINGS.live_windows + READ_AHEAD


@pytest.mark.parametrize("kinds", [1, 5])
def test_memory_stays_below_what_pool_bytes_says(tmp_path: Path, kinds: int) -> None:
    # Windows of 4x4 chunks are as large as their frames, of one or of several cameras.
    chunks = [(16, 24), (24, 16), (12, 32), (32, 12), (48, 8)][:kinds]
    shapes = [Shape(4 * chunk[0], 4 * chunk[1], chunk, "none") for chunk in chunks * 48]
    sources = make_sources(tmp_path, shapes[:48])
    settings = PlanSettings(crop=8, crops_per_window=1, live_windows=8)
    pool = WindowPool(sources, settings, threads=2)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for epoch in range(3):
            plan = plan_of(sources, settings, epoch)
            for _ in pool.crops(plan, range(len(plan))):
                pass
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # For each of two threads a band as it lies in the file and a decoded chunk of each kind.
    chunk = 32 * 48 * 3 * 2 + 16 * 24 * 4 * 2
    band = 4 * 32 * 48 * 3 * 2
    reading = 2 * (band + kinds * chunk) + 200_000
    assert peak < pool_bytes(sources, settings) + reading
    assert peak > pool_bytes(sources, settings) / 2  # a bound that says something


def test_pool_bytes_is_windows_times_their_planes_and_targets(tmp_path: Path) -> None:
    sources = make_sources(tmp_path, [Shape(32, 48, (8, 8), bits=8)])
    expected = (8 + READ_AHEAD + 1) * (4 * 16 * 16 * 2 + 3 * 32 * 32)
    assert pool_bytes(sources, SETTINGS) == expected


def test_pool_bytes_takes_the_largest_camera(tmp_path: Path) -> None:
    sources = make_sources(tmp_path, [Shape(32, 48, (8, 8)), Shape(64, 64, (16, 16))])
    assert pool_bytes(sources, SETTINGS) == pool_bytes(sources[1:], SETTINGS)
    assert pool_bytes(sources, SETTINGS) > pool_bytes(sources[:1], SETTINGS)


@pytest.mark.parametrize("damage", ["packed missing", "target missing", "target cut", "byte"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_damaged_shard_ends_the_stream_with_its_name(
    tmp_path: Path, damage: str, threads: int
) -> None:
    sources = make_sources(tmp_path, SMALL * 4)
    shard = sources[3].packed if damage == "packed missing" else sources[3].target
    broken = local(shard.path)
    data = broken.read_bytes()
    if damage.endswith("missing"):
        broken.unlink()
    elif damage == "target cut":
        broken.write_bytes(data[:-10])
    else:
        broken.write_bytes(data[:10] + bytes([data[10] ^ 1]) + data[11:])
    stream = BatchStream(sources, SETTINGS, batch_size=4, threads=threads)
    # Every window is read within an epoch or two; without an error this ends, and fails.
    two_epochs = islice(stream.batches(), 2 * stream.epoch_length // 4)
    with pytest.raises(StoreDamagedError) as caught:
        deque(two_epochs, maxlen=0)
    assert caught.value.where == str(broken)
    assert not [one for one in threading.enumerate() if one.name.startswith("rawkit-read")]


def test_threads_end_with_a_stream_that_is_left_early(tmp_path: Path) -> None:
    sources = make_sources(tmp_path, SMALL)
    batches = BatchStream(sources, SETTINGS, batch_size=4).batches()
    next(batches)
    assert [one for one in threading.enumerate() if one.name.startswith("rawkit-read")]
    batches.close()  # type: ignore[attr-defined] # a generator
    assert not [one for one in threading.enumerate() if one.name.startswith("rawkit-read")]


def test_a_stream_can_be_left_and_begun_again(tmp_path: Path) -> None:
    stream = BatchStream(make_sources(tmp_path, SMALL), SETTINGS, batch_size=4)
    first = next(stream.batches())
    kept = first.packed.copy()
    again = next(stream.batches())
    np.testing.assert_array_equal(again.packed, kept)
    np.testing.assert_array_equal(first.packed, kept)
