"""A network taught by another: its pictures count, runs resume, and its terms go along."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch

from rawkit.errors import MissingError, TrainingError, UsageError, WeightsError
from rawkit.models import build, load_weights, save_safetensors
from rawkit.sensor import REFERENCE_NEUTRAL
from rawkit.train import LAST, WEIGHTS, TrainData, Trainer, load_checkpoint
from rawkit.train.choices import resumed_settings
from rawkit.train.memory import plan_memory
from rawkit.train.teacher import with_teacher
from tests.support.fixtures_stream import tiny
from tests.support.weights import same, weights_of

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.train import TrainSettings

pytest_plugins = ("tests.support.fixtures_workspace",)
pytestmark = pytest.mark.usefixtures("one_torch_thread")

TERMS = "for looking at only"
STEPS = 3


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of weights of the larger network under terms of their own."""
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        save_safetensors(path, "lamba2021", build("lamba2021").state_dict(), {}, licence=TERMS)
    return path


def taught_by(path: Path, **changes: object) -> TrainSettings:
    return tiny(STEPS, **with_teacher({"teacher": path, "network": "lamba2021-lite"}), **changes)


def test_the_teacher_counts_and_a_stopped_run_goes_on_to_the_same_weights(
    weights: Path, tiny_data: TrainData, tmp_path: Path
) -> None:
    data = TrainData(tiny_data.train, [])
    settings = taught_by(weights)
    Trainer(settings, data, tmp_path / "whole").run()
    Trainer(tiny(STEPS, network="lamba2021-lite"), data, tmp_path / "alone").run()
    Trainer(settings, data, tmp_path / "cut").run(max_seconds=1e-9)
    state = load_checkpoint(tmp_path / "cut" / LAST)
    assert state.step == 1
    assert state.settings == settings
    trainer = Trainer(settings, data, tmp_path / "cut")
    trainer.resume(state)
    trainer.run()
    whole = weights_of(tmp_path / "whole")
    assert same(whole, weights_of(tmp_path / "cut"))
    assert not same(whole, weights_of(tmp_path / "alone"))
    for file in (WEIGHTS, LAST):
        assert load_weights(tmp_path / "whole" / file).licence == TERMS
    assert load_weights(tmp_path / "alone" / WEIGHTS).licence is None


def test_pieces_of_a_batch_are_taught_as_the_whole(weights: Path, tiny_data: TrainData,
                                                   tmp_path: Path) -> None:  # fmt: skip
    data = TrainData(tiny_data.train, [])
    for name, pieces in (("one", 1), ("two", 2)):
        Trainer(taught_by(weights, accumulate=pieces), data, tmp_path / name).run(max_seconds=1e-9)
    one, two = weights_of(tmp_path / "one"), weights_of(tmp_path / "two")
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=1e-3, atol=2e-4)


def test_the_memory_of_a_teacher_is_planned(weights: Path, tiny_data: TrainData) -> None:
    alone = plan_memory(tiny(network="lamba2021-lite"), tiny_data, 10**9)
    taught = plan_memory(taught_by(weights), tiny_data, 10**9)
    assert taught.parts["teacher"] > 2 * weights.stat().st_size
    assert taught.total == alone.total + taught.parts["teacher"]


def test_a_teacher_may_move_and_not_change(
    weights: Path, tiny_data: TrainData, tmp_path: Path
) -> None:
    settings = taught_by(weights)
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(weights.read_bytes())
    again = resumed_settings(settings, {"teacher": str(moved)}, None)
    assert again.teacher == str(moved)
    Trainer(again, tiny_data, tmp_path / "run")
    save_safetensors(moved, "lamba2021", build("lamba2021").state_dict(), {})
    with pytest.raises(TrainingError, match="another teacher") as caught:
        Trainer(again, tiny_data, tmp_path / "run")
    assert settings.teacher_digest in str(caught.value)
    with pytest.raises(UsageError, match="another training with --resume: teacher"):
        resumed_settings(tiny(), {"teacher": str(moved)}, None)


def test_what_cannot_teach_is_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such file"):
        with_teacher({"teacher": tmp_path / "gone"})
    (tmp_path / "text").write_text(json.dumps({"a": 1}))
    with pytest.raises(WeightsError):
        with_teacher({"teacher": tmp_path / "text"})
    clips = tmp_path / "clips.safetensors"
    name = "unet3d-depth2-width4"
    save_safetensors(clips, name, build(name).state_dict(), {})
    with pytest.raises(UsageError, match="as a teacher"):
        with_teacher({"teacher": clips})
    with pytest.raises(UsageError, match="not balanced"):
        with_teacher({"teacher": weights, "balance": True})
    balanced = tmp_path / "balanced.safetensors"
    state = build("lamba2021").state_dict()
    save_safetensors(balanced, "lamba2021", state, {}, neutral=REFERENCE_NEUTRAL)
    with pytest.raises(UsageError, match="Use --balance"):
        with_teacher({"teacher": balanced})
    with pytest.raises(UsageError, match="a number above 0"):
        taught_by(weights, teacher_weight=0.0)
    with pytest.raises(UsageError, match="single frames"):
        tiny(teacher=str(weights), clip=2)
