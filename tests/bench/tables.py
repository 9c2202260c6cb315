"""Stores of many frames without pixels: what the table of frames costs, to measure.

``python -m tests.bench.tables FOLDER ROWS`` makes the workspace that the benchmark measures.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from rawkit.store import (
    About,
    ArrayLayout,
    ArrayName,
    FrameTable,
    InMemory,
    packed_layout,
    target_layout,
    write_rows,
)
from rawkit.store.rows import SCHEMA, table_of_rows
from tests.support.factories import frame_row

SHORTS = 8
"""Dark frames of a scene; it has one long besides."""
HEIGHT, WIDTH = 32, 48
"""Rows and columns of a packed plane."""
GROUP = f"test/{HEIGHT}x{WIDTH}"


def table_of(count: int, *, paired_bytes: bool = True) -> pa.Table:
    """Make the table of so many frames, in scenes of 8 dark ones and a long."""
    number = np.arange(count)
    scene, shot = np.divmod(number, SHORTS + 1)
    is_long = shot == SHORTS
    names = [
        f"place-{one // 1000:04d}/scene-{one:07d}/{two}"
        for one, two in zip(scene, shot, strict=True)
    ]
    scenes = [f"place-{one // 1000:04d}/scene-{one:07d}" for one in scene]
    split = np.array(["train", "train", "train", "train", "train", "train", "train", "train",
                      "val", "test"])[scene % 10]  # fmt: skip
    generator = np.random.default_rng(0)
    hashes = generator.bytes(32 * count).hex()
    own = np.cumsum(is_long) - 1
    columns: dict[str, object] = {
        "group": pa.array([GROUP]).take(pa.array(np.zeros(count, np.int64))),
        "index": number,
        "name": names,
        "source": [f"{name}.CR2" for name in names],
        "role": np.where(is_long, "long", "short"),
        "scene": scenes,
        "pair": scenes,
        "split": split,
        "exposure_time": np.where(is_long, 10.0, 0.1 / (1 + shot % 4)),
        "iso": np.where(is_long, 100.0, 100.0 * 2.0 ** (shot % 8)),
        "amplification_base": np.where(is_long, 1.0, generator.uniform(1, 300, count)),
        "target_index": np.where(is_long, own, -1),
        "raw_bytes": generator.integers(20_000_000, 30_000_000, count),
        "pixel_hash": [f"blake3:{hashes[64 * one : 64 * one + 64]}" for one in number],
    }
    if paired_bytes:
        columns["packed_bytes"] = generator.integers(2_000, 12_000, count)
        columns["target_bytes"] = pa.array(np.full(count, 18_500), mask=~is_long)
    model = table_of_rows([frame_row(group=GROUP)])
    repeated = pa.array(np.zeros(count, np.int64))
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns
        else model.column(field.name).combine_chunks().take(repeated)
        for field in SCHEMA
    ]  # fmt: skip
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def layouts() -> dict[tuple[str, ArrayName], ArrayLayout]:
    """Layouts of the arrays of such a store."""
    packed = packed_layout(HEIGHT, WIDTH, "lz4")
    return {(GROUP, "packed"): packed, (GROUP, "target"): target_layout(packed, 16, "lz4")}


def make_store(path: Path, count: int, collection: str = "many") -> Path:
    """Write the store of so many frames, without a shard."""
    about = About({"collection": collection, "title": "Many"}, {"bits": 16}, layouts())
    write_rows(path, FrameTable([InMemory(table_of(count))]), about)
    return path


if __name__ == "__main__":
    make_store(Path(sys.argv[1]) / "stores" / "many.zarr", int(sys.argv[2]))
