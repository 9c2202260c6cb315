"""A training that goes astray with finite numbers is told of once, with the step and what helps."""

from __future__ import annotations

import json
from itertools import chain, count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.train import LAST, TrainData, Trainer
from rawkit.train.astray import BEFORE, FAR, RECENT, LeapWatch
from rawkit.train.choices import resumed_settings
from rawkit.train.record import METRICS
from tests.support.fixtures_stream import tiny

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytest_plugins = ("tests.support.fixtures_workspace",)


def said(losses: Iterable[float]) -> tuple[LeapWatch, dict[int, str]]:
    """Show a watch losses; returns it, and what it said by the steps at which it did."""
    watch = LeapWatch()
    found = {step: watch.see(loss, step) for step, loss in enumerate(losses, start=1)}
    return watch, {step: text for step, text in found.items() if text}


@pytest.mark.parametrize("learnt", [2 * RECENT, 1799, 3 * BEFORE])
def test_a_leap_is_told_of_once_within_some_steps_of_it(learnt: int) -> None:
    losses = chain((0.5 * 0.999**step + 0.1 for step in range(learnt)), [495.0] * 300)
    watch, words = said(losses)
    (at,) = words
    assert watch.since == learnt + 1
    assert learnt < at <= learnt + RECENT
    assert f"since step {learnt + 1}" in words[at]
    assert "495" in words[at]
    assert "--clip-norm 1" in words[at]


def test_a_loss_that_grows_slowly_and_far_is_told_of_as_well() -> None:
    watch, words = said(0.1 * 1.03**step for step in range(600))
    assert len(words) == 1
    assert watch.since is not None


@pytest.mark.parametrize("bad", [1, RECENT // 2 - 1])
def test_some_bad_batches_are_no_leap(bad: int) -> None:
    losses = [0.1] * 300 + [100.0] * bad + [0.1] * 300
    assert not said(losses)[1]


def test_what_stays_below_the_beginning_is_no_leap() -> None:
    """Twenty times of next to nothing is still next to nothing."""
    assert not said([0.5] * RECENT + [1e-4] * 400 + [0.01] * 400)[1]


@given(
    st.lists(st.floats(0.05, 0.95), min_size=60, max_size=120),
    st.floats(1e-6, 1e3),
)
def test_losses_of_any_size_that_differ_by_less_are_no_leap(
    losses: list[float], scale: float
) -> None:
    assert FAR > 0.95 / 0.05
    assert not said(scale * loss for loss in losses)[1]


def test_a_loss_below_zero_is_no_leap_and_one_that_leaps_from_there_is() -> None:
    """Against a critic the sum may be below 0."""
    assert not said([0.4] * 20 + [-0.05, 0.05] * 200)[1]
    assert said([0.4] * 20 + [-0.05, 0.05] * 200 + [30.0] * 20)[1]


def test_a_run_whose_loss_leaps_goes_on_and_says_so(
    tiny_data: TrainData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    steps = 4 * RECENT
    trainer = Trainer(tiny(steps), TrainData(tiny_data.train, []), tmp_path, told=told.append)
    number = count(1)
    monkeypatch.setattr(
        trainer._learner, "gradients",  # noqa: SLF001 - a loss is hard to make leap in seconds
        lambda _batch, _step: 0.1 if next(number) <= 3 * RECENT else 495.0,
    )  # fmt: skip
    assert trainer.run().steps == steps
    (text,) = told
    assert f"since step {3 * RECENT + 1}" in text
    assert (tmp_path / LAST).is_file()
    last = json.loads((tmp_path / METRICS).read_text("utf-8").splitlines()[-1])
    assert last["leapt"] == 3 * RECENT + 1


def test_what_the_words_advise_is_possible() -> None:
    assert resumed_settings(tiny(4), {"clip_norm": 1.0}, None).clip_norm == 1
