"""``rawkit verify``: whether a store holds what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._print import print_json
from rawkit.cli._print import table as text_table
from rawkit.cli._source import source_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.locations import Location
    from rawkit.store import Damage, StoreFile
    from rawkit.workspace import Workspace


@click.command()
@click.argument("stores", nargs=-1)
@click.option("--repair", is_flag=True, help="Make damaged files anew from the raw files.")
@source_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def verify(
    workspace: Workspace,
    stores: tuple[str, ...],
    repair: bool,
    source: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check every byte of STORES (all of the workspace unless named).

    Finds flipped bytes and missing shards by their checksums. With --repair metadata is written
    anew from the table of frames, and shards from their raw files.

    \b
    rawkit verify mid --repair
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.errors import RawkitError
    from rawkit.workspace import no_store

    paths = [workspace.find_store(one) for one in stores] or workspace.stores()
    if not paths:
        raise no_store(workspace.stores_folder)
    results: list[dict[str, Any]] = []
    for path in paths:
        try:
            results.append(_verified(path, workspace, source, repair=repair))
        except RawkitError as error:
            if len(paths) == 1:
                raise
            # The other stores are looked at all the same.
            damage = {"path": error.where or str(path), "reason": str(error), "frame": None}
            results.append({"store": str(path), "files": 0, "mended": [], "damaged": [damage]})
    if as_json:
        print_json(results)
    for result in results if not as_json else ():
        damaged, mended_count = result["damaged"], len(result["mended"])
        state = f"{len(damaged)} damaged" if damaged else "whole"
        more = f", {mended_count} mended" if mended_count else ""
        click.echo(f"{result['store']}: {result['files']} files checked, {state}{more}")
        if damaged:
            rows = [(one["path"], one["frame"], one["reason"]) for one in damaged]
            click.echo(text_table(("file", "frame", "reason"), rows))
    if any(result["damaged"] for result in results):
        raise SystemExit(1)


def _verified(
    path: Location, workspace: Workspace, source: tuple[str, ...], *, repair: bool
) -> dict[str, Any]:
    """Check one store, and mend it if asked for."""
    from rawkit.store import verify_store

    damage, checked = verify_store(path, progress=TerminalProgress())
    mended: Sequence[StoreFile] = ()
    if damage and repair:
        mended, damage = _repair(path, damage, workspace, source)
    return {
        "store": str(path),
        "files": checked,
        "mended": [str(one) for one in mended],
        "damaged": [
            {
                "path": str(one.path),
                "reason": one.reason,
                "frame": one.frame and one.frame.name,
            }
            for one in damage
        ],
    }


def _repair(
    path: Location, damage: list[Damage], workspace: Workspace, source: tuple[str, ...]
) -> tuple[Sequence[StoreFile], list[Damage]]:
    from rawkit.catalog import remembered_definition
    from rawkit.errors import MissingError
    from rawkit.ingest import catalog_of_damage, repair_store
    from rawkit.store import Store

    progress = TerminalProgress()
    catalog = None
    if any(one.frame for one in damage):
        name = Store(path).collection
        try:
            definition = remembered_definition(name, workspace.definition(name))
            place = source or workspace.data(name)
            table = workspace.catalog(name)
            catalog = catalog_of_damage(damage, definition, place, table, progress)
        except MissingError as error:
            click.echo(f"no raw files to repair from: {error}", err=True)
    report = repair_store(path, damage, catalog, progress, staging=workspace.staging)
    return report.mended, list(report.left)
