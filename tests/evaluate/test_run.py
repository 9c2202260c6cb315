"""Evaluations from plan to tables: means recomputed, killed and resumed, never mixed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from rawkit.errors import (
    MissingError,
    SelectionError,
    StoreDamagedError,
    StoreLockedError,
    UsageError,
)
from rawkit.evaluate import (
    AXES,
    METRICS,
    PlainMethod,
    Protocol,
    choose_pairs,
    evaluation_id,
    find_evaluation,
    find_evaluations,
    load_method,
    pictures_done,
    protocol,
    run_evaluation,
    save_pictures,
    subject,
)
from rawkit.evaluate.journal import JOURNAL
from rawkit.evaluate.light import light_of, matching_factor
from rawkit.evaluate.plan import plan_evaluation
from rawkit.evaluate.tables import MEANS_CSV, PICTURES_CSV, PICTURES_TABLE, SUMMARY_JSON
from rawkit.metrics.similarity import compare
from rawkit.models import load_network
from rawkit.pictures.plain import demosaiced
from rawkit.sensor import REFERENCE_NEUTRAL
from rawkit.store import Store
from rawkit.store.locks.lock import lock
from rawkit.train import TrainState, load_checkpoint, save_checkpoint
from rawkit.train.runs import weights_of_run
from tests.support.factories import files_of, local
from tests.support.fixtures_cli import REPOSITORY, run_in
from tests.support.fixtures_stream import add_run, copy_workspace, tiny

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rawkit.evaluate import Evaluation, EvaluationPlan
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)
ALL = protocol("all", splits=("train", "val", "test"))


@pytest.fixture(scope="module")
def work(sid_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Copy the small workspace and add a run with random weights; do not change it."""
    workspace = copy_workspace(sid_workspace, tmp_path_factory.mktemp("evaluate") / "work")
    add_run(workspace, "one", amplification="auto", amplification_value=4.0)
    return workspace


def plan_of(workspace: Workspace, chosen: Protocol = ALL, **options: object) -> EvaluationPlan:
    what = subject(workspace, weights="plain")
    return plan_evaluation(workspace, what, chosen, **options)  # type: ignore[arg-type] # passed on


def test_balanced_weights_are_evaluated_on_planes_balanced_as_the_truth(work: Workspace) -> None:
    method = load_method(weights_of_run(work, "one"))
    balanced = replace(method, neutral=REFERENCE_NEUTRAL)
    (pair, *_) = choose_pairs([Store(work.store("sid"))], ALL)
    own = replace(pair, dark=replace(pair.dark, white_balance=(9.0, 1.0, 9.0, 1.0)))
    light = light_of(pair, ALL)
    found = balanced.picture(own, light, 200.0)
    red, _, blue, _ = pair.long.white_balance
    # Integers that are 64 times as large can be multiplied before: rounding no longer counts.
    gains = np.array([0.40 * red, 1, 0.39 * blue, 1])[:, None, None]
    above = np.maximum(light.planes.astype(np.float64) - light.black[:, None, None], 0)
    planes = np.minimum(np.rint(above * gains * 64), 65535).astype(np.uint16)
    assert planes.max() < 65535
    span = 64 * (light.white - float(light.black[0]))
    by_hand = replace(light, planes=planes, black=np.zeros(4, np.float32), white=span)
    np.testing.assert_allclose(found, method.picture(pair, by_hand, 200.0), rtol=0, atol=2e-3)
    assert np.abs(found - method.picture(pair, light, 200.0)).max() > 1e-2


def test_the_neutral_belongs_to_the_identity_of_weights(work: Workspace, tmp_path: Path) -> None:
    paths = []
    for balance in (False, True):
        state = load_checkpoint(weights_of_run(work, "one"))
        changed = replace(state, settings=replace(state.settings, balance=balance))
        save_checkpoint(path := tmp_path / f"{balance}.pt", changed)
        paths.append(path)
    plain, balanced = (load_method(path) for path in paths)
    assert plain.digest == load_method(weights_of_run(work, "one")).digest != balanced.digest
    assert (plain.neutral, balanced.neutral) == (None, REFERENCE_NEUTRAL)


def naive_interval(
    rows: list[dict[str, object]], metric: str, rng: np.random.Generator, resamples: int
) -> tuple[float, float, float] | None:
    """Draw scenes and average, as slowly as it is said."""
    scenes = sorted({(str(row["collection"]), str(row["scene"])) for row in rows})
    drawn = rng.integers(0, len(scenes), size=(resamples, len(scenes)))
    of_scene = {
        scene: [float(str(row[metric])) for row in rows
                if (row["collection"], row["scene"]) == scene and row[metric] is not None]
        for scene in scenes
    }  # fmt: skip
    means = []
    for one in drawn:
        values = [value for index in one for value in of_scene[scenes[index]]]
        if values:
            means.append(sum(values) / len(values))
    everything = [value for values in of_scene.values() for value in values]
    if not everything:
        return None
    low, high = np.percentile(means, [2.5, 97.5])
    return sum(everything) / len(everything), float(low), float(high)


def test_every_mean_and_interval_follows_from_the_table_of_pictures(
    work: Workspace, tmp_path: Path
) -> None:
    workspace = copy_workspace(work, tmp_path)
    plan = plan_of(workspace, resamples=60, seed=5)
    evaluation = run_evaluation(plan).evaluation
    rows = pq.read_table(evaluation.folder / PICTURES_TABLE).to_pylist()
    assert len(rows) == 9
    check_evaluation(evaluation, rows, 60, 5)


def check_evaluation(
    evaluation: Evaluation, rows: list[dict[str, Any]], resamples: int, seed: int
) -> None:
    """Compute every mean and interval once more from the table of pictures."""
    nominal: dict[str, Callable[[dict[str, Any]], Any]] = {
        "collection": lambda row: row["collection"],
        "camera": lambda row: row["camera"],
        "iso": lambda row: row["iso"],
        "exposure": lambda row: float(f"{row['exposure_time']:.2g}"),
        "ratio": lambda row: float(f"{row['exposure_ratio']:.2g}"),
    }
    assert nominal.keys() == AXES.keys()
    expected: list[tuple[str, Any, list[dict[str, Any]]]] = [("all", None, rows)]
    for axis, value_of in nominal.items():
        expected += [
            (axis, value, [row for row in rows if value_of(row) == value])
            for value in sorted({value_of(row) for row in rows})
        ]
    assert [(one.axis, one.value) for one in evaluation.groups] == [one[:2] for one in expected]
    states = np.random.default_rng(seed)
    for group, (_, _, members) in zip(evaluation.groups, expected, strict=True):
        start = states.bit_generator.state
        assert group.pictures == len(members)
        for metric in METRICS:
            states.bit_generator.state = start
            found, wanted = group.means[metric], naive_interval(members, metric, states, resamples)
            if wanted is None:
                assert found.mean is None
                continue
            assert found.mean == pytest.approx(wanted[0], rel=1e-12)
            if group.scenes > 1:
                assert (found.low, found.high) == pytest.approx(wanted[1:], rel=1e-9)
            else:
                assert found.low is found.high is None


def test_the_tables_say_the_same(work: Workspace, tmp_path: Path) -> None:
    workspace = copy_workspace(work, tmp_path)
    evaluation = run_evaluation(plan_of(workspace)).evaluation
    rows = evaluation.rows()
    with (evaluation.folder / PICTURES_CSV).open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [list(one) for one in read] == [list(asdict(rows[0]))] * len(rows)
    for one, row in zip(read, rows, strict=True):
        for key, value in asdict(row).items():
            assert one[key] == ("" if value is None else str(value)), key
    summary = json.loads((evaluation.folder / SUMMARY_JSON).read_text())
    with (evaluation.folder / MEANS_CSV).open(newline="") as file:
        means = {(one["axis"], one["value"], one["metric"]): one for one in csv.DictReader(file)}
    for group in summary["groups"]:
        for metric, mean in group["means"].items():
            value = "" if group["value"] is None else str(group["value"])
            one = means[group["axis"], value, metric]
            assert one["mean"] == ("" if mean["mean"] is None else str(mean["mean"]))
    metadata = json.loads(pq.read_schema(evaluation.folder / PICTURES_TABLE).metadata[b"rawkit"])
    assert metadata["evaluation"] == evaluation.id == rows[0].evaluation
    assert metadata["identity"]["protocol"]["name"] == "all"


def test_figures_are_those_of_the_pictures(work: Workspace) -> None:
    plan = plan_evaluation(work, subject(work, run="one"), ALL)
    from rawkit.evaluate import measure
    from rawkit.pictures.write import quantise

    pair = plan.pairs[0]
    row = measure(pair, plan.method, ALL, "id")
    light = light_of(pair, ALL)
    assert row.amplification == pytest.approx(4 * pair.dark.amplification_base, rel=1e-6)
    restored = quantise(plan.method.picture(pair, light, row.amplification), 8)
    truth = quantise(pair.target().astype(np.float32) / np.float32(65535), 8)
    assert (row.psnr, row.ssim) == pytest.approx(compare(restored, truth), abs=1e-4)
    assert row.ms_ssim is None  # 128 rows are too few for five scales
    assert (row.height, row.width) == truth.shape[:2]


def test_the_plain_conversion_by_ratio_is_near_the_truth_in_colour(work: Workspace) -> None:
    pairs = choose_pairs([Store(path) for path in work.stores()], ALL)
    from rawkit.evaluate import measure

    row = measure(pairs[0], PlainMethod(), protocol("all", amplification="ratio"), "id")
    assert row.gain_error == pytest.approx(1, rel=1e-5)
    assert row.amplification_error == pytest.approx(1, rel=0.1)
    # A long converted by itself is its own target but for demosaicing.
    pair = replace(pairs[0], dark=replace(pairs[0].long))
    exact = measure(pair, PlainMethod(), protocol("all", amplification="number"), "id")
    assert exact.amplification_error == pytest.approx(1, rel=1e-9)
    assert exact.delta_e is not None
    assert exact.cast_a is not None
    assert exact.cast_b is not None
    assert row.delta_e is not None
    assert exact.delta_e < row.delta_e / 2
    assert abs(exact.cast_a) < 3
    assert abs(exact.cast_b) < 3


def test_demosaicing_keeps_flat_colours_and_their_places() -> None:
    planes = np.zeros((4, 8, 9), np.uint16)
    for plane, value in enumerate((100, 200, 300, 200)):
        planes[plane] = value
    rgb = demosaiced(planes)
    assert rgb.shape == (16, 18, 3)
    np.testing.assert_array_equal(rgb, np.broadcast_to([100.0, 200.0, 300.0], rgb.shape))
    planes[:] = 0
    planes[0, 4, 4] = 400  # red, at row 8 and column 8 of the mosaic
    spot = demosaiced(planes)
    assert spot[8, 8, 0] == spot.max() == 400
    assert spot[..., 1:].max() == 0


def test_the_matching_amplification_is_the_ratio_of_light(work: Workspace) -> None:
    pair = choose_pairs([Store(path) for path in work.stores()], ALL)[0]
    planes = pair.planes()
    factor = matching_factor(pair, planes)
    assert factor == pytest.approx(pair.gain_ratio, rel=0.1)
    doubled = (2 * (planes.astype(np.float64) - 512) + 512).astype(np.uint16)
    assert matching_factor(pair, doubled) == pytest.approx(factor / 2, rel=0.02)
    assert np.isnan(matching_factor(pair, np.full_like(planes, 512)))


def test_one_black_level_for_all_is_used_and_estimated_with(work: Workspace) -> None:
    pair = choose_pairs([Store(path) for path in work.stores()], ALL)[0]
    own = light_of(pair, ALL)
    same = light_of(pair, replace(ALL, black_level=512.0))
    np.testing.assert_array_equal(own.black, same.black)
    assert same.base == pytest.approx(own.base, rel=1e-6)
    wrong = light_of(pair, replace(ALL, black_level=400.0))
    assert (wrong.black == 400).all()
    assert wrong.base < own.base


COMMAND = [
    sys.executable, "-c", "from rawkit.cli import main; main()",
    "evaluate", "--run", "one", "--split", "train,val,test",
]  # fmt: skip


def measured(workspace: Workspace) -> int:
    """Count the lines of the journal, the first one included."""
    journals = workspace.run_evaluations("one").glob(f"*/{JOURNAL}")
    return sum(path.read_bytes().count(b"\n") for path in journals)


@pytest.mark.slow
def test_killed_and_started_again_it_ends_in_the_same_tables(
    work: Workspace, tmp_path: Path
) -> None:
    one, other = (copy_workspace(work, tmp_path / name) for name in ("killed", "whole"))
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(COMMAND, env=env, cwd=one.root, stderr=subprocess.DEVNULL)
    while process.poll() is None and measured(one) < 3:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 3 <= measured(one) < 10
    for workspace in (one, other):
        subprocess.run(COMMAND, env=env, cwd=workspace.root, check=True, capture_output=True)
    first, second = (files_of(workspace.run("one") / "evaluations") for workspace in (one, other))
    assert first == second
    assert sorted(name.split("/")[1] for name in first) == sorted(
        [PICTURES_TABLE, PICTURES_CSV, MEANS_CSV, SUMMARY_JSON]
    )


def test_a_journal_that_was_cut_off_is_gone_on_with(work: Workspace, tmp_path: Path) -> None:
    workspace = copy_workspace(work, tmp_path)
    plan = plan_of(workspace)
    whole = run_evaluation(plan).evaluation
    tables = files_of(whole.folder)
    rows = whole.rows()
    for cut in (0, 1, 40, 200):
        for path in whole.folder.iterdir():
            path.unlink()
        lines = [
            json.dumps({"evaluation": whole.id}),
            *(json.dumps(asdict(row)) for row in rows[:3]),
        ]
        text = "\n".join(lines) + "\n"
        (whole.folder / JOURNAL).write_text(text[: len(text) - cut])
        report = run_evaluation(plan)
        assert report.measured == len(rows) - (3 if cut == 0 else 2)
        assert files_of(whole.folder) == tables


def test_evaluations_are_never_mixed(work: Workspace, tmp_path: Path) -> None:
    workspace = copy_workspace(work, tmp_path)
    plan = plan_of(workspace, limit=2, name="mine")
    run_evaluation(plan)
    assert pictures_done(plan) == 2
    for other in (
        plan_of(workspace, limit=1, name="mine"),
        plan_of(workspace, replace(ALL, ssim="uniform"), limit=2, name="mine"),
    ):
        with pytest.raises(UsageError, match=r"evaluation .* of plain"):
            run_evaluation(other)
        with pytest.raises(UsageError):
            pictures_done(other)
    (plan.folder / SUMMARY_JSON).unlink()
    (plan.folder / JOURNAL).write_text('{"evaluation": "0123456789abcdef"}\n')
    with pytest.raises(Exception, match="journal of evaluation 0123456789abcdef"):
        run_evaluation(plan)


def test_identity_changes_with_weights_data_and_protocol(work: Workspace, tmp_path: Path) -> None:
    base = evaluation_id(plan_of(work).identity)
    assert evaluation_id(plan_of(work).identity) == base
    trained = plan_evaluation(work, subject(work, run="one"), ALL)
    others = {
        evaluation_id(trained.identity),
        evaluation_id(plan_of(work, limit=3).identity),
        evaluation_id(plan_of(work, replace(ALL, bits=0)).identity),
    }
    assert len(others | {base}) == 4
    net, _ = load_network(weights_of_run(work, "one"))
    state = TrainState(tiny(amplification_value=5.0), net.state_dict(), {}, 1, 1, 0.0)
    path = tmp_path / "weights.pt"
    save_checkpoint(path, state)
    found = plan_evaluation(work, subject(work, weights=str(path)), ALL)
    assert found.method.digest != trained.method.digest


def test_a_finished_evaluation_is_not_measured_again(work: Workspace, tmp_path: Path) -> None:
    workspace = copy_workspace(work, tmp_path)
    plan = plan_of(workspace, limit=2)
    first = run_evaluation(plan)
    assert (first.measured, run_evaluation(plan).measured) == (2, 0)
    # Other draws change the intervals alone.
    anew = run_evaluation(replace(plan, resamples=17, seed=3))
    assert anew.measured == 0
    assert anew.evaluation.resamples == 17
    assert anew.evaluation.overall.means["psnr"].mean == first.evaluation.overall.means["psnr"].mean
    assert find_evaluations(workspace) == [anew.evaluation]
    assert find_evaluation(workspace, anew.evaluation.id) == anew.evaluation
    with pytest.raises(MissingError, match="no evaluation gone"):
        find_evaluation(workspace, "gone")


def test_another_process_is_waited_for_not_overwritten(work: Workspace, tmp_path: Path) -> None:
    workspace = copy_workspace(work, tmp_path)
    plan = plan_of(workspace, limit=1)
    with lock(plan.folder / "evaluate.lock"), pytest.raises(StoreLockedError):
        run_evaluation(plan)


def test_a_damaged_shard_ends_it_cleanly_and_keeps_what_was_measured(
    work: Workspace, tmp_path: Path
) -> None:
    workspace = copy_workspace(work, tmp_path)
    plan = plan_of(workspace)
    pair = plan.pairs[4]
    shard = local(pair.group.shard("packed", pair.dark.index))
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(StoreDamagedError):
        run_evaluation(plan)
    assert pictures_done(plan) == 4
    assert not (plan.folder / SUMMARY_JSON).exists()


def test_subsets_filters_and_limits_choose_the_pairs(work: Workspace) -> None:
    test = protocol("all")
    assert {pair.dark.split for pair in plan_of(work, test).pairs} == {"test"}
    assert len(plan_of(work, limit=4).pairs) == 4
    assert len(plan_of(work, subset="f1").pairs) == 9
    ended = run_in(work.root, "evaluate", "--weights", "plain", "--shutter", "0.1", "--dry-run")
    assert ended.code == 0
    assert "pairs      1\n" in ended.err
    assert not (work.root / "evaluations").exists()
    with pytest.raises(SelectionError, match="none of 9 pairs belongs to protocol other"):
        plan_of(work, Protocol("other", collections=("mid",)))


def test_pictures_to_look_at_are_saved_with_what_they_are(work: Workspace, tmp_path: Path) -> None:
    workspace = copy_workspace(work, tmp_path)
    plan = plan_of(workspace)
    evaluation = run_evaluation(plan).evaluation
    index = json.loads(save_pictures(plan, evaluation, 2).read_text())
    assert [(one["rank"], one["place"]) for one in index["pictures"]] == [
        (rank, place) for rank in ("best", "median", "worst") for place in (1, 2)
    ]
    ordered = sorted((row.psnr for row in evaluation.rows()), reverse=True)
    found = [one["row"]["psnr"] for one in index["pictures"]]
    assert found[0] == ordered[0]
    assert found[4] == ordered[-1]
    assert found[2] == ordered[4]
    names = {one["row"]["name"] for one in index["pictures"]}
    assert len(names) == 6
    for one in index["pictures"]:
        for view in ("full", "crop"):
            for name in one["files"][view].values():
                picture = cv2.imread(str(evaluation.folder / "pictures" / name))
                assert picture is not None
                if view == "crop":
                    assert picture.shape[:2] == (one["crop"]["height"], one["crop"]["width"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--protocol", "sid-600"], 2, "error (usage)"),
        (["--run", "one", "--weights", "plain"], 2, "error (usage)"),
        (["--run", "gone"], 1, "error (missing)"),
        (["--weights", "gone.pt"], 1, "error (missing)"),
        (["--weights", "plain", "--iso", "12345"], 1, "error (empty-selection)"),
        (["--weights", "plain", "--amplify", "bright"], 2, "error (usage)"),
        (["--weights", "plain", "--name", "../up"], 2, "error (usage)"),
        (["--weights", "plain", "--subset", "gone"], 1, "error (missing)"),
    ],
)
def test_bad_input_is_one_clean_line(
    work: Workspace, arguments: list[str], code: int, said: str
) -> None:
    before = files_of(work.root)
    ended = run_in(work.root, "evaluate", *arguments)
    assert ended.code == code
    assert said in ended.err
    assert ended.out == ""
    assert files_of(work.root) == before
