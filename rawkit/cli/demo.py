"""``rawkit demo``: the whole way in a few minutes."""

from __future__ import annotations

from pathlib import Path

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._print import print_json, table


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("rawkit-demo"))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def demo(folder: Path, as_json: bool) -> None:
    """Run the whole way on a synthetic collection, in FOLDER (new or empty).

    Makes dark raw files and their long exposures, ingests them, chooses a subset, trains for about
    a minute, restores held-out frames, and draws a contact sheet.

    \b
    rawkit demo
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.demo import run_demo
    from rawkit.workspace import Workspace

    report = run_demo(
        Workspace(folder),
        say=lambda command: click.echo(
            command if command.startswith("#") else f"$ {command}", err=True
        ),
        progress=TerminalProgress(),
    )
    if as_json:
        print_json(
            {
                "sheet": str(report.sheet),
                "frames": [
                    {
                        "name": one.name,
                        "iso": one.iso,
                        "ratio": one.ratio,
                        "plain": one.plain,
                        "restored": one.restored,
                    }
                    for one in report.frames
                ],
            }
        )
        return
    rows: list[tuple[object, ...]] = [
        (one.name, one.iso, one.ratio, *one.plain, *one.restored) for one in report.frames
    ]
    count = len(rows)
    means = [sum(float(str(row[column])) for row in rows) / count for column in range(3, 7)]
    headers = ("held-out frame", "ISO", "ratio", "plain PSNR", "SSIM", "restored PSNR", "SSIM")
    click.echo(table(headers, [*rows, (f"mean of {count}", None, None, *means)]))
    click.echo(f"\nContact sheet: {report.sheet}")
