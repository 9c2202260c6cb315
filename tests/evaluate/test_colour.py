"""Evaluations in the network's and the sensor's colours, of stores with and without the matrix."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.evaluate import PlainMethod, load_method, plan_evaluation, protocol, subject
from rawkit.evaluate.light import light_of
from rawkit.evaluate.methods import image_of
from rawkit.train.runs import weights_of_run
from tests.support.fixtures_stream import add_run, copy_workspace

if TYPE_CHECKING:
    from rawkit.colour import ColourMode
    from rawkit.evaluate import Pair
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)
MODES: tuple[ColourMode, ...] = ("network", "sensor", "auto")
ALL = protocol("all", splits=("train", "val", "test"))


@pytest.fixture(scope="module")
def work(sid_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Copy the small workspace and add a run with random weights; do not change it."""
    workspace = copy_workspace(sid_workspace, tmp_path_factory.mktemp("colour") / "work")
    add_run(workspace, "one")
    return workspace


@pytest.fixture(scope="module")
def pair(work: Workspace) -> Pair:
    """Return the first pair of the workspace."""
    return plan_evaluation(work, subject(work, weights="plain"), ALL).pairs[0]


def test_the_digest_tells_colours_apart_and_the_network_s_is_as_it_was(work: Workspace) -> None:
    path = weights_of_run(work, "one")
    digests = {mode: load_method(path, mode).digest for mode in MODES}
    assert digests["network"] == load_method(path).digest
    assert len(set(digests.values())) == 3


def test_the_sensor_s_colours_are_nearer_to_the_truth_than_those_of_untrained_weights(
    work: Workspace, pair: Pair
) -> None:
    light = light_of(pair, ALL)
    truth = pair.target().astype(np.float64) / np.iinfo(pair.target().dtype).max

    def colour_error(mode: ColourMode) -> float:
        method = load_method(weights_of_run(work, "one"), mode)
        picture = method.picture(pair, light, light.base)
        assert picture.shape == truth.shape
        assert np.isfinite(picture).all()
        means = [one.mean((0, 1)) / max(one.mean(), 1e-9) for one in (picture, truth)]
        return float(np.abs(means[0] - means[1]).max())

    assert colour_error("sensor") < 0.5 * colour_error("network")


def test_a_store_without_the_matrix_has_it_of_the_long_and_its_picture(pair: Pair) -> None:
    assert pair.dark.colour_matrix is not None
    light = light_of(pair, ALL)
    kept = image_of(pair, light).colour_matrix
    older = replace(pair, dark=replace(pair.dark, colour_matrix=None, colour_matrix_source=None))
    fitted = image_of(older, light).colour_matrix
    assert kept is not None
    assert fitted is not None
    assert (kept.source, fitted.source) == ("file", "fitted")
    xyz_of_rgb = np.array(
        [
            [0.412453, 0.357580, 0.180423],
            [0.212671, 0.715160, 0.072169],
            [0.019334, 0.119193, 0.950227],
        ]
    )
    rows = [one.array @ xyz_of_rgb for one in (kept, fitted)]
    balanced = [one / one.sum(axis=1, keepdims=True) for one in rows]
    np.testing.assert_allclose(balanced[0], balanced[1], atol=0.06)


def test_a_plain_conversion_has_no_choice_of_colours(work: Workspace) -> None:
    assert isinstance(subject(work, weights="plain", colour="sensor").method, PlainMethod)
