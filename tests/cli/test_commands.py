"""The commands themselves, one after the other, on good input and on every kind of bad input."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from rawkit.models import load_weights
from rawkit.store import Store
from rawkit.synth import make_collection
from rawkit.train import BEST, LAST, load_checkpoint
from rawkit.workspace import Workspace
from tests.conftest import SMALL
from tests.support.factories import write_noise_dng
from tests.support.fixtures_cli import Ended, bad_files, error_line, run_in, start
from tests.support.fixtures_stream import copy_workspace

pytest_plugins = ("tests.support.fixtures_workspace",)

TRAIN = ("--steps", 2, "--crop", 32, "--batch", 2, "--ms-ssim", 0)
"""Options of a training of a second."""
ISOS = (100, 200, 400, 800, 1600, 3200, 6400, 12800)


def json_of(ended: Ended) -> Any:
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


@pytest.fixture
def root(sid_workspace: Workspace, tmp_path: Path) -> Path:
    """Return a workspace with a store and a subset, to be changed."""
    return copy_workspace(sid_workspace, tmp_path / "workspace").root


@pytest.fixture(scope="module")
def trained(
    sid_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """Return a workspace with one run, and what `rawkit train --json` said of it."""
    workspace = copy_workspace(sid_workspace, tmp_path_factory.mktemp("trained") / "workspace")
    return workspace.root, json_of(run_in(workspace.root, "train", *TRAIN, "--json"))


@pytest.fixture(scope="module")
def mid_of_eight_isos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with a synthetic MID of one scene, two views, eight ISO speeds.

    All but ISO 100 and 200 are cut off behind their EXIF: whoever touches their pixels fails.
    """
    root = tmp_path_factory.mktemp("mid-workspace")
    folder = root / "data" / "mid"
    report = make_collection("mid", folder, scenes=1, size=SMALL, isos=ISOS, shutters=(0.01,))
    dark = [folder / name for name in report.names if len(Path(name).parts) == 4]
    assert len(dark) == 16
    for path in dark:
        if not re.search(r"_(00100|00200)_", path.name):
            os.truncate(path, 4096)
    return root


def test_ingest_mid_reads_exif_of_all_and_pixels_of_the_chosen_isos_alone(
    mid_of_eight_isos: Path,
) -> None:
    planned = json_of(
        run_in(mid_of_eight_isos, "ingest", "mid", "--iso", "100,200", "--dry-run", "--json")
    )
    assert (planned["files"], planned["to_add"], planned["pairs"]) == (18, 6, 4)
    assert planned["filtered"] == {"iso": 12}
    assert not (mid_of_eight_isos / "stores").exists()
    found = json_of(
        run_in(mid_of_eight_isos, "ingest", "mid", "--iso", "100,200", "--workers", 0, "--json")
    )
    assert (found["added"], found["targets"], found["left_out"]) == (6, 2, [])
    store = Store(mid_of_eight_isos / "stores" / "mid.zarr")
    assert sorted((row.role, row.iso) for row in store.rows) == [
        ("long", 100.0), ("long", 100.0), ("short", 100.0), ("short", 100.0), ("short", 200.0),
        ("short", 200.0),
    ]  # fmt: skip
    again = run_in(mid_of_eight_isos, "ingest", "mid", "--iso", "100,200", "--workers", 0)
    assert re.search(r"added +0 frames", again.out)
    rest = json_of(run_in(mid_of_eight_isos, "ingest", "mid", "--dry-run", "--json"))
    assert (rest["already"], rest["to_add"]) == (6, 12)


def test_frames_that_cannot_be_decoded_are_listed_and_the_command_fails_if_none_is_left(
    mid_of_eight_isos: Path, tmp_path: Path
) -> None:
    shutil.copytree(mid_of_eight_isos / "data", tmp_path / "data")
    ended = run_in(tmp_path, "ingest", "mid", "--iso", "400", "--workers", 0, "--json")
    found = json.loads(ended.out)
    assert (ended.code, found["added"]) == (0, 2)  # the longs
    assert [one["kind"] for one in found["left_out"]] == ["truncated"] * 2
    again = run_in(tmp_path, "ingest", "mid", "--iso", "400", "--workers", 0)
    assert again.code == 0  # nothing is left to try
    assert "truncated before and unchanged" in again.out
    again = run_in(tmp_path, "ingest", "mid", "--iso", "400", "--workers", 0, "--retry")
    assert again.code == 1
    assert "truncated" in again.out


def test_a_collection_goes_all_the_way_in_processes_of_its_own(
    sid_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sid").symlink_to(sid_folder)
    env = {"RAWKIT_TRAIN_STEPS": "2", "RAWKIT_TRAIN_BATCH": "2"}
    (tmp_path / "rawkit.toml").write_text("[train]\ncrop = 32\n[restore]\nbits = 16\n")
    assert start("ingest", "sid", "--workers", 0, cwd=tmp_path).code == 0
    assert start("subset", "--fraction", "0.4", cwd=tmp_path).code == 0
    ended = start("train", cwd=tmp_path, env=env)
    assert ended.code == 0
    assert re.search(r"^run +runs/f0.4-lamba2021-001$", ended.out, re.MULTILINE)
    assert re.search(r"^steps +2$", ended.err, re.MULTILINE)
    assert load_checkpoint(tmp_path / "runs" / "f0.4-lamba2021-001" / LAST).step == 2
    dark = min((sid_folder / "Sony" / "short").iterdir())
    assert start("restore", dark, "-o", "out", cwd=tmp_path).code == 0
    picture = cv2.imread(str(tmp_path / "out" / f"{dark.stem}.png"), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (*SMALL, 3)
    assert picture.dtype == np.uint16


def test_train_says_what_it_did_as_json(trained: tuple[Path, dict[str, Any]]) -> None:
    root, found = trained
    assert found["run"] == str(root / "runs" / "f1-lamba2021-001")
    assert found["steps"] == 2
    assert found["validation_frames"] == 3
    assert {"loss", "psnr", "ssim", "crops_per_second", "waiting_for_data"} <= set(found)
    assert load_weights(Path(found["run"]) / BEST).network == "lamba2021"


def test_bare_train_in_a_dry_run_names_run_steps_and_memory_and_writes_nothing(root: Path) -> None:
    ended = run_in(root, "train", "--dry-run")
    assert ended.code == 0
    assert ended.out == ""
    for name, value in {
        "run": ".*f1-lamba2021-001", "subset": "f1", "pairs": "3 train, 3 val", "steps": "1000",
        "batch": "4 crops of 96 x 96", "memory": r"\d+ of 3000 MB .*",
    }.items():  # fmt: skip
        assert re.search(rf"^{name} +{value}$", ended.err, re.MULTILINE), ended.err
    assert not (root / "runs").exists()


def test_train_makes_a_subset_of_everything_where_there_is_none(root: Path) -> None:
    shutil.rmtree(root / "subsets")
    assert run_in(root, "train", *TRAIN, "--dry-run").code == 0
    assert [path.name for path in (root / "subsets").iterdir()] == ["f1.parquet"]


def test_a_run_goes_on_with_more_steps_and_a_lower_rate_but_no_other_crop(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    root = copy_workspace(Workspace(trained[0]), tmp_path / "copy").root
    found = json_of(run_in(root, "train", "--resume", "--steps", 3, "--lr", 1e-5, "--json"))
    assert found["steps"] == 3
    state = load_checkpoint(Path(found["run"]) / LAST)
    assert (state.settings.learning_rate, state.settings.crop) == (1e-5, 32)
    ended = run_in(root, "train", "--resume", "--crop", 64)
    assert ended.code == 2
    assert "crop 64 instead of 32" in error_line(ended)


def test_a_run_is_not_trained_over(trained: tuple[Path, dict[str, Any]]) -> None:
    root, found = trained
    before = (Path(found["run"]) / LAST).read_bytes()
    ended = run_in(root, "train", *TRAIN, "--name", "f1-lamba2021-001")
    assert ended.code == 1
    assert "--resume" in error_line(ended)
    assert (Path(found["run"]) / LAST).read_bytes() == before


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--crop", 512), "crops of 512 mosaic pixels from frames of 128"),
        (("--crop", 512, "--dry-run"), "crops of 512 mosaic pixels from frames of 128"),
        (("--crop", 0), "crop = 0"),
        (("--crop", 50), "a multiple of 32"),
        (("--crop", 96, "--ms-ssim", 0.5), "MS-SSIM on crops of 96"),
        (("--max-ram", "100MB"), "a training that needs"),
        (("--network", "unet"), "unet"),
        (("--amplify", "0"), "a number above 0"),
        (("--lr", "nan"), "learning_rate"),
    ],
)
def test_settings_that_cannot_work_are_called_wrong_and_leave_nothing(
    root: Path, options: tuple[object, ...], text: str
) -> None:
    ended = run_in(root, "train", "--steps", 2, "--batch", 1, *options)
    assert ended.code == 2
    assert text in error_line(ended)
    assert not (root / "runs").exists()


def test_the_fix_for_too_little_memory_works(root: Path) -> None:
    options = ("train", "--steps", 1, "--crop", 96, "--batch", 64, "--dry-run")
    ended = run_in(root, *options, "--max-ram", "700MB", "--accumulate", 1)
    found = re.search(r"Use (--accumulate) (\d+)", error_line(ended))
    assert found
    assert run_in(root, *options, "--max-ram", "700MB", *found.groups()).code == 0
    by_itself = run_in(root, *options, "--max-ram", "700MB")
    assert f"in {found[2]} pieces" in by_itself.err


def test_a_training_that_diverges_is_one_line(root: Path) -> None:
    ended = run_in(root, "train", *TRAIN[2:], "--steps", 20, "--lr", 1e10)
    assert ended.code == 1
    line = next(line for line in ended.err.splitlines() if line.startswith("error"))
    assert line.startswith("error (training): ")
    assert "--lr" in line
    assert "Traceback" not in ended.err


def test_subset_says_what_it_chose_and_lists_it(root: Path) -> None:
    ended = run_in(root, "subset", "--fraction", "0.4")
    assert ended.code == 0
    assert "saved" in ended.out
    rows = [line.split() for line in ended.out.splitlines() if line.startswith("sid ")]
    assert len(rows) == 9
    found = json_of(run_in(root, "subset", "--fraction", "0.4", "--json"))
    assert (found["new"], found["train"], found["val"], found["test"]) == (False, 3, 3, 3)
    assert "unchanged" in run_in(root, "subset", "--fraction", "0.4").out
    listed = run_in(root, "subset", "--list")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["name", "f0.4", "f1"]
    other = run_in(root, "subset", "--fraction", "0.5", "--name", "f0.4")
    assert other.code == 2
    assert "--refresh" in error_line(other)


def test_restore_uses_the_newest_run(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    write_noise_dng(tmp_path / "a.dng")
    found = json_of(run_in(trained[0], "restore", tmp_path / "a.dng", "-o", tmp_path / "out",
                           "--m", "1,5", "--json"))  # fmt: skip
    assert found["failed"] == []
    assert [Path(one["picture"]).name for one in found["restored"]] == ["a_m1.png", "a_m5.png"]
    assert (tmp_path / "out" / "a_m5.png").is_file()


def test_restore_lists_what_fails_writes_the_rest_and_ends_with_1(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    reasons = bad_files(tmp_path / "in")
    (tmp_path / "in" / "unreadable.dng").unlink()
    del reasons["unreadable.dng"]
    (tmp_path / "in" / "no-mosaic.dng").unlink()  # which can be restored
    del reasons["no-mosaic.dng"]
    (tmp_path / "in" / "folder.dng").mkdir()
    write_noise_dng(tmp_path / "in" / "good.dng")
    ended = run_in(trained[0], "restore", tmp_path / "in", "-o", tmp_path / "out")
    assert ended.code == 1
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["good.png"]
    for name, reason in reasons.items():
        assert re.search(rf"^failed \(.*{re.escape(name)}: .*{reason}", ended.err, re.MULTILINE)
    assert "good.png" in ended.out


def test_restore_into_a_file_and_with_other_files_as_weights_is_one_line(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    write_noise_dng(tmp_path / "a.dng")
    (tmp_path / "out").write_text("mine")
    torch.save({"format": "rawkit-checkpoint", "version": 1, "network": "unet", "model": {}},
               tmp_path / "other.pt")  # fmt: skip
    for options, kind in [
        (["-o", tmp_path / "out"], "output"),
        (["-o", tmp_path / "new", "--weights", tmp_path / "gone"], "missing"),
        (["-o", tmp_path / "new", "--weights", tmp_path / "a.dng"], "weights"),
        (["-o", tmp_path / "new", "--weights", tmp_path / "other.pt"], "weights"),
        (["-o", tmp_path / "new", "--weights", tmp_path], "weights"),
    ]:
        ended = run_in(trained[0], "restore", tmp_path / "a.dng", *options)
        assert ended.code == 1
        assert error_line(ended).startswith(f"error ({kind}): ")
    assert not (tmp_path / "new").exists()


def test_ingest_lists_every_kind_of_bad_file_with_its_reason_and_goes_on(tmp_path: Path) -> None:
    reasons = bad_files(tmp_path / "data" / "folder")
    write_noise_dng(tmp_path / "data" / "folder" / "good.dng")
    ended = run_in(tmp_path, "ingest", "folder", "--workers", 0, "--json")
    found = json_of(ended)
    assert found["added"] == 1
    left_out = {one["name"]: one["reason"] for one in found["left_out"]}
    assert {Path(name).stem for name in left_out} == {Path(name).stem for name in reasons}
    for name, reason in reasons.items():
        match = next(text for key, text in left_out.items() if Path(key).stem == Path(name).stem)
        assert reason in match
    assert "Traceback" not in ended.err


def test_the_real_folder_gives_six_frames_and_two_reasons(real_data: Path, tmp_path: Path) -> None:
    found = json_of(
        run_in(tmp_path, "ingest", "folder", "--source", real_data, "--workers", 0, "--json")
    )
    assert found["added"] == 6
    assert {Path(one["name"]).name.split(".")[0]: one["kind"] for one in found["left_out"]} == {
        "JPEG_named_canon_350d": "not-raw", "SONY_SLT-A55V_truncated": "truncated"
    }  # fmt: skip


def test_a_checkpoint_of_another_network_cannot_be_resumed(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    root = copy_workspace(Workspace(trained[0]), tmp_path / "copy").root
    path = root / "runs" / "f1-lamba2021-001" / LAST
    content = torch.load(path, weights_only=True)
    torch.save({**content, "network": "unet"}, path)
    ended = run_in(root, "train", "--resume")
    assert ended.code == 1
    line = error_line(ended)
    assert line.startswith("error (weights): ")
    assert "'unet'" in line


def test_info_of_a_collection_tells_of_its_store_too(root: Path) -> None:
    ended = run_in(root, "info", "sid")
    assert ended.code == 0
    assert "its store" in ended.out
    found = json_of(run_in(root, "info", "sid", "--json"))
    assert found["store"]["frames"] == 12
    store = json_of(run_in(root, "info", "stores/sid.zarr", "--json"))
    assert store == found["store"]


def test_synth_makes_files_and_keeps_those_that_are_there(tmp_path: Path) -> None:
    arguments = ("synth", "sid", tmp_path / "sid", "--scenes", 1, "--size", "96x64", "--json")
    first = json_of(run_in(tmp_path, *arguments))
    assert first["kept"] == 0
    assert first["written"] > 0
    assert len(list((tmp_path / "sid").rglob("*.ARW"))) == first["written"]
    assert json_of(run_in(tmp_path, *arguments))["kept"] == first["written"]
