"""Clips: neighbouring frames at one place, from the same plan as crops of frames."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise
from time import sleep
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.catalog import Selection, load_definition
from rawkit.errors import UsageError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.sensor import Amplification, pack, unpack
from rawkit.store import encode_shard
from rawkit.stream import (
    BatchStream,
    EpochPlan,
    FrameShape,
    FrameShapes,
    PlanSettings,
    RankShare,
    epoch_length,
    jobs,
    open_stream,
    pool_bytes,
    shapes_of,
)
from rawkit.stream.reader import OpenShard, open_shard
from rawkit.stream.runs import runs_of
from rawkit.stream.settings import LANES
from rawkit.stream.shapes import window_size
from rawkit.stream.tensors import tensors_of
from rawkit.subset import make_subset
from rawkit.synth import make_collection
from rawkit.workspace import Workspace
from tests.support.factories import local
from tests.support.fixtures_stream import Shape, assert_same_batch, make_sources

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.stream import Batch, ChunkCache, PairSource, ShardFile

CLIP = 3
SETTINGS = PlanSettings(
    crop=14, crops_per_window=2, live_windows=16, window_chunks=2, seed=9, clip=CLIP
)
NUMBERS = {"a": (0, 1, 2, 3, 4, 6, 7), "b": (5, 6, 7, 8), "c": (1, 3)}
"""Frames of videos: one has a gap, and one has no clip."""


def in_videos(sources: list[PairSource], numbers: dict[str, tuple[int, ...]]) -> list[PairSource]:
    """Name frames as those of videos, in an order that says nothing."""
    names = [f"{video}.npy#{number:04d}" for video, each in numbers.items() for number in each]
    named = [
        replace(
            source, name=f"test/{name}", scene=name[0], camera="", white_level=4000.0, iso=100.0,
            exposure_ratio=10.0, gain_ratio=10.0, white_balance=sources[0].white_balance,
        )
        for source, name in zip(sources, names, strict=True)
    ]  # fmt: skip
    order = np.random.default_rng(1).permutation(len(named)).tolist()
    return [named[place] for place in order]


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[PairSource]:
    """Frames of three videos, each of noise of its own."""
    count = sum(len(each) for each in NUMBERS.values())
    shapes = [Shape(20, 26, (7, 9), bits=8)] * count
    return in_videos(make_sources(tmp_path_factory.mktemp("videos"), shapes), NUMBERS)


@pytest.fixture(scope="session")
def reference(videos: list[PairSource]) -> list[Batch]:
    """Return the batches of two epochs and more, read by one thread in one go."""
    stream = BatchStream(videos, SETTINGS, batch_size=5, threads=1)
    return list(islice(stream.batches(), stream.epoch_length * 5 // 2 // 5))


Plan = tuple[FrameShapes, PlanSettings, int]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Frames of videos with gaps, in any order, settings that fit, and an epoch."""
    shape = FrameShape(draw(st.integers(8, 40)), draw(st.integers(8, 40)), (7, 9))
    clip = draw(st.integers(2, 5))
    there = {("v", number) for number in range(clip)}
    there |= draw(st.sets(st.tuples(st.sampled_from("vw"), st.integers(0, 25)), max_size=40))
    frames = draw(st.permutations(sorted(there)))
    names = [f"{video}#{number}" for video, number in frames]
    neighbours = runs_of(names, [0] * len(frames))
    shapes = FrameShapes([shape], np.zeros(len(frames), np.int32), neighbours=lambda: neighbours)
    chosen = PlanSettings(
        crop=2 * draw(st.integers(1, 6)),
        crops_per_window=draw(st.integers(1, 3)),
        live_windows=LANES * draw(st.integers(1, 2)),
        window_chunks=draw(st.integers(1, 3)),
        seed=draw(st.integers(0, 99)),
        group=draw(st.none() | st.integers(1, 30)),
        clip=clip,
    )
    return shapes, chosen, draw(st.integers(0, 9))


@given(plans())
def test_clips_lie_in_runs_that_they_cover_about_once(plan: Plan) -> None:
    shapes, chosen, epoch = plan
    made = EpochPlan(shapes, chosen, epoch)
    assert len(made) == epoch_length(shapes, chosen)
    runs = shapes.clips(chosen.clip).runs
    assert runs is not None
    inside = [set(runs.members(run, 0, int(many))) for run, many in enumerate(runs.lengths)]
    counts = Counter(window.frame for window in made.windows)
    for window in made.windows:
        frames = made.frames_of(window)
        assert len(frames) == chosen.clip
        assert set(frames) <= inside[window.frame]
        assert min(window_size(shapes[0], window)) >= chosen.extent
    for run, length in enumerate(runs.lengths.tolist()):
        in_space = epoch_length([shapes[0]] * LANES, replace(chosen, clip=1))
        in_space //= LANES * chosen.crops_per_window
        assert counts[run] >= in_space * max(1, round(length / chosen.clip))


@settings(max_examples=25)
@given(plans(), st.sampled_from([1, 2, 4, 8]), st.integers(0, 300))
def test_ranks_share_the_windows_of_clips(plan: Plan, ranks: int, position: int) -> None:
    shapes, chosen, _ = plan
    alone = RankShare(LANES)
    whole = islice(jobs(lambda _: shapes, chosen, alone, position), 40)
    uses = {
        (use.batch * LANES + use.slot, job.frames, use.sample) for job in whole for use in job.uses
    }
    parts = set()
    for rank in range(ranks):
        share = RankShare(LANES, rank, ranks)
        for job in islice(jobs(lambda _: shapes, chosen, share, position), 40):
            for use in job.uses:
                number = (use.batch * share.size + use.slot) * ranks + (rank - position) % ranks
                parts.add((number, job.frames, use.sample))
    assert uses <= parts


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("in_bursts", [False, True])
def test_clips_are_the_same_for_any_number_of_threads(
    videos: list[PairSource], reference: list[Batch], threads: int, *, in_bursts: bool
) -> None:
    stream = BatchStream(videos, SETTINGS, batch_size=5, threads=threads, in_bursts=in_bursts)
    for one, other in zip(reference, stream.batches(), strict=False):
        assert_same_batch(one, other)


@given(st.data())
@settings(max_examples=10)
def test_a_stream_of_clips_goes_on_from_any_position(
    videos: list[PairSource], reference: list[Batch], data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(reference) - 1))
    stream = BatchStream(videos, SETTINGS, batch_size=5, threads=data.draw(st.integers(1, 3)))
    rest = islice(stream.batches(reference[start - 1].position if start else 0), 3)
    for one, other in zip(reference[start:], rest, strict=False):
        assert_same_batch(one, other)


def test_clips_do_not_depend_on_the_order_of_rows(
    videos: list[PairSource], reference: list[Batch]
) -> None:
    stream = BatchStream(videos[::-1], SETTINGS, batch_size=5)
    for one, other in zip(reference[:6], stream.batches(), strict=False):
        assert_same_batch(one, other)


def test_every_frame_of_a_clip_is_the_frame_of_its_number(
    videos: list[PairSource], reference: list[Batch]
) -> None:
    plain = PlanSettings(crop=14, live_windows=8, window_chunks=2, augment=False, clip=1)
    alone = {source.name: read_whole(source) for source in videos}
    seen = set()
    for batch in reference:
        n = plain.packed_side
        assert batch.packed.shape == (5, CLIP, 4, n, n)
        assert batch.target.shape == (5, CLIP, 3, 2 * n, 2 * n)
        assert batch.black_level.shape == (5, CLIP, 4)
        for place, origin in enumerate(batch.origins):
            assert origin.frames == CLIP
            video, number = origin.frame.split("#")
            frames = [f"{video}#{int(number) + step:04d}" for step in range(CLIP)]
            seen.add(origin.frame)
            if origin.augmentation & 8:
                frames.reverse()
            if origin.augmentation & 7:
                continue
            rows, columns = (slice(at, at + n) for at in (origin.top, origin.left))
            for time, name in enumerate(frames):
                packed, target = alone[name]
                np.testing.assert_array_equal(batch.packed[place, time], packed[:, rows, columns])
                twice = [slice(2 * one.start, 2 * one.stop) for one in (rows, columns)]
                np.testing.assert_array_equal(batch.target[place, time], target[:, *twice])
    # Frame 5 of the first video is missing, so that no clip begins with frame 3, 4, 6 or 7.
    begins = ("a.npy#0000", "a.npy#0001", "a.npy#0002", "b.npy#0005", "b.npy#0006")
    assert seen == {f"test/{name}" for name in begins}


def read_whole(source: PairSource) -> tuple[np.ndarray, np.ndarray]:
    """Read the frame and its target with zarr."""
    import zarr

    group = zarr.open_group(local(source.packed.path).parents[5], mode="r")
    packed, target = group["packed"], group["target"]
    assert isinstance(packed, zarr.Array)
    assert isinstance(target, zarr.Array)
    return np.asarray(packed[0]), np.asarray(target[0])


def test_flips_transposes_and_reversals_keep_the_phase_and_the_levels(tmp_path: Path) -> None:
    sources = make_sources(tmp_path, [Shape(30, 30, (10, 10))] * 6)
    sources = sorted(in_videos(sources, {"a": tuple(range(6))}), key=lambda source: source.name)
    for time, source in enumerate(sources):
        # Each pixel of the mosaic says where and when it is, and so does the target.
        ids = np.arange(60 * 60, dtype=np.uint16).reshape(60, 60) + np.uint16(3600 * time)
        local(source.packed.path).write_bytes(encode_shard(pack(ids), source.packed.layout))
        whole = np.stack([ids] * 3)
        local(source.target.path).write_bytes(encode_shard(whole, source.target.layout))
        source.black_level[:] = np.arange(1, 5) + 10 * time
    chosen = PlanSettings(crop=12, crops_per_window=4, live_windows=8, window_chunks=2, clip=4)
    stream = BatchStream(sources, chosen, batch_size=LANES)
    augmentations = set()
    for batch in islice(stream.batches(), 12):
        for place, origin in enumerate(batch.origins):
            augmentations.add(origin.augmentation)
            times = []
            for time in range(4):
                mosaic = unpack(batch.packed[place, time])
                for channel in batch.target[place, time]:
                    np.testing.assert_array_equal(channel, mosaic)
                when, where = divmod(int(batch.packed[place, time, 1, 0, 0]), 3600)
                levels = [1, 4, 3, 2] if where // 60 % 2 else [1, 2, 3, 4]
                np.testing.assert_array_equal(
                    batch.black_level[place, time], np.array(levels) + 10 * when
                )
                times.append(when)
            step = -1 if origin.augmentation & 8 else 1
            assert times == list(range(times[0], times[0] + 4 * step, step))
    assert augmentations == set(range(16))


def test_a_long_that_a_burst_shares_is_the_target_of_every_frame(
    videos: list[PairSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    burst = [replace(one, target=videos[0].target) for one in videos if one.scene == "b"]
    opened: list[object] = []

    def noting(shard: ShardFile, cache: ChunkCache | None = None) -> OpenShard:
        opened.append(shard)
        return open_shard(shard, cache)

    monkeypatch.setattr("rawkit.stream.window.open_shard", noting)
    _, target = read_whole(videos[0])
    stream = BatchStream(burst, replace(SETTINGS, augment=False), batch_size=4, threads=1)
    for batch in islice(stream.batches(), stream.epoch_length // 4):
        for place, origin in enumerate(batch.origins):
            rows, columns = (slice(2 * at, 2 * at + 14) for at in (origin.top, origin.left))
            for time in range(CLIP):
                np.testing.assert_array_equal(batch.target[place, time], target[:, rows, columns])
    longs = opened.count(videos[0].target)
    assert longs
    assert (len(opened) - longs) / CLIP == pytest.approx(longs, abs=1)


def test_a_frame_of_a_burst_that_repeats_another_is_in_its_clips(tmp_path: Path) -> None:
    # As the collection itself, its look-alike has every fourth frame twice.
    make_collection("smid", tmp_path / "data", scenes=1, shots=8, size=(64, 96))
    store = tmp_path / "stores/smid.zarr"
    plan = plan_ingest(load_definition("smid"), tmp_path / "data", store, Selection(), targets=8)
    assert run_ingest(plan, workers=0).duplicates
    make_subset(Workspace(tmp_path), [store], fraction=1.0)
    stream = open_stream(tmp_path, clip=8, crop=32, batch_size=4, augment=False)
    batches = stream.batches()
    batch = next(batches)
    batches.close()
    assert set(batch.names) == {"smid/short/0001/0001.ARW"}
    for crop, target in zip(batch.packed, batch.target, strict=True):
        same = [(one == other).all() for one, other in pairwise(crop)]
        assert same == [False, False, True, False, False, False, True]
        assert (target == target[0]).all()


def test_few_shards_of_a_long_clip_are_open_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = make_sources(tmp_path, [Shape(16, 16, (8, 8))] * 24)
    sources = in_videos(sources, {"a": tuple(range(24))})
    is_open: set[int] = set()
    most = 0
    start, close = OpenShard.__init__, OpenShard.close

    def noted(self: OpenShard, *rest: object) -> None:
        nonlocal most
        start(self, *rest)  # type: ignore[arg-type] # handed on
        is_open.add(id(self))
        most = max(most, len(is_open))

    def closed(self: OpenShard) -> None:
        close(self)
        is_open.remove(id(self))

    monkeypatch.setattr(OpenShard, "__init__", noted)
    monkeypatch.setattr(OpenShard, "close", closed)
    chosen = PlanSettings(crop=14, live_windows=8, clip=24)
    for _ in islice(BatchStream(sources, chosen, batch_size=2, threads=1).batches(), 8):
        pass
    assert most <= 8
    assert not is_open


@pytest.mark.parametrize("clip", [2, 12])
def test_memory_of_clips_stays_below_what_pool_bytes_says(tmp_path: Path, clip: int) -> None:
    sources = make_sources(tmp_path, [Shape(70, 70, (35, 35), bits=8)] * 24)
    sources = in_videos(sources, {"a": tuple(range(24))})
    chosen = PlanSettings(crop=128, crops_per_window=2, live_windows=8, clip=clip)
    for _ in islice(BatchStream(sources, chosen, batch_size=1).batches(), 4):
        pass
    stream = BatchStream(sources, chosen, batch_size=1)
    tracemalloc.start()
    try:
        for number, _ in enumerate(islice(stream.batches(), 60)):
            if number == 20:
                sleep(0.5)  # threads fill all that there is room for
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    crop = clip * (4 * 64 * 64 * 2 + 3 * 128 * 128)
    assert peak < pool_bytes(sources, chosen) + 2 * crop + 400_000
    assert peak > pool_bytes(sources, chosen) / 3


def test_frames_are_drawn_as_ever_where_a_clip_has_one(videos: list[PairSource]) -> None:
    chosen = replace(SETTINGS, clip=1)
    shapes = shapes_of(videos)
    plain = FrameShapes(shapes.kinds, shapes.which, shapes.longs)
    one, other = EpochPlan(shapes, chosen, 2), EpochPlan(plain, chosen, 2)
    assert one.windows == other.windows
    assert [one[at] for at in range(len(one))] == [other[at] for at in range(len(other))]
    assert all(one[at].augmentation < 8 for at in range(len(one)))


def test_tensors_of_clips_have_planes_first_and_one_amplification(reference: list[Batch]) -> None:
    import torch

    batch = reference[0]
    found = tensors_of(batch, Amplification("auto", 1.0))
    assert found.planes.shape == (5, 4, CLIP, 7, 7)
    assert found.target.shape == (5, 3, CLIP, 14, 14)
    assert found.planes.is_contiguous()
    assert found.target.is_contiguous()
    assert found.amplification.shape == (5,)
    for place in range(5):
        for time in range(CLIP):
            black = torch.from_numpy(batch.black_level[place, time])[:, None, None]
            plain = torch.from_numpy(batch.packed[place, time]).float() - black
            plain = plain.clamp(min=0) / (float(batch.white_level[place]) - black)
            expected = plain * found.amplification[place]
            torch.testing.assert_close(found.planes[place, :, time], expected)
            target = torch.from_numpy(batch.target[place, time]).float() / 255
            torch.testing.assert_close(found.target[place, :, time], target)


def test_clips_longer_than_every_run_are_refused(videos: list[PairSource]) -> None:
    with pytest.raises(UsageError, match="longest run of neighbours among 13 frames has 5"):
        BatchStream(videos, replace(SETTINGS, clip=6), batch_size=2)


def test_clips_of_photographs_are_refused(tmp_path: Path) -> None:
    sources = [
        replace(one, name=f"test/photo {letter}.dng")
        for one, letter in zip(
            make_sources(tmp_path, [Shape(20, 20, (9, 9))] * 2), "ab", strict=True
        )
    ]
    with pytest.raises(UsageError, match="none of 2 frames is the neighbour of another"):
        BatchStream(sources, SETTINGS, batch_size=2)


def test_a_clip_has_a_frame() -> None:
    with pytest.raises(UsageError, match="clips of 0 frames"):
        PlanSettings(crop=14, clip=0)
