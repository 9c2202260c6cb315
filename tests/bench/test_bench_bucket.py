"""Ingest into a bucket by machines that share no folder: two do nearly twice as much as one."""

from __future__ import annotations

import json
import os
import zipfile
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.synth import DngMeta, write_dng
from tests.support.namespaces import (
    copy_objects,
    end,
    network,
    put_objects,
    serve_objects,
    start_dask,
    start_workers,
)

if TYPE_CHECKING:
    from pathlib import Path

FRAMES, ROUNDS = 16, 2
CORES = 6
"""Two for the workers, and others for the object store, the scheduler and the client."""
MARK = 1.8


def write_raw(folder: Path) -> Path:
    """Write a zip of frames of 12 MP as cameras compress them."""
    numbers, archive = np.random.default_rng(0), folder / "raw.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for number in range(FRAMES):
            mosaic = np.clip(numbers.normal(560, 12, (2848, 4256)), 0, 16383).astype(np.uint16)
            one = folder / f"{number:02d}.dng"
            meta = DngMeta("Rawkit", "Test", black_level=512.0)
            write_dng(one, mosaic, meta, lossless_jpeg=True)
            packed.write(one, one.name)
            one.unlink()
    return archive


@pytest.mark.bench
@pytest.mark.parametrize("megabits", [None, 50])
def test_two_machines_ingest_nearly_twice_as_fast_as_one(
    tmp_path: Path, megabits: int | None
) -> None:
    """With lines that are the limit this shows on a machine of few cores, too."""
    archive = write_raw(tmp_path)
    with network("scheduler", "one", "two", "client", "store", hidden=[tmp_path]) as machines:
        client, settings = machines["client"], serve_objects(machines["store"], "night")
        put_objects(client, "s3://night", settings, archive)
        if megabits is not None:
            machines["one"].limit(megabits)
            machines["two"].limit(megabits)
        scheduler, _ = start_dask(machines["scheduler"], [machines["one"]], settings)
        seconds: dict[int, list[float]] = {1: [], 2: []}
        stores = []

        def ingest(workers: int, number: int) -> None:
            stores.append(f"s3://night/stores-{workers}-{number}")
            found = client.run(
                "rawkit", "--workspace", f"ws-{workers}-{number}", "--stores", stores[-1],
                "ingest", "folder", "--source", "s3://night/raw.zip", "--scheduler", scheduler,
                "--json", env=settings, seconds=600,
            )  # fmt: skip
            summary = json.loads(found.stdout)
            assert summary["added"] == FRAMES
            seconds[workers].append(summary["seconds"])

        ingest(1, 0)  # so that everything is imported and connected
        seconds[1].clear()
        rounds = ROUNDS if megabits is None else 1
        for number in range(1, rounds + 1):
            ingest(1, number)
            (other,) = start_workers(
                machines["scheduler"], [machines["two"]], scheduler, settings
            )  # fmt: skip
            ingest(2, number)
            end(other)
        found = [copy_objects(client, store, settings) for store in stores]
        assert all(one == found[0] for one in found)
    one, two = median(seconds[1]), median(seconds[2])
    line = "no limit" if megabits is None else f"{megabits} Mbit/s for each worker"
    print(f"\n{FRAMES} frames of 12 MP into a bucket, {os.cpu_count()} cores for all, {line}")
    print(f"  one worker {one:.2f} s, two {two:.2f} s: {one / two:.2f} times as fast")
    if megabits is not None or (os.cpu_count() or 1) >= CORES:
        assert one / two >= MARK
