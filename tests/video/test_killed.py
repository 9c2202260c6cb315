"""SIGKILL at any moment, and the same command again: the same video, byte for byte."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from rawkit.video import VideoOutput, find_footage, restore_video
from tests.support.fixtures_cli import REPOSITORY
from tests.support.videos import packed_frames, restorer_of, save_frames

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.video import VideoReport

_CODE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from rawkit.video import VideoOutput, find_footage, restore_video
from tests.support.videos import restorer_of
restorer = restorer_of("lamba2021")
print("begin", flush=True)
restore_video(find_footage(Path(sys.argv[2])), VideoOutput(Path(sys.argv[3])), restorer)
"""
_FRAMES, _KILLS = 80, 2


def start(source: Path, target: Path) -> subprocess.Popen[str]:
    """Start a restoration; returns once it has begun."""
    command = [sys.executable, "-c", _CODE, str(REPOSITORY), str(source), str(target)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    return process


def run_here(source: Path, target: Path) -> VideoReport:
    """Restore in this process."""
    return restore_video(find_footage(source), VideoOutput(target), restorer_of("lamba2021"))


def test_a_run_that_is_killed_again_and_again_gives_the_same_video(tmp_path: Path) -> None:
    source = save_frames(tmp_path / "a.npy", packed_frames(_FRAMES, (64, 96)))
    whole, target = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    seconds = run_here(source, whole).seconds
    moments = random.Random(11)  # noqa: S311 - moments, not secrets
    for _ in range(_KILLS):
        process = start(source, target)
        time.sleep(moments.uniform(0, seconds))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert not target.exists() or target.read_bytes() == whole.read_bytes()
    run_here(source, target)
    assert target.read_bytes() == whole.read_bytes()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.npy", "out.mp4", "whole.mp4"]
