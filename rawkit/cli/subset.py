"""``rawkit subset``: a reproducible, nested choice of frames, looked at and handed on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from rawkit.bars import TerminalProgress
from rawkit.cli._filters import selection_of, selection_options
from rawkit.cli._group import NAMES
from rawkit.cli._print import print_json, size, table
from rawkit.cli._size import SIZE
from rawkit.cli._source import source_option
from rawkit.cli._subset_text import (
    LIST_HEADERS,
    described,
    described_text,
    difference,
    difference_text,
    list_row,
    summary,
    weights_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.subset import RawFile, Subset
    from rawkit.workspace import Workspace

_PLACES = {
    "materialize", "copy_raw", "source", "dry_run", "name", "list_only", "as_json", "workspace_at",
    "stores_at", "runs_at",
}  # fmt: skip
"""Options that do not say which frames are chosen."""
_NOT_OURS = {"role", "limit"}
"""Filters that make no sense here: shorts and longs belong together, and --frames limits."""
_URL = re.compile(r"^[a-z0-9+]{2,}:/", re.IGNORECASE)


def _check_place(_: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and _URL.match(str(value)):
        raise click.BadParameter("a URL; expected a folder or a .zip", param=parameter)
    return value


_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(invoke_without_command=True)
@click.option(
    "--fraction",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Share of the training scenes.",
)
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    help="Whole training scenes up to so many dark frames with their longs.",
)
@click.option(
    "--size",
    "max_bytes",
    type=SIZE,
    help="Whole training scenes up to so many bytes of the stores, val and test included: 4GB.",
)
@selection_options
@click.option(
    "--name", help="Name of the subset.  [default: after its settings, such as f0.4, n500, 4GB]"
)
@click.option("--store", type=NAMES, help="Only these stores.  [default: all of the workspace]")
@click.option("--seed", type=int, default=0, show_default=True, help="Which scenes come first.")
@click.option("--refresh", is_flag=True, help="Make a saved subset anew.")
@click.option(
    "--materialize",
    metavar="PLACE",
    help="Write a workspace of just this subset into a folder, or into one .zip; or to a URL.",
)
@click.option(
    "--copy-raw",
    type=click.Path(path_type=Path),
    callback=_check_place,
    help="Copy its raw files, in their collections' layouts, into a folder or one .zip.",
)
@source_option
@click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing.")
@click.option("--list", "list_only", is_flag=True, help="List the subsets there are.")
@_json_option
@click.pass_context
def subset(
    ctx: click.Context,
    /,
    list_only: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Choose a share of the training scenes, over all stores.

    Whole scenes of the training split are kept or left, for each collection and camera; val and
    test stay whole. With one seed 0.1 lies within 0.4 lies within 1.0, and fewer --frames or a
    smaller --size within more. Filters choose dark frames of all splits; their longs come along.
    `rawkit train` uses the newest subset. A saved subset changes only with --refresh.

    \b
    rawkit subset --fraction 0.4
    rawkit subset --frames 500 --iso 100-400 --per-long darkest
    rawkit subset --size 4GB --materialize small.zip
    rawkit subset --name f0.4 --copy-raw for-others
    """  # noqa: D301 - click takes the backspace itself
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return
    workspace: Workspace = ctx.obj
    if list_only:
        _print_list(workspace, as_json=as_json)
        return
    chosen, is_new = _chosen(ctx, workspace, options)
    told: dict[str, Any] = {"new": is_new, "dry_run": options["dry_run"]}
    weights = weights_of(chosen, workspace) if is_new or options["max_bytes"] else None
    if not as_json:
        state = "saved" if is_new else "there already, unchanged (--refresh makes it anew)"
        state = "would be saved" if is_new and options["dry_run"] else state
        click.echo(f"{workspace.subset(chosen.name)}: {state}")
        click.echo(described_text(chosen, weights))
    failed = _hand_on(chosen, workspace, options, told, as_json=as_json)
    if as_json:
        print_json({**described(chosen, weights), **told})
    if failed:
        raise SystemExit(1)


subset.params = [one for one in subset.params if one.name not in _NOT_OURS]


def _refuse_options(ctx: click.Context) -> None:
    """Refuse options that a sub-command would pass over."""
    for parameter in ctx.command.params:
        name = parameter.name or ""
        given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and name not in {"as_json", "workspace_at", "stores_at", "runs_at"}:
            raise click.UsageError(
                f"{parameter.opts[0]} does not go with `{ctx.invoked_subcommand}`.", ctx
            )


def _chosen(
    ctx: click.Context, workspace: Workspace, options: dict[str, Any]
) -> tuple[Subset, bool]:
    """Make the subset, or load the one that is to be handed on."""
    from rawkit.subset import Limits, load_subset, make_subset

    chooses = any(
        ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        for parameter in ctx.command.params
        if parameter.name not in _PLACES
    )
    name, hands_on = options["name"], options["materialize"] or options["copy_raw"]
    if hands_on and name and not chooses and workspace.subset(name).exists():
        return load_subset(workspace.subset(name)), False
    store = options["store"]
    stores = [workspace.find_store(one) for one in store] if store else workspace.stores()
    return make_subset(
        workspace,
        stores,
        fraction=options["fraction"],
        seed=options["seed"],
        name=name,
        refresh=options["refresh"],
        limits=Limits(options["frames"], options["max_bytes"]),
        selection=selection_of({**dict.fromkeys(_NOT_OURS), **options}),
        save=not options["dry_run"],
    )


def _hand_on(
    chosen: Subset,
    workspace: Workspace,
    options: dict[str, Any],
    told: dict[str, Any],
    *,
    as_json: bool,
) -> bool:
    """Materialize and copy as asked for; tells whether something could not be copied."""
    failed = False
    if options["materialize"] is not None:
        told["materialized"] = _materialize(chosen, workspace, options)
    if options["copy_raw"] is not None:
        told["raw"] = _copy_raw(chosen, workspace, options)
        failed = bool(told["raw"]["missing"])
    if as_json:
        return failed
    if "materialized" in told:
        done = told["materialized"]
        text = f"{done['frames']} frames, {size(done['bytes'])} of shards"
        what = "would hold" if told["dry_run"] else "verified,"
        click.echo(f"\n{done['path']}: {what} {text}")
    if "raw" in told:
        done = told["raw"]
        text = f"{done['files']} raw files, {size(done['bytes'])}"
        what = (
            "would hold" if told["dry_run"] else f"{done['copied']} copied, {done['kept']} kept of"
        )
        click.echo(f"\n{done['path']}: {what} {text}")
        if done["missing"]:
            click.echo(f"\nnot copied: {len(done['missing'])}")
            click.echo(table(("file", "reason"), done["missing"]))
    return failed


def _materialize(
    chosen: Subset, workspace: Workspace, options: dict[str, Any]
) -> dict[str, Any]:  # fmt: skip
    from rawkit.locations import location_of
    from rawkit.subset import materialize, plan_materialize

    plan, path = plan_materialize(chosen, workspace), location_of(options["materialize"])
    told = {"path": str(path), "frames": plan.frames, "bytes": plan.size}
    if not options["dry_run"]:
        told["written"] = materialize(plan, workspace, path, TerminalProgress())
    return told


def _copy_raw(chosen: Subset, workspace: Workspace, options: dict[str, Any]) -> dict[str, Any]:
    from rawkit.subset import copy_raw, planned_raw, raw_files

    source, path = options["source"] or None, options["copy_raw"]
    if options["dry_run"]:
        return _told(path, planned_raw(raw_files(chosen, workspace), workspace, source))
    done = copy_raw(chosen, workspace, path, source=source, progress=TerminalProgress())
    counts = {"copied": done.copied, "kept": done.kept, "missing": list(done.missing)}
    return {**_told(path, done.files), **counts}


def _told(path: Path, files: Sequence[RawFile]) -> dict[str, Any]:
    sizes = [file.size or 0 for file in files]
    return {"path": str(path), "files": len(sizes), "bytes": sum(sizes), "missing": []}


def _print_list(workspace: Workspace, *, as_json: bool) -> None:
    from rawkit.subset import load_subset

    found = [load_subset(path) for path in workspace.subsets()]
    if as_json:
        print_json([summary(one) for one in found])
    else:
        click.echo(table(LIST_HEADERS, [list_row(one) for one in found]))


def _wants_json(ctx: click.Context, *, as_json: bool) -> bool:
    """Tell whether JSON is wanted, here or of the whole group."""
    return as_json or (ctx.parent is not None and bool(ctx.parent.params.get("as_json")))


@subset.command("list")
@_json_option
@click.pass_context
def list_subsets(ctx: click.Context, as_json: bool) -> None:
    """List the subsets there are.

    \b
    rawkit subset list
    """  # noqa: D301 - click takes the backspace itself
    _print_list(ctx.obj, as_json=_wants_json(ctx, as_json=as_json))


@subset.command("show")
@click.argument("name")
@_json_option
@click.pass_context
def show_subset(ctx: click.Context, name: str, as_json: bool) -> None:
    """Say how the subset NAME was made, what it takes, and how its pairs are spread.

    \b
    rawkit subset show f0.4
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.subset import load_subset

    workspace: Workspace = ctx.obj
    one = load_subset(workspace.subset(name))
    weights = weights_of(one, workspace)
    if _wants_json(ctx, as_json=as_json):
        print_json(described(one, weights))
        return
    click.echo(f"{workspace.subset(name)}: made {one.created}, of {', '.join(sorted(one.stores))}")
    click.echo(described_text(one, weights))


@subset.command("diff")
@click.argument("first")
@click.argument("second")
@_json_option
@click.pass_context
def diff_subsets(ctx: click.Context, first: str, second: str, as_json: bool) -> None:
    """Say which frames only FIRST has, only SECOND, and both.

    \b
    rawkit subset diff f0.4 f0.7
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.subset import compare_subsets, load_subset

    workspace: Workspace = ctx.obj
    one, other = (load_subset(workspace.subset(name)) for name in (first, second))
    told = difference(compare_subsets(one, other))
    if _wants_json(ctx, as_json=as_json):
        print_json(told)
    else:
        click.echo(difference_text(first, second, told))
