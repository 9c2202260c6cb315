"""``rawkit show``: what there is, to look at."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._print import print_json, table
from rawkit.cli._source import source_option

if TYPE_CHECKING:
    from rawkit.report import Chart, Shown
    from rawkit.workspace import Workspace


@click.command()
@click.argument("store")
@click.option("--scene", help="Scene of the contact sheet; * and ? are wild.  [default: the first]")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
    help="Contact sheet to write, a PNG.  [default: show/STORE-SCENE.png in the workspace]",
)  # fmt: skip
@click.option(
    "--raw", is_flag=True, help="Show the raw files, also where there is a store of them."
)
@source_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(
    workspace: Workspace,
    /,
    store: str,
    scene: str | None,
    output: Path | None,
    raw: bool,
    source: tuple[str, ...],
    as_json: bool,
) -> None:
    """Chart the frames of STORE by exposure and ISO, and draw a contact sheet of a scene.

    STORE is a collection's name, or the path of a store. A collection that is not ingested yet is
    shown from its raw files: the chart from names and EXIF, and the scene decoded. The sheet has a
    row for each view and exposure and a column for each ISO, each picture as bright as the long
    exposure beside it.

    \b
    rawkit show mid --scene Indoor/pair1
    rawkit show sid --source Sony.zip --raw
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.pictures import write_png
    from rawkit.report import scene_sheet

    frames, chart, title, where = _frames(workspace, store, scene, source, raw=raw)
    sheet = scene_sheet(frames, scene, TerminalProgress(), title=title, where=where)
    name = f"{title}-{sheet.scene.replace('/', '-').lstrip('.') or 'scene'}.png"
    path = output or workspace.root / "show" / name
    write_png(path, sheet.picture)
    if as_json:
        counts = [
            {"role": role, "exposure_time": seconds, "iso": iso, "frames": count}
            for role, seconds, line in chart.rows
            for iso, count in zip(chart.isos, line, strict=True)
            if count
        ]
        print_json({"store": str(where), "frames": counts, "scene": sheet.scene,
                    "sheet": str(path)})  # fmt: skip
        return
    click.echo(_chart_text(chart))
    click.echo(f"\ncontact sheet of {sheet.scene}: {path}")


def _frames(
    workspace: Workspace, name: str, scene: str | None, source: tuple[str, ...], *, raw: bool
) -> tuple[list[Shown], Chart, str, object]:
    """Frames to draw of a store, or of the raw files of a collection, among them those of a scene.

    With the chart of all, what they belong to, and where.
    """
    from rawkit.catalog import load_definition, scan_with_table
    from rawkit.errors import MissingError
    from rawkit.report import chart_of, chart_of_store, shown_of_catalog, shown_of_scene
    from rawkit.store import Store

    raw = raw or bool(source)
    if not raw:
        try:
            opened = Store(workspace.find_store(name))
        except MissingError:
            if not workspace.data(Path(name).stem).exists():
                raise
        else:
            shown = shown_of_scene(opened, scene)
            return shown, chart_of_store(opened), opened.path.stem, opened.path
    definition = load_definition(name)
    where = source or workspace.data(definition.name)
    table_path = workspace.catalog(definition.name)
    catalog = scan_with_table(definition, where, table_path, TerminalProgress()).catalog
    frames = shown_of_catalog(catalog)
    return frames, chart_of(frames), definition.name, catalog.root


def _chart_text(chart: Chart) -> str:
    headers = ["frames", "seconds", *(f"ISO {_number(iso)}" for iso in chart.isos)]
    return table(headers, [(role, _number(s), *line) for role, s, line in chart.rows])


def _number(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "unknown"
