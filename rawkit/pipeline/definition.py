"""A pipeline as data: its settings and its steps, from one TOML file."""

from __future__ import annotations

import itertools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rawkit.errors import MissingError, PipelineError, UsageError
from rawkit.pipeline.steps import STEPS
from rawkit.pipeline.template import fill, parse_as, text_of
from rawkit.shipped import shipped_folder
from rawkit.workspace import check_name, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawkit.pipeline.step import Step

_TOP = {"name", "title", "description", "settings", "variants", "steps"}
_OURS = ("do", "when", "needs", "for_each")


@dataclass(frozen=True)
class StepInstance:
    """A step with all its settings filled in."""

    label: str
    """Name of the step, with the values it was made for: ``train(fraction=0.4)``."""
    name: str
    """Name of the step in the file."""
    step: Step
    """What it does."""
    needs: tuple[str, ...]
    """Steps that must be done before it, beside those that make its inputs."""


@dataclass(frozen=True)
class Pipeline:
    """A pipeline with its settings, ready to be planned."""

    name: str
    """Name of the study; its folder in the workspace."""
    title: str
    """Heading for people."""
    path: Path
    """The file."""
    settings: Mapping[str, Any]
    """Settings as they are after variants and ``--set``."""
    steps: tuple[StepInstance, ...]
    """Steps that take part, in the order of the file."""
    left_out: tuple[tuple[str, StepInstance], ...]
    """Steps that do not, each with the setting that would let it."""


def known_pipelines() -> list[str]:
    """Return the names of the pipelines that ship."""
    return sorted(path.stem for path in shipped_folder("pipelines").glob("*.toml"))


def find_pipeline(name: str) -> Path:
    """Return the file of a pipeline: a path, or the name of one that ships.

    Raises
    ------
    MissingError
        If there is none.
    """
    path = Path(name)
    if path.suffix and path.is_file():
        return path
    shipped = shipped_folder("pipelines") / f"{path.stem}.toml"
    if shipped.is_file() and path.parent.name in ("", "pipelines") and path.suffix in ("", ".toml"):
        return shipped
    raise MissingError(
        f"no pipeline {name}", expected=f"a file, or one of {listed(known_pipelines())}"
    )


def load_pipeline(path: Path, sets: Sequence[str] = ()) -> Pipeline:
    """Load a pipeline and fill in its settings; `sets` are texts such as ``steps=100``.

    Raises
    ------
    PipelineError
        If the file is wrong; names step and field, and what is expected.
    UsageError
        If a text of `sets` names no setting, or has another kind of value.
    """
    tables = _read(path)
    try:
        name = check_name(str(tables.get("name", path.stem)), "study")
    except UsageError as error:
        raise PipelineError(error.found, expected=error.expected, where=path) from error
    settings = _settings(tables, sets, path)
    settings["study"] = name
    steps: list[StepInstance] = []
    left_out: list[tuple[str, StepInstance]] = []
    for step_name, table in tables["steps"].items():
        for instance, condition in _expanded(step_name, table, settings, path):
            if condition is None:
                steps.append(instance)
            else:
                left_out.append((condition, instance))
    return Pipeline(
        name, str(tables.get("title", name)), path, settings, tuple(steps), tuple(left_out)
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PipelineError(f"cannot be read as TOML ({error})", where=path) from error
    unknown = sorted(tables.keys() - _TOP)
    if unknown:
        raise PipelineError(
            f"{unknown[0]} at the top", expected=f"one of {', '.join(sorted(_TOP))}", where=path
        )
    for key in ("settings", "variants", "steps"):
        if not isinstance(tables.get(key, {}), dict):
            raise PipelineError(f"{key} that is no table", expected=f"[{key}]", where=path)
    if not tables.get("steps"):
        raise PipelineError("no step", expected="[steps.NAME] with do = ...", where=path)
    return tables


def _settings(tables: Mapping[str, Any], sets: Sequence[str], path: Path) -> dict[str, Any]:
    """Return defaults, then the variants that are switched on, then what was set by hand."""
    settings = dict(tables.get("settings", {}))
    given: dict[str, Any] = {}
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals or key not in settings:
            raise UsageError(
                f"--set {text}", expected=f"KEY=VALUE with one of {listed(sorted(settings), 40)}"
            )
        given[key] = parse_as(value, settings[key], key)
    for variant, values in tables.get("variants", {}).items():
        if not isinstance(settings.get(variant), bool):
            raise PipelineError(
                f"[variants.{variant}]", expected="the name of a setting that is true or false",
                where=path,
            )  # fmt: skip
        if not given.get(variant, settings[variant]):
            continue
        for key, value in values.items():
            if key not in settings:
                raise PipelineError(
                    f"{key} in [variants.{variant}]",
                    expected=f"one of {listed(sorted(settings), 40)}",
                    where=path,
                )
            settings[key] = value
    return settings | given


def _expanded(
    name: str, table: Any, settings: Mapping[str, Any], path: Path
) -> list[tuple[StepInstance, str | None]]:
    """Make an instance of a step for each combination of what it is to be done for."""
    where = f"{path}: [steps.{name}]"
    if not isinstance(table, dict):
        raise PipelineError("a step that is no table", expected="do = ...", where=where)
    do = table.get("do")
    if not isinstance(do, str) or do not in STEPS:
        raise PipelineError(
            f"do = {do!r}", expected=f"one of {', '.join(sorted(STEPS))}", where=where
        )
    condition = table.get("when")
    if condition is not None and not isinstance(settings.get(condition), bool):
        raise PipelineError(
            f"when = {condition!r}", expected="the name of a setting that is true or false",
            where=where,
        )  # fmt: skip
    axes = _filled(table.get("for_each", {}), settings, "for_each", where)
    if not isinstance(axes, dict) or not all(isinstance(one, list) for one in axes.values()):
        raise PipelineError(
            f"for_each = {axes!r}", expected="lists of values, such as { iso = [100, 400] }",
            where=where,
        )  # fmt: skip
    found = []
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        inside = {**settings, **chosen}
        marks = ", ".join(f"{key}={text_of(value)}" for key, value in chosen.items())
        label = f"{name}({marks})" if marks else name
        options = {key: value for key, value in table.items() if key not in _OURS}
        filled = {key: _filled(value, inside, key, where) for key, value in options.items()}
        instance = StepInstance(
            label, name, _validated(do, filled, where), _needs(table, inside, where)
        )
        on = condition is None or settings[condition]
        found.append((instance, None if on else condition))
    return found


def _needs(table: Mapping[str, Any], settings: Mapping[str, Any], where: str) -> tuple[str, ...]:
    needs = _filled(table.get("needs", []), settings, "needs", where)
    if not isinstance(needs, list) or not all(isinstance(one, str) for one in needs):
        raise PipelineError(f"needs = {needs!r}", expected="a list of steps", where=where)
    return tuple(needs)


def _filled(value: Any, settings: Mapping[str, Any], field: str, where: str) -> Any:
    try:
        return fill(value, settings)
    except KeyError as error:
        raise PipelineError(
            f"{field} = {value!r}", where=where,
            expected=f"a setting in the braces: {listed(sorted(settings), 40)}",
        ) from error  # fmt: skip


def _validated(do: str, options: Mapping[str, Any], where: str) -> Step:
    kind = STEPS[do]
    unknown = sorted(options.keys() - kind.model_fields.keys())
    if unknown:
        raise PipelineError(
            f"{unknown[0]} of a step that does {do}", where=where,
            expected=f"one of {listed(sorted(kind.model_fields), 40)}",
        )  # fmt: skip
    try:
        return kind.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or do
        found = "nothing" if first["type"] == "missing" else repr(first["input"])
        message = first["msg"].removeprefix("Value error, ")
        raise PipelineError(f"{field} = {found}", expected=message, where=where) from error
    except UsageError as error:
        raise PipelineError(error.found, expected=error.expected, where=where) from error
