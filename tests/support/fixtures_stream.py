"""Shards with chunks of any size, tiny trainings, copies of workspaces."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.models import build
from rawkit.store import ArrayLayout, encode_shard
from rawkit.store.layout import data_array_metadata, encode_json, group_metadata
from rawkit.stream import Batch, PairSource
from rawkit.stream.reader import ShardFile
from rawkit.train import LAST, TrainSettings, TrainState, save_checkpoint
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.store.layout import Codec

TINY = TrainSettings(
    subset="f1", steps=4, crop=32, batch_size=2, ms_ssim_weight=0.0, live_windows=8
)
"""A training of a second."""


@dataclass(frozen=True)
class Shape:
    """One frame to be made."""

    height: int
    """Rows of a packed plane."""
    width: int
    """Columns of a packed plane."""
    chunk: tuple[int, int]
    """Rows and columns of a chunk of packed pixels."""
    codec: Codec = "lz4"
    """Codec of the packed planes."""
    bits: int = 16
    """Bits of the target."""
    target_codec: Codec = "lz4"
    """Codec of the target."""


def write_array(group: Path, layout: ArrayLayout, frame: NDArray[np.generic]) -> ShardFile:
    """Write an array of one frame that zarr can open too."""
    shard = group / layout.key(0)
    shard.parent.mkdir(parents=True)
    shard.write_bytes(encode_shard(frame, layout))
    metadata = encode_json(data_array_metadata(layout, {}))
    (group / layout.name / "zarr.json").write_bytes(metadata)
    return ShardFile(shard, layout)


def make_sources(folder: Path, shapes: Sequence[Shape], *, seed: int = 0) -> list[PairSource]:
    """Write one frame of noise and its target for each shape, each into a group of its own."""
    generator = np.random.default_rng(seed)
    sources = []
    for number, shape in enumerate(shapes):
        group = folder / f"frame-{number}"
        group.mkdir(parents=True)
        (group / "zarr.json").write_bytes(encode_json(group_metadata({})))
        packed = ArrayLayout(
            "packed", 1, 4, shape.height, shape.width, shape.chunk, "uint16", shape.codec
        )
        target = ArrayLayout(
            "target", 1, 3, 2 * shape.height, 2 * shape.width,
            (2 * shape.chunk[0], 2 * shape.chunk[1]),
            "uint8" if shape.bits == 8 else "uint16", shape.target_codec,
        )  # fmt: skip
        files = [
            write_array(
                group,
                layout,
                generator.integers(
                    0, high, (layout.planes, layout.height, layout.width), layout.dtype
                ),
            )
            for layout, high in ((packed, 16384), (target, 2**shape.bits))
        ]
        sources.append(
            PairSource(
                name=f"test/frame-{number}",
                packed=files[0],
                target=files[1],
                black_level=np.array([512, 513, 514, 515], np.float32) + number,
                white_level=16383.0 - number,
                amplification_base=3.0 + number,
                exposure_ratio=100.0 + number,
                gain_ratio=50.0 + number,
                iso=100.0 * (1 + number),
                camera=f"camera {number}",
                white_balance=np.array([2.0, 1.0, 1.5, 1.1], np.float32) + number / 10,
            )
        )
    return sources


def assert_same_batch(one: Batch, other: Batch) -> None:
    """Compare two batches, every field of them but where the stores lie."""
    for field in fields(Batch):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if field.name == "origins":
            first, second = (
                [replace(origin, store="") for origin in part] for part in (first, second)
            )
            assert first == second
            continue
        if isinstance(first, np.ndarray):
            assert first.dtype == second.dtype, field.name
        np.testing.assert_array_equal(first, second, err_msg=field.name)


def copy_workspace(workspace: Workspace, folder: Path) -> Workspace:
    """Copy a workspace to change it."""
    shutil.copytree(workspace.root, folder, dirs_exist_ok=True)
    return Workspace(folder)


def tiny(steps: int = 4, **changes: object) -> TrainSettings:
    """Return settings of a training of so many steps."""
    return replace(TINY, steps=steps, **changes)  # type: ignore[arg-type] # any field


def add_run(workspace: Workspace, name: str, **changes: object) -> None:
    """Add a run whose last checkpoint has random weights, the same whatever tests ran before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = build("lamba2021").state_dict()
    state = TrainState(tiny(**changes), weights, {}, 1, 1, 0.0)  # type: ignore[arg-type] # any field
    save_checkpoint(workspace.root / "runs" / name / LAST, state)
