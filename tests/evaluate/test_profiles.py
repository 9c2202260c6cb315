"""Dark frames of stores evaluated with the profile of their camera."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import UsageError
from rawkit.evaluate import plan_evaluation, protocol, run_evaluation, subject
from rawkit.evaluate.light import light_of, matching_factor
from rawkit.noise import CameraProfile, NoiseModel, ShadingRange, write_profile
from rawkit.restore import Mending
from rawkit.sensor import Mosaic
from tests.support.fixtures_cli import run_in
from tests.support.fixtures_stream import add_run, copy_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.evaluate import EvaluationPlan
    from rawkit.evaluate.pairs import Pair
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)
ALL = protocol("all", splits=("train", "val", "test"))


def plan_of(workspace: Workspace, *profiles: CameraProfile, weights: str = "plain",
            **changes: object) -> EvaluationPlan:  # fmt: skip
    return plan_evaluation(
        workspace, subject(workspace, weights=weights), ALL, limit=2,
        mending=(lambda _: Mending(profiles)) if profiles else None, **changes,  # type: ignore[arg-type]
    )  # fmt: skip


def profile_of(pair: Pair, bias: float) -> CameraProfile:
    """Return a profile of the camera of a pair, with shading of one number."""
    row = pair.dark
    size = row.visible_height, row.visible_width
    cells = {"RGGB": ((0, 1), (3, 2)), "GRBG": ((1, 0), (2, 3)), "GBRG": ((3, 2), (0, 1))}
    mosaic = Mosaic.without_margins(cells[row.pattern], size, row.black_level, row.white_level)
    smooth = np.zeros((2, 4, 1, 1), np.float32)
    smooth[0] = bias
    flat = ShadingRange(
        50, 51200, smooth, np.zeros((2, size[0]), np.float32), np.zeros((2, size[1]), np.float32)
    )
    models = [NoiseModel.of_values(100, 1.0, 1.0, 0.1)]
    return CameraProfile.known(
        row.make or "", row.model or "", mosaic, models, ranges=(flat,),
        hot=np.array([[20, 21]], np.int32),
    )  # fmt: skip


def test_a_mended_frame_is_the_frame_less_what_was_put_in(sid_workspace: Workspace) -> None:
    pair = plan_of(sid_workspace).pairs[0]
    plain = light_of(pair, ALL)
    mended = light_of(replace(pair, mending=Mending((profile_of(pair, 3.0),))), ALL)
    span = mended.white - float(mended.black[0])
    steps = span / (plain.white - float(plain.black[0]))
    assert steps == 3
    difference = (
        plain.planes - plain.black[:, None, None]
        - (mended.planes - mended.black[:, None, None]) / steps
    )  # fmt: skip
    saturated = plain.planes >= plain.white
    assert np.count_nonzero(np.abs(difference[~saturated] - 3) > 1e-3) <= 1
    factor = matching_factor(pair, mended.planes, mended.own_levels)
    assert factor > matching_factor(pair, plain.planes)


def test_the_identity_tells_profiles_apart(sid_workspace: Workspace) -> None:
    bare = plan_of(sid_workspace)
    one, other = (profile_of(bare.pairs[0], bias) for bias in (0.0, 3.0))
    names = {plan_of(sid_workspace, *some).folder for some in ((), (one,), (other,))}
    assert len(names) == 3


def test_figures_of_nothing_to_mend_are_the_same(sid_workspace: Workspace, tmp_path: Path) -> None:
    workspace = copy_workspace(sid_workspace, tmp_path / "work")
    # Not the plain conversion: its demosaicing rounds, and finer steps make it better.
    add_run(workspace, "one", amplification="auto", amplification_value=4.0)
    nothing = replace(profile_of(plan_of(workspace).pairs[0], 0.0), hot=np.empty((0, 2), np.int32))
    figures = []
    for mending in (None, lambda _: Mending((nothing,))):
        what = subject(workspace, run="one")
        plan = plan_evaluation(workspace, what, ALL, limit=2, mending=mending)
        figures.append(run_evaluation(plan).evaluation.overall.means["psnr"].mean)
    assert figures[0] == pytest.approx(figures[1], abs=1e-4)


def test_histograms_are_not_equalised_with_a_profile(sid_workspace: Workspace) -> None:
    profile = profile_of(plan_of(sid_workspace).pairs[0], 1.0)
    with pytest.raises(UsageError, match="histogram equalisation"):
        plan_of(sid_workspace, profile, weights="equalised")


def test_the_command_takes_it(sid_workspace: Workspace, tmp_path: Path) -> None:
    workspace = copy_workspace(sid_workspace, tmp_path / "work")
    pair = plan_of(workspace).pairs[0]
    write_profile(profile_of(pair, 3.0), tmp_path / "camera.toml")
    common = ("evaluate", "--weights", "plain", "--split", "train,val,test", "--limit", "1")
    ended = run_in(workspace.root, *common, "--profile", tmp_path / "camera.toml")
    assert ended.code == 0, ended.err
    stored = run_in(workspace.root, *common, "--profile", "stored")
    assert stored.code == 1
    assert "a store without a camera's profile" in stored.err
