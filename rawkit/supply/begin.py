"""Beginning an ingest beside a training, before anything heavy is loaded for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.catalog import (
    load_definition,
    remember_definition,
    remembered_definition,
)
from rawkit.errors import UsageError
from rawkit.supply.memory import share_memory
from rawkit.supply.messages import Order
from rawkit.supply.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rawkit.supply.record import Record
    from rawkit.workspace import Workspace


def begin_supply(
    workspace: Workspace,
    record: Record,
    *,
    named: str | None = None,
    urgent: Iterable[str] = (),
    max_ram: int,
    say: Callable[[str], None] = lambda _: None,
) -> Supply:
    """Begin an ingest of what a run needs, in a process of its own.

    `named` is how the collection was asked for, a name or a TOML of one's own; None: as the
    workspace remembers it, for a run that is taken up again, which waits for its source from the
    first. `urgent` are the names of dark frames that come before all others.

    Raises
    ------
    DefinitionError, MissingError
        If there is no such collection.
    UsageError
        If the selection takes no pairs.
    """
    order = order_of(workspace, record, named=named, urgent=urgent, max_ram=max_ram)
    if named is not None:
        remember_definition(named, workspace.definition(record.collection))
    return Supply(order, say)


def order_of(
    workspace: Workspace,
    record: Record,
    *,
    named: str | None = None,
    urgent: Iterable[str] = (),
    max_ram: int,
) -> Order:
    """Return what is to be fetched for a run; see `begin_supply`."""
    definition = (
        load_definition(named)
        if named is not None
        else remembered_definition(record.collection, workspace.definition(record.collection))
    )
    if record.selection.role is not None:
        raise UsageError(
            f"--role {record.selection.role} with a training",
            expected="dark frames and their longs",
        )
    return Order(
        definition=definition,
        source=record.source or (str(workspace.data(record.collection)),),
        selection=record.selection,
        store=workspace.store(record.collection),
        table=workspace.catalog(record.collection),
        staging=workspace.staging,
        seed=record.seed,
        batch=record.batch,
        threads=share_memory(max_ram).threads,
        urgent=tuple(urgent),
        patient=named is None,
    )
