"""``rawkit run``: a whole study from one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._print import print_json, table

if TYPE_CHECKING:
    from rawkit.pipeline import Status, Study
    from rawkit.workspace import Workspace


@click.command()
@click.argument("pipeline")
@click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE",
    help="Change a setting of the pipeline; may be given again.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show the steps and what is done; do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.pass_obj
def run(
    workspace: Workspace, pipeline: str, sets: tuple[str, ...], dry_run: bool, as_json: bool
) -> None:
    """Run the study PIPELINE: a file, or one that ships.

    fractions, black-level, cross-camera, true-colour, adversarial and demo do.

    Everything is checked before anything starts. Interrupt it at will: the same command goes on
    where it stopped, and does a step again only when its inputs or settings have changed. With
    --set synthetic=true a study that ships works on look-alikes, in minutes.

    \b
    rawkit run fractions --set synthetic=true
    rawkit run pipelines/fractions.toml --dry-run
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.pipeline import Study, find_pipeline, load_pipeline, run_study

    study = Study(load_pipeline(find_pipeline(pipeline), sets), workspace)
    if dry_run:
        _print_graph(study, as_json=as_json)
        return
    total = len(study.steps)
    places = {step.label: number for number, step in enumerate(study.steps, 1)}

    def say(label: str, command: str) -> None:
        click.echo(f"[{places[label]}/{total}] {label}: {command}", err=True)

    report = run_study(study, say=say, progress=TerminalProgress())
    outputs = {
        str(artefact): str(study.path(artefact))
        for step in study.steps
        for artefact in step.outputs
    }
    if as_json:
        print_json({"study": study.pipeline.name, "ran": report.ran, "kept": report.kept,
                    "outputs": outputs})  # fmt: skip
        return
    click.echo(table(("step", "what", "output", "path"), _made(study, report.ran)))


def _made(study: Study, ran: list[str]) -> list[tuple[str, str, str, str]]:
    return [
        (
            step.label,
            "done" if step.label in ran else "was done",
            str(artefact),
            str(study.path(artefact)),
        )
        for step in study.steps
        for artefact in step.outputs
    ]


def _print_graph(study: Study, *, as_json: bool) -> None:
    statuses = {one.label: one for one in study.statuses()}
    if as_json:
        print_json(
            [
                {
                    "step": step.label,
                    "done": statuses[step.label].done,
                    "reason": statuses[step.label].reason,
                    "after": list(step.after),
                    "inputs": [str(one) for one in step.inputs],
                    "outputs": [str(one) for one in step.outputs],
                    "command": step.instance.step.command(),
                }
                for step in study.steps
            ]
        )
        return
    click.echo(f"{study.pipeline.title}\n")
    for step in study.steps:
        click.echo(_line(statuses[step.label]))
        for mark, artefacts in (("<-", step.inputs), ("->", step.outputs)):
            if artefacts:
                click.echo(f"        {mark} {', '.join(map(str, artefacts))}")
    left = sum(not one.done for one in statuses.values())
    click.echo(f"\n{len(statuses) - left} of {len(statuses)} steps are done")


def _line(status: Status) -> str:
    mark = "done " if status.done else "to do"
    return f"{mark}   {status.label}" + (f"   ({status.reason})" if status.reason else "")
