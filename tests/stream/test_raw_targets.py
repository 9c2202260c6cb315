"""Pairs whose targets are the planes of the longs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import UsageError
from rawkit.sensor import Amplification
from rawkit.stream import Batch, BatchStream, PlanSettings, pair_sources
from rawkit.stream.tensors import tensors_of
from rawkit.subset import load_subset, open_stores
from rawkit.train.shards import read_shard
from tests.support.fixtures_stream import Shape, make_sources

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.workspace import Workspace

    Numbers = NDArray[np.float32]


pytest_plugins = ("tests.support.fixtures_workspace",)


def test_targets_are_cut_and_turned_as_the_planes_are(tmp_path: Path) -> None:
    (one,) = make_sources(tmp_path, [Shape(40, 48, (16, 16))])
    levels = np.array([*one.black_level, one.white_level], np.float32)
    same = replace(one, target=one.packed, target_levels=levels, gain_ratio=4.0)
    settings = PlanSettings(crop=16, crops_per_window=2, live_windows=8, window_chunks=2)
    stream = BatchStream([same], settings, batch_size=4)
    turned = set()
    for batch in islice(stream.batches(), 8):
        assert np.array_equal(batch.target, batch.packed)
        assert batch.target_levels is not None
        assert np.array_equal(batch.target_levels[:, :4], batch.black_level)
        turned |= {one.augmentation for one in batch.origins}
        found = tensors_of(batch, Amplification("number", 8.0))
        assert np.allclose(found.target.numpy() * 4, found.planes.numpy())
        scale, offset = np.full(4, 0.5, np.float32), np.full(4, 3.0, np.float32)
        found = tensors_of(batch, Amplification("auto"), stabiliser=partial(_line, scale, offset))
        assert np.allclose((found.target.numpy() - 3) * 4, found.planes.numpy() - 3, atol=1e-4)
    assert len(turned) > 4
    unknown = replace(batch, gain_ratio=np.full(4, np.nan), exposure_ratio=np.full(4, np.nan))
    with pytest.raises(UsageError, match="a known ratio"):
        tensors_of(unknown, Amplification("auto"))


def _line(scale: Numbers, offset: Numbers, _: Batch) -> tuple[Numbers, Numbers]:
    return scale, offset


def test_longs_are_those_of_the_pairs(sid_workspace: Workspace) -> None:
    subset = load_subset(sid_workspace.subsets()[0])
    stores = open_stores(subset, sid_workspace)
    pictures, raws = (pair_sources(subset, stores, "train", raw=raw) for raw in (False, True))
    for picture, raw in zip(pictures, raws, strict=True):
        assert raw.target.layout == raw.packed.layout
        store = stores[raw.name.partition("/")[0]]
        rows = {row.index: row for row in store.rows if row.role == "long"}
        long = rows[int(str(raw.target.path).split("/")[-4])]
        assert long.target_index == int(str(picture.target.path).split("/")[-4])
        assert raw.target_levels is not None
        assert raw.target_levels.tolist() == [*long.black_level, long.white_level]
        short, bright = (read_shard(one).astype(np.float32) for one in (raw.packed, raw.target))
        light = [one.mean() - raw.black_level.mean() for one in (short, bright)]
        assert light[1] / light[0] == pytest.approx(raw.gain_ratio, rel=0.25)
