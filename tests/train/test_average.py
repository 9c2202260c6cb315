"""The moving average of the weights, the schedules, and the losses that are sums of parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rawkit.errors import UsageError
from rawkit.train import Loss
from rawkit.train.average import MovingAverage
from rawkit.train.losses import region_loss
from rawkit.train.schedule import rate_at
from tests.support.fixtures_stream import tiny


def test_the_average_is_the_sum_of_all_weights_by_their_shares() -> None:
    net = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(net.weight, 3.0)
    average = MovingAverage(net, 0.9)
    values, expected = [5.0, -2.0, 7.5, 1.0], 3.0
    for step, value in enumerate(values, start=1):
        nn.init.constant_(net.weight, value)
        average.update(net, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert float(average.state["weight"]) == pytest.approx(expected, rel=1e-12)


def test_a_step_falls_at_each_milestone() -> None:
    chosen = tiny(10, learning_rate=1.0, schedule="step", milestones=(0.3, 0.8), gamma=0.5)
    assert [rate_at(chosen, step) for step in range(10)] == [1.0] * 3 + [0.5] * 5 + [0.25] * 2


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
def test_a_warm_up_rises_in_equal_parts_to_the_schedule(schedule: str) -> None:
    chosen = tiny(100, learning_rate=2.0, schedule=schedule, warmup=4)
    plain = tiny(100, learning_rate=2.0, schedule=schedule)
    shares = [rate_at(chosen, step) / rate_at(plain, step) for step in range(6)]
    assert shares == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])


@pytest.mark.parametrize("changes", [
    {"milestones": (0.5, 0.4)}, {"milestones": (0.0,)}, {"milestones": (1.0,)}, {"gamma": 0.0},
    {"gamma": 1.0}, {"ema": 1.0}, {"ema": -0.1}, {"clip_norm": -1.0}, {"clip_norm": float("nan")},
    {"warmup": -1}, {"accumulate": 0}, {"accumulate": 3}, {"precision": "fp8"},
    {"region_threshold": 1.0}, {"region_dark": 0.0}, {"ssim_weight": -1.0},
])  # fmt: skip
def test_numbers_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        tiny(**changes)  # type: ignore[arg-type] # any field


def plain_region(restored: np.ndarray, target: np.ndarray, threshold: float, dark: float) -> float:
    found = []
    for one, other in zip(restored, target, strict=True):
        luminance = 0.2126 * other[0] + 0.7152 * other[1] + 0.0722 * other[2]
        error = np.abs(one - other).mean(0)
        parts = [(dark, error[luminance < threshold]), (1.0, error[luminance >= threshold])]
        there = [(weight, part.mean()) for weight, part in parts if part.size]
        found.append(sum(w * mean for w, mean in there) / sum(w for w, _ in there))
    return float(np.mean(found))


@given(st.integers(0, 99), st.floats(0.05, 0.95), st.floats(0.1, 10))
@settings(max_examples=30)
def test_the_region_loss_is_the_mean_over_pictures_of_their_parts(
    seed: int, threshold: float, dark: float
) -> None:
    generator = np.random.default_rng(seed)
    target = generator.uniform(0, 1, (3, 3, 6, 5))
    target[0] = 0.01  # one picture has no bright part, or no dark one
    restored = generator.uniform(0, 1, target.shape)
    found = region_loss(
        torch.from_numpy(restored), torch.from_numpy(target), threshold=threshold, dark=dark
    )
    assert float(found) == pytest.approx(plain_region(restored, target, threshold, dark))


@given(st.integers(1, 5), st.integers(0, 9))
@settings(max_examples=20)
def test_pieces_of_a_batch_weighed_by_their_size_add_up(pieces: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    restored, target = (
        torch.rand(5, 3, 32, 32, dtype=torch.float64, generator=generator) for _ in range(2)
    )
    loss = Loss(tiny(ssim_weight=0.5, region_weight=2.0))
    total = sum(
        float(loss(one, other)) * len(one) / 5
        for one, other in zip(
            restored.tensor_split(pieces), target.tensor_split(pieces), strict=True
        )
    )
    assert total == pytest.approx(float(loss(restored, target)), rel=1e-9)


def test_a_sum_of_losses_is_the_sum_of_each() -> None:
    generator = torch.Generator().manual_seed(3)
    restored, target = (torch.rand(1, 3, 176, 176, generator=generator) for _ in range(2))
    weights = {"l1": 0.5, "ms-ssim": 0.25, "ssim": 2.0, "region": 3.0}
    chosen = tiny(crop=192, l1_weight=0.5, ms_ssim_weight=0.25, ssim_weight=2.0, region_weight=3.0)
    loss = Loss(chosen)
    expected = sum(weight * float(loss.term(name, restored, target))
                   for name, weight in weights.items())  # fmt: skip
    assert float(loss(restored, target)) == pytest.approx(expected, rel=1e-6)
    assert loss.weights == weights
