"""The U-Net for clips: memory of steps against what is planned, and what ten minutes teach it."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.models import amplified, describe, load_network, prepare
from rawkit.sensor import Levels, image_of_packed
from rawkit.video import Cut, Grid, blended
from tests.conftest import REPOSITORY
from tests.support.videos import packed_frames

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PIECE = 3 * 10**9
"""Bytes that training on the published piece may take."""
MINUTES = float(os.environ.get("RAWKIT_BENCH_MINUTES", "10"))
SEEN = (256, 384)
"""Rows and columns of a video that pieces are compared on."""
CLIPS = (
    "--clip", "8", "--depth", "2", "--width", "16", "--crop", "128", "--batch", "2",
    "--lr", "2e-3", "--clip-norm", "1", "--schedule", "cosine", "--warmup", "100",
)  # fmt: skip
"""What docs/how-to/train-on-videos.md names for the CPU."""
PICTURES = (
    "--network", "lamba2021", "--crop", "224", "--batch", "4", "--loss", "l1", "--lr", "1e-3",
    "--schedule", "cosine", "--warmup", "100",
)  # fmt: skip


def measured(*arguments: object) -> dict[str, float]:
    """Run one way once, in a process of its own."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.bench.clip_child", *map(str, arguments)],
        check=True, capture_output=True, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    values: dict[str, float] = json.loads(found.stdout)
    return values


@pytest.mark.bench
@pytest.mark.parametrize(
    "network", ["unet3d", "unet3d-residual", "unet3d-width16", "unet3d-depth2-width8"]
)
def test_what_a_clip_takes_is_planned(network: str) -> None:
    costs = describe(network).costs
    training = costs.training
    assert training is not None
    assert training.lean_pixel is not None
    for frames, side in ((8, 128), (16, 128), (16, 256)):
        pixels = frames * (2 * side) ** 2
        planned = {
            "torch": costs.weights + costs.tile_pixel["torch"] * pixels,
            "recompute": training.step + training.lean_pixel * pixels,
            "train": training.step + training.step_pixel * pixels,
        }
        for way, plan in planned.items():
            found = measured(network, way, frames, side, 1 if side > 128 else 2)
            taken = found["peak"] - found["before"]
            print(
                f"\n{network} {way:9} {frames}x{side}x{side}: {taken / 1e6:5.0f} MB of "
                f"{plan / 1e6:5.0f} planned, {found['cpu']:.2f} CPU s"
            )
            assert taken <= plan * 1.02 + 60e6  # the clip itself is counted elsewhere


def rawkit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a workspace."""
    return subprocess.run(
        [sys.executable, "-m", "rawkit", *arguments], check=True, capture_output=True, text=True,
        cwd=folder, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip


def make_videos(folder: Path, *options: str) -> None:
    rawkit(folder, "synth", "moving-objects", "data/moving-objects", *options)
    rawkit(folder, "ingest", "moving-objects")


PEAK = """
import sys
from rawkit.cli import main
from tests.bench.network_child import peak_bytes
try:
    main(sys.argv[1:], standalone_mode=False)
finally:
    print(peak_bytes())
"""


@pytest.mark.bench
def test_the_published_piece_trains_in_three_gigabytes(tmp_path: Path) -> None:
    make_videos(tmp_path, "--scenes", "3", "--frames", "17", "--size", "640x576")
    found = subprocess.run(
        [sys.executable, "-c", PEAK, "train", "--recipe", "dark-video", "--steps", "2",
         "--max-ram", "3GB", "--device", "cpu"],
        check=True, capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    said = "\n".join(re.findall(r"^(?:batch|memory) .*$", found.stderr, re.MULTILINE))
    peak = int(found.stdout.split()[-1])
    print(f"\n16x512x512, unet3d: {peak / 1e6:.0f} MB, mark {PIECE / 1e6:.0f}\n{said}")
    assert "16 x 512 x 512" in said
    assert peak <= PIECE


def figures(folder: Path, *what: str) -> dict[str, float]:
    """Means over the videos of val and test: PSNR in dB and the error of brightness."""
    made = rawkit(folder, "evaluate", *what, "--split", "val,test", "--json")
    table = folder / json.loads(made.stdout)["folder"] / "videos.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        name: float(np.mean([float(row[name]) for row in rows])) for name in ("psnr", "mabd_bt601")
    }


@pytest.mark.bench
def test_ten_minutes_beat_a_conversion_and_a_network_for_pictures(tmp_path: Path) -> None:
    make_videos(tmp_path, "--scenes", "8", "--frames", "32", "--size", "384x256")
    found = {"plain": figures(tmp_path, "--weights", "plain")}
    for name, options in (("clips", CLIPS), ("pictures", PICTURES)):
        steps = steps_within(tmp_path, options)
        rawkit(tmp_path, "train", "--name", name, "--steps", str(steps), *options,
               "--minutes", str(MINUTES))  # fmt: skip
        found[name] = figures(tmp_path, "--run", name)
    for name, one in found.items():
        print(f"\n{name:9} {one['psnr']:.2f} dB, MABD error {one['mabd_bt601']:.3f}")
    across, inside = seams(tmp_path / "runs" / "clips" / "weights.safetensors")
    print("\n" + ", ".join(
        f"{axis}: {border:.3f} of the whole clip's across borders, {rest:.3f} inside"
        for axis, border, rest in zip(("rows", "columns"), across, inside, strict=True)
    ))  # fmt: skip
    assert found["clips"]["psnr"] >= found["plain"]["psnr"] + 3
    assert found["clips"]["mabd_bt601"] < found["pictures"]["mabd_bt601"]
    assert max(across) <= 1.05 * max(inside)


def seams(weights: Path) -> tuple[list[float], list[float]]:
    """Largest steps of pieces over those of the whole clip, across borders and inside.

    Steps are between neighbouring rows, then columns: means over the line and all frames.
    """
    loaded, _ = load_network(weights)
    net, about, frames = prepare(loaded), describe("unet3d-depth2-width16"), packed_frames(12, SEEN)

    def run(cut: Cut) -> tuple[NDArray[np.float32], Grid]:
        images = (image_of_packed(one, "GBRG", Levels(200, 16383), where="here") for one in frames)
        mosaics = [
            (i, amplified(one.pixels, one.mosaic, 4.0, about)) for i, one in enumerate(images)
        ]
        grid = Grid.of(len(frames), mosaics[0][1].height, mosaics[0][1].width, cut)
        return np.stack([picture for _, picture in blended(iter(mosaics), net, grid)]), grid

    whole, _ = run(Cut.of(about.geometry, (12, 1024), (0, 0)))
    cut_up, grid = run(Cut.of(about.geometry, (8, 128), (4, 32)))
    across, inside = [], []
    for axis, line in ((1, grid.rows), (2, grid.columns)):
        others = tuple(one for one in range(4) if one != axis)
        ratio = np.divide(
            *(np.abs(np.diff(one, axis=axis)).mean(others) for one in (cut_up, whole))
        )
        border = np.zeros(len(ratio), bool)
        for before, after in pairwise(line):
            border[after.start - 1 : before.stop] = True
        across.append(float(ratio[border].max()))
        inside.append(float(ratio[~border].max()))
    return across, inside


def steps_within(folder: Path, options: tuple[str, ...]) -> int:
    """Return the steps that the time is enough for, as measured on the first ones."""
    made = rawkit(folder, "train", "--name", "short", "--steps", "40", *options, "--json",
                  "--validate-every", "40")  # fmt: skip
    rate = json.loads(made.stdout)["crops_per_second"] / int(options[options.index("--batch") + 1])
    return max(200, int(0.9 * MINUTES * 60 * rate))
