"""SIGKILL at random moments, then the same command: the store an undisturbed run writes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from rawkit.synth import make_collection
from tests.support.factories import files_of

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.locations import Location, Url

KILLS = 30


pytest_plugins = ("tests.support.fixtures_s3",)


def command(
    workspace: Path, source: Path, workers: int, stores: Location | None = None
) -> list[str]:
    return [
        sys.executable, "-c", "from rawkit.cli import main; main()",
        "--workspace", str(workspace), "--stores", str(stores or workspace / "stores"),
        "ingest", "mid", "--iso", "100,400",
        "--source", str(source), "--workers", str(workers),
    ]  # fmt: skip


def run(arguments: list[str]) -> float:
    started = time.monotonic()
    subprocess.run(arguments, check=True, capture_output=True)
    return time.monotonic() - started


def kill_after(arguments: list[str], seconds: float) -> bool:
    """Start, kill the whole process group after so long; tell whether it was still running."""
    with subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return True
    return False


@pytest.mark.bench
def test_a_store_in_a_bucket_killed_at_random_moments_is_the_undisturbed_one(
    tmp_path: Path, bucket: Url
) -> None:
    source = tmp_path / "mid"
    make_collection("mid", source, scenes=2, size=(192, 256))
    whole = run(command(tmp_path / "whole", source, 0, bucket / "whole"))
    expected = files_of(bucket / "whole")
    moments = random.Random(0)  # noqa: S311 - moments, not secrets
    killed = tries = 0
    while killed < KILLS // 3 and tries < KILLS:
        arguments = command(tmp_path / str(tries), source, 0, bucket / str(tries))
        killed += kill_after(arguments, moments.uniform(1.0, whole))
        run(arguments)
        assert files_of(bucket / str(tries)) == expected, f"try {tries}"
        tries += 1
    assert killed == KILLS // 3
    print(f"\n{killed} SIGKILLs, one resume each, in a bucket: all stores identical")


@pytest.mark.bench
@pytest.mark.parametrize("workers", [0, 2])
def test_a_store_killed_at_random_moments_is_the_undisturbed_one(
    tmp_path: Path, workers: int
) -> None:
    source = tmp_path / "mid"
    make_collection("mid", source, scenes=2, size=(192, 256))
    whole = run(command(tmp_path / "whole", source, workers))
    expected = files_of(tmp_path / "whole" / "stores")
    moments = random.Random(0)  # noqa: S311 - moments, not secrets
    killed = tries = 0
    while killed < KILLS // 2 and tries < 2 * KILLS:
        workspace = tmp_path / str(tries)
        killed += kill_after(command(workspace, source, workers), moments.uniform(0.3, whole))
        run(command(workspace, source, workers))
        assert files_of(workspace / "stores") == expected, f"try {tries}"
        tries += 1
    assert killed == KILLS // 2
    print(f"\n{killed} SIGKILLs, one resume each, {workers} workers: all stores identical")
