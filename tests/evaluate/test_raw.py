"""Figures in raw space, held to what ELD's and PMN's scripts compute, written down plainly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from rawkit.errors import UsageError
from rawkit.evaluate import (
    NOMINAL,
    EqualisedMethod,
    EvaluationPlan,
    NetworkMethod,
    Pair,
    PlainMethod,
    choose_pairs,
    measure,
    protocol,
    published_for,
    run_evaluation,
)
from rawkit.evaluate.raw import corrected
from rawkit.evaluate.restored import fed
from rawkit.models import build, describe, packed_planes, prepare
from rawkit.sensor import BAYER, Amplification
from rawkit.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)


@pytest.fixture(scope="module")
def pairs(sid_workspace: Workspace) -> list[Pair]:
    return choose_pairs([Store(sid_workspace.store("sid"))], protocol("sid-raw"))


def normalised(planes: NDArray[np.uint16], black: tuple[float, ...]) -> NDArray[np.float64]:
    """Return planes (4, h, w) of 0 to 1 by the white level that the scripts hold."""
    level = np.array(black)[:, None, None]
    found: NDArray[np.float64] = np.clip((planes - level) / (16383 - level), 0, 1)
    return found


def plain_figures(
    restored: NDArray[np.float64], truth: NDArray[np.float64], *, correct: bool
) -> tuple[float, float]:
    """Clip, correct, scale to 255, compare: planes (4, h, w), step by step."""
    predicted = np.clip(restored, 0, 1)
    if correct:
        above = below = 0.0
        for p, t in zip(predicted.ravel(), truth.ravel(), strict=True):
            if t != 1:
                above += p * t
                below += p * p
        predicted = above / below * predicted
    shown, wanted = (np.clip(one.transpose(1, 2, 0) * 255, 0, 255) for one in (predicted, truth))
    return (
        peak_signal_noise_ratio(wanted, shown, data_range=255),
        structural_similarity(wanted, shown, data_range=255, channel_axis=2),
    )


@pytest.mark.parametrize("correct", [True, False])
def test_figures_are_those_of_the_published_scripts(pairs: list[Pair], *, correct: bool) -> None:
    rules = protocol("sid-raw", correct=correct)
    for pair in pairs[:3]:
        row = measure(pair, PlainMethod(), rules, "x")
        ratio = min(pair.gain_ratio, 300)
        level = np.array(pair.dark.black_level)[:, None, None]
        dark = (pair.planes() - level) / (16383 - level) * ratio
        truth = normalised(pair.long_planes(), pair.long.black_level)
        wanted = plain_figures(dark, truth, correct=correct)
        assert (row.psnr, row.ssim) == pytest.approx(wanted, abs=1e-4)
        assert row.amplification == pytest.approx(ratio)
        assert row.delta_e is None
        assert row.ms_ssim is None


def test_a_network_is_judged_by_the_planes_that_it_gives(pairs: list[Pair]) -> None:
    torch.manual_seed(3)
    net = build("raw-unet").eval()
    with torch.no_grad():
        net.get_parameter("picture.weight").mul_(30)
    ready = prepare(net)
    method = NetworkMethod("raw-unet", ready, "x", Amplification("ratio"), None)  # type: ignore[arg-type] # staged
    pair, rules = pairs[0], protocol("sid-raw")
    row = measure(pair, method, rules, "x")
    level = np.array(pair.dark.black_level)[:, None, None]
    dark = np.maximum(pair.planes() - level, 0) / (16383 - level) * min(pair.gain_ratio, 300)
    planes = torch.from_numpy(dark.astype(np.float32))[None]
    mosaic = torch.nn.functional.pixel_shuffle(planes[:, [0, 1, 3, 2]], 2)
    with torch.inference_mode():
        found = packed_planes(net(mosaic), BAYER)[0].double().numpy()
    truth = normalised(pair.long_planes(), pair.long.black_level)
    wanted = plain_figures(found, truth, correct=True)
    assert (row.psnr, row.ssim) == pytest.approx(wanted, abs=1e-3)
    picture = method.picture(pair, *fed(pair, method, protocol("all")))
    assert picture.shape == (2 * dark.shape[1], 2 * dark.shape[2], 3)
    assert 0 <= picture.min() < picture.max() <= 1


def test_the_correction_is_the_best_factor_and_changes_nothing_twice() -> None:
    generator = np.random.default_rng(5)
    truth = generator.random((40, 60, 4), np.float32)
    truth[:3] = 1
    dim = (truth * np.float32(0.6)).astype(np.float32)
    once = corrected(dim, truth)
    assert np.allclose(once[3:], truth[3:], atol=1e-6)
    assert np.allclose(corrected(once, truth), once, atol=1e-6)
    black = np.zeros_like(truth)
    assert np.array_equal(corrected(black, truth), black)


def test_pairs_are_those_of_the_nominal_ratios_and_summed_up_by_them(
    pairs: list[Pair], tmp_path: Path
) -> None:
    rules = protocol("sid-raw")
    assert {rules.nominal(min(one.gain_ratio, 300)) for one in pairs} == {100.0, 250.0, 300.0}
    assert rules.nominal(30.0) is rules.nominal(None) is None
    plan = EvaluationPlan(PlainMethod(), rules, pairs, tmp_path / "e", "plain", resamples=20)
    found = run_evaluation(plan).evaluation
    groups = {one.value: one for one in found.groups if one.axis == NOMINAL}
    assert sorted(map(float, groups)) == [100.0, 250.0, 300.0]  # type: ignore[arg-type] # no None
    assert sum(one.pictures for one in groups.values()) == len(pairs)
    assert groups[100.0].means["psnr"].mean > groups[300.0].means["psnr"].mean  # type: ignore[operator] # there
    assert found.overall.means["delta_e"].mean is None


def test_the_official_list_has_the_pairs_of_the_protocol(official_lists: Path) -> None:
    rules, taken = protocol("sid-raw"), []
    for split in ("train", "val", "test"):
        for line in (official_lists / "sid" / f"Sony_{split}_list.txt").read_text().splitlines():
            name, long = (one.removeprefix("./") for one in line.split()[:2])
            seconds = [float(one.rsplit("_", 1)[1].removesuffix("s.ARW")) for one in (name, long)]
            ratio = rules.nominal(min(seconds[1] / seconds[0], 300))
            if rules.takes("sid", name, name.split("/")[-1][:5], split) and ratio is not None:
                taken.append(ratio)
    assert len(taken) == rules.pairs == 129
    assert [taken.count(ratio) for ratio in rules.ratios] == [40, 40, 49]


def test_eld_is_judged_on_six_shots_of_a_scene() -> None:
    rules = protocol("eld")
    shots = [f"SonyA7S2/scene-1/IMG_{number:04d}.ARW" for number in range(1, 17)]
    taken = [one[-8:-4] for one in shots if rules.takes("eld", one, "SonyA7S2/scene-1", "test")]
    assert taken == ["0004", "0005", "0009", "0010", "0014", "0015"]


def test_published_figures_of_planes_are_not_mixed_with_those_of_pictures() -> None:
    assert all(one.space == "picture" and one.ratio is None for one in published_for("sid"))
    found = {(one.method, one.ratio): one.psnr for one in published_for("sid", space="raw")}
    assert found["PMN", 100] == 43.16
    assert found["ELD", 300] == 36.36
    assert len(found) == 9
    assert {one.ratio for one in published_for("eld", "Sony", "raw")} == {100, 200}


def test_methods_that_give_pictures_are_refused(pairs: list[Pair]) -> None:
    ready = prepare(build("sid").eval())
    pictures = NetworkMethod("sid", ready, "x", Amplification("ratio"), None)  # type: ignore[arg-type] # staged
    for method in (EqualisedMethod(), pictures):
        with pytest.raises(UsageError, match="raw space"):
            measure(pairs[0], method, protocol("sid-raw"), "x")
    for wrong in ({"space": "linear"}, {"centre": 3}, {"white_level": -1.0}, {"ratios": (0.0,)}):
        with pytest.raises(UsageError):
            protocol("sid-raw", **wrong)
    with pytest.raises(UsageError, match="corrected brightness"):
        protocol("all", correct=True)
    assert describe("raw-unet-sigma").takes_sigma
