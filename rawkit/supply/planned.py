"""What an order comes to: the source is scanned, and frames are put into their order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rawkit.catalog import open_collection
from rawkit.errors import UsageError
from rawkit.ingest import plan_ingest
from rawkit.progress import SILENT
from rawkit.source import Transfer
from rawkit.store import Store, is_store
from rawkit.supply.counted import CountedSource
from rawkit.supply.messages import Wanted
from rawkit.supply.order import arrange

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawkit.catalog import Entry
    from rawkit.ingest import IngestPlan
    from rawkit.progress import Progress
    from rawkit.supply.messages import Order
    from rawkit.supply.order import Arranged


def planned(
    order: Order, progress: Progress, count: Callable[[int], None], *, remember: bool = True
) -> tuple[IngestPlan, Arranged]:
    """Scan the source of an order; returns what is to be done, in its order, and that order."""
    given = order.source[0] if len(order.source) == 1 else order.source
    # A server that is away is waited for by who calls, with a word at once: not in a request.
    opened = open_collection(order.definition, given, order.selection, Transfer())
    source = CountedSource(opened, count)
    plan = plan_ingest(
        order.definition, source, order.store, order.selection, progress, table=order.table,
        remember=remember,
    )  # fmt: skip
    streamed = any(
        one.streamed or (one.file is not None and source.sequential(one.file))
        for one in plan.wanted
    )
    if streamed and order.disk is not None:
        raise UsageError(
            "--disk with frames of an archive that can only be streamed",
            expected="a folder, a zip, or an uncompressed tar: single frames are fetched again",
            where=source.describe(), fix="Unpack it, or leave --disk out.",
        )  # fmt: skip
    bad = {one.name for one in plan.quarantined} | order.killers.keys()
    arranged = arrange(
        plan.selected, seed=order.seed, batch=order.batch, urgent=order.urgent, bad=bad,
        as_listed=streamed, read_alone=order.disk is not None,
    )  # fmt: skip
    wanted = {entry.frame.name for entry in plan.wanted}
    ordered = tuple(one for one in arranged.entries if one.frame.name in wanted)
    if order.disk is not None:
        names = {one.frame.name for one in arranged.entries}
        left = tuple(one for one in plan.quarantined if one.name in names)
        plan = replace(plan, selected=arranged.entries, quarantined=left)
    return replace(plan, wanted=ordered), arranged


def preview(order: Order, progress: Progress = SILENT) -> Wanted:
    """Say what an order comes to; nothing is written.

    Raises what `plan_ingest` raises.
    """
    return wanted_of(*planned(order, progress, lambda _: None, remember=False))


def without_those_there(plan: IngestPlan) -> IngestPlan:
    """Leave out what has been committed in the meantime."""
    have = {row.name for row in Store(plan.store).rows} if is_store(plan.store) else set()
    return replace(plan, wanted=tuple(one for one in plan.wanted if one.frame.name not in have))


def wanted_of(plan: IngestPlan, arranged: Arranged) -> Wanted:
    """Say what a plan and its order come to."""
    sizes = {entry.frame.name: stored_bytes(entry) for entry in plan.wanted}
    first = {one for name in arranged.first for one in (name, arranged.longs[name])}
    return Wanted(
        train=arranged.train,
        val=arranged.val,
        longs=arranged.longs,
        first=arranged.first,
        first_bytes=sum(sizes.get(name, 0) for name in first),
        frames=len(plan.selected),
        pairs=arranged.counts,
        here=plan.already,
        bytes_in=sum(sizes.values()),
        left_out=tuple((one.name, one.kind, one.reason) for one in plan.left_out),
    )


def stored_bytes(entry: Entry) -> int:
    """Bytes of a raw file, as it is stored where it lies."""
    return entry.frame.size_bytes if entry.file is None else entry.file.stored
