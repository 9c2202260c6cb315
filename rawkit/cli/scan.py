"""``rawkit scan``: what a collection holds, from names and EXIF alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._filters import selection_of, selection_options
from rawkit.cli._print import fields, print_json, size, table
from rawkit.cli._source import patience_option, source_option

if TYPE_CHECKING:
    from rawkit.workspace import Workspace


@click.command()
@click.argument("collection")
@selection_options
@source_option
@patience_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def scan(
    workspace: Workspace,
    /,
    collection: str,
    source: tuple[str, ...],
    patience: float,
    as_json: bool,
    **filters: Any,
) -> None:
    """Read names and EXIF of a collection into its table, and say what there is.

    The table is catalogs/COLLECTION.parquet in the workspace, one row for each file. Files that
    have not changed since the last scan are not opened again. Filters narrow what is printed, never
    the table.

    \b
    rawkit scan mid
    rawkit scan sid --source Sony.zip --split test --ratio 250-
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.catalog import load_definition, open_collection, scan_with_table, select
    from rawkit.report import describe_entries
    from rawkit.source import Transfer

    definition = load_definition(collection)
    selection = selection_of(filters, definition)
    path = workspace.catalog(definition.name)
    found = scan_with_table(
        definition,
        open_collection(
            definition,
            source or workspace.data(definition.name),
            transfer=Transfer(patience=patience),
        ),
        path,
        TerminalProgress(),
    )
    if found.warning:
        click.echo(f"warning: {found.warning}", err=True)
    catalog = found.catalog
    selected = select(catalog, selection)
    summary = {
        "collection": definition.name,
        "source": str(catalog.root),
        "table": str(path),
        "files": len(catalog.entries),
        "opened": catalog.opened,
        "new": found.new,
        "changed": found.changed,
        "unchanged": found.unchanged,
        "gone": found.gone,
        **describe_entries(definition, selected.entries),
        "pairs": selected.pairs,
        "filtered": dict(selected.filtered),
    }
    if as_json:
        print_json({**summary, "left_out": [asdict(one) for one in catalog.left_out]})
        return
    click.echo(fields({name.replace("_", " "): _text(name, one) for name, one in summary.items()}))
    if catalog.left_out:
        rows = [(one.name, one.kind, one.reason) for one in catalog.left_out]
        click.echo(f"\nleft out: {len(rows)}\n" + table(("file", "kind", "reason"), rows))


def _text(name: str, value: Any) -> object:
    if name == "bytes":
        return size(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} ({count})" for key, count in value.items()) or None
    return value
