"""Evaluations of videos: figures recomputed from the files, gaps, interruptions, equalisation."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import torch

from rawkit.catalog import Selection, load_definition
from rawkit.errors import UsageError
from rawkit.evaluate import (
    EvaluationPlan,
    Video,
    protocol,
    published_for,
    run_evaluation,
    save_films,
    subject,
    videos_of,
)
from rawkit.evaluate.clips import ClipMethod
from rawkit.evaluate.journal import JOURNAL, Journal
from rawkit.evaluate.memory import check_memory
from rawkit.evaluate.plan import plan_evaluation
from rawkit.evaluate.run import _measured, evaluation_id
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.metrics import BRIGHTNESS_VARIANTS, SSIM_VARIANTS, brightness_curve, psnr, ssim
from rawkit.models import build, describe, prepare
from rawkit.sensor import Amplification, equalised, equalising_tables, level_counts
from rawkit.synth import make_videos
from rawkit.video import Cut, decoded, steadied
from rawkit.workspace import Workspace
from tests.support.factories import files_of
from tests.support.fixtures_cli import run_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAMES, SIZE = 5, (66, 96)
"""Of each video of the look-alike; two rows are dropped for the phase."""


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Ingest three videos of five frames, one for each split, into a workspace."""
    workspace = Workspace(tmp_path_factory.mktemp("filmed"))
    data = workspace.data("moving-objects")
    make_videos(data, scenes=3, frames=FRAMES, size=SIZE)
    store = workspace.store("moving-objects")
    run_ingest(plan_ingest(load_definition("moving-objects"), data, store, Selection()), workers=0)
    return workspace


def planned(workspace: Workspace, weights: str, name: str, **changes: object) -> EvaluationPlan:
    about = protocol("all", splits=("train", "val", "test"), **changes)
    chosen = subject(workspace, weights=weights)
    return plan_evaluation(workspace, chosen, about, name=name, resamples=50)


def pictures(plan: EvaluationPlan, number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Restored frames of a video and their truth, rounded to 8 bits: (T, H, W, 3) each."""
    video = plan.videos[number]
    restored = [one.picture for one in plan.method.frames(video, 0, plan.protocol)]
    truth = [pair.target() for pair in video.pairs]
    rounded = np.floor(255 * np.clip(np.stack(restored), 0, 1) + 0.5) / 255
    right = np.stack(truth).astype(np.float32) / np.float32(255)
    return rounded.astype(np.float32), right.astype(np.float32)


def test_figures_of_videos_are_those_of_their_frames(filmed: Workspace) -> None:
    plan = planned(filmed, "plain", "figures")
    evaluation = run_evaluation(plan).evaluation
    rows = evaluation.video_rows()
    assert [(row.frames, row.steps, row.split) for row in rows] == [
        (FRAMES, FRAMES - 1, split) for split in ("test", "train", "val")
    ]
    for number, row in enumerate(rows):
        restored, truth = pictures(plan, number)
        pairs = list(zip(restored, truth, strict=True))
        assert row.psnr == pytest.approx(np.mean([psnr(*pair) for pair in pairs]))
        similar = [ssim(*pair, SSIM_VARIANTS["gaussian"]) for pair in pairs]
        assert row.ssim == pytest.approx(np.mean(similar))
        for name, variant in BRIGHTNESS_VARIANTS.items():
            error = brightness_curve(restored, variant).error(brightness_curve(truth, variant))
            assert getattr(row, f"mabd_{name}") == pytest.approx(error, rel=1e-4, abs=1e-9)
    assert evaluation.videos is not None
    for metric in ("psnr", "mabd_bt601"):
        mean = evaluation.videos.means[metric]
        assert mean.mean == pytest.approx(np.mean([getattr(row, metric) for row in rows]))
        assert mean.pictures == len(rows)
        assert mean.mean is not None
        assert mean.low is not None
        assert mean.high is not None
        assert mean.low <= mean.mean <= mean.high
    curves = evaluation.curves()
    assert len(curves) == 3 * FRAMES * len(BRIGHTNESS_VARIANTS)
    with (evaluation.folder / "videos.csv").open() as file:
        assert [float(one["mabd_bt709"]) for one in csv.DictReader(file)] == [
            row.mabd_bt709 for row in rows
        ]
    summary = json.loads((evaluation.folder / "summary.json").read_text())
    assert summary["videos"]["unit"] == "video"
    assert summary["videos"]["means"]["mabd_bt601"]["mean"] == pytest.approx(
        evaluation.videos.means["mabd_bt601"].mean
    )


@pytest.mark.parametrize("weights", ["plain", "equalised"])
@pytest.mark.parametrize("after", [1, FRAMES, FRAMES + 2])
def test_an_evaluation_of_videos_goes_on_where_it_stopped(
    filmed: Workspace, weights: str, after: int
) -> None:
    whole = planned(filmed, weights, "whole")
    run_evaluation(whole)
    part = replace(whole, folder=whole.folder.with_name(f"part-{after}"))
    noted = interrupted(part, after)
    report = run_evaluation(part)
    assert report.measured == len(part.pairs) - noted
    assert files_of(part.folder) == files_of(whole.folder)


def interrupted(plan: EvaluationPlan, after: int) -> int:
    """Leave the journal that a run has written when it ends after so many frames."""
    name = evaluation_id(plan.identity)
    with Journal(plan.folder / JOURNAL, name) as journal:
        left = after
        for video in plan.videos:
            for _ in _measured(video, plan.method, plan.protocol, journal, name):
                left -= 1
                if not left:
                    return after
    raise AssertionError(after)


def test_a_gap_is_no_step(filmed: Workspace) -> None:
    plan = planned(filmed, "plain", "gap")
    video = plan.videos[0]
    without = replace(plan, pairs=[pair for pair in plan.pairs if pair is not video.pairs[2]])
    (torn, *_) = videos_of(without.pairs)
    assert torn.numbers == (0, 1, 3, 4)
    row = run_evaluation(without).evaluation.video_rows()[0]
    assert (row.frames, row.steps) == (4, 2)
    restored, truth = pictures(plan, 0)
    bt601 = BRIGHTNESS_VARIANTS["bt601"]
    wanted = [brightness_curve(one, bt601).mabd[[0, 3]] for one in (restored, truth)]
    assert row.mabd_bt601 == pytest.approx(np.mean((wanted[0] - wanted[1]) ** 2), rel=1e-4)


def test_equalisation_shares_one_curve_and_uses_all_values(filmed: Workspace) -> None:
    plan = planned(filmed, "equalised", "equal")
    restored, _ = pictures(plan, 0)
    assert abs(float(np.median(restored)) - 0.5) < 0.1
    means = restored.mean(axis=(1, 2, 3))
    assert np.ptp(means) < 0.02, "each frame has a curve of its own"


def test_a_plain_video_is_as_bright_as_its_truth(filmed: Workspace) -> None:
    for row in run_evaluation(planned(filmed, "plain", "bright")).evaluation.video_rows():
        assert row.brightness_output == pytest.approx(row.brightness_truth, rel=0.1)
        assert row.psnr > 15


def test_videos_take_more_memory_and_say_so() -> None:
    size = 1080, 1920
    check_memory(450 * 10**6, *size)
    with pytest.raises(UsageError, match="allowed"):
        check_memory(450 * 10**6, *size, videos=True)


def clip_method(kind: Literal["auto", "equalise"]) -> ClipMethod:
    """Return a small network for clips that has learned nothing."""
    torch.manual_seed(3)
    name = "unet3d-depth2-width4"
    return ClipMethod(name, prepare(build(name)), "0" * 64, Amplification(kind), None)


@pytest.mark.parametrize("kind", ["auto", "equalise"])
def test_pieces_make_what_the_whole_clip_does(
    filmed: Workspace, kind: Literal["auto", "equalise"]
) -> None:
    about = protocol("all")
    (video, *_) = planned(filmed, "plain", "pieces").videos
    method = clip_method(kind)
    whole = np.stack([one.picture for one in method.frames(video, 0, about)])
    height, width = 2 * video.pairs[0].group.packed.height, SIZE[1]
    assert whole.shape == (FRAMES, height, width, 3)
    with torch.inference_mode():
        direct = method.net(_planes(video, method))[0]
    np.testing.assert_allclose(whole, direct.permute(1, 2, 3, 0).numpy(), atol=1e-5)
    # Cut with less overlap than the network sees frames are alike, and the same from any start.
    cut_up = replace(method, cut=Cut.of(describe(method.name).geometry, (4, 64), (3, 32)))
    pieces = np.stack([one.picture for one in cut_up.frames(video, 0, about)])
    assert np.abs(pieces - whole).mean() < 0.1
    late = [one.picture for one in cut_up.frames(video, 2, about)]
    np.testing.assert_allclose(np.stack(late), pieces[2:], atol=1e-6)


def _planes(video: Video, method: ClipMethod) -> torch.Tensor:
    """Amplified planes of a whole video, (1, 4, T, h, w), written out."""
    bases = [pair.dark.amplification_base for pair in video.pairs]
    smooth = [float(one[0]) for _, one in steadied((None, np.array([base])) for base in bases)]
    planes = np.stack([pair.planes() for pair in video.pairs])
    if method.amplification.kind == "equalise":
        counts = level_counts(planes.transpose(1, 0, 2, 3))
        tables = equalising_tables(counts, [0.0] * 4)
        planes, smooth = np.stack([equalised(one, tables) for one in planes]), [1.0] * FRAMES
    factors = np.array(smooth, np.float32)[:, None, None, None]
    amplified = planes.astype(np.float32) / 65535 * factors
    return torch.from_numpy(amplified.transpose(1, 0, 2, 3)[None])


def test_a_network_for_clips_is_evaluated_and_resumed(filmed: Workspace) -> None:
    plan = replace(
        planned(filmed, "plain", "clips"), method=clip_method("auto"),
        folder=filmed.root / "evaluations" / "clips" / "whole",
    )  # fmt: skip
    run_evaluation(plan)
    part = replace(plan, folder=plan.folder.with_name("part"))
    interrupted(part, FRAMES + 2)
    run_evaluation(part)
    assert files_of(part.folder) == files_of(plan.folder)
    with pytest.raises(UsageError, match="needs"):
        clip_method("auto").within(10**8, 1080, 1920)


def test_a_training_on_equalised_frames_is_evaluated(filmed: Workspace) -> None:
    train = ("train", "--fraction", 1, "--network", "unet3d-depth2-width4", "--clip", 3)
    more = ("--crop", 32, "--steps", 1, "--amplify", "equalise", "--name", "eq", "--threads", 1)
    assert run_in(filmed.root, *train, *more).code == 0
    method = subject(filmed, run="eq").method
    assert isinstance(method, ClipMethod)
    assert method.amplification == Amplification("equalise")
    about = protocol("all")
    (found, *_) = method.frames(planned(filmed, "plain", "eq").videos[0], 0, about)
    assert found.light.equalised
    assert found.factor == 1
    assert found.light.planes.max() > 60000


def test_films_show_plain_restored_and_truth(filmed: Workspace) -> None:
    plan = replace(
        planned(filmed, "plain", "films"), method=clip_method("auto"),
        folder=filmed.root / "evaluations" / "clips" / "films",
    )  # fmt: skip
    evaluation = run_evaluation(plan).evaluation
    index = json.loads(save_films(plan, evaluation, 1).read_text())
    (entry,) = index["videos"]
    middle = sorted(row.psnr for row in evaluation.video_rows())[1]
    assert entry["row"]["psnr"] == middle
    film = evaluation.folder / "videos" / entry["file"]
    frames = list(decoded(film))
    assert len(frames) == FRAMES
    (video,) = [one for one in plan.videos if one.name == entry["row"]["video"]]
    width = 2 * video.pairs[0].group.packed.width
    assert frames[0].shape[1] == 3 * width + 8
    truth = video.pairs[2].target().astype(float)
    shown = frames[2][: len(truth), -width:].astype(float)
    assert np.sqrt(np.mean((shown - truth) ** 2)) < 12, "the truth is on the right"
    before = film.stat().st_mtime_ns
    save_films(plan, evaluation, 1)
    assert film.stat().st_mtime_ns == before


def test_the_command_prints_videos(filmed: Workspace) -> None:
    ended = run_in(filmed.root, "evaluate", "--weights", "plain", "--split", "val,test")
    assert ended.code == 0
    assert "mabd_bt601" in ended.out
    assert "MABD error" in ended.out
    ended = run_in(filmed.root, "evaluate", "--weights", "equalised", "--json")
    assert set(json.loads(ended.out)["videos"]["means"]) >= {"psnr", "mabd_bt709", "mabd_columns"}


def test_published_figures_of_videos_are_there() -> None:
    found = {one.method: one for one in published_for("moving-objects")}
    residual = found["3D U-Net, residual blocks"]
    assert (residual.psnr, residual.ssim, residual.mabd) == (27.438, 0.84142, 0.000187)
    assert residual.source.url.endswith("csci566-Ocean-s-Five")


def test_the_command_takes_sizes_of_pieces(filmed: Workspace) -> None:
    command = ("evaluate", "--weights", "plain", "--dry-run", "--pieces")
    ended = run_in(filmed.root, *command, "3x64")
    assert ended.code == 0
    assert "pieces=3,64" in ended.err
    assert run_in(filmed.root, *command, "3").code == 2
