"""A training that starts from trained weights: they count, what they say holds, terms go along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from rawkit.errors import MissingError, TrainingError, UsageError
from rawkit.models import (
    build,
    fold_weight_norm,
    load_network,
    load_weights,
    parts_of,
    save_safetensors,
    trainable_state,
)
from rawkit.sensor import REFERENCE_NEUTRAL
from rawkit.train import LAST, WEIGHTS, TrainData, Trainer, load_checkpoint, plan_training
from rawkit.train.choices import resumed_settings, wants_raw
from rawkit.train.start import RATE, frozen_parts, with_start
from tests.support.fixtures_stream import tiny
from tests.support.weights import same, weights_of

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.train import TrainSettings
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)
pytestmark = pytest.mark.usefixtures("one_torch_thread")

TERMS = "for looking at only"
NETWORK = "lamba2021-lite"
STEPS = 3


def saved(path: Path, *, folded: bool = False, name: str = NETWORK, **about: object) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        net = build(name)
    state = (fold_weight_norm(net) if folded else net).state_dict()
    save_safetensors(path, name, state, {}, licence=TERMS, **about)  # type: ignore[arg-type]
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of weights under terms of their own."""
    return saved(tmp_path_factory.mktemp("start") / "start.safetensors")


def started(path: Path, steps: int = STEPS, **changes: object) -> TrainSettings:
    return tiny(steps, **with_start({"init": path, **changes}))


def test_it_starts_there_and_a_stopped_run_goes_on_without_the_file(
    weights: Path, tiny_data: TrainData, tmp_path: Path
) -> None:
    data = TrainData(tiny_data.train, [])
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(weights.read_bytes())
    settings = started(mine, ema=0.9)
    Trainer(settings, data, tmp_path / "whole").run()
    Trainer(tiny(STEPS, network=NETWORK, ema=0.9), data, tmp_path / "random").run()
    Trainer(settings, data, tmp_path / "cut").run(max_seconds=1e-9)
    mine.unlink()
    state = load_checkpoint(tmp_path / "cut" / LAST)
    assert state.step == 1
    assert state.settings == settings
    trainer = Trainer(settings, data, tmp_path / "cut")
    trainer.resume(state)
    trainer.run()
    whole = weights_of(tmp_path / "whole")
    assert same(whole, weights_of(tmp_path / "cut"))
    assert not same(whole, weights_of(tmp_path / "random"))
    first = load_weights(weights).state_dict
    moved = max(float((value - first[name]).abs().max()) for name, value in whole.items())
    assert 0 < moved < STEPS * 2 * settings.learning_rate
    for file in (WEIGHTS, LAST):
        assert load_weights(tmp_path / "whole" / file).licence == TERMS


def test_what_is_frozen_stays(weights: Path, tiny_data: TrainData, tmp_path: Path) -> None:
    data = TrainData(tiny_data.train, [])
    settings = started(weights, freeze=("all-but-output2",))
    assert set(settings.freeze) == set(parts_of(NETWORK)) - {"output2"}
    Trainer(settings, data, tmp_path / "run").run()
    first = load_weights(weights).state_dict
    for name, value in weights_of(tmp_path / "run").items():
        assert torch.equal(value, first[name]) != name.startswith("output2.")
    assert load_checkpoint(tmp_path / "run" / LAST).settings == settings


def test_parts_to_freeze_are_those_of_the_network() -> None:
    assert frozen_parts("lamba2021", ("squeeze32", "dense32.0")) == ("squeeze32", "dense32.0")
    assert "dense32.1" in frozen_parts("lamba2021", ("all-but-dense32.0",))
    with pytest.raises(UsageError, match="squeeze") as caught:
        frozen_parts("lamba2021", ("squeeze",))
    assert "squeeze32" in str(caught.value)
    with pytest.raises(UsageError, match="all of lamba2021"):
        frozen_parts("lamba2021", parts_of("lamba2021"))
    with pytest.raises(UsageError, match="random"):
        with_start({"freeze": ("squeeze32",)})


def test_folded_weights_are_taken_apart_and_give_the_same_picture(tmp_path: Path) -> None:
    path = saved(tmp_path / "folded.safetensors", folded=True)
    folded, loaded = load_network(path)
    net = build(NETWORK)
    net.load_state_dict(trainable_state(loaded))
    mosaic = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(net.eval()(mosaic), folded(mosaic), rtol=1e-4, atol=1e-5)


def test_what_the_file_says_holds_unless_something_else_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    settings = {"amplification": "number", "amplification_value": 20.0, "crop": 64}
    save_safetensors(path, NETWORK, build(NETWORK).state_dict(), settings,
                     neutral=REFERENCE_NEUTRAL)  # fmt: skip
    found = with_start({"init": path})
    assert (found["network"], found["learning_rate"]) == (NETWORK, RATE)
    assert (found["amplification"], found["amplification_value"]) == ("number", 20.0)
    assert found["balance"]
    assert "crop" not in found
    assert not wants_raw({"init": path}, None)
    other = with_start({"init": path, "amplification": "auto", "balance": False})
    assert (other["amplification"], other["balance"]) == ("auto", False)
    assert "amplification_value" not in other
    with pytest.raises(UsageError, match="training of sid from weights of lamba2021-lite"):
        with_start({"init": path, "network": "sid"})
    with pytest.raises(UsageError, match="training of sid"):
        with_start({"init": path}, "sid")
    with pytest.raises(MissingError, match="no such file"):
        with_start({"init": tmp_path / "gone"})


def test_a_run_that_is_resumed_takes_no_other_start(weights: Path, tmp_path: Path) -> None:
    settings = started(weights)
    assert resumed_settings(settings, {"init": str(weights)}, None) == settings
    other = saved(tmp_path / "other.safetensors", folded=True)
    with pytest.raises(UsageError, match="other weights to start from") as caught:
        resumed_settings(settings, {"init": str(other)}, None)
    assert settings.init_digest in str(caught.value)
    with pytest.raises(UsageError, match="another training"):
        resumed_settings(settings, {"freeze": ("output2",)}, None)


def test_a_file_that_changes_before_the_first_step_is_refused(
    weights: Path, tiny_data: TrainData, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(weights.read_bytes())
    trainer = Trainer(started(mine), TrainData(tiny_data.train, []), tmp_path / "run")
    saved(mine, folded=True)
    with pytest.raises(TrainingError, match="other weights than"):
        trainer.run()


def test_a_plan_finds_runs_by_name(
    sid_workspace: Workspace, weights: Path, tiny_data: TrainData
) -> None:
    run = sid_workspace.root / "runs" / "begun"
    Trainer(started(weights, 1), TrainData(tiny_data.train, []), run).run()
    plan = plan_training(sid_workspace, "f1", {"init": "begun", "crop": 64}, name="further")
    assert plan.settings.init == str(run / LAST)
    assert plan.settings.licence == TERMS
    assert plan.settings.network == NETWORK
    with pytest.raises(MissingError, match="no run nothing"):
        plan_training(sid_workspace, "f1", {"init": "nothing"})
