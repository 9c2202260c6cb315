"""Clips from the stream: against the same bytes as frames, and against arrays read by memory map.

Videos are 1080p: packed frames of 540x960 with noise, and their pictures, as NumPy files of the
collection's own layout, ingested by rawkit's own command. A clip is 16 frames of 256 packed pixels
a side with their targets of 512, as the published training takes them. "Cold" means that the page
cache of the files was dropped (posix_fadvise) right before. Ways are measured in turns.
"""

from __future__ import annotations

import os
import platform
import time
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from rawkit.catalog import Selection, load_definition
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.store import Store
from rawkit.stream import CLIP_LIVE_WINDOWS, BatchStream, PlanSettings, shapes_of
from rawkit.stream.locate import pair_sources
from rawkit.subset import make_subset
from rawkit.workspace import Workspace
from tests.bench.stores import drop_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rawkit.stream import Pairs

pytestmark = [pytest.mark.bench, pytest.mark.filterwarnings("default", "ignore::ResourceWarning")]
CLIP, SIDE = 16, 256
"""Frames of a clip, and its side in packed pixels."""
VIDEOS, HEIGHT, WIDTH = 24, 540, 960
FRAMES = CLIP
"""Of each video: so no frame is read twice in an epoch, as hardly one is of a large collection."""
ROUNDS = 3
CLIPS = PlanSettings(crop=2 * SIDE, live_windows=CLIP_LIVE_WINDOWS, clip=CLIP)
SINGLE = PlanSettings(crop=2 * SIDE)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make videos, and ingest them."""
    folder = tmp_path_factory.mktemp("clips")
    raw = folder / "data" / "moving-objects" / "train"
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    scene = (60 + 50 * np.sin(x / 37) * np.cos(y / 23))[..., None] * (0.6, 1.0, 1.0, 0.8)
    noise = [generator.poisson(scene).astype(np.uint16) for _ in range(6)]
    bright = np.clip(scene[..., :3].repeat(2, 0).repeat(2, 1) * 2, 0, 255)
    grain = [
        np.clip(bright + generator.normal(0, 1, bright.shape), 0, 255).astype(np.uint8)
        for _ in range(4)
    ]
    for name in ("dark", "truth"):
        (raw / name).mkdir(parents=True)
    for video in range(VIDEOS):
        shifts = [7 * video + 3 * number for number in range(FRAMES)]
        dark = [np.roll(noise[s % 6], s, axis=1) + np.uint16(video) for s in shifts]
        np.save(raw / "dark" / f"{video}.npy", np.stack(dark))
        truth = [np.roll(grain[s % 4], 2 * s, axis=1) for s in shifts]
        np.save(raw / "truth" / f"{video}.npy", np.stack(truth))
    store = folder / "stores" / "moving-objects.zarr"
    run_ingest(
        plan_ingest(load_definition("moving-objects"), raw.parent, store, Selection()), workers=2
    )
    return folder


@pytest.fixture(scope="module")
def pairs(workspace: Path) -> Pairs:
    """Find all frames with their pictures."""
    store = workspace / "stores" / "moving-objects.zarr"
    subset, *_ = make_subset(Workspace(workspace), [store], fraction=1.0)
    return pair_sources(subset, {"moving-objects": Store(store)}, "train")


class MappedClips(torch.utils.data.Dataset[Any]):
    """A random piece of each video, memory mapped, as the published training reads them.

    What was read of a video leaves the page cache: a large collection would not fit into it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __len__(self) -> int:
        return VIDEOS

    def __getitem__(self, video: int) -> tuple[Any, Any]:
        generator = np.random.default_rng(video)
        top = int(generator.integers(HEIGHT - SIDE + 1))
        left = int(generator.integers(WIDTH - SIDE + 1))
        return self._cut("dark", video, top, left, 1), self._cut("truth", video, top, left, 2)

    def _cut(self, kind: str, video: int, top: int, left: int, scale: int) -> Any:
        path = self._folder / kind / f"{video}.npy"
        rows, columns = (slice(scale * at, scale * (at + SIDE)) for at in (top, left))
        piece = np.array(np.load(path, mmap_mode="r")[:CLIP, rows, columns])
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return piece


def rate(batches: Iterator[Any], frames: int, skip: int, count: int) -> tuple[float, float]:
    """Frames a second of so many batches of so many frames, after the first few, and CPU seconds.

    The CPU seconds are those of a frame in this process; workers are not counted.
    """
    for _ in islice(batches, skip):
        pass
    cpu, started = time.process_time(), time.perf_counter()
    for _ in islice(batches, count):
        pass
    elapsed, used = time.perf_counter() - started, time.process_time() - cpu
    if hasattr(batches, "close"):
        batches.close()
    return frames * count / elapsed, used / (frames * count)


def in_turns(
    ways: dict[str, Callable[[], tuple[float, float]]], before: Callable[[], None]
) -> dict[str, tuple[float, float]]:
    """Measure the ways one after the other, some times; returns medians."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            before()
            found[name].append(way())
    return {
        name: (median(one for one, _ in each), median(two for _, two in each))
        for name, each in found.items()
    }


def epoch_batches(pairs: Pairs, settings: PlanSettings, batch: int) -> int:
    """Batches of an epoch."""
    return BatchStream(pairs, settings, batch_size=batch).epoch_length // batch


def drawing(
    pairs: Pairs, settings: PlanSettings, batch: int, *, after: int = 0
) -> tuple[float, float]:
    """Read an epoch from its very begin to its end, after as many epochs.

    Windows give their crops in bursts, so a part of an epoch would say anything.
    """
    whole = epoch_batches(pairs, settings, batch)
    stream = BatchStream(pairs, settings, batch_size=batch)
    return rate(stream.batches(), batch * settings.clip, after * whole, whole)


@pytest.mark.parametrize("cold", [True, False])
def test_clips_against_the_same_bytes_as_frames(
    workspace: Path, pairs: Pairs, *, cold: bool
) -> None:
    found = in_turns(
        {
            "clips": lambda: drawing(pairs, CLIPS, 1, after=int(not cold)),
            "frames": lambda: drawing(pairs, SINGLE, CLIP, after=int(not cold)),
        },
        (lambda: drop_cache(workspace / "stores")) if cold else (lambda: None),
    )
    (clips, clips_cpu), (frames, frames_cpu) = found["clips"], found["frames"]
    verdict = "met" if clips / frames >= 0.9 else "MISSED"
    print(
        f"\n{'Cold' if cold else 'Warm'}, {len(pairs)} frames of 1080p in {VIDEOS} videos\n"
        f"  {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
        f"  frames                {frames:8.1f} frames/s   CPU {1000 * frames_cpu:5.2f} ms each\n"
        f"  clips of {CLIP}           {clips:8.1f} frames/s   CPU {1000 * clips_cpu:5.2f} ms each\n"
        f"  rate of clips over that of frames  {clips / frames:5.2f}  mark 0.9: {verdict}; by CPU "
        f"{frames_cpu / clips_cpu:.2f}"
    )
    assert len(shapes_of(pairs).clips(CLIP)) == VIDEOS


def test_clips_against_arrays_read_by_memory_map(workspace: Path, pairs: Pairs) -> None:
    raw = workspace / "data" / "moving-objects" / "train"

    def mapped(workers: int) -> tuple[float, float]:
        loader = torch.utils.data.DataLoader(
            MappedClips(raw), batch_size=1, shuffle=True, num_workers=workers
        )
        return rate(iter(loader), CLIP, 0, VIDEOS)

    def cold() -> None:
        drop_cache(workspace / "stores")
        drop_cache(raw)

    ways: dict[str, Callable[[], tuple[float, float]]] = {
        "rawkit": lambda: drawing(pairs, CLIPS, 1)
    }
    for workers in (1, 2):
        ways[f"memory map, {workers} workers"] = lambda workers=workers: mapped(workers)  # type: ignore[misc] # bound now
    found = in_turns(ways, cold)
    own = found["rawkit"][0]
    print(f"\nCold, clips of {CLIP} x {SIDE} x {SIDE}, load {os.getloadavg()[0]:.1f}")
    for name, (each, _) in found.items():
        verdict = "" if name == "rawkit" else f"  mark 3x: {'met' if own / each >= 3 else 'MISSED'}"
        print(f"  {name:24} {each:8.1f} frames/s   rawkit {own / each:6.2f}x{verdict}")
