"""Ingest of 12 MP lossless-JPEG raw files against a bare LibRaw loop, and its memory."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pytest
import rawpy

from rawkit.catalog import Selection, load_definition
from rawkit.ingest import frame, plan_ingest, run_ingest
from rawkit.ingest.jobs import job_of, rendering_of
from rawkit.ingest.proofs import Proofs
from rawkit.synth import DngMeta, write_dng
from rawkit.workers import ALLOCATOR, MAX_RAM, Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rawkit.ingest.frame import FrameJob
    from rawkit.progress import Advance
    from rawkit.store.layout import ArrayName, Codec

SHAPE = (2848, 4256)
SHORTS, LONGS = 24, 8
ROUNDS = 3
WORKERS = 2
RATE_MARK, SHORT_MARK, CPU_MARK = 0.9, 1.8, 35.0
SMID = load_definition("smid")
GROUP = f"ilce-7sm2/{SHAPE[0] // 2}x{SHAPE[1] // 2}"


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight static scenes of three shorts and a long each."""
    folder = tmp_path_factory.mktemp("smid")
    generator = np.random.default_rng(0)
    light = generator.exponential(30, SHAPE)
    meta = DngMeta(
        "Sony", "ILCE-7SM2", iso=1600, black_level=512.0, as_shot_neutral=(0.5, 1.0, 0.6)
    )
    for scene in range(1, LONGS + 1):
        for number in range(SHORTS // LONGS + 1):
            gain = 20.0 if number == 0 else 1.0
            name = f"long/{scene:04d}/half0001.ARW" if number == 0 else (
                f"short1/{scene:04d}/{number:04d}.ARW"
            )  # fmt: skip
            noise = generator.normal(512, 6, SHAPE)
            mosaic = np.clip(np.round(gain * light + noise), 0, 16383).astype(np.uint16)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            about = replace(meta, seconds=0.1 * gain)
            write_dng(folder / name, mosaic, about, lossless_jpeg=True)
    return folder


def bare(path: str, *, render: bool) -> int:
    """Open, unpack, copy; render the longs."""
    with rawpy.imread(path) as raw:
        raw.unpack()
        pixels = raw.raw_image_visible.copy()
        if render and "long" in path:
            return int(
                raw.postprocess(
                    use_camera_wb=True,
                    no_auto_bright=True,
                    output_bps=16,
                    user_flip=0,
                    adjust_maximum_thr=0.0,
                ).size
            )
    return int(pixels.size)


def processes() -> Iterator[int]:
    """Yield this process and all that descend from it."""
    waiting = [os.getpid()]
    while waiting:
        pid = waiting.pop()
        yield pid
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                waiting += [int(child) for child in children.read_text().split()]
            except OSError:
                continue  # it has ended


def resident() -> int:
    total = 0
    for pid in processes():
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            continue
    return total * os.sysconf("SC_PAGE_SIZE")


class Peak:
    """The largest resident memory of all processes while the block runs."""

    def __enter__(self) -> Self:
        self.bytes, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self.bytes = max(self.bytes, resident())

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def cpu_seconds() -> float:
    """CPU that all processes have taken so far; those that have ended count no more."""
    ticks = 0
    for pid in processes():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Clock:
    """Listens for frames; the start of processes is not counted."""

    def __init__(self) -> None:
        self._ticks: list[tuple[float, float]] = []

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return self._ticks[-1][0] - self._ticks[0][0]

    @property
    def cpu(self) -> float:
        """Seconds of CPU of all processes from the first frame to the last."""
        return self._ticks[-1][1] - self._ticks[0][1]

    def tick(self, done: int = 1, note: str = "") -> None:  # noqa: ARG002 - the protocol's
        """Note the time of a frame."""
        self._ticks.append((time.monotonic(), cpu_seconds()))

    @contextmanager
    def stage(self, label: str, total: int | None, unit: str) -> Iterator[Advance]:  # noqa: ARG002
        """Listen to frames alone."""
        yield self.tick if label == "Ingesting" else lambda done=1, note="": None  # noqa: ARG005


def bare_loop(paths: list[str]) -> Clock:
    """Run the bare loop in as many processes, each frame handed out when a process is free."""
    clock = Clock()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=spawn) as pool:
        for _ in pool.map(partial(bare, render=True), paths):
            clock.tick()
    return clock


@pytest.mark.bench
def test_the_rate_with_targets_against_a_bare_loop(
    collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted(str(path) for path in collection.rglob("*.ARW"))
    # Watching memory takes time of its own, so it has a round that is not timed.
    plan = plan_ingest(SMID, collection, tmp_path / "watched.zarr", Selection())
    with Peak() as memory:
        run_ingest(plan, resources=Resources(WORKERS))
    peak = memory.bytes
    ours, plain, tuned = "rawkit", "bare loop", "bare loop with rawkit's allocator settings"
    clocks: dict[str, list[Clock]] = {ours: [], plain: [], tuned: []}
    for number in range(ROUNDS):
        plan = plan_ingest(SMID, collection, tmp_path / f"{number}.zarr", Selection())
        clock = Clock()
        report = run_ingest(plan, resources=Resources(WORKERS), progress=clock)
        assert (report.added, report.targets) == (SHORTS + LONGS, LONGS), report.left_out
        clocks[ours].append(clock)
        clocks[plain].append(bare_loop(paths))
        with monkeypatch.context() as patch:
            for name, value in ALLOCATOR.items():
                patch.setenv(name, value)
            clocks[tuned].append(bare_loop(paths))
    print(
        f"\n{len(paths)} frames of 12 MP, {LONGS} targets, {WORKERS} workers, first frame to last"
    )
    seconds = {name: median(clock.seconds for clock in found) for name, found in clocks.items()}
    for name, found in clocks.items():
        ratio = seconds[name] / seconds[ours]
        verdict = f" (mark {RATE_MARK}: {'met' if ratio >= RATE_MARK else 'MISSED'})"
        print(
            f"  {name:44} {seconds[name]:5.2f} s, CPU {median(c.cpu for c in found):5.2f} s; "
            f"rawkit's rate over its {ratio:.2f}{verdict if name == plain else ''}"
        )
    print(f"  peak {peak / 1e6:.0f} MB of all processes (mark {MAX_RAM / 1e6:.0f})")
    assert peak < MAX_RAM


@pytest.mark.bench
def test_the_rate_of_shorts_against_a_bare_loop(collection: Path, tmp_path: Path) -> None:
    paths = sorted(str(path) for path in collection.glob("short1/*/*.ARW"))
    names = {"rawkit": True, "rawkit, LibRaw alone": False}
    clocks: dict[str, list[Clock]] = {name: [] for name in (*names, "bare loop")}
    for number in range(ROUNDS):
        for name, beside in names.items():
            store = tmp_path / f"{number}-{beside}.zarr"
            plan = plan_ingest(SMID, collection, store, Selection(role="short"))
            clock = Clock()
            resources = Resources(WORKERS)
            report = run_ingest(plan, resources=resources, beside=beside, progress=clock)
            assert (report.added, report.decoders) == (SHORTS, []), report.left_out
            clocks[name].append(clock)
        clocks["bare loop"].append(bare_loop(paths))
    first, second = (
        {path.relative_to(store): path.read_bytes() for path in store.rglob("*") if path.is_file()}
        for store in (tmp_path / "0-True.zarr", tmp_path / "0-False.zarr")
    )
    shards = [path for path in first if "packed/c" in str(path)]
    assert shards
    assert all(first[path] == second[path] for path in shards)
    seconds = {name: median(clock.seconds for clock in found) for name, found in clocks.items()}
    print(f"\n{len(paths)} shorts of 12 MP, {WORKERS} workers, first frame to last")
    for name, found in clocks.items():
        ratio = seconds["bare loop"] / seconds[name]
        verdict = f" (mark {SHORT_MARK}: {'met' if ratio >= SHORT_MARK else 'MISSED'})"
        print(
            f"  {name:24} {seconds[name]:5.2f} s, CPU {median(c.cpu for c in found):5.2f} s; "
            f"{ratio:.2f} of the bare loop's rate{verdict if name == 'rawkit' else ''}"
        )


PARTS = {
    "pack and count": ("pack_and_count",),
    "levels": ("check_levels", "amplification_base"),
    "hash": ("pixel_hash",),
    "render": ("_render",),
    "encode and write": ("compresses", "stage_shard"),
}
"""Functions that frames are prepared with, by what is printed of them."""


def timed(way: Callable[..., Any], times: dict[str, float], part: str) -> Callable[..., Any]:
    """Add the CPU that a function takes to a part."""

    def timing(*args: Any, **keywords: Any) -> Any:
        started = time.process_time()
        try:
            return way(*args, **keywords)
        finally:
            times[part] += time.process_time() - started

    return timing


def cpu_of_frames(jobs: list[FrameJob]) -> tuple[list[float], list[float], dict[str, float]]:
    """CPU of each frame prepared, of the bare loop, and of the parts of a frame, in seconds."""
    parts = dict.fromkeys(PARTS, 0.0)
    for part, names in PARTS.items():
        for name in names:
            setattr(frame, name, timed(getattr(frame, name), parts, part))
    ours: list[float] = []
    theirs: list[float] = []
    proofs = Proofs()
    for number, one in enumerate([jobs[0], *jobs]):  # the first one to warm up
        job = proofs.trusting(replace(one, number=number))
        path, render = str(job.source.local_path(job.file)), job.rendering is not None
        for times, way in (
            (ours, partial(frame.prepare_frame, job)), (theirs, partial(bare, path, render=render)),
        ):  # fmt: skip
            before = dict(parts)
            started = time.process_time()
            result = way()
            times.append(time.process_time() - started)
            if not isinstance(result, int):
                proofs.hear(job, result)
            if len(ours) == 1:
                parts.update(before)
    staging = jobs[0].staging
    assert isinstance(staging, Path)
    for staged in staging.glob("????????.*"):
        staged.unlink()
    share = {part: seconds / len(jobs) for part, seconds in parts.items()}
    rest = sum(ours[1:]) / len(jobs) - sum(share.values())
    return ours[1:], theirs[1:], {"read, open, unpack, check": rest, **share}


@pytest.mark.bench
@pytest.mark.parametrize("role", ["short", "long"])
def test_the_cpu_of_a_frame_beyond_the_bare_loop(
    collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    for name, value in {**ALLOCATOR, "OMP_NUM_THREADS": "1"}.items():
        monkeypatch.setenv(name, value)  # as workers have it; the bare loop here has it too
    plan = plan_ingest(SMID, collection, tmp_path / "s.zarr", Selection())
    rendering = rendering_of(SMID) if role == "long" else None
    codecs: dict[tuple[str, ArrayName], Codec] = {
        (GROUP, "packed"): "lz4", (GROUP, "target"): "none",
    }  # fmt: skip  # as a store has them after its first frame
    jobs = [
        job_of(plan.catalog, entry, number, tmp_path, codecs, rendering=rendering)
        for number, entry in enumerate(plan.wanted)
        if entry.role == role
    ]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        ours, theirs, parts = pool.submit(cpu_of_frames, jobs).result()
    beyond = 1000 * (median(ours) - median(theirs))
    mark = f" (mark {CPU_MARK:.0f})" if role == "short" else ""
    print(
        f"\nCPU of a {role}, {len(jobs)} frames: {1000 * median(ours):.0f} ms, bare loop "
        f"{1000 * median(theirs):.0f} ms, beyond it {beyond:.0f} ms{mark}; of ours on average: "
        + ", ".join(f"{part} {1000 * seconds:.1f}" for part, seconds in parts.items() if seconds)
    )
