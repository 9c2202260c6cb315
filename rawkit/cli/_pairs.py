"""What ``rawkit verify --pairs`` does and prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._filters import selection_of
from rawkit.cli._print import table as text_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.locations import Location
    from rawkit.pairing import CheckedPair
    from rawkit.workspace import Workspace

LIMITS = ("max_shift", "max_moved", "max_exposure_error", "min_light", "max_clipped")
"""Options that say from when on a pair is bad."""


def checked_pairs(
    path: Location, workspace: Workspace, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Compare the pairs of a store, write list and page; returns what to print."""
    from rawkit.pairing import PairLimits, verify_pairs, write_page
    from rawkit.store import Store

    store = Store(path)
    table = workspace.bad_pairs(store.collection)
    progress = TerminalProgress()
    limits = {name: options[name] for name in LIMITS if options[name] is not None}
    report = verify_pairs(
        store,
        table,
        selection=selection_of(options),
        limits=PairLimits(**limits),
        workers=options["workers"],
        max_ram=options["max_ram"],
        progress=progress,
    )
    bad, page = report.bad(), table.with_suffix(".html")
    shown = [*bad, *(report.unsure() if options["unsure"] else ())]
    most = options["pictures"]
    if shown and most:
        left_out = max(0, len(shown) - most)
        write_page(page, f"Pairs of {store.collection}", shown[:most], left_out=left_out,
                   progress=progress)  # fmt: skip
    return {
        "store": str(path),
        "pairs": len(report.pairs),
        "measured_before": report.kept,
        "bad": [_told(one) for one in bad],
        "unsure": [_told(one) for one in report.unsure()],
        "damaged": [{"frame": name, "reason": reason} for name, reason in report.damaged],
        "list": str(report.table),
        "listed": report.listed,
        "page": str(page) if shown and most else None,
    }


def _told(one: CheckedPair) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "frame": one.pair.short.name,
        "long": one.pair.long.name,
        "reasons": list(one.verdict.reasons),
        "cannot_tell": list(one.verdict.unsure),
        "text": one.verdict.text,
        "gain_by_exif": one.pair.gain_ratio,
        **asdict(one.measured),
    }


def print_pairs(told: Mapping[str, Any], *, unsure: bool) -> None:
    """Print what was found for people."""
    bad, doubtful = told["bad"], told["unsure"]
    click.echo(
        f"{told['store']}: {told['pairs']} pairs compared, {len(bad)} bad, of {len(doubtful)} "
        "not everything can be told"
    )
    shown = [*bad, *(doubtful if unsure else ())]
    if shown:
        rows = [(one["frame"], ", ".join(one["reasons"]) or "-", one["text"]) for one in shown]
        click.echo(text_table(("frame", "bad for", "what was found"), rows))
    for one in told["damaged"]:
        click.echo(f"not compared: {one['frame']}: {one['reason']}")
    click.echo(f"{told['list']}: {told['listed']} pairs that --without-excluded leaves out")
    if told["page"]:
        click.echo(f"{told['page']}: pictures")
