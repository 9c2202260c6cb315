"""Trainings beside which frames land: a zip on a local server, and commands that can be killed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from rawkit.train import LAST, load_checkpoint
from tests.support.fixtures_cli import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

ONE_THREAD = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
"""Threads decide the last bit of a sum."""
TINY = ("--crop", "32", "--batch", "2", "--network", "sid", "--max-ram", "3GB")
"""A training whose steps take a few hundredths of a second."""


def zip_of(folder: Path) -> bytes:
    """Return a zip of all files of a folder, stored as they are."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return packed.getvalue()


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    """Exit code; negative for a signal."""
    out: str
    """Standard output."""
    err: str
    """Standard error."""


def command(workspace: Path, *arguments: object) -> list[str]:
    """Return the command line of rawkit in a process of its own."""
    code = "from rawkit.cli import main; main()"
    return [sys.executable, "-c", code, "--workspace", str(workspace), *map(str, arguments)]


def start(workspace: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a command that torch computes in one thread of."""
    return subprocess.Popen(
        command(workspace, *arguments), env={**os.environ, **ONE_THREAD}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str], seconds: float = 180) -> Finished:
    """Wait for a command."""
    out, err = process.communicate(timeout=seconds)
    assert "Traceback" not in err, err
    return Finished(process.returncode, out, err)


def run(workspace: Path, *arguments: object, seconds: float = 180) -> Finished:
    """Run a command to its end."""
    return ended(start(workspace, *arguments), seconds)


def kill_after(process: subprocess.Popen[str], seconds: float) -> bool:
    """Kill a command, but not what it has started, after so long; tell whether it still ran."""
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    return False


def wait_for(path: Path, seconds: float = 60) -> None:
    """Wait until a file is there."""
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.02)


def notes_of(run: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's notes."""
    return [json.loads(line) for line in (run / "generations.jsonl").read_text().splitlines()]


def same_weights(one: Path, other: Path) -> bool:
    """Compare the last weights of two runs bit for bit."""
    first, second = (load_checkpoint(run / LAST) for run in (one, other))
    return first.step == second.step and all(
        torch.equal(value, second.model[name]) for name, value in first.model.items()
    )
