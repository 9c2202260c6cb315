"""The memory of an evaluation: said before it starts; tiles and bands change no picture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.evaluate import (
    NetworkMethod,
    PlainMethod,
    load_method,
    run_evaluation,
    save_pictures,
    subject,
)
from rawkit.evaluate.light import light_of
from rawkit.evaluate.memory import check_memory, tile_within
from rawkit.evaluate.plain import colour_matrix
from rawkit.evaluate.plan import plan_evaluation
from rawkit.evaluate.protocol import protocol
from rawkit.pictures.curve import encoded_of
from rawkit.pictures.plain import demosaiced
from rawkit.train.runs import weights_of_run
from tests.support.fixtures_cli import run_in
from tests.support.fixtures_stream import add_run, copy_workspace

if TYPE_CHECKING:
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)
ALL = protocol("all", splits=("train", "val", "test"))
FULL_FRAME = (5792, 8688)
"""Rows and columns of 50 MP."""


@pytest.fixture(scope="module")
def work(sid_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Copy the small workspace and add a run with random weights; do not change it."""
    workspace = copy_workspace(sid_workspace, tmp_path_factory.mktemp("memory") / "work")
    add_run(workspace, "one")
    return workspace


def test_tiles_of_any_size_make_the_same_picture(work: Workspace) -> None:
    method = load_method(weights_of_run(work, "one"))
    assert isinstance(method, NetworkMethod)
    pair = plan_evaluation(work, subject(work, run="one"), ALL).pairs[0]
    light = light_of(pair, ALL)
    whole = method.picture(pair, light, 100.0)
    tiled = replace(method, tile=32).picture(pair, light, 100.0)
    assert whole.shape == (2 * pair.group.packed.height, 2 * pair.group.packed.width, 3)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_bands_make_the_same_plain_conversion(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rawkit.colour.fit._BAND", 6)
    monkeypatch.setattr("rawkit.pictures.plain._BAND", 6)
    pair = plan_evaluation(work, subject(work, weights="plain"), ALL).pairs[0]
    light = light_of(pair, ALL)
    black = light.black[[0, 1, 2]].astype(np.float64)
    normalised = (demosaiced(light.planes) - black) / (light.white - black.mean())
    expected = encoded_of(np.clip(50 * normalised @ colour_matrix(pair), 0, 1))
    assert len(set(light.black)) == 1  # the formula above takes G1 for both greens
    np.testing.assert_allclose(PlainMethod().picture(pair, light, 50.0), expected, atol=1e-5)


@given(st.integers(64, 12000), st.integers(64, 12000))
def test_what_a_refusal_asks_for_suffices(height: int, width: int) -> None:
    with pytest.raises(UsageError) as caught:
        check_memory(10**6, height, width)
    asked = float(str(caught.value.fix).split("--max-ram ")[1].split("GB")[0])
    check_memory(round(asked * 1e9), height, width)


def test_less_memory_means_smaller_tiles_until_none_is_left() -> None:
    sides = [tile_within("sid", budget, *FULL_FRAME) for budget in (10**10, 145 * 10**7)]
    assert sides == sorted(sides, reverse=True)
    assert len(set(sides)) == 2
    with pytest.raises(UsageError, match="needs"):
        tile_within("sid", 10**9, *FULL_FRAME)


def test_too_little_memory_is_refused_before_anything_is_written(work: Workspace) -> None:
    before = {path for path in work.root.rglob("*") if path.is_file()}
    for more in ((), ("--dry-run",)):
        result = run_in(work.root, "evaluate", "--weights", "plain", "--max-ram", "100MB", *more)
        assert result.code == 2
        assert "--max-ram 0.3" in result.err
    plan = plan_evaluation(work, subject(work, weights="plain"), ALL, max_ram=10**8)
    with pytest.raises(UsageError, match="GB allowed"):
        run_evaluation(plan)
    assert {path for path in work.root.rglob("*") if path.is_file()} == before
    evaluation = run_evaluation(replace(plan, max_ram=10**9)).evaluation
    with pytest.raises(UsageError, match="GB allowed"):
        save_pictures(plan, evaluation, 1)
