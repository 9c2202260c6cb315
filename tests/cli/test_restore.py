"""``rawkit restore`` as people run it: plans, selections, interruptions, full disks."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from rawkit.models import build
from rawkit.noise import write_profile
from rawkit.pictures.curve import linear_of
from rawkit.restore.manifest import read_manifest
from tests.support.factories import write_noise_dng
from tests.support.fixtures_cli import REPOSITORY, run, run_in, start
from tests.support.profiles import profile_of_test_camera

if TYPE_CHECKING:
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)

LICENCE = "non-commercial use only"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "weights.pt"
    torch.save(build("lamba2021").state_dict(), path)
    return path


@pytest.fixture
def dark(tmp_path: Path) -> Path:
    folder = tmp_path / "dark"
    folder.mkdir()
    for number in range(3):
        write_noise_dng(folder / f"{number}.dng", seed=number)
    return folder


def restored(ended: Any) -> dict[str, Any]:
    assert ended.code in {0, 1}, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_a_dry_run_lists_and_writes_nothing(dark: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "0_m1.png").touch()
    ended = run("restore", dark, "-o", out, "--m", "1,5", "--compare", "--dry-run", "--json")
    assert ended.code == 0
    plan = json.loads(ended.out)
    assert len(plan) == 12
    assert {Path(one["picture"]).name for one in plan if one["source"].endswith("0.dng")} == {
        "0_m1.png", "0_m5.png", "0_m1.plain.png", "0_m5.plain.png"
    }  # fmt: skip
    assert [one["state"] for one in plan].count("replaced") == 1
    assert [path.name for path in out.iterdir()] == ["0_m1.png"]


def test_a_store_by_name_and_filter(
    sid_workspace: Workspace, weights: Path, tmp_path: Path
) -> None:
    common = ("restore", "sid", "--weights", weights, "--workers", 0, "--json", "-o", tmp_path)
    found = restored(run_in(sid_workspace.root, *common, "--split", "val"))
    assert len(found["restored"]) > 0
    names = [Path(one["picture"]).relative_to(tmp_path).as_posix() for one in found["restored"]]
    assert all(name.startswith("Sony/short/") for name in names)
    with Image.open(tmp_path / names[0]) as image:
        assert image.getexif().get_ifd(0x8769)[33434] > 0
    subset = run_in(
        sid_workspace.root, "restore", "--subset", "f1", "--split", "val", "--dry-run", "--json"
    )
    assert len(json.loads(subset.out)) == len(found["restored"])
    one = run_in(
        sid_workspace.root,
        *common[:2],
        "--frame",
        f"*{Path(names[0]).stem}*",
        "--dry-run",
        "--json",
    )
    assert len(json.loads(one.out)) == 1


def test_the_ratio_of_a_store_is_used(
    sid_workspace: Workspace, weights: Path, tmp_path: Path
) -> None:
    found = restored(run_in(
        sid_workspace.root, "restore", "sid", "--weights", weights, "--workers", 0, "--limit", 1,
        "--amplification", "ratio", "--json", "-o", tmp_path,
    ))  # fmt: skip
    assert [one["amplification"] for one in found["restored"]] == [300]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--iso", "100"], "chooses frames of stores"),
        (["--m", "1", "--exposure", "10s"], "choose one"),
        (["--m", "1,1.0"], "twice"),
        (["--m", "2", "--amplification", "100"], "does not go with"),
        (["--exposure", "soon"], "an exposure such as"),
        (["--amplification", "bright"], "auto, ratio, or a number"),
        (["--format", "jpeg", "--bits", "16"], "jpeg with 16 bits"),
    ],
)
def test_calls_that_make_no_sense(dark: Path, options: list[str], text: str) -> None:
    ended = run("restore", dark, *options, "--dry-run")
    assert (ended.code, ended.out) == (2, "")
    assert text in ended.err


def test_amplification_by_exposure_number_and_estimate(
    dark: Path, weights: Path, tmp_path: Path
) -> None:
    common = ("restore", dark / "0.dng", "--weights", weights, "--workers", 0, "--json", "-o")
    by = {
        name: restored(run(*common, tmp_path / name, *options))["restored"]
        for name, options in {
            "exposure": ("--exposure", "10s"),
            "number": ("--amplification", "50,70"),
            "auto": ("--amplification", "auto"),
        }.items()
    }
    assert [one["amplification"] for one in by["exposure"]] == pytest.approx([100])  # 0.1 s
    assert [one["amplification"] for one in by["number"]] == [50, 70]
    assert len(by["auto"]) == 1


def test_the_plain_conversion_is_as_bright_and_not_the_picture(
    dark: Path, weights: Path, tmp_path: Path
) -> None:
    found = restored(run(
        "restore", dark / "0.dng", "--weights", weights, "--workers", 0, "--compare", "--json",
        "--bits", 16, "-o", tmp_path / "out",
    ))  # fmt: skip
    (one,) = found["restored"]
    assert Path(one["plain"]).name == "0.plain.png"
    pictures = [np.asarray(cv2.imread(one[key], -1)) for key in ("picture", "plain")]
    light = [float(linear_of(picture / 65535).mean()) for picture in pictures]
    assert light[1] == pytest.approx(light[0], rel=0.1)
    assert not np.array_equal(pictures[0], pictures[1])


def test_wrong_levels_can_be_asked_for_and_are_noted(
    dark: Path, weights: Path, tmp_path: Path
) -> None:
    common = ("restore", dark / "0.dng", "--weights", weights, "--workers", 0)
    assert run(*common, "-o", tmp_path / "wrong", "--black", "0").code == 0
    assert run(*common, "-o", tmp_path / "right").code == 0
    lines = [next(iter(read_manifest(tmp_path / name).values())) for name in ("wrong", "right")]
    assert [line["black_level"] for line in lines] == [[0.0] * 4, [64.0] * 4]
    assert lines[0]["weights"] == lines[1]["weights"]
    assert len(lines[0]["weights"]) == 64


def test_the_licence_of_published_weights_is_shown_once(dark: Path, tmp_path: Path) -> None:
    published = REPOSITORY.parent / "shared" / "weights" / "lamba2021" / "weights"
    if not published.is_file():
        pytest.skip(f"no published weights at {published}")
    ended = run("restore", dark, "--weights", published, "-o", tmp_path / "o", "--workers", 0)
    assert ended.err.count(LICENCE) == 1


def test_an_interrupted_batch_keeps_what_is_done_and_goes_on(
    dark: Path, weights: Path, tmp_path: Path
) -> None:
    for number in range(40):
        write_noise_dng(dark / f"more-{number}.dng", shape=(320, 480), seed=number)
    out = tmp_path / "out"
    command = [sys.executable, "-c", "from rawkit.cli import main; main()", "restore",
               str(dark), "-o", str(out), "--weights", str(weights), "--json"]  # fmt: skip
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while len(list(out.glob("*.png"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    text, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert "interrupted" in errors
    found = json.loads(text)
    assert found["interrupted"]
    written = sorted(path.name for path in out.glob("*.png"))
    assert 2 <= len(written) < 43
    assert sorted(Path(one["picture"]).name for one in found["restored"]) == written
    assert sorted(Path(path).name for path in read_manifest(out)) == written
    assert not list(out.glob("*.part"))
    for path in out.glob("*.png"):
        with Image.open(path) as image:
            image.load()
    again = start(*command[3:], "--skip-existing", "--dry-run", cwd=tmp_path)
    states = [one["state"] for one in json.loads(again.out)]
    assert (states.count("there already"), states.count("new")) == (len(written), 43 - len(written))


def test_what_a_killed_run_left_half_written_is_removed(
    dark: Path, weights: Path, tmp_path: Path
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    out = tmp_path / "out"
    out.mkdir()
    (out / f"0.png.{gone.pid}.part").touch()
    (out / f"1.png.{os.getppid()}.part").touch()  # of a process that is still at it
    (out / "mine.part").touch()
    assert run("restore", dark, "-o", out, "--weights", weights, "--workers", 0).code == 0
    left = sorted(path.name for path in out.glob("*.part"))
    assert left == [f"1.png.{os.getppid()}.part", "mine.part"]


def test_a_full_disk_stops_the_batch_without_half_a_picture(
    dark: Path, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))

    ended = subprocess.run(
        [sys.executable, "-c", "from rawkit.cli import main; main()", "restore", str(dark),
         "-o", str(out), "--weights", str(weights), "--workers", "0", "--bits", "16"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, text=True, capture_output=True,
        preexec_fn=small_disk, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "stopped (output)" in ended.stderr
    assert [path.name for path in out.iterdir()] == ["manifest.jsonl"]


def test_manifests_that_were_cut_off_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text('{"picture": "a", "x": 1}\n[]\n{"picture": "b", "x')
    assert read_manifest(tmp_path) == {"a": {"picture": "a", "x": 1}}
    assert read_manifest(tmp_path / "gone") == {}


def test_a_profile_is_asked_for_and_said(dark: Path, weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "Test.toml"
    write_profile(profile_of_test_camera(hot=((3, 4),)), path)
    common = ("restore", dark / "0.dng", "-o", tmp_path / "out", "--weights", weights, "--workers",
              0, "--profile", path)  # fmt: skip
    found = restored(run(*common, "--json"))
    assert found["restored"][0]["profile"].endswith("1 hot pixels mended (Rawkit Test)")
    again = run(*common, "--skip-existing")
    assert "there already: 1 files" in again.out
    assert "profile:" not in again.err
    other = run(*common, "--skip-existing", "--no-hot-pixels")
    assert "dark shading of 3.1 units subtracted (Rawkit Test)" in other.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--no-hot-pixels",), "--no-hot-pixels goes with --profile"),
        (("--profile", "none.toml"), "none.toml"),
        (("--profile", "stored"), "without a store"),
        (("--profile", "stored", "--black", 60), "--black and the dark shading"),
    ],
)
def test_what_makes_no_sense_of_profiles_is_refused(
    dark: Path, weights: Path, tmp_path: Path, options: tuple[object, ...], said: str
) -> None:
    ended = run("restore", dark, "-o", tmp_path / "out", "--weights", weights, *options)
    assert ended.code in {1, 2}
    assert said in ended.err
    assert not (tmp_path / "out").exists()
