"""A study from its first step to its last, resumed where it stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rawkit.errors import PipelineError, RawkitError
from rawkit.pipeline.artefact import identity_of, usual_path
from rawkit.pipeline.plan import settings_of
from rawkit.pipeline.state import STATE, Done, Made, save_state
from rawkit.pipeline.step import Context
from rawkit.progress import SILENT
from rawkit.store import lock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rawkit.pipeline.artefact import Artefact
    from rawkit.pipeline.plan import PlannedStep, Study
    from rawkit.progress import Progress

_LOCK = "study.lock"


@dataclass(slots=True)
class StudyReport:
    """What a run of a study did."""

    ran: list[str] = field(default_factory=list)
    """Steps that were done."""
    kept: list[str] = field(default_factory=list)
    """Steps that were done already."""


def run_study(
    study: Study,
    *,
    say: Callable[[str, str], None] = lambda label, text: None,  # noqa: ARG005 - nobody listens
    progress: Progress = SILENT,
) -> StudyReport:
    """Do what there is to do, step by step; `say` is told label and command before each.

    After each step the state is replaced atomically, so that a study can be killed at any moment
    and run again: it goes on with the step that was under way, which goes on by itself.

    Raises
    ------
    PipelineError
        If a step fails; names it, and says what its error said. Steps done before it stay done.
    StoreLockedError
        If another process runs the study.
    """
    report = StudyReport()
    with lock(study.folder / _LOCK):
        for step in study.steps:
            if study.status(step).done:
                report.kept.append(step.label)
                continue
            say(step.label, step.instance.step.command())
            _do(study, step, progress)
            report.ran.append(step.label)
    return report


def _do(study: Study, step: PlannedStep, progress: Progress) -> None:
    keyed = study.key(step)
    if keyed is None:
        raise _failed(step, f"an input is not there: {', '.join(map(str, step.inputs))}", study)
    key, inputs = keyed
    context = Context(
        workspace=study.workspace,
        study=study.pipeline.name,
        key=key,
        inputs={one: study.path(one) for one in step.inputs},
        ours=step.label in study.state,
        progress=progress,
    )
    try:
        elsewhere = step.instance.step.perform(context)
    except RawkitError as error:
        raise PipelineError(
            f"step {step.label} failed ({error.kind}): {error.reason}",
            where=error.where or study.pipeline.path,
            fix=error.fix,
        ) from error
    outputs = {str(one): _made(study, one, elsewhere, step) for one in step.outputs}
    study.state[step.label] = Done(key, settings_of(step), inputs, outputs)
    save_state(study.folder / STATE, study.state)


def _made(
    study: Study, artefact: Artefact, elsewhere: Mapping[Artefact, Path], step: PlannedStep
) -> Made:
    path = elsewhere.get(artefact) or usual_path(artefact, study.workspace)
    identity = identity_of(artefact, path)
    if identity is None:
        raise _failed(step, f"it made no {artefact} in {path}", study)
    root = study.workspace.root
    return Made(path.relative_to(root).as_posix(), identity)


def _failed(step: PlannedStep, why: str, study: Study) -> PipelineError:
    return PipelineError(f"step {step.label} failed: {why}", where=study.pipeline.path)
