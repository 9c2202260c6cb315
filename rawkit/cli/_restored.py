"""What is printed of restored files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rawkit.cli._print import print_json, table

if TYPE_CHECKING:
    from rawkit.restore import RestoreReport


def show_report(report: RestoreReport, *, as_json: bool) -> None:
    """Print what a batch did."""
    if as_json:
        print_json(
            {
                "restored": [
                    {
                        "source": one.source,
                        "picture": str(one.picture),
                        "plain": None if one.plain is None else str(one.plain),
                        "amplification": one.amplification,
                        "resampled": one.resampled,
                        "colour": one.note.colour,
                        "profile": None if one.mended is None else one.mended.text,
                        "seconds": one.seconds,
                    }
                    for one in report.restored
                ],
                "skipped": report.skipped,
                "failed": [
                    {"source": where, "kind": error.kind, "reason": error.reason}
                    for where, error in report.failed
                ],
                "interrupted": report.interrupted,
                "stopped": None if report.stopped is None else str(report.stopped),
                "seconds": report.seconds,
            }
        )
    else:
        rows = [
            (one.picture, one.amplification, one.note.colour, one.seconds)
            for one in report.restored
        ]
        click.echo(table(("picture", "amplification", "colour", "seconds"), rows))
        if report.skipped:
            click.echo(f"there already: {len(report.skipped)} files")
        if len(report.restored) > 1:
            rate = len(report.restored) / report.seconds
            click.echo(f"{len(report.restored)} pictures, {rate:.2f} pictures/s")
    if report.exchange:
        click.echo(report.exchange, err=True)
    _show_notes(report)
    for where, error in report.failed:
        click.echo(f"failed ({error.kind}): {where}: {error.reason}", err=True)
    if report.interrupted:
        click.echo("interrupted: with --skip-existing the next run goes on from here", err=True)
    if report.stopped is not None:
        click.echo(f"stopped ({report.stopped.kind}): {report.stopped}", err=True)


def _show_notes(report: RestoreReport) -> None:
    """Print what is to be known of single files."""
    for where, said in dict.fromkeys((one.source, one.resampled) for one in report.restored):
        if said is not None:
            click.echo(f"note: {where}: {said}", err=True)
    for where, text in dict.fromkeys(
        (one.source, one.mended.text) for one in report.restored if one.mended is not None
    ):
        click.echo(f"profile: {where}: {text}", err=True)
    for one in report.restored:
        beyond = None if one.mended is None else one.mended.warning
        for warning in (beyond, one.level_warning, one.memory_warning, one.brightness_warning):
            if warning is not None:
                click.echo(f"warning: {one.source}: {warning}", err=True)
