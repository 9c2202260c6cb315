"""Training against a critic: resumed bit for bit, in pieces, by two processes, watched."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import TrainingError, UsageError
from rawkit.train import LAST, TrainData, Trainer, load_checkpoint, settings_for
from rawkit.train.critic.adversary import Adversary
from rawkit.train.critic.networks import CRITICS, build_critic, renew_norms
from rawkit.train.critic.objectives import OBJECTIVES
from rawkit.train.critic.watch import LONG, Verdict, Watch
from rawkit.train.devices import make_fabric
from rawkit.train.memory import plan_memory
from rawkit.train.record import METRICS
from tests.support import ranks
from tests.support.fixtures_stream import tiny
from tests.train.test_loop import CallAt, assert_same_state, press_ctrl_c, resumed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)

STEPS = 4
# Crops of 64: pieces of one crop of 32 are the one size at which torch itself varies.
GAN: dict[str, Any] = {"gan_weight": 0.05, "crop": 64}
EVERYTHING: dict[str, Any] = {
    **GAN, "critic": "classifier", "critic_objective": "lsgan", "critic_r1": 1.0,
    "critic_conditional": True, "critic_warmup": 1, "ema": 0.9,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Let all runs of this module compute in one thread: it decides the last bit of a sum."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def critic_of(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_checkpoint(folder / LAST).critic["model"])


@pytest.mark.parametrize("options", [GAN, EVERYTHING], ids=["patch", "classifier"])
def test_a_run_that_was_interrupted_goes_on_bit_for_bit_with_its_critic(
    tiny_data: TrainData, tmp_path: Path, options: dict[str, Any]
) -> None:
    chosen = tiny(STEPS, **options)
    Trainer(chosen, tiny_data, tmp_path / "whole").run(validate_every=STEPS)
    cut = tmp_path / "cut"
    report = Trainer(chosen, tiny_data, cut).run(progress=CallAt(2, press_ctrl_c))
    assert (report.steps, report.interrupted) == (2, True)
    assert resumed(chosen, tiny_data, cut).steps == STEPS
    assert_same_state(cut, tmp_path / "whole")
    whole = critic_of(tmp_path / "whole")
    for name, value in critic_of(cut).items():
        assert torch.equal(value, whole[name]), name
    states = [load_checkpoint(one / LAST).critic["optimizer"] for one in (cut, tmp_path / "whole")]
    for number, moments in states[0]["state"].items():
        assert set(moments) == {"step", "exp_avg", "exp_avg_sq"}
        for name, value in moments.items():
            assert torch.equal(value, states[1]["state"][number][name]), name


@pytest.mark.parametrize("options", [GAN, EVERYTHING], ids=["patch", "classifier"])
def test_pieces_of_a_batch_teach_network_and_critic_the_same(
    tiny_data: TrainData, tmp_path: Path, options: dict[str, Any]
) -> None:
    found = []
    for pieces in (1, 2):
        chosen = tiny(2, **{**options, "batch_size": 4, "accumulate": pieces})
        folder = tmp_path / str(pieces)
        trainer = Trainer(chosen, TrainData(tiny_data.train, []), folder)
        losses = list(trainer._steps(None))  # noqa: SLF001 - the loss of each step
        assert trainer._learner.adversary is not None  # noqa: SLF001
        critic = trainer._learner.adversary.critic.state_dict()  # noqa: SLF001
        found.append((losses, critic, trainer.net.state_dict()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-4)
    for one, other in zip(found[0][1:], found[1][1:], strict=True):
        for name, value in one.items():
            torch.testing.assert_close(value, other[name], rtol=0, atol=4e-4)


PROCESS = """
import sys
from pathlib import Path
from rawkit.train import Trainer
from rawkit.train.devices import leave, make_fabric
from rawkit.train.runs import choose_subset, open_data
from rawkit.workspace import Workspace
from tests.support.fixtures_stream import tiny
from tests.train.test_critic import SHARED
workspace, folder = Workspace(Path(sys.argv[1])), Path(sys.argv[2])
data = open_data(choose_subset(workspace, "f1"), workspace)
Trainer(tiny(2, **SHARED), data, folder, fabric=make_fabric("cpu")).run(validate_every=1)
leave()
"""
SHARED: dict[str, Any] = {**EVERYTHING, "batch_size": 4}


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(
    sid_workspace: Workspace, tiny_data: TrainData, tmp_path: Path
) -> None:
    two, one = tmp_path / "two", tmp_path / "one"
    process = ranks.start_two(PROCESS, tmp_path / "two.py", sid_workspace.root, two)
    Trainer(tiny(2, **SHARED), tiny_data, one).run(validate_every=1)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    lines = [
        [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
        for folder in (two, one)
    ]
    for first, second in zip(*lines, strict=True):
        for name in ("loss", "gan_loss", "critic_loss", "critic_accuracy"):
            if first["step"] > 1 or name == "loss":  # the first step warms up
                assert first[name] == pytest.approx(second[name], rel=1e-4), name
    assert lines[0][0]["critic_loss"] is lines[1][0]["critic_loss"] is None
    for name, value in critic_of(two).items():
        torch.testing.assert_close(value, critic_of(one)[name], rtol=0, atol=4e-4)


def test_a_warm_up_trains_the_network_alone(tiny_data: TrainData, tmp_path: Path) -> None:
    data = TrainData(tiny_data.train, [])
    alone = Trainer(tiny(2, crop=64), data, tmp_path / "alone")
    warm = Trainer(tiny(2, critic_warmup=2, **GAN), data, tmp_path / "warm")
    critic = warm._learner.critic_state()["model"]  # noqa: SLF001 - not yet in a checkpoint
    before = {name: value.clone() for name, value in critic.items()}
    assert list(alone._steps(None)) == list(warm._steps(None))  # noqa: SLF001
    for name, value in alone.net.state_dict().items():
        assert torch.equal(value, warm.net.state_dict()[name]), name
    for name, value in warm._learner.critic_state()["model"].items():  # noqa: SLF001
        assert torch.equal(value, before[name]), name


def test_a_critic_that_is_no_number_ends_the_run_before_it_is_saved(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    trainer = Trainer(tiny(2, **GAN), TrainData(tiny_data.train, []), tmp_path)
    adversary = trainer._learner.adversary  # noqa: SLF001 - to break it
    assert isinstance(adversary, Adversary)
    meet = adversary.meet
    adversary.meet = lambda: meet() * math.nan  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="the critic's loss is nan at step 1"):
        trainer.run()
    assert not (tmp_path / LAST).exists()


def test_clips_are_judged_frame_by_frame() -> None:
    chosen = tiny(1, network="unet3d-depth2-width4", clip=3, **{**GAN, "critic_conditional": True})
    adversary = Adversary(chosen, make_fabric("cpu"))
    generator = torch.Generator().manual_seed(1)
    clips = torch.rand(2, 3, 3, 64, 64, generator=generator)
    planes = torch.rand(2, 4, 3, 32, 32, generator=generator)
    adversary.begin(0, 2)
    value, gradient = adversary.judge(clips, planes, 0, 1.0)
    single = [adversary.judge(clips[:, :, t], planes[:, :, t], 0, 1.0) for t in range(3)]
    assert value == pytest.approx(np.mean([one for one, _ in single]), rel=1e-6)
    expected = torch.stack([one for _, one in single], 2) / 3
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-9)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=9), st.sampled_from(sorted(OBJECTIVES)))
@settings(max_examples=60)
def test_objectives_are_their_formulas(words: list[float], name: str) -> None:
    x = np.array(words)
    real, restored, fooled = {
        "hinge": (np.maximum(0, 1 - x), np.maximum(0, 1 + x), -x),
        "lsgan": ((x - 1) ** 2 / 2, x**2 / 2, (x - 1) ** 2 / 2),
        "bce": (np.log1p(np.exp(-x)), np.log1p(np.exp(x)), np.log1p(np.exp(-x))),
    }[name]
    found, seen = OBJECTIVES[name], torch.from_numpy(x)
    np.testing.assert_allclose(found.real(seen).numpy(), real, atol=1e-9)
    np.testing.assert_allclose(found.restored(seen).numpy(), restored, atol=1e-9)
    np.testing.assert_allclose(found.fooled(seen).numpy(), fooled, atol=1e-9)


def test_spectral_norms_come_to_one_and_stand_still_within_a_step() -> None:
    torch.manual_seed(0)
    critic = build_critic("patch", conditional=False)
    for _ in range(30):
        renew_norms(critic)
    for layer in critic.modules():
        if isinstance(layer, torch.nn.Conv2d):
            largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
            assert float(largest) == pytest.approx(1, abs=0.02)
    before = {name: value.clone() for name, value in critic.state_dict().items()}
    critic(torch.rand(1, 3, 32, 32))
    for name, value in critic.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("name", CRITICS)
def test_a_critic_says_the_same_of_a_picture_whatever_is_beside_it(name: str) -> None:
    critic = build_critic(name, conditional=True).eval()
    pictures = torch.rand(3, 7, 100, 100)
    together = critic(pictures)
    for number, one in enumerate(pictures):
        torch.testing.assert_close(critic(one[None])[0], together[number], rtol=1e-4, atol=1e-5)


def test_the_penalty_is_the_squared_slope_of_the_critic() -> None:
    chosen = tiny(1, **{**GAN, "critic": "classifier", "critic_r1": 3.0})
    adversary = Adversary(chosen, make_fabric("cpu"))
    generator = torch.Generator().manual_seed(5)
    picture, planes = torch.rand(1, 3, 64, 64, generator=generator), torch.rand(1, 4, 32, 32)
    adversary.begin(0, 1)
    kept = adversary._drawn(0, 1)  # noqa: SLF001 - what dropout leaves
    assert kept is not None
    adversary.learn(picture, picture, planes, 0, 1.0)
    seen = picture.clone().requires_grad_()
    word = adversary.critic(2 * seen - 1, kept[:, 0])
    (slope,) = torch.autograd.grad(word.sum(), seen)
    w = float(word.detach())
    expected = max(0, 1 - w) + max(0, 1 + w) + 1.5 * float(slope.square().sum())
    assert adversary.meet() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("accuracy", "word"), [(1.0, "wins"), (0.5, "sleeps")])
def test_a_critic_that_is_of_no_use_for_long_is_told_of_once(accuracy: float, word: str) -> None:
    watch, told = Watch(), []
    for _ in range(2 * LONG):
        watch.see(Verdict(0.0, 1.0, accuracy))
        told.append(watch.warning())
    assert [index for index, text in enumerate(told) if text] == [LONG - 1]
    assert word in told[LONG - 1]
    assert watch.metrics() == {"gan_loss": 0, "critic_loss": 1, "critic_accuracy": accuracy}


def test_a_critic_that_holds_its_own_is_not_told_of() -> None:
    watch = Watch()
    assert set(watch.metrics().values()) == {None}
    for step in range(3 * LONG):
        watch.see(Verdict(0.0, 1.0, 0.75 + 0.2 * math.sin(step)))
        assert not watch.warning()


@pytest.mark.parametrize("changes", [
    {"critic": "judge"}, {"critic_objective": "wgan"}, {"critic_rate": 0.0}, {"critic_r1": -1.0},
    {"critic_warmup": -1}, {"gan_weight": 1.0, "l1_weight": 0.0}, {"gan_weight": -1.0},
])  # fmt: skip
def test_settings_of_a_critic_that_make_no_sense_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        tiny(**changes)


def test_the_plan_of_memory_counts_the_critic(tiny_data: TrainData) -> None:
    plain, judged = tiny(crop=64), tiny(**GAN)
    totals = [
        plan_memory(one, tiny_data, 10**10).total
        for one in (plain, judged, replace(judged, critic_r1=1.0))
    ]
    assert totals == sorted(set(totals))


def test_patches_of_any_even_side_are_trained_on_and_gone_on_with(
    tiny_data: TrainData, tmp_path: Path
) -> None:
    chosen = tiny(3, **{**GAN, "crop": 52, "stride": 26, "augment": False, "crops_per_window": 9})
    Trainer(chosen, tiny_data, tmp_path / "whole").run(validate_every=3)
    cut = tmp_path / "cut"
    Trainer(chosen, tiny_data, cut).run(progress=CallAt(1, press_ctrl_c))
    assert resumed(chosen, tiny_data, cut).steps == 3
    assert_same_state(cut, tmp_path / "whole")


def test_a_grid_reads_patches_of_a_square_at_once_and_flips_nothing(tiny_data: TrainData) -> None:
    made = settings_for("f1", tiny_data, {"crop": 100, "stride": 50, "steps": 1})
    assert (made.augment, made.crops_per_window) == (False, 36)
    made = settings_for("f1", tiny_data, {"crop": 100, "stride": 50, "steps": 1, "augment": True})
    assert made.augment
