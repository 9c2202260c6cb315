"""Pipelines are checked wholly before anything starts, and say where they are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.cli import main
from rawkit.cli._train_options import changes_of
from rawkit.cli.train import train
from rawkit.errors import MissingError, PipelineError, UsageError
from rawkit.models import describe
from rawkit.pipeline import Artefact, Study, find_pipeline, known_pipelines, load_pipeline
from rawkit.pipeline.definition import StepInstance
from rawkit.pipeline.model_steps import EvaluateStep, TrainStep
from rawkit.pipeline.plan import PlannedStep, _in_order, settings_of
from rawkit.pipeline.step import Context, Step
from rawkit.pipeline.template import fill, parse_as
from rawkit.train import TrainSettings
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GOOD = """
name = "study"
[settings]
synthetic = true
count = 3
share = 0.5
fractions = [0.1, 1.0]
[variants.synthetic]
count = 4
[steps.look-alike]
do = "synth"
when = "synthetic"
collection = "sid"
scenes = "{count}"
[steps.ingest]
do = "ingest"
collection = "sid"
[steps.subset]
do = "subset"
for_each = { fraction = "{fractions}" }
name = "{study}-{fraction}"
stores = ["sid"]
fraction = "{fraction}"
[steps.plain]
do = "evaluate"
name = "plain"
weights = "plain"
stores = ["sid"]
[steps.tables]
do = "tables"
evaluations = ["p*"]
folder = "tables"
"""


def write(folder: Path, text: str = GOOD) -> Path:
    path = folder / "study.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", known_pipelines())
def test_every_pipeline_that_ships_is_whole_on_look_alikes(name: str, tmp_path: Path) -> None:
    sets = [] if name == "demo" else ["synthetic=true"]
    study = Study(load_pipeline(find_pipeline(name), sets), Workspace(tmp_path))
    assert not any(one.done for one in study.statuses())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [one for one in known_pipelines() if one != "demo"])
def test_without_raw_files_it_says_what_is_missing_and_the_way_out(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "data" / "calibration").mkdir(parents=True)  # what is missed first otherwise
    with pytest.raises(
        PipelineError, match=r"data [\w-]+, which step ingest.* is not there"
    ) as caught:
        Study(load_pipeline(find_pipeline(name)), Workspace(tmp_path))
    assert caught.value.fix == "`--set synthetic=true` lets step look-alike make it."
    for collection in ("sid", "mid", "smid", "moving-objects"):
        (tmp_path / "data" / collection).mkdir(parents=True)
    steps = Study(load_pipeline(find_pipeline(name)), Workspace(tmp_path)).steps
    assert not any(step.instance.name == "look-alike" for step in steps)


def test_settings_fill_in_and_variants_give_way_to_what_is_set(tmp_path: Path) -> None:
    path = write(tmp_path)
    scenes = [load_pipeline(path, sets).steps[0].step.scenes  # type: ignore[attr-defined] # of synth
              for sets in ([], ["count=9"])]  # fmt: skip
    assert scenes == [4, 9]
    off = load_pipeline(path, ["synthetic=false"])
    assert [one.name for _, one in off.left_out] == ["look-alike"]
    assert off.settings["count"] == 3
    labels = [one.label for one in load_pipeline(path, ["fractions=0.2,0.4,0.6"]).steps]
    assert labels[2:5] == ["subset(fraction=0.2)", "subset(fraction=0.4)", "subset(fraction=0.6)"]
    names = [one.step.name for one in load_pipeline(path).steps[2:4]]  # type: ignore[attr-defined] # of subset
    assert names == ["study-0.1", "study-1"]


MISTAKES = [
    (
        'do = "ingest"',
        'do = "digest"',
        r"\[steps.ingest\]: do = 'digest'; expected one of calibrate",
    ),
    ('do = "ingest"\n', "", r"\[steps.ingest\]: do = None"),
    ("scenes = ", "scene = ", r"\[steps.look-alike\]: scene of a step that does synth; expected"),
    ('"{count}"', '"many"', r"\[steps.look-alike\]: scenes = 'many'; expected .*integer"),
    ('"{count}"', "0", r"scenes = 0; expected .*greater than 0"),
    ('collection = "sid"\nscenes', "scenes", r"collection = nothing; expected Field required"),
    ('"{count}"', '"{counts}"', r"scenes = '{counts}'; expected a setting in the braces: count"),
    ('when = "synthetic"', 'when = "count"', r"when = 'count'; expected the name of a setting"),
    ('{ fraction = "{fractions}" }', '{ fraction = "{share}" }', r"for_each = .*lists of values"),
    ('fraction = "{fraction}"', "fraction = 1.5", r"fraction = 1.5; expected .*or equal to 1"),
    ('"{study}-{fraction}"', '"same"', r"subset same is made by subset\(fraction=0.1\)"),
    ('"{study}-{fraction}"', '"../up"', r"as the name of a subset"),
    ('weights = "plain"\n', "", "either run or weights"),
    ('name = "plain"', 'name = "plain"\nprotocol = "sid-9"', "'sid-9'; expected one of all"),
    ('["p*"]', '["q*"]', r"no step makes evaluation q\*; expected one of plain"),
    ('weights = "plain"', 'run = "gone"', "run gone, which step plain takes, is not there"),
    ('do = "tables"', 'do = "tables"\nneeds = ["x"]', r"needs = \['x'\]; expected one of ingest"),
    ('do = "ingest"', 'do = "ingest"\nneeds = ["tables"]', r"ingest -> tables -> plain -> ingest"),
    ('name = "study"', 'name = "a/b"', "as the name of a study"),
    ('name = "study"', 'nom = "study"', "nom at the top; expected one of description"),
    ("[variants.synthetic]", "[variants.count]", r"\[variants.count\]; expected the name of"),
    ("count = 4", "counts = 4", r"counts in \[variants.synthetic\]; expected one of count"),
    ('name = "study"', 'name = "study', "cannot be read as TOML"),
]
"""What is replaced in a good file, by what, and what is said of it."""


@pytest.mark.parametrize(("before", "after", "said"), MISTAKES)
def test_mistakes_name_file_step_field_and_what_is_expected(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert before in GOOD
    path = write(tmp_path, GOOD.replace(before, after))
    with pytest.raises(PipelineError, match=said) as caught:
        Study(load_pipeline(path), Workspace(tmp_path / "work"))
    assert "study.toml" in str(caught.value) or "circle" in str(caught.value)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    "text", ["count", "counts=3", "count=many", "fractions=a,b", "synthetic=yes"]
)
def test_settings_that_do_not_fit_are_called_wrong(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        load_pipeline(write(tmp_path), [text])


def test_pipelines_that_are_not_there_list_those_that_ship() -> None:
    shipped = "black-level, cross-camera, dark-video, demo, fractions, true-colour, without-pairs"
    with pytest.raises(MissingError, match=shipped):
        find_pipeline("nonsense")
    assert find_pipeline("fractions").samefile(find_pipeline("pipelines/fractions.toml"))


@pytest.mark.parametrize("sets", [(), ("synthetic=true",)])
def test_the_study_of_dark_video_plans_trainings_and_what_they_have_to_beat(
    tmp_path: Path, sets: tuple[str, ...]
) -> None:
    (tmp_path / "data" / "moving-objects").mkdir(parents=True)
    pipeline = load_pipeline(find_pipeline("dark-video"), sets)
    steps = [one.instance.step for one in Study(pipeline, Workspace(tmp_path)).steps]
    trainings = [step for step in steps if isinstance(step, TrainStep)]
    about = {step.name.removeprefix("dark-video-"): step for step in trainings}
    assert {"baseline", "residual", "structure", "region", "equalise", "image"} < set(about)
    assert about["structure"].losses == {"ssim": 1.0}
    assert {step.batch for step in trainings if "batch" in step.name} == set(
        pipeline.settings["batches"]
    )
    evaluated = [step for step in steps if isinstance(step, EvaluateStep)]
    assert {step.run for step in evaluated if step.run} == {step.name for step in trainings}
    assert {step.weights for step in evaluated} == {"", "plain", "equalised"}
    for step in trainings:
        if describe(step.network).takes_clips:
            assert step.clip > 1
            assert f"--clip {step.clip}" in step.command()
    assert steps[-1].command().startswith("rawkit report")


@given(st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
                 st.text()))  # fmt: skip
def test_a_text_that_is_one_place_becomes_the_setting_itself(value: object) -> None:
    assert fill({"a": ["{x}", 1]}, {"x": value}) == {"a": [value, 1]}


@given(st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_settings_are_read_back_as_their_kind(value: float) -> None:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    found = parse_as(text, value, "x")
    assert found == value
    assert type(found) is type(value)


def test_a_training_without_balance_is_the_one_it_was_before_there_was_any() -> None:
    plain = TrainStep(name="run", subset="f1", steps=10)
    balanced = TrainStep(name="run", subset="f1", steps=10, balance=True)
    known, others = (
        settings_of(PlannedStep(StepInstance("train", "train", step, ()), (), ()))
        for step in (plain, balanced)
    )
    assert "balance" not in known
    assert others == known | {"balance": True}
    assert "--balance" in balanced.command()
    assert "--balance" not in plain.command()


@pytest.mark.parametrize(
    "changes",
    [
        {"amplify": "ratio"}, {"amplify": "40"}, {"m": 5.0}, {"amplify": "equalise"},
        {"schedule": "step", "milestones": (0.3, 0.6), "gamma": 0.5},
        {"ms_ssim": 0.0, "losses": {"ssim": 0.5, "region": 2.0}},
    ],
)  # fmt: skip
def test_the_command_of_a_training_asks_for_what_the_step_does(changes: dict[str, Any]) -> None:
    step = TrainStep(name="run", subset="f1", steps=10, network="sid", l1=0.5, seed=7, **changes)
    whole = click.Context(main, **main.context_settings)
    asked = changes_of(train.make_context("train", step.command().split()[2:], whole).params)
    if "m" in asked:
        asked["amplification_value"] = asked.pop("m")
    assert TrainSettings(subset="f1", crop=512, **asked) == step._settings(512)  # noqa: SLF001 - what it trains with


class Dummy(Step):
    """A step that takes and makes nothing."""

    def inputs(self) -> list[Artefact]:
        """Take nothing."""
        return []

    def outputs(self) -> list[Artefact]:
        """Make nothing."""
        return []

    def command(self) -> str:
        """Say nothing."""
        return ""

    def perform(self, context: Context) -> Mapping[Artefact, Path]:
        """Do nothing."""
        raise NotImplementedError


@given(st.data(), st.integers(1, 9))
def test_any_order_of_the_file_gives_an_order_that_can_be_done(
    data: st.DataObject, count: int
) -> None:
    after = [data.draw(st.sets(st.integers(0, number - 1))) if number else set()
             for number in range(count)]  # fmt: skip
    steps = [
        PlannedStep(
            StepInstance(str(number), str(number), Dummy(), ()), (), tuple(map(str, after[number]))
        )
        for number in range(count)
    ]
    ordered = _in_order(data.draw(st.permutations(steps)))
    assert sorted(step.label for step in ordered) == [str(number) for number in range(count)]
    for place, step in enumerate(ordered):
        assert set(step.after) <= {one.label for one in ordered[:place]}
