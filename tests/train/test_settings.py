"""Settings of a training: what is refused, the rate over the steps, the memory they take."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import UsageError, WeightsError
from rawkit.sensor import Amplification
from rawkit.train import TrainData, TrainSettings, default_crop, default_steps, with_steps
from rawkit.train.memory import check_memory, fit_memory, plan_memory
from rawkit.train.schedule import rate_at
from rawkit.train.settings import settings_of
from tests.support.fixtures_stream import Shape, make_sources, tiny

if TYPE_CHECKING:
    from pathlib import Path

BUDGETS = st.integers(100 * 2**20, 4 * 10**9)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainData:
    """Two frames to train on, one to validate on."""
    folder = tmp_path_factory.mktemp("memory")
    sources = make_sources(folder, [Shape(64, 96, (32, 32))] * 3)
    return TrainData(sources[:2], sources[2:])


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0}, {"steps": -1}, {"crop": 0}, {"crop": 48}, {"crop": -32}, {"batch_size": 0},
        {"learning_rate": 0.0}, {"learning_rate": -1e-4}, {"learning_rate": math.nan},
        {"learning_rate": math.inf}, {"l1_weight": -1.0}, {"l1_weight": math.nan},
        {"l1_weight": 0.0, "ms_ssim_weight": 0.0}, {"ms_ssim_weight": -0.1},
        {"ms_ssim_weight": 0.2, "crop": 160}, {"schedule": "linear"}, {"amplification": "guess"},
        {"amplification_value": 0.0}, {"amplification_value": math.nan},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_trained_with_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        tiny(**changes)  # type: ignore[arg-type] # any field


@pytest.mark.parametrize(("crop", "suggested"), [(48, 64), (40, 32), (50, 64), (1, 32), (100, 96)])
def test_the_crop_that_is_suggested_instead_can_be_used(crop: int, suggested: int) -> None:
    with pytest.raises(UsageError) as caught:
        tiny(crop=crop)
    assert caught.value.fix == f"Use --crop {suggested}."
    assert tiny(crop=suggested).crop == suggested


def test_ms_ssim_needs_crops_that_halve_four_times() -> None:
    assert tiny(crop=192, ms_ssim_weight=0.2).ms_ssim_weight == 0.2
    with pytest.raises(UsageError, match="MS-SSIM on crops of 160") as caught:
        tiny(crop=160, ms_ssim_weight=0.2)
    assert "--ms-ssim 0" in (caught.value.fix or "")


def test_a_constant_rate_stays() -> None:
    chosen = tiny(10, learning_rate=3e-4)
    assert {rate_at(chosen, step) for step in range(20)} == {3e-4}


def test_a_cosine_falls_from_the_rate_to_a_hundredth_of_it() -> None:
    chosen = tiny(100, learning_rate=2.0, schedule="cosine")
    rates = [rate_at(chosen, step) for step in range(100)]
    assert rates[0] == 2.0
    assert rates[50] == pytest.approx(2.0 * (0.01 + 0.99 * 0.5))
    assert rates[25] == pytest.approx(2.0 * (0.01 + 0.99 * (0.5 + math.sqrt(2) / 4)))
    assert rate_at(chosen, 100) == pytest.approx(0.02)
    assert rate_at(chosen, 1000) == pytest.approx(0.02)
    assert all(one > other for one, other in pairwise(rates))


def test_settings_survive_a_checkpoint() -> None:
    chosen = tiny(7, schedule="cosine", amplification="number", amplification_value=40.0)
    assert settings_of(chosen.as_dict(), "here") == chosen
    assert chosen.amplifier() == Amplification("number", 40.0)


def test_settings_of_an_earlier_version_take_the_defaults_for_what_came_since() -> None:
    earlier = {
        "subset": "f1", "steps": 4, "network": "lamba2021", "crop": 32, "batch_size": 2,
        "learning_rate": 1e-4, "schedule": "cosine", "l1_weight": 1.0, "ms_ssim_weight": 0.0,
        "amplification": "ratio", "amplification_value": 1.0, "crops_per_window": 4,
        "live_windows": 8, "augment": True, "seed": 0,
    }  # fmt: skip
    assert settings_of(earlier, "here") == tiny(schedule="cosine", amplification="ratio")


def test_settings_that_a_later_version_added_are_ignored() -> None:
    assert settings_of({**tiny().as_dict(), "more": 1}, "here") == tiny()


@pytest.mark.parametrize("values", [{}, {"subset": "x"}, {"subset": "x", "steps": -1},
                                    {"subset": "x", "steps": "many"}])  # fmt: skip
def test_settings_that_are_none_name_their_file(values: dict[str, object]) -> None:
    with pytest.raises(WeightsError) as caught:
        settings_of(values, "run/last.pt")
    assert caught.value.where == "run/last.pt"


def test_only_the_steps_are_changed_by_with_steps() -> None:
    assert with_steps(tiny(), 99) == replace(tiny(), steps=99)


def test_default_steps_are_forty_epochs_and_at_least_a_thousand(data: TrainData) -> None:
    # 2 frames of 2x3 chunks are one window each, filled up to 8 windows of 4 crops.
    assert default_steps(data, tiny(batch_size=1)) == 40 * 32
    assert default_steps(data, tiny(batch_size=2)) == 1000


@pytest.mark.parametrize(("augment", "expected"), [(True, 96), (False, 128)])
def test_the_default_crop_fits_into_the_smallest_frame(
    data: TrainData,
    augment: bool,  # noqa: FBT001 - a parameter of the test
    expected: int,
) -> None:
    assert default_crop(data, augment=augment) == expected
    assert default_crop(data, augment=augment, most=64) == 64
    default_steps(data, tiny(crop=expected, augment=augment))


def test_frames_too_small_for_any_crop_are_refused(tmp_path: Path) -> None:
    small = TrainData(make_sources(tmp_path, [Shape(16, 40, (16, 20))]), [])
    assert default_crop(small, augment=False) == 32
    with pytest.raises(UsageError, match="frames of 32 mosaic pixels"):
        default_crop(small, augment=True)


def test_the_memory_of_a_training_is_said_part_by_part(data: TrainData) -> None:
    plan = plan_memory(tiny(), data, 10**9)
    assert plan.total == sum(plan.parts.values())
    assert set(plan.parts) == {"process", "step", "batches", "windows"}
    assert plan.text().startswith(f"{plan.total / 1e6:.0f} of 1000 MB (process ")


@pytest.mark.parametrize("change", [{"batch_size": 4}, {"crop": 64}, {"live_windows": 64}])
def test_larger_settings_take_more_memory(data: TrainData, change: dict[str, int]) -> None:
    larger = replace(tiny(), **change)  # type: ignore[arg-type] # integers all
    assert plan_memory(larger, data, 0).total > plan_memory(tiny(), data, 0).total


@pytest.mark.parametrize(
    "change",
    [{"ms_ssim_weight": 0.2}, {"ssim_weight": 1.0}, {"ema": 0.9}, {"network": "sid"}],
)
def test_what_a_step_computes_is_counted(data: TrainData, change: dict[str, float]) -> None:
    plain = tiny(crop=192)
    larger = replace(plain, **change)  # type: ignore[arg-type] # any field
    assert plan_memory(larger, data, 0).total > plan_memory(plain, data, 0).total


def test_pieces_take_less_memory_and_ranks_share_a_batch(data: TrainData) -> None:
    whole = tiny(batch_size=8, crop=512)
    totals = [plan_memory(replace(whole, accumulate=n), data, 0).total for n in (1, 2, 4, 8)]
    assert totals == sorted(totals, reverse=True)
    alone, shared = (plan_memory(whole, data, 0, ranks=n).parts for n in (1, 2))
    assert shared["step"] < alone["step"]
    assert shared["batches"] == alone["batches"] // 2


@given(BUDGETS, st.integers(1, 32), st.sampled_from([32, 96, 192, 512]), st.sampled_from([1, 2]))
@settings(max_examples=200)
def test_what_is_suggested_when_memory_is_short_fits(
    data: TrainData, budget: int, batch: int, crop: int, ranks: int
) -> None:
    chosen = TrainSettings(
        subset="x", steps=1, batch_size=batch * ranks, crop=crop, ms_ssim_weight=0.2 * (crop > 161)
    )

    def fits(changed: TrainSettings) -> bool:
        return plan_memory(changed, data, budget, ranks=ranks).total <= budget

    fitted = fit_memory(chosen, data, budget, ranks=ranks)
    try:
        assert check_memory(chosen, data, budget, ranks=ranks).total <= budget
        assert fitted == chosen
    except UsageError as error:
        fix = error.fix or ""
        if found := re.match(r"Use --accumulate (\d+), which", fix):
            assert fitted == replace(chosen, accumulate=int(found[1]))
            assert fits(fitted)
            assert not fits(replace(chosen, accumulate=fitted.accumulate - 1))
            return
        assert fitted == chosen
        assert not fits(replace(chosen, accumulate=batch))
        if found := re.match(r"Use --batch (\d+) --accumulate (\d+), or", fix):
            size, pieces = map(int, found.groups())
            assert fits(replace(chosen, batch_size=size, accumulate=pieces))
            larger = replace(chosen, batch_size=size + ranks, accumulate=size // ranks + 1)
            assert not fits(larger)  # the smallest change: more would not fit
        else:
            found = re.fullmatch(r"Give it --max-ram ([\d.]+)GB with --accumulate (\d+)\.", fix)
            assert found
            whole = replace(chosen, accumulate=int(found[2]))
            check_memory(whole, data, int(float(found[1]) * 10**9), ranks=ranks)
