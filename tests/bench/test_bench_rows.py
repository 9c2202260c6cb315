"""What the table of frames costs with a thousand, 32,000 and a million rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.bench.tables import make_store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.bench
COUNTS = (1_000, 32_000, 1_000_000)
SECONDS = {"info": 3.0, "subset": 3.0, "train": 2.0}
MEGABYTES = 100.0


def command(workspace: Path, *words: str) -> tuple[float, float]:
    """Run a command; returns seconds, its start included, and seconds of CPU."""
    before, started = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "rawkit", "--workspace", str(workspace), *words],
        check=True, capture_output=True,
    )  # fmt: skip
    after = os.times()
    cpu = after.children_user + after.children_system
    return time.perf_counter() - started, cpu - before.children_user - before.children_system


def child(step: str, workspace: Path) -> dict[str, float]:
    """Measure a step in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.rows_child", step, str(workspace)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


def test_a_million_rows(tmp_path: Path) -> None:
    starts = {}
    print()
    for count in COUNTS:
        workspace = tmp_path / str(count)
        make_store(workspace / "stores" / "many.zarr", count)
        command(workspace, "subset", "--name", "all")
        times = {
            "info": command(workspace, "info", "stores/many.zarr"),
            "subset": command(workspace, "subset", "--fraction", "0.4", "--refresh"),
        }
        starts[count] = child("train", workspace)
        commits = child("commit", workspace)
        parts = [f"{name} {wall:.2f} s ({cpu:.2f} of CPU)" for name, (wall, cpu) in times.items()]
        start = starts[count]
        parts.append(
            f"start of a training {start['seconds']:.2f} s ({start['cpu']:.2f} of CPU), "
            f"{start['opened']:.0f} MB, {start['resident']:.0f} MB with its first epoch, "
            f"peak {start['peak']:.0f} MB"
        )
        parts += [f"{name} {seconds:.3f} s" for name, seconds in commits.items()]
        print(f"{count} rows: {', '.join(parts)}")
        # Other work on the machine costs time, not CPU.
        assert times["info"][1] < SECONDS["info"]
        assert times["subset"][1] < SECONDS["subset"]
        assert start["cpu"] < SECONDS["train"]
        assert commits["commit"] < 1.0
    first, last = starts[COUNTS[0]], starts[COUNTS[-1]]
    opened, planned = (last[name] - first[name] for name in ("opened", "resident"))
    print(f"a million rows take {opened:.0f} MB more than a thousand, {planned:.0f} with an epoch")
    assert planned < MEGABYTES
