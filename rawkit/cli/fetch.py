"""``rawkit fetch``: the files of a collection, for those who want them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._filters import selection_of, selection_options
from rawkit.cli._print import duration, fields, print_json, size, table
from rawkit.cli._source import patience_option, source_option

if TYPE_CHECKING:
    from rawkit.fetch import FetchPlan, FetchReport
    from rawkit.workspace import Workspace


@click.command()
@click.argument("collection")
@selection_options
@source_option
@patience_option
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files.  [default: data/COLLECTION in the workspace]",
)
@click.option(
    "--connections",
    type=click.IntRange(1, 32),
    default=4,
    show_default=True,
    help="Files on their way at once.",
)
@click.option("--replace", is_flag=True, help="Fetch files anew that are there and differ.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def fetch(
    workspace: Workspace,
    /,
    collection: str,
    source: tuple[str, ...],
    patience: float,
    into: Path | None,
    connections: int,
    replace: bool,
    dry_run: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Fetch the files of a collection into data/COLLECTION, in its own layout.

    Without --source they come from where the collection's definition says it is offered. Filters
    choose as for ingest; only the members wanted travel. Stopped or cut off, the same command goes
    on; a file gets its name only once it is whole and checked.

    \b
    rawkit fetch sid --camera ilce* --per-long darkest --dry-run
    rawkit fetch sid --scene 10003
    rawkit fetch mid --source https://example.org/mid.zip --iso 100,200
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.catalog import load_definition, open_collection
    from rawkit.fetch import plan_fetch, run_fetch
    from rawkit.source import Transfer

    definition = load_definition(collection)
    selection = selection_of(filters, definition)
    transfer = Transfer(patience=patience)
    progress = TerminalProgress()
    opened = open_collection(definition, source or None, selection, transfer)
    plan = plan_fetch(
        definition,
        opened,
        into or workspace.data(definition.name),
        selection,
        progress,
        table=workspace.catalog(definition.name),
        remember=not dry_run,
        replace=replace,
    )
    if plan.warning:
        click.echo(f"warning: {plan.warning}", err=True)
    if dry_run:
        print_json(_plan(plan)) if as_json else click.echo(_plan_text(plan))
        return
    report = run_fetch(plan, connections=connections, transfer=transfer, progress=progress)
    print_json(_report(report)) if as_json else click.echo(_report_text(report))
    if report.interrupted:
        click.echo("interrupted: run the same command again to go on", err=True)
    if plan.different and not replace:
        click.echo(
            "some files differ from the source's: move them away, or use --replace", err=True
        )
    if report.interrupted or report.failed or (plan.different and not replace):
        raise SystemExit(1)


def _plan(plan: FetchPlan) -> dict[str, Any]:
    return {
        "collection": plan.definition.name,
        "source": plan.source.describe(),
        "folder": str(plan.folder),
        "files": plan.selected,
        "already": plan.already,
        "to_fetch": len(plan.wanted),
        "bytes_to_fetch": plan.bytes_to_fetch,
        "bytes_begun": plan.begun,
        "bytes_out": plan.bytes_out,
        "bytes_free": plan.free,
        "different": [{"path": one.path, "reason": one.reason} for one in plan.different],
        "filtered": dict(plan.filtered),
    }


def _plan_text(plan: FetchPlan) -> str:
    values: dict[str, object] = {
        "collection": plan.definition.title,
        "source": plan.source.describe(),
        "folder": plan.folder,
        "files selected": plan.selected,
        "already there": plan.already,
        "would be fetched": f"{len(plan.wanted)} files, {size(plan.bytes_to_fetch)}",
        "half there": size(plan.begun),
        "on disk": f"{size(plan.bytes_out)} of {size(plan.free)} that are free",
        **{f"left out by --{name}": count for name, count in sorted(plan.filtered.items())},
    }
    return fields(values) + _different(plan)


def _different(plan: FetchPlan) -> str:
    if not plan.different:
        return ""
    rows = [(one.path, one.reason) for one in plan.different]
    return f"\n\ndifferent: {len(rows)}\n" + table(("file", "reason"), rows)


def _report(report: FetchReport) -> dict[str, Any]:
    return {
        **_plan(report.plan),
        "fetched": report.fetched,
        "bytes_in": report.bytes_in,
        "checked_by_list": report.checked,
        "seconds": report.seconds,
        "interrupted": report.interrupted,
        "failed": [
            {"name": one.name, "kind": one.kind, "reason": one.reason} for one in report.failed
        ],
    }


def _report_text(report: FetchReport) -> str:
    plan = report.plan
    rate = f" ({size(report.bytes_in / report.seconds)}/s)" if report.seconds else ""
    text = fields(
        {
            "folder": plan.folder,
            "files selected": plan.selected,
            "already there": plan.already,
            "fetched": f"{report.fetched} files, {size(report.bytes_in)} in "
            f"{duration(report.seconds)}{rate}",
            "checked by a published list": report.checked,
        }
    )
    if report.failed:
        rows = [(one.name, one.kind, one.reason) for one in report.failed]
        text += f"\n\nfailed: {len(rows)}\n" + table(("file", "kind", "reason"), rows)
    return text + _different(plan)
