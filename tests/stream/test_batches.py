"""Batches: the same for any number of threads and from any position, and the store's own pixels."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import SelectionError, StoreError, UsageError
from rawkit.sensor import unpack
from rawkit.store import Store, write_rows
from rawkit.stream import Batch, BatchStream, EpochPlan, PlanSettings, pair_sources
from rawkit.stream.settings import LANES
from rawkit.subset import Subset, load_subset
from tests.support.factories import local
from tests.support.fixtures_stream import Shape, assert_same_batch, make_sources

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.stream import PairSource
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)

SETTINGS = PlanSettings(crop=14, crops_per_window=3, live_windows=16, window_chunks=2, seed=11)
SHAPES = [
    Shape(30, 45, (8, 12)),
    Shape(25, 40, (9, 9), codec="none"),
    Shape(41, 16, (10, 16)),
]
BATCH = 5
"""Does not divide an epoch, so that batches cross its border."""


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[PairSource]:
    """Three frames of different sizes, chunks and codecs."""
    return make_sources(tmp_path_factory.mktemp("sources"), SHAPES)


@pytest.fixture(scope="session")
def reference(sources: list[PairSource]) -> list[Batch]:
    """Return the batches of two epochs and a half, read by one thread in one go."""
    stream = BatchStream(sources, SETTINGS, batch_size=BATCH, threads=1)
    count = stream.epoch_length * 5 // 2 // BATCH
    assert stream.epoch_length % BATCH
    return list(islice(stream.batches(), count))


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("in_bursts", [False, True])
def test_batches_are_the_same_for_any_number_of_threads(
    sources: list[PairSource], reference: list[Batch], threads: int, *, in_bursts: bool
) -> None:
    stream = BatchStream(sources, SETTINGS, batch_size=BATCH, threads=threads, in_bursts=in_bursts)
    for one, other in zip(reference, stream.batches(), strict=False):
        assert_same_batch(one, other)


@given(st.data())
@settings(max_examples=30)
def test_a_stream_goes_on_from_any_position_as_if_it_had_never_stopped(
    sources: list[PairSource], reference: list[Batch], data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(reference) - 1))
    threads, in_bursts = data.draw(st.integers(1, 3)), data.draw(st.booleans())
    stream = BatchStream(sources, SETTINGS, batch_size=BATCH, threads=threads, in_bursts=in_bursts)
    position = reference[start - 1].position if start else 0
    rest = islice(stream.batches(position), 4)
    for one, other in zip(reference[start:], rest, strict=False):
        assert_same_batch(one, other)


@given(st.integers(0, 200), st.integers(1, 7))
@settings(max_examples=30)
def test_samples_do_not_depend_on_the_size_of_batches(
    sources: list[PairSource], reference: list[Batch], position: int, size: int
) -> None:
    crops = np.concatenate([batch.packed for batch in reference])
    names = [name for batch in reference for name in batch.names]
    stream = BatchStream(sources, SETTINGS, batch_size=size, threads=2)
    for batch in islice(stream.batches(position), 3):
        first, last = batch.position - size, batch.position
        if last > len(crops):
            break
        np.testing.assert_array_equal(batch.packed, crops[first:last])
        assert list(batch.names) == names[first:last]


def test_positions_count_samples(reference: list[Batch]) -> None:
    assert [batch.position for batch in reference[:3]] == [BATCH, 2 * BATCH, 3 * BATCH]


def test_epochs_follow_each_other_and_differ(sources: list[PairSource]) -> None:
    stream = BatchStream(sources, SETTINGS, batch_size=LANES)
    per_epoch = stream.epoch_length // LANES
    batches = list(islice(stream.batches(), 2 * per_epoch))
    second = next(BatchStream(sources, SETTINGS, batch_size=LANES).batches(stream.epoch_length))
    assert_same_batch(batches[per_epoch], second)
    assert (batches[0].packed != batches[per_epoch].packed).any()


def test_the_pixels_of_a_batch_are_those_that_zarr_reads(sources: list[PairSource]) -> None:
    plain = PlanSettings(
        crop=14, crops_per_window=3, live_windows=16, window_chunks=2, augment=False, seed=4
    )
    stream = BatchStream(sources, plain, batch_size=LANES)
    plan = EpochPlan([source.shape for source in sources], plain, 0)
    n, index = plain.packed_side, 0
    for batch in islice(stream.batches(), len(plan) // LANES):
        for place in range(LANES):
            sample = plan[index]
            window = plan.windows[sample.window]
            source = sources[window.frame]
            top = window.top * source.shape.chunk[0] + sample.top
            left = window.left * source.shape.chunk[1] + sample.left
            group = zarr.open_group(local(source.packed.path).parents[5], mode="r")
            packed, target = group["packed"], group["target"]
            assert isinstance(packed, zarr.Array)
            assert isinstance(target, zarr.Array)
            np.testing.assert_array_equal(
                batch.packed[place], packed[0, :, top : top + n, left : left + n]
            )
            np.testing.assert_array_equal(
                batch.target[place],
                target[0, :, 2 * top : 2 * (top + n), 2 * left : 2 * (left + n)],
            )
            assert batch.names[place] == source.name
            np.testing.assert_array_equal(batch.black_level[place], source.black_level)
            assert batch.white_level[place] == source.white_level
            assert batch.amplification_base[place] == source.amplification_base
            assert batch.gain_ratio[place] == source.gain_ratio
            assert batch.exposure_ratio[place] == source.exposure_ratio
            assert batch.iso[place] == source.iso
            index += 1
    assert index == len(plan)


def test_augmented_crops_lie_on_their_targets_with_their_levels(tmp_path: Path) -> None:
    (source,) = make_sources(tmp_path, [Shape(30, 30, (10, 10))])
    # Each pixel of the mosaic says where it is, and so does the target; planes their level.
    ids = np.arange(60 * 60, dtype=np.uint16).reshape(60, 60)
    from rawkit.sensor import pack
    from rawkit.store import encode_shard

    local(source.packed.path).write_bytes(encode_shard(pack(ids), source.packed.layout))
    local(source.target.path).write_bytes(encode_shard(np.stack([ids] * 3), source.target.layout))
    chosen = PlanSettings(crop=12, crops_per_window=8, live_windows=8, window_chunks=2)
    stream = BatchStream([source], chosen, batch_size=LANES)
    swapped = 0
    for batch in islice(stream.batches(), 10):
        for place in range(LANES):
            mosaic = unpack(batch.packed[place])
            for channel in batch.target[place]:
                np.testing.assert_array_equal(channel, mosaic)
            # G1 lies on even rows of the whole mosaic unless the crop was transposed.
            transposed = int(batch.packed[place, 1, 0, 0]) // 60 % 2 == 1
            levels = [512, 515, 514, 513] if transposed else [512, 513, 514, 515]
            np.testing.assert_array_equal(batch.black_level[place], levels)
            balance = [2.0, 1.1, 1.5, 1.0] if transposed else [2.0, 1.0, 1.5, 1.1]
            np.testing.assert_array_equal(batch.white_balance[place], np.array(balance, "f4"))
            swapped += transposed
    assert 20 < swapped < 60  # of 80


def test_targets_of_two_types_in_one_stream_are_refused(tmp_path: Path) -> None:
    mixed = make_sources(tmp_path, [SHAPES[0], Shape(30, 45, (8, 12), bits=8)])
    with pytest.raises(UsageError, match="uint16 and uint8"):
        BatchStream(mixed, SETTINGS, batch_size=2)


@pytest.mark.parametrize(("size", "threads"), [(0, 1), (1, 0), (-1, 1)])
def test_empty_batches_and_no_threads_are_refused(
    sources: list[PairSource], size: int, threads: int
) -> None:
    with pytest.raises(UsageError):
        BatchStream(sources, SETTINGS, batch_size=size, threads=threads)


def test_a_crop_larger_than_a_frame_is_refused_when_the_stream_is_made(
    sources: list[PairSource],
) -> None:
    with pytest.raises(UsageError, match="mosaic pixels from frames of 32"):
        BatchStream(sources, PlanSettings(crop=32), batch_size=2)


def subset_of(workspace: Workspace) -> Subset:
    """Return the subset of everything."""
    return load_subset(workspace.subset("f1"))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_sources_are_the_pairs_of_a_split_with_the_coordinates_of_the_store(
    sid_workspace: Workspace, split: str
) -> None:
    store = Store(sid_workspace.store("sid"))
    found = pair_sources(subset_of(sid_workspace), {"sid": store}, split)
    assert [one.name for one in found] == [
        f"sid/{row.name}" for row in store.rows if row.split == split and row.role == "short"
    ]
    (group,) = store.groups.values()
    opened = zarr.open_group(sid_workspace.store("sid"), mode="r", path=group.name)
    arrays = {name: np.asarray(array[:]) for name, array in opened.arrays()}
    for source in found:
        index = int(local(source.packed.path).parts[-4])
        truth = int(local(source.target.path).parts[-4])
        assert arrays["role"][index] == 0
        assert arrays["target_index"][index] == truth
        np.testing.assert_array_equal(arrays["black_level"][index], source.black_level)
        for name in ("white_level", "amplification_base", "exposure_ratio", "gain_ratio", "iso"):
            assert arrays[name][index] == getattr(source, name), name
        assert source.camera == "ILCE-7SM2"
        np.testing.assert_array_equal(arrays["white_balance"][truth], source.white_balance)


def test_the_balance_of_a_pair_is_that_of_its_long_as_the_target_was_rendered_with_it(
    sid_workspace: Workspace, tmp_path: Path
) -> None:
    from dataclasses import replace

    store = Store(sid_workspace.store("sid"))
    rows = tuple(store.rows)
    first = next(row for row in rows if row.role == "long")
    balances = {"long": (1.5, 1.0, 2.5, 1.0), "short": (9.0, 1.0, 9.0, 1.0)}
    rows = tuple(
        replace(row, white_balance_source="unknown")
        if row == first
        else replace(row, white_balance=balances[row.role])
        for row in rows
    )
    write_rows(tmp_path / "sid.zarr", rows, store.about)
    found = pair_sources(subset_of(sid_workspace), {"sid": Store(tmp_path / "sid.zarr")}, None)
    unknown = [one for one in found if np.isnan(one.white_balance).all()]
    own = {row.name for row in rows if row.role == "short" and row.pair == first.pair}
    assert {one.name for one in unknown} == {f"sid/{name}" for name in own}
    for one in found:
        if one not in unknown:
            np.testing.assert_array_equal(one.white_balance, np.array(balances["long"], "f4"))


def test_a_split_without_pairs_is_named(sid_workspace: Workspace) -> None:
    from dataclasses import replace

    subset = subset_of(sid_workspace)
    frames = tuple(frame for frame in subset.frames if frame.split != "val")
    with pytest.raises(SelectionError, match="no pair in split val"):
        pair_sources(
            replace(subset, frames=frames), {"sid": Store(sid_workspace.store("sid"))}, "val"
        )


@pytest.mark.parametrize("change", [{"index": 4000}, {"group": "gone/1x1"}, {"name": "other"}])
def test_a_subset_of_another_store_is_noticed(
    sid_workspace: Workspace, change: dict[str, int | str]
) -> None:
    from dataclasses import replace

    subset = subset_of(sid_workspace)
    frames = tuple(replace(frame, **change) for frame in subset.frames)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="no longer frame") as caught:
        pair_sources(
            replace(subset, frames=frames), {"sid": Store(sid_workspace.store("sid"))}, "train"
        )
    assert "--refresh" in (caught.value.fix or "")
