"""`rawkit train` itself: recipes, sums of losses, choices of frames, what may not be resumed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rawkit.restore.amplify import Brightness
from rawkit.restore.network import load_restorer
from rawkit.sensor import Exposure
from rawkit.train import LAST, WEIGHTS, load_checkpoint
from rawkit.train.runs import choose_subset, open_data
from rawkit.workspace import Workspace
from tests.support.fixtures_cli import Ended, error_line, run_in
from tests.support.fixtures_stream import copy_workspace

pytest_plugins = ("tests.support.fixtures_workspace",)

TRAIN = ("--steps", 1, "--crop", 32, "--batch", 2, "--loss", "l1")


@pytest.fixture
def root(sid_workspace: Workspace, tmp_path: Path) -> Path:
    """Return a workspace with a store and a subset, to be changed."""
    return copy_workspace(sid_workspace, tmp_path / "workspace").root


def settings_in(ended: Ended) -> dict[str, str]:
    assert ended.code == 0, ended.err
    text = ended.err.split("\nsettings\n")[1]
    return dict(re.findall(r"^(\w+) +(.*)$", text, re.MULTILINE))


def run_of(ended: Ended) -> Path:
    assert ended.code == 0, ended.err
    return Path(json.loads(ended.out)["run"])


def test_a_recipe_is_one_word_and_options_override_it(root: Path) -> None:
    small = ("--crop", 96, "--max-ram", "9GB", "--dry-run")
    found = settings_in(run_in(root, "train", "--recipe", "sid", *small))
    data = open_data(choose_subset_of(root), workspace_of(root))
    expected = {
        "recipe": "sid", "network": "sid", "batch_size": "1", "schedule": "step", "crop": "96",
        "amplification": "exposure", "ms_ssim_weight": "0", "steps": str(4000 * data.longs),
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    changed = ("--recipe", "lamba2021", "--loss", "l1=2,ssim", "--m", 5, "--amplify", "auto")
    found = settings_in(run_in(root, "train", *changed, "--batch", 2, "--ema", 0.99, *small))
    expected = {
        "steps": "1000000", "l1_weight": "2", "ssim_weight": "1", "ms_ssim_weight": "0",
        "amplification": "auto", "amplification_value": "5", "batch_size": "2", "ema": "0.99",
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert not (root / "runs").exists()


def workspace_of(root: Path) -> Workspace:
    return Workspace(root)


def choose_subset_of(root: Path) -> Any:
    return choose_subset(workspace_of(root), None)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--recipe", "unet"), "no recipe called 'unet'"),
        (("--loss", "l3=1"), "'l3=1' is not a sum"),
        (("--loss", "l1", "--ms-ssim", 0.2), "--loss with --l1 or --ms-ssim"),
        (("--loss", "perceptual=0.1"), "without the weights of VGG"),
        (("--loss", "l1=0"), "one above"),
        (("--minutes", "nan"), "no finite number"),
        (("--minutes", "inf"), "no finite number"),
        (("--amplify", "ratio", "--m", 2), "--m with an amplification by ratio"),
        (("--milestones", "0.5,0.2"), "shares of the steps"),
        (("--accumulate", 9), "in 9 pieces"),
        (("--precision", "fp16", "--device", "cpu"), "fp16 on the CPU"),
        (("--fraction", 0.5, "--subset", "f1"), "--fraction with --subset"),
        (("--where", "iso >"), ""),
        (("--split", "train"), "No such option"),
    ],
)
def test_what_cannot_be_meant_is_called_wrong(
    root: Path, options: tuple[object, ...], text: str
) -> None:
    ended = run_in(root, "train", "--steps", 1, "--crop", 32, "--batch", 2, *options)
    assert ended.code == 2, ended.err
    assert text in ended.err
    assert "Traceback" not in ended.err
    assert not (root / "runs").exists()


def test_a_choice_of_frames_needs_no_subset_and_is_made_again_on_resume(root: Path) -> None:
    before = {path.name for path in (root / "subsets").iterdir()}
    one = run_of(run_in(root, "train", *TRAIN, "--per-long", "darkest", "--json"))
    assert {path.name for path in (root / "subsets").iterdir()} == before
    state = load_checkpoint(one / LAST)
    assert state.data is not None
    assert state.data.frames == {"train": 1, "val": 1}
    assert not state.data.named
    assert run_in(root, "train", "--resume", "--steps", 2).code == 0
    assert load_checkpoint(one / LAST).step == 2
    for other, words in (
        (("--per-long", "first"), 'per_long "first" instead of "darkest"'),
        (("--per-long", "darkest", "--fraction", 0.5), "fraction 0.5 instead of 1.0"),
        (("--iso", 100), "isos [100.0] instead of null"),
    ):
        wrong = run_in(root, "train", "--resume", *other)
        assert wrong.code == 2
        assert words in error_line(wrong)
    same = ("--per-long", "darkest", "--fraction", 1)
    assert run_in(root, "train", "--resume", "--steps", 2, *same, "--dry-run").code == 0
    shutil.rmtree(root / "stores")
    gone = run_in(root, "train", "--resume", "--steps", 3)
    assert gone.code == 1
    assert "no store" in error_line(gone)
    assert load_checkpoint(one / LAST).step == 2


def test_a_checkpoint_of_other_settings_says_all_that_differs(root: Path) -> None:
    run_of(run_in(root, "train", *TRAIN, "--json"))
    ended = run_in(root, "train", "--resume", "--ema", 0.9, "--schedule", "cosine", "--batch", 2)
    assert ended.code == 2
    line = error_line(ended)
    assert "ema 0.9 instead of 0" in line
    assert "schedule cosine instead of constant" in line
    assert "batch" not in line.split("expected")[0]


def test_a_network_trained_on_ratios_is_restored_with_as_many_times_the_estimate(
    root: Path,
) -> None:
    folder = run_of(run_in(root, "train", *TRAIN, "--amplify", "exposure", "--json"))
    pairs = open_data(choose_subset_of(root), workspace_of(root)).train
    ratio = np.median([min(one.exposure_ratio, 300) / one.amplification_base for one in pairs])
    for name in (LAST, WEIGHTS):
        found = load_restorer(folder / name)
        assert found.amplification.kind == "exposure"
        assert found.ratio_to_estimate == pytest.approx(float(ratio), rel=1e-5)
        (factor,) = Brightness().factors(
            7.0,
            Exposure(None, None, None),
            None,
            found.amplification,
            ratio_to_estimate=found.ratio_to_estimate,
        )
        assert factor == pytest.approx(7 * float(ratio), rel=1e-5)


def test_python_starts_the_command_line_as_torchrun_does() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "rawkit", "--version"], capture_output=True, text=True, check=True
    )
    assert ended.stdout.startswith("rawkit, version ")
