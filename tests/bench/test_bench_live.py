"""Training while frames land: when it begins, what it costs, and that no death changes its result.

Look-alikes of 12 MP in a zip on a web server of 50 MB/s, in a process of its own.
"""

from __future__ import annotations

import json
import mmap
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from rawkit.synth import make_collection
from rawkit.train import LAST, load_checkpoint
from tests.support.fixtures_live import (
    ONE_THREAD,
    TINY,
    kill_after,
    notes_of,
    run,
    same_weights,
    start,
    zip_of,
)
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

RATE = 50e6
"""Bytes a second."""
SLACK = 15.0
"""Seconds that the first step may take beyond the bytes of the first batch."""
MOST = 3 * 2**30
"""Bytes of all processes together."""
LEAST = 0.95
KILLS = 30
STEPS = 24
OFTEN = ("--validate-every", "20")
"""So that there are checkpoints to go on from."""

_TIMED = """
import json, sys, time
from contextlib import contextmanager
from pathlib import Path
from rawkit.notebook import plan_beside
from rawkit.workspace import Workspace
begun = time.monotonic()
times = []
class Watch:
    @contextmanager
    def stage(self, label, total, unit):
        def advance(done=1, note=""):
            if label == "Training" and done:
                times.append((time.monotonic() - begun, note))
        yield advance
given = json.loads(sys.argv[1])
plan = plan_beside(Workspace(Path(given.pop("workspace"))), given.pop("collection", None),
                   given.pop("settings", {}), max_ram=3 * 10**9, device="cpu",
                   progress=Watch(), **given)
from rawkit.train import run_training
report = run_training(plan, progress=Watch(), validate_every=10**6)
print(json.dumps({"times": times, "landed": plan.live.text(), "waiting": report.waiting}))
"""


def _server(path: Path, rate: float, pipe: Connection) -> None:
    """Serve a file at so many bytes a second over all connections, in a process of its own."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        files = {"/mid.zip": data}
        with serve(Web(files, rate=rate)) as web:  # type: ignore[arg-type] # sliced as bytes are
            pipe.send(web.port)
            pipe.recv()


@contextmanager
def served(path: Path, rate: float) -> Iterator[str]:
    """Serve a zip; yields its URL."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=_server, args=(path, rate, there))
    server.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}/mid.zip"
    finally:
        here.send("end")
        server.join()


@dataclass
class Peak:
    """The largest memory of a process and all below it."""

    total: int = 0
    """Bytes resident, summed."""
    parts: list[int] = field(default_factory=list)
    """Of each process at that moment."""

    def watch(self, process: subprocess.Popen[str]) -> None:
        """Look ten times a second until it ends."""
        while process.poll() is None:
            parts = [_resident(one) for one in _family(process.pid)]
            if sum(parts) > self.total:
                self.total, self.parts = sum(parts), parts
            time.sleep(0.1)


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        try:
            with open(f"/proc/{one}/task/{one}/children") as file:  # noqa: PTH123 - as the kernel has it
                found += map(int, file.read().split())
        except OSError:
            continue
    return found


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123 - likewise
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def timed(**given: object) -> tuple[dict[str, list[list[float]]], Peak]:
    """Train in a process of its own; returns when its steps were done, and its memory."""
    process = subprocess.Popen(
        [sys.executable, "-c", _TIMED, json.dumps(given)],
        env={**os.environ, "PYTHONPATH": ONE_THREAD["PYTHONPATH"]},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    peak = Peak()
    watcher = threading.Thread(target=peak.watch, args=(process,))
    watcher.start()
    out, _ = process.communicate()
    watcher.join()
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1]), peak


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MID of 12 MP: 2.6 GB, four scenes, so that each split has one."""
    folder = tmp_path_factory.mktemp("big")
    make_collection("mid", folder / "raw", scenes=4, size=(2848, 4256), isos=(100, 200))
    path = folder / "mid.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for one in sorted((folder / "raw").rglob("*.*")):
            archive.write(one, one.relative_to(folder / "raw"))
            one.unlink()
    return path


@pytest.mark.bench
def test_the_first_step_comes_after_the_bytes_of_the_first_batch(big: Path, tmp_path: Path) -> None:
    with served(big, RATE) as url:
        preview = run(tmp_path, "train", "mid", "--iso", "100,200", "--source", url, "--dry-run")
        line = next(one for one in preview.err.splitlines() if "before the first step" in one)
        first = float(line.split(",")[1].split()[0]) * 1e6
        found, peak = timed(
            workspace=str(tmp_path), collection="mid", source=url, name="live",
            filters={"iso": [100, 200]}, settings={"steps": STEPS},
        )  # fmt: skip
        replayed, alone = timed(workspace=str(tmp_path), replay="live", name="again")
    begun = found["times"][0][0]
    took, plain = [times[-1][0] - times[0][0] for times in (found["times"], replayed["times"])]
    assert same_weights(tmp_path / "runs/live", tmp_path / "runs/again")
    print(
        f"\n{big.stat().st_size / 1e9:.1f} GB at {RATE / 1e6:.0f} MB/s: first step after "
        f"{begun:.1f} s, {first / RATE:.1f} s for the {first / 1e6:.0f} MB of its pairs "
        f"(mark: {first / RATE + SLACK:.1f} s)\n"
        f"{STEPS - 1} steps while frames land {took:.1f} s, of a finished store {plain:.1f} s: "
        f"{plain / took:.3f} (mark: {LEAST}); {found['landed']}\n"
        f"memory: {peak.total / 2**30:.2f} GiB of {[round(one / 2**20) for one in peak.parts]} "
        f"MiB, {alone.total / 2**30:.2f} without the ingest (mark: {MOST / 2**30:.0f} GiB)"
    )
    assert peak.total < MOST


@pytest.mark.bench
def test_a_training_that_is_killed_again_and_again_learns_the_same(tmp_path: Path) -> None:
    make_collection("mid", tmp_path / "raw", scenes=4, size=(128, 192), isos=(100, 200))
    data = zip_of(tmp_path / "raw")
    moments = random.Random(0)  # noqa: S311 - moments, not secrets
    with serve(Web({"/mid.zip": data}, rate=len(data) / 60)) as web:
        arguments = (
            "train",
            "mid",
            "--source",
            web.url("/mid.zip"),
            *TINY,
            *OFTEN,
            "--steps",
            "9000",
        )
        killed = int(kill_after(start(tmp_path, *arguments, "--name", "live"), 4.0))
        while killed < KILLS:
            again = start(tmp_path, "train", "--resume", "--name", "live", *OFTEN)
            assert kill_after(again, moments.uniform(0.5, 12.0)), "ended before it was killed"
            killed += 1
        noted = notes_of(tmp_path / "runs/live")
        done = load_checkpoint(tmp_path / "runs/live" / LAST).step
        steps = str(done + 30)
        last = run(tmp_path, "train", "--resume", "--name", "live", "--steps", steps, *OFTEN)
        assert last.code == 0, last.err
    assert notes_of(tmp_path / "runs/live")[: len(noted)] == noted
    assert run(tmp_path, "train", "--replay", "live", "--name", "again").code == 0
    assert same_weights(tmp_path / "runs/live", tmp_path / "runs/again")
    print(
        f"\n{killed} SIGKILLs of training and ingest, one resume each, {steps} steps: "
        "the weights of a replay"
    )
