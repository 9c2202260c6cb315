"""From raw to raw, end to end: trained, resumed, validated, restored to DNG and to pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import rawpy
import torch

from rawkit.errors import UsageError
from rawkit.models import build, describe, load_network
from rawkit.pictures import PictureFormat
from rawkit.restore import Output, load_restorer, restore_files
from rawkit.restore.manifest import read_manifest
from rawkit.sensor import decode
from rawkit.train import (
    BEST,
    LAST,
    TrainSettings,
    load_checkpoint,
    plan_training,
    resume_training,
    run_training,
)
from rawkit.train.noise import noise_of
from rawkit.train.validate import restore_pair, truth_planes
from tests.support.factories import local
from tests.support.fixtures_stream import copy_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.train import TrainPlan
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)

STEPS = 2
CHANGES: dict[str, object] = {
    "target": "raw",
    "steps": STEPS,
    "crop": 32,
    "batch_size": 1,
    "live_windows": 8,
}
KINDS: dict[str, dict[str, object]] = {
    "raw-unet-sigma": {"sigma_map": True},
    "pmrid": {"network": "pmrid"},
}


@dataclass(frozen=True)
class Trained:
    """A run of a few steps."""

    workspace: Workspace
    plan: TrainPlan

    @property
    def best(self) -> Path:
        """Its weights."""
        return local(self.plan.folder) / BEST


@pytest.fixture(scope="module", params=KINDS)
def trained(
    request: pytest.FixtureRequest, sid_workspace: Workspace,
    tmp_path_factory: pytest.TempPathFactory,
) -> Trained:  # fmt: skip
    workspace = copy_workspace(sid_workspace, tmp_path_factory.mktemp("raw"))
    plan = plan_training(workspace, None, {**CHANGES, **KINDS[request.param]})
    report = run_training(plan, threads=1, device="cpu", validate_every=9)
    assert report.scores is not None
    assert np.isfinite([report.scores.psnr, report.scores.ssim]).all()
    return Trained(workspace, plan)


def test_what_is_asked_for_is_what_is_trained(trained: Trained) -> None:
    settings = trained.plan.settings
    _, loaded = load_network(trained.best)
    about = describe(loaded.network)
    assert about.gives == "mosaic"
    assert loaded.settings["target"] == "raw"
    assert (settings.amplification, settings.ms_ssim_weight) == ("ratio", 0.0)
    assert settings.k_sigma == (about.name == "pmrid")


def test_it_is_resumed_bit_for_bit(trained: Trained) -> None:
    more = {"steps": STEPS + 1}
    if trained.plan.settings.network != "pmrid":  # the other is large, and goes the same way
        more["sigma_map"] = True
        found = resume_training(trained.workspace, trained.plan.folder.name, more)
        assert found.settings == replace(trained.plan.settings, steps=STEPS + 1)
        return
    run_training(
        resume_training(trained.workspace, trained.plan.folder.name, more),
        threads=1, device="cpu", validate_every=9,
    )  # fmt: skip
    went_on = load_checkpoint(local(trained.plan.folder) / LAST)
    plan = plan_training(trained.workspace, None,
                         {**_changes(trained.plan.settings), "steps": STEPS + 1})  # fmt: skip
    run_training(plan, threads=1, device="cpu", validate_every=9)
    at_once = load_checkpoint(local(plan.folder) / LAST)
    assert all(torch.equal(value, at_once.model[name]) for name, value in went_on.model.items())


def _changes(settings: TrainSettings) -> dict[str, object]:
    return {**CHANGES, "network": settings.network, "k_sigma": settings.k_sigma}


def test_it_is_validated_on_planes_that_are_as_bright_as_their_truth(trained: Trained) -> None:
    """A network that changes nothing leaves the noise alone, whatever it is fed."""
    settings, source = trained.plan.settings, trained.plan.data.val[0]

    class Same(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = torch.nn.Parameter(torch.zeros(1))

        def forward(self, mosaic: torch.Tensor) -> torch.Tensor:
            return mosaic[:, :1] + self.one

    restored, truth = restore_pair(
        Same(), settings.network, source, settings.amplifier(), None, settings.k_sigma
    )
    assert torch.equal(truth, truth_planes(source, settings.amplifier()))
    assert restored.shape == truth.shape
    assert restored.mean() == pytest.approx(float(truth.mean()), rel=0.15)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_raw_file_becomes_a_dng_that_says_what_it_said(
    trained: Trained, sid_folder: Path, tmp_path: Path, bits: int
) -> None:
    raw = min((sid_folder / "Sony" / "short").glob("1*"))
    output = Output(tmp_path / "out", PictureFormat("dng", bits))
    report = restore_files([raw], output, load_restorer(trained.best))
    assert not report.failed, report.failed
    written = tmp_path / "out" / f"{raw.stem}.dng"
    source, scale = decode(raw), 1 if bits == 8 else 4
    with rawpy.imread(str(written)) as found:  # a network of two steps may make all of it black
        assert found.white_level == source.mosaic.white_level * scale
        black = sorted(one * scale for one in source.mosaic.black_level)
        assert sorted(found.black_level_per_channel) == black
        assert found.raw_image_visible.shape == source.pixels.shape
        patterns = [np.array(one) for one in (found.raw_pattern, source.mosaic.pattern)]
        ours, theirs = (np.where(one == 3, 1, one) for one in patterns)
        assert np.array_equal(ours, theirs)
    (line,) = read_manifest(tmp_path / "out").values()
    told = trained.plan.settings.k_sigma or describe(trained.plan.settings.network).takes_sigma
    assert (line.get("noise") is not None) == told


def test_it_becomes_pictures_beside_plain_ones(
    trained: Trained, sid_folder: Path, tmp_path: Path
) -> None:
    raw = min((sid_folder / "Sony" / "short").glob("1*"))
    restorer = load_restorer(trained.best)
    output = Output(tmp_path / "out", compare=True)
    report = restore_files([raw], output, restorer)
    assert not report.failed, report.failed
    picture = cv2.imread(str(tmp_path / "out" / f"{raw.stem}.png"))
    plain = cv2.imread(str(tmp_path / "out" / f"{raw.stem}.plain.png"))
    assert picture is not None
    assert plain is not None
    assert picture.shape == plain.shape == (*decode(raw).pixels.shape, 3)


def test_what_makes_no_sense_is_refused_in_words() -> None:
    settings = TrainSettings(subset="x", steps=1, network="raw-unet", target="raw",
                             ms_ssim_weight=0.0)  # fmt: skip
    for wrong, words in (
        ({"gan_weight": 0.1}, "the loss gan from raw to raw"),
        ({"perceptual_weight": 0.1, "vgg": "x"}, "the loss perceptual"),
        ({"target": "picture"}, "which gives mosaics"),
        ({"network": "sid"}, "which gives pictures"),
        ({"network": "raw-unet-sigma", "k_sigma": True}, "which is told the noise"),
        ({"network": "raw-unet-xtrans"}, "a training of raw-unet-xtrans"),
        ({"balance": True}, "--balance"),
    ):
        with pytest.raises(UsageError, match=words):
            replace(settings, **wrong)


def test_a_frame_without_light_does_not_show_its_noise(trained: Trained) -> None:
    source = trained.plan.data.train[0]
    found = noise_of(source)
    assert found.gain > 0
    if trained.plan.settings.network == "pmrid":
        with pytest.raises(UsageError, match="a sigma map for pmrid"):
            plan_training(trained.workspace, None, {"network": "pmrid", "sigma_map": True})
    assert build("raw-unet-sigma").get_parameter("down.0.first.weight").shape[1] == 8
