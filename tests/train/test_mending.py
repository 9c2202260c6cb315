"""Trainings on dark frames whose shading and hot pixels are taken out as they stream."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from rawkit.catalog import Selection, load_definition
from rawkit.errors import MissingError, ProfileError, TrainingError, UsageError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.models import load_weights
from rawkit.noise import CameraProfile, mended, write_profile
from rawkit.sensor import image_of_array, pack, unpack
from rawkit.stream import BatchStream
from rawkit.subset import load_subset
from rawkit.synth import CAMERAS, profile_of
from rawkit.train import (
    BEST,
    LAST,
    WEIGHTS,
    MendedFrames,
    TrainData,
    Trainer,
    disk_training,
    load_checkpoint,
    mender_of,
    plan_training,
    resume_training,
    run_training,
)
from rawkit.train.choices import resumed_settings
from rawkit.train.clips import score_share
from rawkit.train.data import plan_settings, ratio_to_estimate
from rawkit.train.feeding import feed_of
from rawkit.train.memory import plan_memory
from rawkit.train.mending import with_mending
from rawkit.train.runs import open_data
from rawkit.train.shards import read_shard
from tests.support.fixtures_cli import run_in
from tests.support.fixtures_stream import assert_same_batch, copy_workspace, tiny
from tests.support.profiles import small_profile
from tests.support.weights import same, weights_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.stream import Origin, PairSource
    from rawkit.train import TrainSettings
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)
pytestmark = pytest.mark.usefixtures("one_torch_thread")

SMALL: dict[str, Any] = {
    "crop": 32, "batch_size": 2, "steps": 2, "ms_ssim_weight": 0.0, "live_windows": 8,
}  # fmt: skip


def camera(hot: int = 60, size: tuple[int, int] = (128, 192)) -> CameraProfile:
    """Return a profile of the camera of the small SID, with shading and hot pixels."""
    rng = np.random.default_rng(4)
    places = rng.choice(size[0] * size[1], hot, replace=False)
    return replace(
        profile_of(CAMERAS["sid"], (100, 400, 1600), size), ranges=small_profile(*size).ranges,
        hot=np.stack(np.divmod(places, size[1]), axis=1).astype(np.int32),
    )  # fmt: skip


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cameras") / "sony.toml"
    write_profile(camera(), path)
    return path


@pytest.fixture(scope="module")
def workspace(
    sid_workspace: Workspace, sid_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    """Return a workspace whose store has the profile of its camera."""
    found, sid = copy_workspace(sid_workspace, tmp_path_factory.mktemp("mended")), "sid"
    plan = plan_ingest(
        load_definition(sid), sid_folder, found.store(sid), Selection(), profiles=[camera()]
    )
    run_ingest(plan, workers=0)
    return found


def data_of(workspace: Workspace, **kind: Any) -> TrainData:
    return open_data(load_subset(workspace.subset("f1")), workspace, **kind)


def mending(data: TrainData, mend: object = "stored", **changes: Any) -> TrainSettings:
    return tiny(3, **with_mending({"mend": str(mend), **changes}, data))


def tensors(data: TrainData, settings: TrainSettings, count: int, **options: Any) -> list[Any]:
    stream = BatchStream(data.train, plan_settings(settings), batch_size=4, **options)
    feed = feed_of(
        stream, settings, data, torch.device("cpu"), None, mender_of(settings, data), whole=True
    )  # fmt: skip
    return list(islice(feed.batches(), count))


def mended_mosaic(source: PairSource) -> NDArray[np.float64]:
    """Return a whole frame mended, normalised: black at 0, white at 1."""
    image = image_of_array(
        unpack(read_shard(source.packed)), pattern="RGGB", black=source.black_level.tolist(),
        white=source.white_level,
    )  # fmt: skip
    height, width, top, left = source.area
    done = mended(image, camera(), source.iso, at=(top, left), visible=(height, width)).image
    black = np.array(done.mosaic.black_level)[:, None, None]
    planes = (pack(done.pixels) - black) / (done.mosaic.white_level - black)
    return unpack(planes.clip(0))


def cut(mosaic: NDArray[np.float64], origin: Origin, side: int) -> NDArray[np.float64]:
    across, down = origin.augmentation & 1, origin.augmentation >> 1 & 1
    top, left = 2 * origin.top + down, 2 * origin.left + across
    found = mosaic[top : top + side, left : left + side]
    found = found[:, ::-1] if across else found
    found = found[::-1] if down else found
    return pack(found.T if origin.augmentation & 4 else found)


@pytest.mark.parametrize("raw", [False, True])
def test_streamed_crops_are_those_of_mended_frames(workspace: Workspace, raw: bool) -> None:  # noqa: FBT001 - a parameter
    data = data_of(workspace, raw=raw)
    kind = {"target": "raw", "network": "raw-unet"} if raw else {}
    settings = mending(data, **kind)
    assert settings.amplification == "ratio"
    stream = BatchStream(data.train, plan_settings(settings), batch_size=4)
    frames = {one.name: mended_mosaic(one) for one in data.train}
    turned, hot = set(), 0
    plain = tensors(data, replace(settings, mend="", mend_digest=""), 12)
    for batch, found, other in zip(
        stream.batches(), tensors(data, settings, 12), plain, strict=False
    ):
        factors = found.amplification.numpy()
        np.testing.assert_array_equal(found.target, other.target)
        for crop, origin, factor in zip(found.planes.numpy(), batch.origins, factors, strict=True):
            expected = cut(frames[origin.frame], origin, settings.crop) * factor
            unit = factor / (16383 - 512)
            # Two packed pixels from the border, what a hot pixel becomes needs more than the crop.
            inner = (slice(None), slice(2, -2), slice(2, -2))
            np.testing.assert_allclose(crop[inner], expected[inner], atol=unit / 3 + 1e-6, rtol=0)
            turned.add(origin.augmentation)
            hot += int((np.abs(crop - expected) > unit).sum())
    assert len(turned) == 8
    assert hot < 60


def test_batches_are_the_same_for_any_threads_and_profiles_from_anywhere(
    workspace: Workspace, sid_workspace: Workspace, profile: Path
) -> None:
    data, bare = data_of(workspace), data_of(sid_workspace)
    settings, by_file = mending(data), mending(bare, profile)
    assert settings.mend_digest == by_file.mend_digest
    assert by_file.mend == str(profile)
    stored = tensors(data, settings, 6, threads=1)
    for other in (tensors(data, settings, 6, threads=3), tensors(bare, by_file, 6)):
        for one, same_one in zip(stored, other, strict=True):
            assert torch.equal(one.planes, same_one.planes)
            assert torch.equal(one.target, same_one.target)
    plain = tiny(3, amplification="ratio")
    streams = [
        islice(BatchStream(each.train, plan_settings(plain), batch_size=4).batches(), 4)
        for each in (data, bare)
    ]
    for first, second in zip(*streams, strict=True):
        assert_same_batch(first, second)


def test_a_stopped_run_goes_on_to_the_same_weights(workspace: Workspace, tmp_path: Path) -> None:
    data = replace(data_of(workspace), val=[])
    settings = mending(data)
    Trainer(settings, data, tmp_path / "whole", threads=1).run()
    Trainer(replace(settings, steps=1), data, tmp_path / "parts").run()
    trainer = Trainer(settings, data, tmp_path / "parts", threads=3)
    trainer.resume(load_checkpoint(tmp_path / "parts" / LAST))
    trainer.run()
    whole = weights_of(tmp_path / "whole")
    assert same(whole, weights_of(tmp_path / "parts"))
    Trainer(tiny(3, amplification="ratio"), data, tmp_path / "plain").run()
    assert not same(whole, weights_of(tmp_path / "plain"))


@pytest.mark.parametrize("kind", [{}, {"network": "pmrid"}])
def test_a_planned_run_says_validates_and_resumes(
    workspace: Workspace, profile: Path, tmp_path: Path, kind: dict[str, Any]
) -> None:
    place = copy_workspace(workspace, tmp_path)
    plan = plan_training(place, "f1", {**SMALL, "mend": "stored", **kind}, name="clean")
    assert plan.settings.amplification == "ratio"
    assert "mending" in plan.memory.parts
    report = run_training(plan, threads=1, device="cpu", validate_every=9)
    assert report.scores is not None
    run = tmp_path / "runs" / "clean"
    noted = json.loads((run / "settings.json").read_text())
    assert (noted["mend"], len(noted["mend_digest"])) == ("stored", 64)
    assert load_weights(run / WEIGHTS).settings["mend_digest"] == noted["mend_digest"]
    settings = load_checkpoint(run / BEST).settings
    again = resume_training(place, "clean", {"steps": 3, "mend": str(profile)})
    assert again.settings.mend == str(profile)
    run_training(again, threads=1, device="cpu")
    assert load_checkpoint(run / LAST).step == 3
    assert settings.mends
    with pytest.raises(UsageError, match="mend stored instead of"):
        resumed_settings(tiny(), {"mend": "stored"}, None)


def test_networks_that_are_told_the_noise_are_told_that_of_the_profile(
    workspace: Workspace,
) -> None:
    data = data_of(workspace, raw=True)
    settings = mending(data, target="raw", network="raw-unet-sigma")
    (found,) = tensors(data, settings, 1)
    planes, maps = found.planes[:, :4].numpy(), found.planes[:, 4:].numpy()
    for crop, told, iso, factor in zip(
        planes, maps, found.iso.tolist(), found.amplification.tolist(), strict=True
    ):
        noise, unit = camera().at(iso), factor / (16383 - 512)
        variance = unit * noise.gain.mean() * crop + (unit * noise.sigma.mean()) ** 2
        np.testing.assert_allclose(told, np.sqrt(variance), rtol=1e-4)


def test_whole_frames_are_mended_as_crops_are(workspace: Workspace, tmp_path: Path) -> None:
    data = data_of(workspace)
    settings = mending(data)
    mender = mender_of(settings, data)
    assert mender is not None
    for source in data.val:
        same_source, planes = MendedFrames(mender)(source)
        assert same_source is source
        black = source.black_level[:, None, None]
        normalised = ((planes - black) / (source.white_level - black)).clip(0)
        np.testing.assert_allclose(normalised, pack(mended_mosaic(source)), atol=1e-6)
        full = read_shard(source.packed) >= source.white_level
        assert (planes[full] == source.white_level).mean() > 0.9 if full.any() else True
    trainer = Trainer(settings, data, tmp_path / "run")
    report = trainer.run()
    assert report.scores is not None
    with_it, count, _ = score_share(
        trainer.net, settings, data.val, data.val, slice(None), mender
    )  # fmt: skip
    without, _, _ = score_share(trainer.net, settings, data.val, data.val, slice(None))
    assert with_it[0] / count == pytest.approx(report.scores.psnr)
    assert with_it[0] != without[0]


def test_the_estimate_of_what_a_ratio_is_of_mended_frames(workspace: Workspace) -> None:
    data = data_of(workspace)
    settings = mending(data)
    mender = mender_of(settings, data)
    assert mender is not None
    frames = MendedFrames(mender)
    wanted = np.median([one.gain_ratio / frames.base(one) for one in data.train])
    assert ratio_to_estimate(data, settings) == pytest.approx(wanted, rel=1e-5)
    plain = replace(settings, mend="", mend_digest="")
    assert ratio_to_estimate(data, plain) != pytest.approx(wanted, rel=1e-2)
    assert plan_memory(settings, data, 10**10).total > plan_memory(plain, data, 10**10).total


def test_other_profiles_do_not_go_on_with_a_run(
    workspace: Workspace, profile: Path, tmp_path: Path
) -> None:
    data = data_of(workspace)
    settings = mending(data, profile)
    other = tmp_path / "other.toml"
    write_profile(camera(hot=3), other)
    with pytest.raises(TrainingError, match="other profiles"):
        Trainer(replace(settings, mend=str(other)), data, tmp_path / "run")
    assert mender_of(replace(settings, mend="stored"), data) is not None


def test_what_cannot_be_mended_is_refused(
    sid_workspace: Workspace, workspace: Workspace, profile: Path, tmp_path: Path
) -> None:
    bare, data = data_of(sid_workspace), data_of(workspace)
    with pytest.raises(ProfileError, match="a store without a camera's profile"):
        mending(bare)
    with pytest.raises(MissingError, match="no such file"):
        mending(bare, tmp_path / "none.toml")
    small = tmp_path / "small.toml"
    write_profile(replace(small_profile(), model=camera().model), small)
    with pytest.raises(ProfileError, match="64x48 pixels for a frame of 192x128"):
        mending(bare, small)
    other = tmp_path / "other.toml"
    write_profile(replace(camera(), model="Other"), other)
    with pytest.raises(ProfileError, match="a frame of ILCE-7SM2"):
        mending(bare, other)
    unknown = replace(data, train=[replace(data.train[0], iso=float("nan"))])
    with pytest.raises(ProfileError, match="1 of 1 frames that do not say their ISO"):
        mending(unknown)
    with pytest.raises(UsageError, match="--amplify auto"):
        mending(data, amplification="auto")
    with pytest.raises(UsageError, match="--amplify auto"):
        mending(data, amplification_value=2.0)
    with pytest.raises(UsageError, match="--amplify equalise"):
        mending(data, amplification="equalise")
    with pytest.raises(UsageError, match="clips of 2 frames"):
        mending(data, clip=2)
    with pytest.raises(UsageError, match="--mend with --shorts"):
        mending(data, shorts="both", profile=str(profile))
    plan = plan_training(workspace, "f1", {**SMALL, "mend": "stored"})
    with (
        pytest.raises(UsageError, match="on frames that come and go"),
        disk_training(plan, workspace, 10**9),
    ):
        pass


def test_the_command_takes_it(workspace: Workspace, sid_folder: Path, profile: Path) -> None:
    options = ("train", "--subset", "f1", "--crop", 32, "--steps", 1, "--dry-run")
    ended = run_in(workspace.root, *options, "--mend", "stored")
    assert ended.code == 0, ended.err
    assert "hot pixels mended by the profiles of the stores" in ended.err
    assert "lies outside of the ISOs 400 to 6400 that the profile of SONY" in ended.err
    ended = run_in(workspace.root, *options, "--mend", profile, "--amplify", "auto")
    assert ended.code != 0
    assert "whose estimates are of frames as they are stored" in ended.err
    landing = run_in(workspace.root, "train", "sid", "--source", sid_folder, "--mend", "stored")
    assert landing.code != 0
    assert "still to land" in landing.err
