"""The order of steps, checked wholly before anything starts, and what there is to do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from rawkit.errors import PipelineError
from rawkit.pipeline.artefact import Artefact, identity_of, usual_path
from rawkit.pipeline.state import STATE, load_state
from rawkit.pipeline.steps import STEPS
from rawkit.workspace import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rawkit.pipeline.definition import Pipeline, StepInstance
    from rawkit.pipeline.state import Done
    from rawkit.workspace import Workspace


@dataclass(frozen=True)
class PlannedStep:
    """A step in its place."""

    instance: StepInstance
    """The step with its settings."""
    inputs: tuple[Artefact, ...]
    """What it takes, patterns resolved."""
    after: tuple[str, ...]
    """Labels of the steps that must be done before it."""

    @property
    def label(self) -> str:
        """Name of the step, with the values it was made for."""
        return self.instance.label

    @property
    def outputs(self) -> list[Artefact]:
        """What it makes."""
        return self.instance.step.outputs()


@dataclass(frozen=True)
class Status:
    """Whether a step has to be done."""

    label: str
    """The step."""
    done: bool
    """Whether it is done, and nothing it depends on has changed."""
    reason: str
    """Why it has to be done; empty where it has not."""
    key: str | None
    """Digest of settings and inputs; None while an input is not there yet."""


class Study:
    """A pipeline in a workspace: its steps in order, and what was done of them.

    Raises
    ------
    PipelineError
        If two steps make the same thing, one needs a step that there is not, needs go in a circle,
        or an input is neither there nor made by any step.
    StoreFormatError
        If the study's state is damaged.
    """

    def __init__(self, pipeline: Pipeline, workspace: Workspace) -> None:
        self.pipeline, self.workspace = pipeline, workspace
        self.folder: Path = workspace.study(pipeline.name)
        """Where the study keeps its state."""
        self.state: dict[str, Done] = load_state(self.folder / STATE)
        """Steps that were done, by label."""
        self._makers = _makers(pipeline)
        self.steps: tuple[PlannedStep, ...] = _in_order(_linked(pipeline, self._makers))
        """Steps in an order in which they can be done."""
        self._check_inputs()

    def path(self, artefact: Artefact) -> Path:
        """Return where an artefact lies."""
        maker = self._makers.get(artefact)
        done = None if maker is None else self.state.get(maker.label)
        made = None if done is None else done.outputs.get(str(artefact))
        return (
            usual_path(artefact, self.workspace)
            if made is None
            else self.workspace.root / made.path
        )

    def identity(self, artefact: Artefact) -> str | None:
        """Return what an artefact is now; None where it is not there."""
        return identity_of(artefact, self.path(artefact))

    def key(self, step: PlannedStep) -> tuple[str, dict[str, str]] | None:
        """Digest of a step's settings and inputs, and the inputs' identities; None without all."""
        found = {str(one): self.identity(one) for one in step.inputs}
        inputs = {name: identity for name, identity in found.items() if identity is not None}
        if len(inputs) < len(found):
            return None
        values = [_kind(step), type(step.instance.step).VERSION, settings_of(step), inputs]
        text = json.dumps(values, sort_keys=True)
        return sha256(text.encode()).hexdigest(), inputs

    def statuses(self) -> list[Status]:
        """Return what there is to do, in order, as far as that can be known beforehand."""
        found: dict[str, Status] = {}
        for step in self.steps:
            waiting = [label for label in step.after if not found[label].done]
            status = self.status(step)
            if waiting and status.done:
                status = Status(step.label, done=False, reason=f"after {waiting[0]}", key=None)
            found[step.label] = status
        return list(found.values())

    def status(self, step: PlannedStep) -> Status:
        """Tell whether a step has to be done, its inputs being what they are now."""
        keyed, done = self.key(step), self.state.get(step.label)
        key = None if keyed is None else keyed[0]
        if done is None:
            return Status(step.label, done=False, reason="not done yet", key=key)
        if keyed is None or keyed[0] != done.key:
            return Status(step.label, done=False, reason=_change(step, done, keyed), key=key)
        for artefact in step.outputs:
            made = done.outputs.get(str(artefact))
            now = self.identity(artefact)
            if made is None or now != made.identity:
                gone = "is gone" if now is None else "was changed"
                return Status(step.label, done=False, reason=f"{artefact} {gone}", key=key)
        return Status(step.label, done=True, reason="", key=key)

    def _check_inputs(self) -> None:
        for step in self.steps:
            for artefact in step.inputs:
                if artefact not in self._makers and self.identity(artefact) is None:
                    raise self._missing(step, artefact)

    def _missing(self, step: PlannedStep, artefact: Artefact) -> PipelineError:
        fix = None
        for condition, other in self.pipeline.left_out:
            if artefact in other.step.outputs():
                fix = f"`--set {condition}=true` lets step {other.name} make it."
        return PipelineError(
            f"{artefact}, which step {step.label} takes, is not there",
            expected=f"{self.path(artefact)}, or a step that makes it",
            where=self.pipeline.path,
            fix=fix,
        )


def settings_of(step: PlannedStep) -> dict[str, Any]:
    """Return the settings of a step that decide what comes out, as plain values."""
    chosen = step.instance.step
    kind = type(chosen)
    unsaid = {
        name for name in kind.LATER if getattr(chosen, name) == kind.model_fields[name].default
    }
    values: dict[str, Any] = chosen.model_dump(mode="json", exclude=unsaid | kind.FREE)
    return values


def _kind(step: PlannedStep) -> str:
    return next(name for name, kind in STEPS.items() if type(step.instance.step) is kind)


def _change(step: PlannedStep, done: Done, keyed: tuple[str, dict[str, str]] | None) -> str:
    """Say what has changed since a step was done."""
    now = settings_of(step)
    for name in sorted(now.keys() | done.settings.keys()):
        before = done.settings.get(name)
        if now.get(name) != before:
            return f"{name} was {_short(before)}, is {_short(now.get(name))}"
    if keyed is None:
        return "an input is not there yet"
    changed = [name for name, one in keyed[1].items() if done.inputs.get(name) != one]
    return f"{changed[0]} has changed" if changed else "its version has changed"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) < 40 else f"{text[:36]} ..."  # noqa: PLR2004 - fits a line


def _makers(pipeline: Pipeline) -> dict[Artefact, StepInstance]:
    makers: dict[Artefact, StepInstance] = {}
    labels: set[str] = set()
    for instance in pipeline.steps:
        if instance.label in labels:
            raise PipelineError(f"{instance.label} twice", where=pipeline.path,
                                expected="different values in for_each")  # fmt: skip
        labels.add(instance.label)
        for artefact in instance.step.outputs():
            other = makers.setdefault(artefact, instance)
            if other is not instance:
                raise PipelineError(
                    f"{artefact} is made by {other.label} and by {instance.label}",
                    expected="one step that makes it",
                    where=pipeline.path,
                    fix='Put what they are done for into its name: "{study}-{fraction}".',
                )
    return makers


def _linked(
    pipeline: Pipeline, makers: Mapping[Artefact, StepInstance]
) -> list[PlannedStep]:  # fmt: skip
    """Resolve patterns among the inputs, and find who makes each of them."""
    names = {instance.name for instance in pipeline.steps}
    left_out = {instance.name for _, instance in pipeline.left_out}
    planned = []
    for instance in pipeline.steps:
        inputs: list[Artefact] = []
        for artefact in instance.step.inputs():
            matching = artefact.matching(makers) if artefact.is_pattern else [artefact]
            if not matching:
                known = sorted(one.name for one in makers if one.kind == artefact.kind)
                raise PipelineError(
                    f"no step makes {artefact}", expected=f"one of {listed(known)}",
                    where=f"{pipeline.path}: [steps.{instance.name}]",
                )  # fmt: skip
            inputs += matching
        after = [makers[one].label for one in inputs if one in makers]
        for need in instance.needs:
            wanted = [one.label for one in pipeline.steps if need in (one.name, one.label)]
            if not wanted and need not in left_out:
                raise PipelineError(
                    f"needs = [{need!r}]", expected=f"one of {listed(sorted(names))}",
                    where=f"{pipeline.path}: [steps.{instance.name}]",
                )  # fmt: skip
            after += wanted
        planned.append(
            PlannedStep(instance, tuple(dict.fromkeys(inputs)), tuple(dict.fromkeys(after)))
        )
    return planned


def _in_order(steps: Sequence[PlannedStep]) -> tuple[PlannedStep, ...]:
    """Order steps so that each comes after what it needs, else as they are in the file."""
    left, placed = list(steps), list[PlannedStep]()
    done: set[str] = set()
    while left:
        ready = next((step for step in left if done.issuperset(step.after)), None)
        if ready is None:
            raise PipelineError(
                f"steps that wait for each other: {_circle(left)}", expected="no circle"
            )
        left.remove(ready)
        placed.append(ready)
        done.add(ready.label)
    return tuple(placed)


def _circle(steps: Sequence[PlannedStep]) -> str:
    """Name the steps of a circle, in order."""
    waiting = {step.label: step.after for step in steps}
    way = [steps[0].label]
    while True:
        following = next(label for label in waiting[way[-1]] if label in waiting)
        if following in way:
            return " -> ".join([*way[way.index(following) :], following])
        way.append(following)
