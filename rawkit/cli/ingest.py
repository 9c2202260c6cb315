"""``rawkit ingest``: a collection into a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rawkit.cli._group import NAMES, NUMBERS
from rawkit.cli._print import BarProgress, fields, print_json, size, table
from rawkit.cli._source import source_option

if TYPE_CHECKING:
    from rawkit.catalog import LeftOut
    from rawkit.ingest import IngestPlan, IngestReport
    from rawkit.workspace import Workspace


@click.command()
@click.argument("collection")
@click.option("--iso", type=NUMBERS, help="Only dark frames of these ISO speeds, such as 100,200.")
@click.option(
    "--shutter", type=NUMBERS, help="Only dark frames of these nominal seconds, within 5%."
)
@click.option("--scene", type=NAMES, help="Only these scenes; * and ? are wild.")
@click.option(
    "--split", type=NAMES, help="Only these splits: train, val, test.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="At most so many dark frames.")
@source_option
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Processes that decode; 0 uses threads of this one.  [default: one for each core]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_obj
def ingest(
    workspace: Workspace,
    collection: str,
    iso: tuple[float, ...] | None,
    shutter: tuple[float, ...] | None,
    scene: tuple[str, ...] | None,
    split: tuple[str, ...] | None,
    limit: int | None,
    source: tuple[str, ...],
    dry_run: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Put a collection into a store of packed Bayer planes.

    COLLECTION is sid, mid, smid, folder (any raw files of your own), or the path of a TOML file
    that defines one. Filters choose dark frames; the long exposures that belong to them always
    come too. Run again, it adds only what is new.

    \b
    rawkit ingest mid --iso 100,200
    rawkit ingest folder --source ~/photos
    rawkit ingest smid --source short1.zip,https://example.org/long.zip
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.catalog import Selection, load_definition
    from rawkit.ingest import plan_ingest, run_ingest

    for name in split or ():
        if name not in ("train", "val", "test"):
            raise click.BadParameter(f"{name!r} is none of train, val, test", param_hint="--split")
    definition = load_definition(collection)
    selection = Selection(
        isos=iso or (),
        shutters=shutter or (),
        scenes=scene or (),
        splits=split or (),  # type: ignore[arg-type] # checked above
        limit=limit,
    )
    progress = BarProgress()
    plan = plan_ingest(
        definition,
        source or workspace.data(definition.name),
        workspace.store(definition.name),
        selection,
        progress,
    )
    if dry_run:
        print_json(_plan(plan)) if as_json else click.echo(_plan_text(plan))
        return
    report = run_ingest(plan, workers=workers, progress=progress)
    print_json(_report(report)) if as_json else click.echo(_report_text(report))
    if report.interrupted:
        click.echo("interrupted: run the same command again to go on", err=True)
    if report.interrupted or (plan.wanted and not report.added):
        raise SystemExit(1)


def _plan(plan: IngestPlan) -> dict[str, Any]:
    return {
        "collection": plan.catalog.definition.name,
        "source": str(plan.catalog.root),
        "store": str(plan.store),
        "files": len(plan.catalog.entries),
        "frames": len(plan.selected),
        "scenes": plan.scenes,
        "pairs": plan.pairs,
        "unpaired": plan.unpaired,
        "already": plan.already,
        "to_add": len(plan.wanted),
        "bytes_in": plan.bytes_in,
        "bytes_to_fetch": plan.bytes_to_fetch,
        "filtered": dict(plan.filtered),
        "left_out": [_left_out(one) for one in plan.catalog.left_out],
    }


def _plan_text(plan: IngestPlan) -> str:
    values: dict[str, object] = {
        "collection": plan.catalog.definition.title,
        "source": plan.catalog.root,
        "store": plan.store,
        "files read (EXIF only)": len(plan.catalog.entries),
        "frames selected": len(plan.selected),
        "scenes": plan.scenes,
        "pairs": plan.pairs,
        "dark frames without a long": plan.unpaired,
        "already in the store": plan.already,
        "would be added": f"{len(plan.wanted)} frames, {size(plan.bytes_in)} of raw files",
        "to fetch over a network": size(plan.bytes_to_fetch),
        **_filtered(plan),
    }
    return fields(values) + _list_text(list(plan.catalog.left_out))


def _report(report: IngestReport) -> dict[str, Any]:
    return {
        **_plan(report.plan),
        "added": report.added,
        "duplicates": report.duplicates,
        "targets": report.targets,
        "bytes_in": report.bytes_in,
        "bytes_out": report.bytes_out,
        "seconds": report.seconds,
        "interrupted": report.interrupted,
        "left_out": [_left_out(one) for one in report.left_out],
        "notes": [_left_out(one) for one in report.notes],
        "warnings": [_left_out(one) for one in report.warnings],
    }


def _report_text(report: IngestReport) -> str:
    plan = report.plan
    rate = f" ({report.added / report.seconds:.1f} frames/s)" if report.seconds else ""
    values: dict[str, object] = {
        "store": plan.store,
        "frames selected": len(plan.selected),
        "pairs": plan.pairs,
        "dark frames without a long": plan.unpaired,
        "already in the store": plan.already,
        "added": f"{report.added} frames, {report.targets} targets{rate}",
        "duplicates, stored once": report.duplicates,
        "read": size(report.bytes_in),
        "written": size(report.bytes_out),
        **_filtered(plan),
    }
    return (
        fields(values)
        + _list_text(report.left_out)
        + _list_text(report.notes, "without target")
        + _list_text(report.warnings, "levels that do not fit")
    )


def _filtered(plan: IngestPlan) -> dict[str, object]:
    return {f"left out by --{name}": count for name, count in sorted(plan.filtered.items())}


def _left_out(one: LeftOut) -> dict[str, str]:
    return {"name": one.name, "kind": one.kind, "reason": one.reason}


def _list_text(entries: list[LeftOut], title: str = "left out") -> str:
    if not entries:
        return ""
    rows = [(one.name, one.kind, one.reason) for one in entries]
    return f"\n\n{title}: {len(entries)}\n" + table(("file", "kind", "reason"), rows)
