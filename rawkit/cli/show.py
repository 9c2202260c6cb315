"""``rawkit show``: what there is, to look at."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rawkit.cli._print import BarProgress, print_json, table

if TYPE_CHECKING:
    from rawkit.report.show import Chart
    from rawkit.workspace import Workspace


@click.command()
@click.argument("store")
@click.option("--scene", help="Scene of the contact sheet; * and ? are wild.  [default: the first]")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
    help="Contact sheet to write, a PNG.  [default: show/STORE-SCENE.png in the workspace]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(
    workspace: Workspace, /, store: str, scene: str | None, output: Path | None, as_json: bool
) -> None:
    """Chart the frames of STORE by exposure and ISO, and draw a contact sheet of a scene.

    STORE is a collection's name or a path. The sheet has a row for each view and exposure and a
    column for each ISO, each picture as bright as the long exposure beside it.

    \b
    rawkit show mid --scene Indoor/pair1
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.report.show import chart_of, scene_sheet
    from rawkit.restore import write_png
    from rawkit.store import Store

    opened = Store(workspace.find_store(store))
    sheet = scene_sheet(opened, scene, BarProgress())
    chart = chart_of(opened.rows)
    name = f"{opened.path.stem}-{sheet.scene.replace('/', '-').lstrip('.') or 'scene'}.png"
    path = output or workspace.root / "show" / name
    write_png(path, sheet.picture)
    if as_json:
        counts = [
            {"role": role, "exposure_time": seconds, "iso": iso, "frames": count}
            for role, seconds, line in chart.rows
            for iso, count in zip(chart.isos, line, strict=True)
            if count
        ]
        print_json({"store": str(opened.path), "frames": counts, "scene": sheet.scene,
                    "sheet": str(path)})  # fmt: skip
        return
    click.echo(_chart_text(chart))
    click.echo(f"\ncontact sheet of {sheet.scene}: {path}")


def _chart_text(chart: Chart) -> str:
    headers = ["frames", "seconds", *(f"ISO {_number(iso)}" for iso in chart.isos)]
    return table(headers, [(role, _number(s), *line) for role, s, line in chart.rows])


def _number(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "unknown"
