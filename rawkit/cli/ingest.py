"""``rawkit ingest``: a collection into a store."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._filters import selection_of, selection_options
from rawkit.cli._headerless import headerless_of, headerless_option
from rawkit.cli._print import duration, fields, print_json, size, table
from rawkit.cli._resources import resource_options
from rawkit.cli._source import patience_option, source_option

if TYPE_CHECKING:
    from rawkit.catalog import LeftOut
    from rawkit.ingest import Estimate, IngestPlan, IngestReport, Targets
    from rawkit.workspace import Workspace

_TARGETS: dict[str | None, Targets | None] = {None: None, "16": 16, "8": 8, "none": 0}


@click.command()
@click.argument("collection")
@selection_options
@source_option
@patience_option
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Processes that decode; 0 uses threads of this one.  [default: one for each core]",
)
@resource_options
@click.option(
    "--targets",
    type=click.Choice(["16", "8", "none"]),
    help="Bits of the rendered targets; one setting a store.  [default: as the definition says]",
)
@headerless_option
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True),
    help="Frames a second of videos whose files do not say so.",
)
@click.option(
    "--decoder", type=click.Choice(["auto", "libraw"]), default="auto", show_default=True,
    help="What decodes pixels: libraw, or where that is proven to be the same a faster decoder.",
)  # fmt: skip
@click.option(
    "--profile", "profiles", multiple=True, type=click.Path(path_type=Path), metavar="MODEL.toml",
    help="Put the profile of a camera beside its frames, which stay as the sensor gave them. May "
    "be repeated.",
)  # fmt: skip
@click.option("--retry", is_flag=True, help="Try unchanged files again that failed before.")
@click.option(
    "--max-bad",
    metavar="N|N%",
    help="Stop, with exit code 1, at more unusable files than this.  [default: no limit]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_obj
def ingest(
    workspace: Workspace,
    /,
    collection: str,
    source: tuple[str, ...],
    patience: float,
    dry_run: bool,
    workers: int | None,
    max_ram: int,
    frame_timeout: float,
    scheduler: str | None,
    targets: str | None,
    headerless: str | None,
    fps: float | None,
    decoder: str,
    profiles: tuple[Path, ...],
    retry: bool,
    max_bad: str | None,
    as_json: bool,
    **filters: Any,
) -> None:
    """Put a collection into a store of packed Bayer planes.

    COLLECTION is sid, mid, smid, moving-objects, folder (any raw files of your own), video (folders
    of CinemaDNG frames), or the path of a TOML file that defines one. Filters choose dark frames;
    the long exposures that belong to them always come too. Run again, it adds only what is new.

    \b
    rawkit ingest mid --iso 100,200
    rawkit ingest sid --camera ilce* --ratio 100-300 --per-long darkest
    rawkit ingest sid --source official --limit 20
    rawkit ingest folder --source ~/photos
    rawkit ingest smid --source short1.zip,https://example.org/long.zip
    rawkit ingest video --source ~/videos --fps 25
    rawkit ingest sid --profile cameras/ILCE-7SM2.toml
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.catalog import load_definition, open_collection, remember_definition
    from rawkit.ingest import MaxBad, estimate_ingest, plan_ingest, run_ingest
    from rawkit.noise import read_profile
    from rawkit.source import Transfer
    from rawkit.workers import Resources

    allowed = None if max_bad is None else MaxBad.parse(max_bad)
    definition = load_definition(collection)
    selection = selection_of(filters, definition)
    progress = TerminalProgress()
    raw = source or workspace.data(definition.name)
    described = headerless_of(headerless)
    plan = plan_ingest(
        definition,
        open_collection(definition, raw, selection, Transfer(patience=patience)),
        workspace.store(definition.name),
        selection,
        progress,
        table=workspace.catalog(definition.name),
        remember=not dry_run,
        targets=_TARGETS[targets],
        headerless=described,
        retry=retry,
        fps=fps,
        profiles=[read_profile(path) for path in profiles],
    )
    if plan.warning:
        click.echo(f"warning: {plan.warning}", err=True)
    if dry_run:
        about = estimate_ingest(plan, workers)
        if as_json:
            print_json({**_plan(plan), "about_bytes_out": about.bytes_out,
                        "about_seconds": about.seconds})  # fmt: skip
        else:
            click.echo(_plan_text(plan, about))
        return
    remember_definition(collection, workspace.definition(definition.name))
    resources = Resources(workers, max_ram, frame_timeout, scheduler)
    report = run_ingest(
        plan,
        resources=resources,
        max_bad=allowed,
        staging=workspace.staging,
        beside=decoder == "auto",
        progress=progress,
    )
    print_json(_report(report)) if as_json else click.echo(_report_text(report))
    if report.interrupted:
        click.echo("interrupted: run the same command again to go on", err=True)
    if report.stopped is not None:
        click.echo(f"stopped: {report.stopped}; what was added is in the store", err=True)
    if report.wrong:
        click.echo(
            "the store holds pixels that are not LibRaw's: delete it and ingest again with "
            "--decoder libraw", err=True,
        )  # fmt: skip
    nothing = bool(plan.wanted) and not report.added and allowed is None
    if report.interrupted or report.stopped is not None or report.wrong or nothing:
        raise SystemExit(1)


def _plan(plan: IngestPlan) -> dict[str, Any]:
    return {
        "collection": plan.catalog.definition.name,
        "source": str(plan.catalog.root),
        "store": str(plan.store),
        "files": len(plan.catalog.entries),
        "opened": plan.catalog.opened,
        "frames": len(plan.selected),
        "scenes": plan.scenes,
        "frame_rates": plan.frame_rates,
        "pairs": plan.pairs,
        "unpaired": plan.unpaired,
        "already": plan.already,
        "to_add": len(plan.wanted),
        "bytes_in": plan.bytes_in,
        "bytes_to_fetch": plan.bytes_to_fetch,
        "filtered": dict(plan.filtered),
        "profiles": [one.camera for one in plan.profiles],
        "left_out": [_left_out(one) for one in plan.left_out],
    }


def _plan_text(plan: IngestPlan, about: Estimate) -> str:
    values: dict[str, object] = {
        "collection": plan.catalog.definition.title,
        "source": plan.catalog.root,
        "store": plan.store,
        "files": f"{len(plan.catalog.entries)}, {plan.catalog.opened} opened for their EXIF",
        "frames selected": len(plan.selected),
        "scenes": plan.scenes,
        "frames a second": _rates(plan),
        "pairs": plan.pairs,
        "dark frames without a long": plan.unpaired,
        "already in the store": plan.already,
        "would be added": f"{len(plan.wanted)} frames, {size(plan.bytes_in)} of raw files",
        "to fetch over a network": size(plan.bytes_to_fetch),
        "would be written": None if about.bytes_out is None else f"about {size(about.bytes_out)}",
        "profiles": ", ".join(one.camera for one in plan.profiles) or None,
        "would take": None if about.seconds is None else f"about {duration(about.seconds)}",
        **_filtered(plan),
    }
    return fields(values) + _list_text(list(plan.left_out))


def _report(report: IngestReport) -> dict[str, Any]:
    return {
        **_plan(report.plan),
        "exchange": report.exchange or None,
        "added": report.added,
        "duplicates": report.duplicates,
        "targets": report.targets,
        "bytes_in": report.bytes_in,
        "bytes_out": report.bytes_out,
        "seconds": report.seconds,
        "interrupted": report.interrupted,
        "stopped": report.stopped,
        "left_out": [_left_out(one) for one in report.left_out],
        "notes": [_left_out(one) for one in report.notes],
        "warnings": [_left_out(one) for one in report.warnings],
        "decoders": [_left_out(one) for one in report.decoders],
        "wrong": [_left_out(one) for one in report.wrong],
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
        "cluster": report.exchange or None,
        "profiles": ", ".join(one.camera for one in plan.profiles) or None,
        **_filtered(plan),
    }
    return (
        fields(values)
        + _list_text(report.left_out)
        + _list_text(report.notes, "without target")
        + _list_text(report.warnings, "levels that do not fit")
        + _list_text(report.decoders, "decoded by LibRaw from here on")
        + _list_text(report.wrong, "with pixels that are not LibRaw's")
    )


def _rates(plan: IngestPlan) -> str | None:
    """Name the frame rates of videos, and how many have each; None where none is known."""
    counts = Counter(plan.frame_rates.values())
    found = [f"{rate:g} ({count} videos)" for rate, count in sorted(counts.items())]
    return ", ".join(found) or None


def _filtered(plan: IngestPlan) -> dict[str, object]:
    return {f"left out by --{name}": count for name, count in sorted(plan.filtered.items())}


def _left_out(one: LeftOut) -> dict[str, str]:
    return {"name": one.name, "kind": one.kind, "reason": one.reason}


def _list_text(entries: list[LeftOut], title: str = "left out") -> str:
    if not entries:
        return ""
    rows = [(one.name, one.kind, one.reason) for one in entries]
    return f"\n\n{title}: {len(entries)}\n" + table(("file", "kind", "reason"), rows)
