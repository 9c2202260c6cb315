"""Measure one step on a workspace of many frames, in a process of its own; prints JSON.

``python -m tests.bench.rows_child STEP WORKSPACE``
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from itertools import islice
from pathlib import Path


def resident() -> float:
    """Return resident memory in MB."""
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def start_training(workspace: Path) -> dict[str, float]:
    """Do what a training does from its imports on up to its first windows."""
    from rawkit.store import lean_memory
    from rawkit.stream import BatchStream, PlanSettings, shapes_of
    from rawkit.stream.schedule import RankShare, jobs
    from rawkit.subset import load_subset
    from rawkit.train.runs import open_data
    from rawkit.workspace import Workspace

    place = Workspace(workspace)
    started, used = time.perf_counter(), time.process_time()
    with lean_memory():  # as `plan_training` does
        data = open_data(load_subset(place.subset("all")), place)
    opened = resident()
    settings = PlanSettings(crop=32, augment=False)
    stream = BatchStream(data.train, settings, batch_size=8)
    assert stream.epoch_length
    shapes = shapes_of(data.train)
    todo = jobs(lambda _: shapes, settings, RankShare(8), 0)
    assert len(list(islice(todo, 8))) == 8
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    gc.collect()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"seconds": seconds, "cpu": cpu, "opened": opened, "resident": resident(), "peak": peak,
            "pairs": len(data.train)}  # fmt: skip


def commit(workspace: Path) -> dict[str, float]:
    """Open the store for writing, commit 64 more rows as a part, and join."""
    from rawkit.store import About, FrameTable, Store, StoreWriter

    store = Store(workspace / "stores" / "many.zarr")
    rows = list(store.rows[:64])
    started = time.perf_counter()
    attributes = {key: store.attributes[key] for key in ("collection", "title")}
    writer = StoreWriter(
        store.path, attributes, store.about.rendering, staging=workspace / "part",
        check_held=lambda: None,
    )  # fmt: skip
    opened = time.perf_counter()
    assert isinstance(store.about, About)
    assert isinstance(store.frames, FrameTable)
    writer._pending = rows  # noqa: SLF001 - their pixels are not the point
    writer.commit()
    committed = time.perf_counter()
    writer.join()
    joined = time.perf_counter()
    return {"open": opened - started, "commit": committed - opened, "join": joined - committed}


if __name__ == "__main__":
    step = {"train": start_training, "commit": commit}[sys.argv[1]]
    sys.stdout.write(json.dumps(step(Path(sys.argv[2]))))
