"""Trainings on dark frames that are made of longs: the same ones always, and as asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rawkit.errors import MissingError, TrainingError, UsageError
from rawkit.models import KSigma, ShotAndRead
from rawkit.noise import write_profile
from rawkit.store import Store
from rawkit.stream import BatchStream, longs_among
from rawkit.subset import load_subset, make_subset
from rawkit.synth import CAMERAS, profile_of
from rawkit.train import (
    LAST,
    TrainData,
    Trainer,
    disk_training,
    load_checkpoint,
    other_cameras,
    plan_training,
    resume_training,
    run_training,
    shorts_of,
    validated_on_made,
)
from rawkit.train.choices import resumed_settings
from rawkit.train.clips import score_share
from rawkit.train.data import plan_settings, ratio_to_estimate
from rawkit.train.memory import plan_memory
from rawkit.train.noise import FrameNoise
from rawkit.train.runs import open_data
from rawkit.train.shorts import MadeFrames, with_shorts
from tests.support.fixtures_stream import assert_same_batch, copy_workspace, tiny
from tests.support.profiles import small_profile
from tests.support.weights import same, weights_of

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.stream import Batch
    from rawkit.train import TrainSettings
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)
pytestmark = pytest.mark.usefixtures("one_torch_thread")

STEPS = 3
KINDS = ("synthetic", "both")


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the profile of the camera of the small SID."""
    path = tmp_path_factory.mktemp("cameras") / "sony.toml"
    write_profile(profile_of(CAMERAS["sid"], (100, 400, 1600), (96, 128)), path)
    return path


def made_by(path: Path, shorts: str = "synthetic", **changes: Any) -> TrainSettings:
    return tiny(STEPS, **with_shorts({"profile": path, "shorts": shorts, **changes}))


def data_of(workspace: Workspace, **kind: Any) -> TrainData:
    return open_data(load_subset(workspace.subset("f1")), workspace, **kind)


def batches(data: TrainData, settings: TrainSettings, count: int, **options: Any) -> list[Batch]:
    stream = BatchStream(
        data.train, plan_settings(settings), batch_size=4, shorts=shorts_of(settings), **options
    )
    return list(islice(stream.batches(), count))


@pytest.mark.parametrize("shorts", KINDS)
def test_a_stopped_run_goes_on_to_the_same_weights(
    sid_workspace: Workspace, profile: Path, tmp_path: Path, shorts: str
) -> None:
    data = replace(data_of(sid_workspace, shorts=shorts), val=[])
    settings = made_by(profile, shorts)
    Trainer(settings, data, tmp_path / "whole", threads=1).run()
    Trainer(replace(settings, steps=1), data, tmp_path / "parts").run()
    trainer = Trainer(settings, data, tmp_path / "parts", threads=3)
    trainer.resume(load_checkpoint(tmp_path / "parts" / LAST))
    trainer.run()
    whole = weights_of(tmp_path / "whole")
    assert same(whole, weights_of(tmp_path / "parts"))
    real = replace(data_of(sid_workspace), val=[])
    Trainer(tiny(STEPS), real, tmp_path / "real").run()
    assert not same(whole, weights_of(tmp_path / "real"))


@pytest.mark.parametrize("raw", [False, True])
def test_longs_are_their_own_truth(sid_workspace: Workspace, raw: bool) -> None:  # noqa: FBT001 - a parameter
    data = data_of(sid_workspace, shorts="synthetic", raw=raw)
    rows = {row.name: row for row in Store(sid_workspace.store("sid")).rows}
    for one in data.train:
        row = rows[one.name.partition("/")[2]]
        assert row.role == "long"
        number = int(str(one.target.path).split("/")[-4])
        assert number == (row.index if raw else row.target_index)
        if raw:
            assert one.target.path == one.packed.path
            assert one.target_levels is not None
            assert one.target_levels.tolist() == [*row.black_level, row.white_level]


def test_half_of_the_samples_are_made_where_both_are_asked_for(
    sid_workspace: Workspace, profile: Path
) -> None:
    pairs, data = data_of(sid_workspace), data_of(sid_workspace, shorts="both")
    made = longs_among(data.train)
    assert [one.name for one in data.train[: len(pairs.train)]] == [one.name for one in pairs.train]
    assert made.sum() == len(made) / 2 == len(pairs.train)
    settings = made_by(profile, "both")
    found = batches(data, settings, 12)
    by_number = {1 / 25: 250.0, 1 / 30: 300.0, 1 / 10: 100.0}
    for batch in found:
        for name, ratio in zip(batch.names, batch.gain_ratio.tolist(), strict=True):
            long = "_10s" in name
            assert long or any(math.isclose(ratio, one, rel_tol=0.1) for one in by_number.values())
    whole = batches(data, settings, 12, threads=3)
    for one, other in zip(found, whole, strict=True):
        assert_same_batch(one, other)
    for rank in range(2):
        part = batches(data, settings, 12, rank=rank, ranks=2)
        for one, other in zip(found, part, strict=True):
            np.testing.assert_array_equal(one.packed[rank::2], other.packed)


def test_a_planned_run_says_and_resumes_what_it_was_asked_for(
    sid_workspace: Workspace, profile: Path, tmp_path: Path
) -> None:
    workspace = copy_workspace(sid_workspace, tmp_path)
    changes = {
        "steps": 2, "crop": 32, "batch_size": 2, "ms_ssim_weight": 0.0, "live_windows": 8,
        "shorts": "synthetic", "profile": str(profile), "shorts_ratio": (100.0, (200.0, 300.0)),
    }  # fmt: skip
    plan = plan_training(workspace, "f1", changes, name="made")
    settings = plan.settings
    assert (settings.shorts_ratio, settings.shorts_iso) == ("100,200-300", "100-1600")
    assert settings.profile_camera == "SONY ILCE-7SM2"
    assert not other_cameras(plan.data.train, settings)
    assert not validated_on_made(plan.data.val)
    assert "shorts" in plan.memory.parts
    assert "ratio 100,200-300, ISO 100-1600" in settings.said_of_shorts()
    run_training(plan)
    again = resume_training(
        workspace, "made", {"steps": 3, "shorts": "synthetic", "shorts_ratio": "100, 200-300"}
    )
    run_training(again)
    assert load_checkpoint(tmp_path / "runs" / "made" / LAST).step == 3
    with pytest.raises(UsageError, match="shorts_iso"):
        resume_training(workspace, "made", {"shorts_iso": 400})
    with pytest.raises(UsageError, match="shorts real"):
        resume_training(workspace, "made", {"shorts": "real"})


def test_another_profile_does_not_go_on_with_a_run(
    sid_workspace: Workspace, profile: Path, tmp_path: Path
) -> None:
    settings = made_by(profile)
    moved = tmp_path / "moved.toml"
    write_profile(profile_of(CAMERAS["sid"], (100, 400, 1600), (96, 128)), moved)
    resumed = resumed_settings(settings, {"profile": str(moved)}, None)
    assert resumed.profile == str(moved)
    other = tmp_path / "other.toml"
    write_profile(profile_of(CAMERAS["mid"], (100, 400, 1600), (96, 128)), other)
    data = data_of(sid_workspace, shorts="synthetic")
    with pytest.raises(TrainingError, match="another profile"):
        Trainer(replace(settings, profile=str(other)), data, tmp_path / "run")
    with pytest.raises(MissingError, match="no such file"):
        with_shorts({"profile": tmp_path / "none.toml", "shorts": "both"})
    camera = with_shorts({"profile": other, "shorts": "both"})
    assert other_cameras(data.train, tiny(**camera)) == ["ILCE-7SM2"]


def test_what_makes_no_sense_is_refused(sid_workspace: Workspace, profile: Path) -> None:
    with pytest.raises(UsageError, match="without the noise of a camera"):
        tiny(shorts="synthetic")
    with pytest.raises(UsageError, match="histograms of whole videos"):
        made_by(profile, amplification="equalise")
    with pytest.raises(UsageError, match="clips of 2 frames"):
        made_by(profile, clip=2)
    with pytest.raises(UsageError, match="nothing is done with it"):
        with_shorts({"profile": profile})
    with pytest.raises(UsageError, match="for shorts"):
        with_shorts({"profile": profile, "shorts": "both", "shorts_ratio": "100-"})
    plan = plan_training(
        sid_workspace, "f1", {"crop": 32, "profile": str(profile), "shorts": "synthetic"}
    )
    with (
        pytest.raises(UsageError, match="longs that come and go"),
        disk_training(plan, sid_workspace, 10**9),
    ):
        pass


def test_where_there_are_no_pairs_longs_are_enough(
    sid_workspace: Workspace, profile: Path, tmp_path: Path
) -> None:
    """A subset of longs alone is trained and validated on, the same frames each time."""
    data = data_of(sid_workspace, shorts="synthetic")
    longs = [one for one in data_of(sid_workspace, shorts="both").train if one.is_long]
    assert not any(one.is_long for one in data.val)
    data = replace(data, val=longs[:1])
    assert validated_on_made(data.val)
    settings = made_by(profile)
    made, source = MadeFrames(settings, data.val), data.val[0]
    seen, planes = made(source)
    again, same_planes = MadeFrames(replace(settings, seed=4), data.val)(source)
    assert seen.gain_ratio == again.gain_ratio
    assert 100 <= seen.gain_ratio <= 300
    np.testing.assert_array_equal(planes, same_planes)
    trainer = Trainer(settings, data, tmp_path / "run")
    report = trainer.run()
    assert report.scores is not None
    assert report.scores.frames == 1
    sums, count, _ = score_share(trainer.net, settings, data.val, data.val, slice(None))
    assert count == 1
    assert sums[0] == pytest.approx(report.scores.psnr)


def test_a_store_of_longs_alone_makes_a_subset(
    sid_workspace: Workspace, profile: Path, tmp_path: Path
) -> None:
    from rawkit.catalog import Selection

    workspace = copy_workspace(sid_workspace, tmp_path)
    chosen, _ = make_subset(
        workspace, workspace.stores(), fraction=1.0, selection=Selection(role="long"), name="longs"
    )
    assert {one.role for one in chosen.frames} == {"long"}
    plan = plan_training(
        workspace, "longs",
        {"crop": 32, "batch_size": 2, "steps": 1, "ms_ssim_weight": 0.0, "live_windows": 8,
         "shorts": "synthetic", "profile": str(profile)},
    )  # fmt: skip
    assert validated_on_made(plan.data.val)
    assert run_training(plan).scores is not None


def test_what_restores_a_file_without_a_long_is_that_of_made_ones(
    sid_workspace: Workspace, profile: Path
) -> None:
    data = data_of(sid_workspace, shorts="synthetic")
    settings = made_by(profile, amplification="ratio", shorts_ratio="200", shorts_iso="400")
    found = ratio_to_estimate(data, settings)
    bases = np.concatenate([
        one.amplification_base for one in batches(data, replace(settings, amplification="auto"), 8)
    ])  # fmt: skip
    assert (200 / bases).min() <= found <= (200 / bases).max()
    both = data_of(sid_workspace, shorts="both")
    assert ratio_to_estimate(both, replace(settings, shorts="both")) > 0
    assert ratio_to_estimate(data, replace(settings, amplification="auto")) == 1
    plain = plan_memory(tiny(), data, 10**10)
    assert plan_memory(settings, data, 10**10).total > plain.total


def test_the_k_sigma_transform_is_that_of_the_noise_that_was_added(
    sid_workspace: Workspace, profile: Path
) -> None:
    data = data_of(sid_workspace, shorts="both", raw=True)
    settings = made_by(profile, "both", shorts_iso="400", target="raw", network="pmrid",
                       k_sigma=True, amplification="ratio")  # fmt: skip
    shorts = shorts_of(settings)
    noise = FrameNoise(data.train, 256.0, shorts)
    sensor = CAMERAS["sid"].sensor
    gain = sensor.gain(400)
    variance = (gain * sensor.early_noise) ** 2 + sensor.late_noise**2
    variance += (gain * sensor.row_noise) ** 2 + 1 / 12
    expected = KSigma.of(ShotAndRead(gain, variance), 256.0)
    seen = 0
    for batch in batches(data, settings, 8):
        scales, offsets = noise.transforms(batch)
        for name, scale, offset in zip(batch.names, scales, offsets, strict=True):
            if "_10s" in name:
                assert scale == pytest.approx(expected.scale, rel=1e-3)
                assert offset == pytest.approx(expected.offset, rel=1e-2)
                seen += 1
    assert seen


def test_a_profile_of_another_size_serves(tmp_path: Path, sid_workspace: Workspace) -> None:
    path = tmp_path / "small.toml"
    write_profile(small_profile(), path)
    data = data_of(sid_workspace, shorts="synthetic")
    assert batches(data, made_by(path), 1)[0].packed.shape == (4, 4, 16, 16)


def test_the_recipe_of_pmn_adds_light_where_a_profile_is_given(
    sid_workspace: Workspace, profile: Path
) -> None:
    small = {"crop": 32, "steps": 1, "live_windows": 8}
    plain = plan_training(sid_workspace, "f1", small, recipe="pmn")
    assert not plain.settings.shot_augment
    plan = plan_training(sid_workspace, "f1", {**small, "profile": str(profile)}, recipe="pmn")
    assert plan.settings.shot_augment
    assert not plan.settings.makes_shorts
    brighter = batches(plan.data, plan.settings, 4)
    for one, other in zip(brighter, batches(plain.data, plain.settings, 4), strict=True):
        assert one.names == other.names
        assert (one.target.mean((1, 2, 3)) >= other.target.mean((1, 2, 3))).all()
        assert one.target.mean() > other.target.mean()
        assert one.packed.mean() > other.packed.mean()
    with pytest.raises(UsageError, match="on pictures"):
        tiny(shot_augment=True, profile=str(profile))
    with pytest.raises(UsageError, match="--shot-augment without"):
        tiny(shot_augment=True)
