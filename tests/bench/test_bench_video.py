"""Restoring a raw video of 1080p: memory, and what everything beside the network costs."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.fixtures_cli import REPOSITORY
from tests.support.videos import packed_frames, save_frames

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.bench
FRAMES = int(os.environ.get("RAWKIT_BENCH_FRAMES", "300"))
BUDGET = 1_500_000_000
_CODE = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from rawkit.video import VideoOutput, find_footage, restore_video
from tests.support.videos import restorer_of
report = restore_video(
    find_footage(Path(sys.argv[2])),
    VideoOutput(Path(sys.argv[3]), codec=sys.argv[5], max_ram=int(sys.argv[6])),
    restorer_of(sys.argv[4]),
)
# Of this process alone: `getrusage` begins with the peak of the one that started it.
lines = Path("/proc/self/status").read_text("ascii").splitlines()
peak = next(1024 * int(one.split()[1]) for one in lines if one.startswith("VmHWM"))
print(json.dumps([report.frames, report.seconds, report.network_seconds, peak]))
"""


def command(source: Path, target: Path, network: str, codec: str) -> list[str]:
    """Return how a restoration is started in a process of its own."""
    parts = [sys.executable, "-c", _CODE, REPOSITORY, source, target, network, codec, BUDGET]
    return [str(one) for one in parts]


@pytest.mark.parametrize(
    ("network", "codec", "frames"),
    [("sid", "h264", FRAMES), ("lamba2021", "av1", FRAMES), ("unet3d", "h264", FRAMES // 15)],
)
def test_1080p_within_its_memory(network: str, codec: str, frames: int, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    part = packed_frames(6, (1080, 1920))
    video = np.lib.format.open_memmap(path, "w+", np.uint16, (frames, *part.shape[1:]))
    for number in range(frames):
        video[number] = part[number % 6]
    video.flush()
    del video
    line = command(path, tmp_path / "a.mp4", network, codec)
    said = subprocess.run(line, check=True, capture_output=True, text=True).stdout
    made, seconds, inside, peak = json.loads(said)
    print(f"{network} {codec}: {made / seconds:.2f} frames/s, {inside / seconds:.3f} of the "
          f"network's own, peak {peak / 1e6:.0f} MB")  # fmt: skip
    assert made == frames
    assert peak < BUDGET
    if network != "lamba2021":  # which takes no longer than an encoder on two cores
        assert inside / seconds > 0.95


def test_twenty_kills_at_random_moments(tmp_path: Path) -> None:
    source = save_frames(tmp_path / "a.npy", packed_frames(400, (128, 192)))
    whole, target = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    begun = time.monotonic()
    subprocess.run(command(source, whole, "lamba2021", "h264"), check=True, capture_output=True)
    seconds = time.monotonic() - begun
    moments = random.Random(5)  # noqa: S311 - moments, not secrets
    for _ in range(20):
        process = subprocess.Popen(
            command(source, target, "lamba2021", "h264"), stdout=subprocess.DEVNULL
        )
        time.sleep(moments.uniform(0, seconds))
        process.kill()
        process.wait()
        assert not target.exists() or target.read_bytes() == whole.read_bytes()
    subprocess.run(command(source, target, "lamba2021", "h264"), check=True, capture_output=True)
    assert target.read_bytes() == whole.read_bytes()
