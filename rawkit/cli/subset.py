"""``rawkit subset``: a reproducible, nested choice of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rawkit.cli._group import NAMES
from rawkit.cli._print import print_json, table

if TYPE_CHECKING:
    from rawkit.subset import Subset
    from rawkit.workspace import Workspace


@click.command()
@click.option(
    "--fraction",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Share of the training scenes.",
)
@click.option("--name", help="Name of the subset.  [default: f and the fraction, such as f0.4]")
@click.option("--store", type=NAMES, help="Only these stores.  [default: all of the workspace]")
@click.option("--seed", type=int, default=0, show_default=True, help="Which scenes come first.")
@click.option("--refresh", is_flag=True, help="Make a saved subset anew.")
@click.option("--list", "list_only", is_flag=True, help="List the subsets there are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def subset(
    workspace: Workspace,
    fraction: float,
    name: str | None,
    store: tuple[str, ...] | None,
    seed: int,
    refresh: bool,
    list_only: bool,
    as_json: bool,
) -> None:
    """Choose a share of the training scenes, over all stores.

    Whole scenes of the training split are kept or left, for each collection and camera; val and
    test stay whole. With one seed 0.1 lies within 0.4 lies within 1.0. `rawkit train` uses the
    newest subset. A saved subset changes only with --refresh.

    \b
    rawkit subset --fraction 0.4
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.subset import load_subset, make_subset

    if list_only:
        found = [load_subset(path) for path in workspace.subsets()]
        if as_json:
            print_json([_summary(one) for one in found])
        else:
            rows = [list(_summary(one).values()) for one in found]
            columns = ("name", "fraction", "seed", "created", "stores", "train", "val", "test")
            click.echo(table(columns, rows))
        return
    stores = [workspace.find_store(one) for one in store] if store else workspace.stores()
    made, is_new = make_subset(
        workspace, stores, fraction=fraction, seed=seed, name=name, refresh=refresh
    )
    if as_json:
        print_json({**_summary(made), "new": is_new, "balance": made.balance()})
        return
    state = "saved" if is_new else "there already, unchanged (--refresh makes it anew)"
    scenes = {(one.collection, one.scene) for one in made.pairs("train")}
    click.echo(f"{workspace.subset(made.name)}: {state}")
    click.echo(f"{len(scenes)} training scenes, fraction {made.fraction:g}, seed {made.seed}\n")
    headers = ("collection", "camera", "ISO", "ratio", "train", "val", "test")
    click.echo(table(headers, made.balance()))


def _summary(one: Subset) -> dict[str, Any]:
    return {
        "name": one.name,
        "fraction": one.fraction,
        "seed": one.seed,
        "created": one.created,
        "stores": sorted(one.stores),
        **{split: len(one.pairs(split)) for split in ("train", "val", "test")},
    }
