"""``rawkit restore`` of videos: what is told from photographs, and what is printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from rawkit.cli import main
from rawkit.models import build
from tests.support.videos import CLIPS, packed_frames, save_frames

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Save random weights of a network that takes clips."""
    torch.manual_seed(0)
    path = tmp_path / "weights.pt"
    torch.save(build(CLIPS).state_dict(), path)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Save a video of five frames."""
    return save_frames(tmp_path / "a.npy", packed_frames(5, (33 * 2, 48)))


def run(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["restore", *(str(one) for one in arguments)])


def test_an_array_becomes_an_mp4_with_all_that_goes_beside_it(
    source: Path, weights: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.mp4"
    made = run(source, "-o", target, "--weights", weights, "--compare", "--sheet", "--json")
    assert made.exit_code == 0, made.output
    said = json.loads(made.stdout)
    assert (said["frames"], said["rows"], said["columns"], said["fps"]) == (5, 66, 48, 25)
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith("out")) == [
        "out.compare.mp4", "out.mp4", "out.sheet.jpg",
    ]  # fmt: skip


def test_pieces_and_memory_are_said_before_anything_is_written(
    source: Path, weights: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.npy"
    planned = run(source, "-o", target, "--weights", weights, "--dry-run", "--pieces", "4x32",
                  "--overlap", "1x8")  # fmt: skip
    assert planned.exit_code == 0, planned.output
    assert "pieces" in planned.stdout
    assert not target.exists()


def test_floats_are_written_where_they_are_asked_for(
    source: Path, weights: Path, tmp_path: Path
) -> None:
    assert run(source, "-o", tmp_path / "o.npy", "--weights", weights, "--bits", 32).exit_code == 0
    assert np.load(tmp_path / "o.npy").dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.npy", "b.npy", "-o", "o.mp4"), "2 videos at a time"),
        (("a.npy", "-o", "o.mp4", "--linear"), "--linear goes with pictures"),
        (("a.ARW", "--fps", "25"), "--fps goes with a video"),
        (("a.npy", "-o", "o.mp4", "--pieces", "16"), "is not FRAMESxPIXELS"),
        (("a.npy", "-o", "o.mp4", "--codec", "hevc"), "hevc"),
    ],
)
def test_what_makes_no_sense_is_called_wrong(arguments: tuple[str, ...], said: str) -> None:
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert said in refused.output
