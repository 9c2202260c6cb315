"""``rawkit verify``: whether a store holds what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from rawkit.bars import TerminalProgress
from rawkit.cli._filters import selection_options
from rawkit.cli._pairs import LIMITS
from rawkit.cli._print import print_json
from rawkit.cli._print import table as text_table
from rawkit.cli._size import SIZE
from rawkit.cli._source import source_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.locations import Location
    from rawkit.store import Damage, StoreFile
    from rawkit.workspace import Workspace


_NOT_OURS = {"role", "without_excluded"}
"""Filters that make no sense here: pairs are of both roles, and bad ones are looked for."""
_WITH_PAIRS = {*LIMITS, "workers", "max_ram", "unsure", "pictures"}
"""Options that belong to --pairs."""


@click.command()
@click.argument("stores", nargs=-1)
@click.option("--repair", is_flag=True, help="Make damaged files anew from the raw files.")
@click.option(
    "--refill", is_flag=True, help="Make frames anew that were deleted to make room, too."
)
@click.option(
    "--pairs",
    is_flag=True,
    help="Compare dark frames with their longs instead, and list bad pairs.",
)
@click.option(
    "--max-shift",
    type=click.FloatRange(min=0, min_open=True),
    help="Pixels of the mosaic that the frames of a pair may lie apart.  [default: 0.35]",
)
@click.option(
    "--max-moved",
    type=click.FloatRange(0, 1),
    help="Share of the picture that may show something else.  [default: 0.005]",
)
@click.option(
    "--max-exposure-error",
    type=click.FloatRange(min=1),
    help="Factor between exposure by pixels and by EXIF.  [default: 1.4]",
)
@click.option(
    "--min-light",
    type=click.FloatRange(0, 1),
    help="Share of white that the brightest hundredth of a long must reach.  [default: 0.16]",
)
@click.option(
    "--max-clipped",
    type=click.FloatRange(0, 1),
    help="Share of a long that may be clipped.  [default: 0.2]",
)
@click.option(
    "--unsure", is_flag=True, help="Print and draw pairs, too, of which not everything can be told."
)
@click.option(
    "--pictures",
    type=click.IntRange(min=0),
    default=60,
    show_default=True,
    help="Pairs that the page of pictures shows at most.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Threads that compare.  [default: one for each core, as far as memory suffices]",
)
@click.option(
    "--max-ram", type=SIZE, default="2GB", show_default=True, help="Memory that comparing may take."
)
@selection_options
@source_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def verify(
    ctx: click.Context,
    /,
    stores: tuple[str, ...],
    repair: bool,
    refill: bool,
    pairs: bool,
    source: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Check every byte of STORES (all of the workspace unless named).

    Finds flipped bytes and missing shards by their checksums. With --repair metadata is written
    anew from the table of frames, and shards from their raw files.

    With --pairs it compares each dark frame with its long exposure instead: whether the camera or
    something in front of it moved, whether EXIF is right, whether the long is dark or blown. The
    list is pairs/COLLECTION.toml in the workspace; --without-excluded leaves out what it names.

    \b
    rawkit verify mid --repair
    rawkit verify sid --pairs --ratio 100-300
    """  # noqa: D301 - click takes the backspace itself
    workspace: Workspace = ctx.obj
    _check_options(ctx, pairs=pairs, repair=repair or refill)
    from rawkit.errors import RawkitError
    from rawkit.workspace import no_store

    paths = [workspace.find_store(one) for one in stores] or workspace.stores()
    if not paths:
        raise no_store(workspace.stores_folder)
    if pairs:
        _print_pairs(paths, workspace, options, as_json=as_json)
        return
    results: list[dict[str, Any]] = []
    for path in paths:
        try:
            results.append(_verified(path, workspace, source, repair=repair, refill=refill))
        except RawkitError as error:
            if len(paths) == 1:
                raise
            # The other stores are looked at all the same.
            damage = {"path": error.where or str(path), "reason": str(error), "frame": None}
            results.append(
                {"store": str(path), "files": 0, "mended": [], "evicted": 0, "damaged": [damage]}
            )
    if as_json:
        print_json(results)
    else:
        _print_results(results)
    if any(result["damaged"] for result in results):
        raise SystemExit(1)


verify.params = [one for one in verify.params if one.name not in _NOT_OURS]


def _print_results(results: list[dict[str, Any]]) -> None:
    for result in results:
        damaged, mended_count = result["damaged"], len(result["mended"])
        state = f"{len(damaged)} damaged" if damaged else "whole"
        more = f", {mended_count} mended" if mended_count else ""
        if result["evicted"]:
            more += f", {result['evicted']} frames deleted to make room"
        click.echo(f"{result['store']}: {result['files']} files checked, {state}{more}")
        if damaged:
            rows = [(one["path"], one["frame"], one["reason"]) for one in damaged]
            click.echo(text_table(("file", "frame", "reason"), rows))


def _check_options(ctx: click.Context, *, pairs: bool, repair: bool) -> None:
    """Refuse options that would be passed over."""
    if pairs and repair:
        raise click.UsageError("--repair and --refill do not go with --pairs.", ctx)
    ours = {one.name for one in ctx.command.params} & {*_WITH_PAIRS, *_filter_names()}
    for parameter in ctx.command.params:
        name = parameter.name or ""
        given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not pairs and given and name in ours:
            raise click.UsageError(f"{parameter.opts[0]} goes with --pairs alone.", ctx)


def _filter_names() -> set[str]:
    """Names of the filters on dark frames."""
    return {one.name or "" for one in click.command()(selection_options(lambda: None)).params}


def _print_pairs(
    paths: Sequence[Location], workspace: Workspace, options: dict[str, Any], *, as_json: bool
) -> None:
    """Compare the pairs of stores, and print what was found."""
    from rawkit.cli._pairs import checked_pairs, print_pairs
    from rawkit.errors import SelectionError

    filters = {**options, **dict.fromkeys(_NOT_OURS)}
    results = []
    for path in paths:
        try:
            results.append(checked_pairs(path, workspace, filters))
        except SelectionError as error:
            if len(paths) == 1:
                raise
            click.echo(f"passed over: {error}", err=True)
    if as_json:
        print_json(results)
    for told in results if not as_json else ():
        print_pairs(told, unsure=options["unsure"])
    if any(told["bad"] or told["damaged"] for told in results):
        raise SystemExit(1)


def _verified(
    path: Location, workspace: Workspace, source: tuple[str, ...], *, repair: bool, refill: bool
) -> dict[str, Any]:
    """Check one store, and mend it if asked for."""
    from rawkit.store import read_evicted, verify_store

    if refill:
        _refill(path, workspace, source)
    damage, checked = verify_store(path, progress=TerminalProgress())
    mended: Sequence[StoreFile] = ()
    if damage and repair:
        mended, damage = _repair(path, damage, workspace, source)
    return {
        "store": str(path),
        "files": checked,
        "mended": [str(one) for one in mended],
        "evicted": len(read_evicted(path)),
        "damaged": [
            {
                "path": str(one.path),
                "reason": one.reason,
                "frame": one.frame and one.frame.name,
            }
            for one in damage
        ],
    }


def _refill(path: Location, workspace: Workspace, source: tuple[str, ...]) -> None:
    """Make all evicted frames of a store anew."""
    from rawkit.ingest import refill_store

    bar = TerminalProgress()
    refill_store(path, workspace, source or None, bar)


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
