"""Training on clips: losses frame by frame, pieces, resuming, ranks, memory, validation."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import l1_loss

from rawkit.errors import UsageError
from rawkit.metrics import SSIM_VARIANTS, psnr, ssim
from rawkit.models import build, padding_for
from rawkit.sensor import Amplification
from rawkit.stream import TensorBatch, mosaic_of
from rawkit.supply import BATCH_SIZE
from rawkit.train import (
    LAST,
    Loss,
    TrainData,
    Trainer,
    check_memory,
    fit_memory,
    load_checkpoint,
)
from rawkit.train.choices import resumed_settings, settings_for, wants_clips
from rawkit.train.clips import (
    clips_to_validate,
    restore_clip,
    score_clips,
    validated_frames,
)
from rawkit.train.devices import make_fabric
from rawkit.train.learner import Learner
from rawkit.train.memory import plan_memory
from rawkit.train.record import METRICS
from rawkit.train.shards import read_shard
from rawkit.train.validate import normalised_planes, picture_of, truth_of
from tests.conftest import REPOSITORY
from tests.stream.test_clips import in_videos
from tests.support.fixtures_stream import Shape, make_sources, tiny
from tests.support.ranks import start_two

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from rawkit.train import TrainSettings

pytestmark = pytest.mark.usefixtures("one_torch_thread")

NETWORK = "unet3d-depth2-width4"
TRAINED = {"a": (0, 1, 2, 3, 4, 6, 7, 8), "b": (5, 6, 7, 8)}
VALIDATED = {"c": (0, 1, 2, 3, 4), "d": (7,)}
OPTIONS: dict[str, Any] = {
    "network": NETWORK, "clip": 3, "batch_size": 4, "temporal_weight": 0.5, "learning_rate": 1e-3,
}  # fmt: skip
STEPS = 4


def make_data(folder: Path) -> TrainData:
    """Write small videos of noise to train and to validate on."""
    data = {}
    for name, videos in (("train", TRAINED), ("val", VALIDATED)):
        count = sum(map(len, videos.values()))
        sources = make_sources(folder / name, [Shape(20, 26, (7, 9), bits=8)] * count)
        data[name] = in_videos(sources, videos)
    return TrainData(data["train"], data["val"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainData:
    return make_data(tmp_path_factory.mktemp("videos"))


def on_clips(steps: int = STEPS, **changes: object) -> TrainSettings:
    return tiny(steps, **{**OPTIONS, **changes})


def random_clip(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_clips_are_judged_frame_by_frame_and_by_what_changes() -> None:
    chosen = on_clips(l1_weight=0.7, region_weight=0.4, ssim_weight=0.3, temporal_weight=0.5)
    loss = Loss(chosen)
    restored = random_clip(2, 3, 4, 16, 20).requires_grad_()
    target = random_clip(2, 3, 4, 16, 20, seed=1)
    value, gradient = loss.of_clips(restored, target)
    frames = [
        sum(weight * loss.term(name, restored[:, :, t], target[:, :, t])
            for name, weight in (("l1", 0.7), ("region", 0.4), ("ssim", 0.3)))
        for t in range(4)
    ]  # fmt: skip
    temporal = l1_loss(restored.diff(dim=2), target.diff(dim=2))
    expected = torch.stack(frames).mean() + 0.5 * temporal  # type: ignore[arg-type] # all are tensors
    (wanted,) = torch.autograd.grad(expected, restored)
    assert value == pytest.approx(float(expected.detach()), rel=1e-6)
    torch.testing.assert_close(gradient, wanted, atol=1e-8, rtol=1e-5)


def test_frames_of_one_truth_are_drawn_towards_each_other() -> None:
    loss = Loss(on_clips(l1_weight=0.0, temporal_weight=1.0))
    restored = random_clip(1, 3, 2, 8, 8)
    long = random_clip(1, 3, 1, 8, 8, seed=1).expand(1, 3, 2, 8, 8)
    value, _ = loss.of_clips(restored, long)
    assert value == pytest.approx(float((restored[:, :, 1] - restored[:, :, 0]).abs().mean()))
    assert loss.of_clips(long, random_clip(1, 3, 1, 8, 8).expand(1, 3, 2, 8, 8))[0] == 0


def random_batch(clips: int = 4, frames: int = 3, side: int = 16) -> TensorBatch:
    nothing = torch.zeros(clips)
    return TensorBatch(
        planes=random_clip(clips, 4, frames, side, side),
        target=random_clip(clips, 3, frames, 2 * side, 2 * side, seed=1),
        amplification=nothing, iso=nothing, exposure_ratio=nothing, names=(), position=clips,
    )  # fmt: skip


def gradients(**changes: Any) -> tuple[float, list[Tensor]]:
    learner = Learner(on_clips(**changes), make_fabric("cpu"))
    loss = learner.gradients(random_batch(), 0)
    found = [parameter.grad for parameter in learner.net.parameters()]
    assert all(one is not None for one in found)
    return loss, found  # type: ignore[return-value] # as just checked


@pytest.mark.parametrize(
    "changes", [{"accumulate": 3}, {"recompute": True}, {"accumulate": 4, "recompute": True}]
)
def test_pieces_and_activations_computed_again_give_the_same_step(
    changes: dict[str, Any],
) -> None:
    (whole, expected), (loss, found) = gradients(), gradients(**changes)
    assert loss == pytest.approx(whole, rel=1e-6)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_half_precision_learns_the_same_but_for_rounding() -> None:
    _, expected = gradients()
    learner = Learner(on_clips(precision="bf16"), make_fabric("cpu", "bf16"))
    learner.gradients(random_batch(), 0)
    for one, wanted in zip(learner.net.parameters(), expected, strict=True):
        assert one.grad is not None
        assert one.grad.dtype == torch.float32
        error = float((one.grad - wanted).norm() / wanted.norm())
        assert error < 0.2


def test_a_network_for_pictures_learns_clips_frame_by_frame() -> None:
    chosen = on_clips(network="lamba2021", temporal_weight=0.0)
    learner = Learner(chosen, make_fabric("cpu"))
    batch = random_batch()
    loss = learner.gradients(batch, 0)
    frames = batch.planes.transpose(1, 2).flatten(0, 1)
    restored = learner.net(mosaic_of(frames))
    assert loss == pytest.approx(
        float(l1_loss(restored, batch.target.transpose(1, 2).flatten(0, 1)).detach()), rel=1e-5
    )


def weights_of(folder: Path) -> dict[str, Tensor]:
    return dict(load_checkpoint(folder / LAST).model)


def test_a_run_on_clips_that_is_resumed_gives_the_same_weights(
    data: TrainData, tmp_path: Path
) -> None:
    chosen = on_clips(recompute=True, accumulate=2, ema=0.9)
    Trainer(chosen, data, tmp_path / "whole").run(validate_every=2)
    Trainer(replace(chosen, steps=2), data, tmp_path / "parts").run(validate_every=2)
    trainer = Trainer(chosen, data, tmp_path / "parts")
    state = load_checkpoint(tmp_path / "parts" / LAST)
    assert state.settings == replace(chosen, steps=2)
    trainer.resume(state)
    report = trainer.run(validate_every=2)
    assert report.scores is not None
    assert report.scores.frames == len(VALIDATED["c"][1:4])
    whole, parts = weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts")
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


PROCESS = """
import pickle, sys
from pathlib import Path
from rawkit.train import Trainer
from rawkit.train.devices import leave, make_fabric
from tests.train.test_clips import on_clips
data, folder = pickle.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2])
Trainer(on_clips(recompute=True), data, folder, fabric=make_fabric("cpu")).run(validate_every=2)
leave()
"""


@pytest.mark.slow
def test_two_processes_learn_from_clips_what_one_does(data: TrainData, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(pickle.dumps(data))
    process = start_two(PROCESS, tmp_path / "child.py", tmp_path / "data", tmp_path / "two")
    Trainer(on_clips(), data, tmp_path / "one").run(validate_every=2)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    shared, alone = (
        [json.loads(line) for line in (tmp_path / name / METRICS).read_text().splitlines()]
        for name in ("two", "one")
    )
    for first, second in zip(shared, alone, strict=True):
        assert first["loss"] == pytest.approx(second["loss"], rel=1e-5)
        assert first["psnr"] == pytest.approx(second["psnr"], abs=1e-3)
        assert first["ssim"] == pytest.approx(second["ssim"], abs=1e-4)
    one = weights_of(tmp_path / "one")
    for name, value in weights_of(tmp_path / "two").items():
        torch.testing.assert_close(value, one[name], rtol=0, atol=2e-4)


def test_clips_of_validation_are_the_middles_of_runs(data: TrainData) -> None:
    (clip,) = clips_to_validate(data.val, 3)
    assert [source.name for source in clip] == [f"test/c.npy#{n:04d}" for n in (1, 2, 3)]
    assert len(clips_to_validate(data.val, 16)[0]) == 5
    alone = [source for source in data.val if "d.npy" in source.name]
    assert clips_to_validate(alone, 3) == [alone]
    assert clips_to_validate([], 3) == []
    assert len(clips_to_validate(data.train, 3)) == 3


@given(st.integers(1, 64), st.integers(1, 10**9))
def test_frames_of_validation_fit_into_what_is_planned(clip: int, pixels: int) -> None:
    count = validated_frames(clip, pixels)
    assert 1 <= count <= clip
    assert count == 1 or count * pixels * 16 <= 400 * 2**20
    assert count == clip or (count + 1) * pixels * 16 > 400 * 2**20


def test_a_clip_is_validated_whole_and_padded(data: TrainData) -> None:
    torch.manual_seed(0)
    net = build(NETWORK).eval()
    amplification = Amplification("auto", 2.0)
    (clip,) = clips_to_validate(data.val, 4)
    base = float(np.median([source.amplification_base for source in clip]))
    padding = padding_for(40, 52, (0, 0), 8)
    mosaics = [
        padding.apply(
            mosaic_of(normalised_planes(one, read_shard(one.packed), amplification, base=base))
        )
        for one in clip
    ]
    planes = torch.nn.functional.pixel_unshuffle(torch.cat(mosaics), 2)[:, (0, 1, 3, 2)]
    with torch.no_grad():
        expected = padding.cut(net(planes.transpose(0, 1)[None])[0])
    found = restore_clip(net, NETWORK, clip, amplification)
    assert found.shape == (3, 4, 40, 52)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    ((mean_psnr, mean_ssim),) = score_clips(net, NETWORK, [clip], amplification)
    truths = [picture_of(truth_of(one)) for one in clip]
    pictures = [picture_of(one[None]) for one in found.unbind(1)]
    each = [psnr(one, truth) for one, truth in zip(pictures, truths, strict=True)]
    assert mean_psnr == pytest.approx(np.mean(each), abs=1e-4)
    each = [ssim(one, truth, SSIM_VARIANTS["gaussian"])
            for one, truth in zip(pictures, truths, strict=True)]  # fmt: skip
    assert mean_ssim == pytest.approx(np.mean(each), abs=1e-5)


def test_pieces_of_a_frame_are_the_whole_frame(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sources = make_sources(tmp_path, [Shape(20, 120, (20, 60), bits=8)] * 3)
    clip = in_videos(sources, {"w": (0, 1, 2)})
    torch.manual_seed(0)
    net = build(NETWORK).eval()
    whole = restore_clip(net, NETWORK, clip, Amplification())
    monkeypatch.setattr("rawkit.train.clips._side_of", lambda *_: 64)
    torch.testing.assert_close(
        restore_clip(net, NETWORK, clip, Amplification()), whole, atol=1e-5, rtol=0
    )


@given(
    budget=st.integers(600 * 10**6, 4 * 10**9), batch=st.integers(1, 6),
    clip=st.sampled_from([4, 16]), crop=st.sampled_from([64, 512]), ranks=st.sampled_from([1, 2]),
    network=st.sampled_from(["unet3d", "unet3d-depth2-width8"]),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_what_is_suggested_when_memory_is_short_fits(
    data: TrainData, budget: int, batch: int, clip: int, crop: int, ranks: int, network: str
) -> None:
    chosen = on_clips(network=network, batch_size=batch * ranks, clip=clip, crop=crop)
    fitted = fit_memory(chosen, data, budget, ranks=ranks)
    try:
        check_memory(fitted, data, budget, ranks=ranks)
    except UsageError as error:
        assert fitted == chosen
        words = (error.fix or "").rstrip(".").replace(",", "").split()
        given_ = {name: value for name, value in pairwise(words) if name.startswith("--")}
        changed = replace(
            chosen,
            clip=int(given_.get("--clip", clip)),
            batch_size=int(given_.get("--batch", chosen.batch_size)),
            accumulate=int(given_["--accumulate"]),
            recompute="--recompute" in words,
        )
        if words[0] == "Use":
            assert plan_memory(changed, data, budget, ranks=ranks).fits
        else:
            enough = int(float(given_["--max-ram"].removesuffix("GB")) * 10**9)
            assert plan_memory(changed, data, enough, ranks=ranks).fits
    else:
        # The result is the same whatever was done to make it fit.
        assert replace(fitted, accumulate=1, recompute=False) == chosen
        if fitted.recompute:
            most = replace(chosen, accumulate=batch)
            assert not plan_memory(most, data, budget, ranks=ranks).fits


def test_the_published_piece_fits_into_three_gigabytes(data: TrainData) -> None:
    made = settings_for("f1", data, {"crop": 32, "clip": 5}, "dark-video")
    whole = replace(made, crop=512, clip=16)
    fitted = fit_memory(whole, data, 3 * 10**9)
    assert fitted == replace(whole, recompute=True)
    assert check_memory(fitted, data, 3 * 10**9).fits
    with pytest.raises(UsageError, match="a training that needs") as caught:
        check_memory(whole, data, 3 * 10**9)
    assert caught.value.fix == "Use --recompute, which gives the same result."
    with pytest.raises(UsageError) as caught:
        check_memory(fitted, data, 15 * 10**8)
    assert "Use --clip " in (caught.value.fix or "")


def test_what_a_network_for_clips_is_trained_by_follows_from_it(data: TrainData) -> None:
    made = settings_for("f1", data, {"clip": 2, "crop": 32})
    assert (made.network, made.clip, made.batch_size) == ("unet3d", 2, 1)
    assert (made.l1_weight, made.ms_ssim_weight, made.crops_per_window) == (1.0, 0.0, 2)
    assert made.live_windows == 8
    made = settings_for("f1", data, {"residual": True, "depth": 2, "clip": 3, "crop": 32})
    assert made.network == "unet3d-residual-depth2"
    made = settings_for("f1", data, {"network": NETWORK, "width": 8, "clip": 3, "crop": 32})
    assert made.network == "unet3d-depth2-width8"
    made = settings_for("f1", data, {"network": "sid", "clip": 3, "crop": 32})
    assert (made.network, made.batch_size) == ("sid", BATCH_SIZE)
    assert resumed_settings(made, {"clip": 3}, None) == made
    with pytest.raises(UsageError, match="depth, width or residual blocks of sid"):
        settings_for("f1", data, {"network": "sid", "depth": 2})
    assert wants_clips({}, "dark-video")
    assert wants_clips({"network": "unet3d-residual"}, None)
    assert not wants_clips({"network": "sid"}, None)
    assert not wants_clips({}, "sid")


def test_a_variant_stays_when_a_run_is_resumed() -> None:
    saved = on_clips(network="unet3d-residual-depth2")
    assert resumed_settings(saved, {"residual": True, "depth": 2}, None) == saved
    assert resumed_settings(saved, {"recompute": True}, None).recompute
    with pytest.raises(UsageError, match="network unet3d-depth2 instead of unet3d-residual-depth2"):
        resumed_settings(saved, {"residual": False}, None)
    with pytest.raises(UsageError, match="clip 4 instead of 3"):
        resumed_settings(saved, {"clip": 4}, None)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"clip": 1, "temporal_weight": 0.0}, "on single frames"),
        ({"network": "sid", "clip": 1}, "a temporal loss on single frames"),
        ({"clip": 0}, "clips of 0 frames"),
        ({"network": "sid", "recompute": True}, "activations of sid"),
        ({"network": "unet3d-depth7"}, "a depth of 7"),
        ({"temporal_weight": -1.0}, "-1 for temporal"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        on_clips(**changes)


def test_clips_longer_than_every_video_are_refused(data: TrainData) -> None:
    with pytest.raises(UsageError, match="longest run of neighbours among 12 frames has 5"):
        settings_for("f1", data, {"clip": 16, "crop": 32})


MEASURED = """
import pickle, sys
from pathlib import Path
import torch
from rawkit.train import Trainer, check_memory
from rawkit.train.choices import settings_for
from tests.bench.network_child import peak_bytes
torch.set_num_threads(1)
data = pickle.loads(Path(sys.argv[1]).read_bytes())
budget = int(sys.argv[3])
changes = {"clip": 8, "crop": 256, "batch_size": 2, "width": 16, "depth": 2, "steps": 2}
settings = settings_for("f1", data, changes, None, budget)
plan = check_memory(settings, data, budget)
Trainer(settings, data, Path(sys.argv[2])).run()
print(settings.accumulate, settings.recompute, plan.total, peak_bytes())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in the units of Linux")
def test_a_small_budget_is_kept(tmp_path: Path) -> None:
    sources = make_sources(tmp_path / "s", [Shape(140, 150, (64, 64), bits=8)] * 9)
    videos = in_videos(sources, {"a": tuple(range(9))})
    (tmp_path / "data").write_bytes(pickle.dumps(TrainData(videos, videos)))
    budget = 950_000_000
    found = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path / "data", tmp_path / "run", str(budget)],
        check=True, capture_output=True, text=True, cwd=REPOSITORY, env=dict(os.environ),
    )  # fmt: skip
    accumulate, recompute, planned, peak = found.stdout.split()
    assert (accumulate, recompute) == ("2", "True")
    assert int(planned) <= budget
    assert int(peak) <= budget
