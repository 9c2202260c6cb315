"""Beginning an ingest beside a training, before anything heavy is loaded for it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rawkit.catalog import (
    load_definition,
    remember_definition,
    remembered_definition,
    selection_of,
)
from rawkit.errors import UsageError
from rawkit.supply.memory import (
    BATCH_SIZE,
    RECIPE_BATCHES,
    check_alone,
    leads_here,
    share_memory,
)
from rawkit.supply.messages import Order
from rawkit.supply.notes import NOTES, read_notes
from rawkit.supply.record import Record, read_record
from rawkit.supply.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

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
    share = share_memory(max_ram)
    return Order(
        definition=definition,
        source=record.source or (str(workspace.data(record.collection)),),
        selection=record.selection,
        store=workspace.store(record.collection),
        table=workspace.catalog(record.collection),
        staging=workspace.staging,
        seed=record.seed,
        batch=record.batch,
        threads=share.threads,
        eager=share.eager,
        urgent=tuple(urgent),
        patient=named is None,
        disk=record.disk,
    )


def record_of(
    collection: str,
    source: tuple[str, ...],
    filters: Mapping[str, Any],
    changes: Mapping[str, Any],
    recipe: str | None = None,
    disk: int | None = None,
) -> Record:
    """Return what a run is to remember of what is asked for.

    `filters` are those of `rawkit.catalog.selection_of`, `changes` the settings of the training
    that are not to have their defaults, `disk` is the bytes that the store's frames may take.

    Raises
    ------
    DefinitionError, MissingError, UsageError
        If there is no such collection or filter.
    """
    definition = load_definition(collection)
    return Record(
        collection=definition.name,
        source=source,
        selection=selection_of(**filters, definition=definition),
        seed=int(changes.get("seed", 0)),
        batch=int(changes.get("batch_size", RECIPE_BATCHES.get(recipe or "", BATCH_SIZE))),
        changes=dict(changes),
        recipe=recipe,
        disk=disk,
    )


@contextmanager
def start_supply(
    workspace: Workspace,
    record: Record | None = None,
    *,
    folder: Path | None = None,
    named: str | None = None,
    max_ram: int,
    disk: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Supply | None]:
    """Begin an ingest in the first process alone; it is ended if the block fails.

    `disk` takes the place of the bytes that the run was begun with.

    Yields
    ------
    Supply | None
        The ingest: for a `record`, or for the run in `folder`; None in other processes, and for a
        run that is a replay.

    Raises
    ------
    UsageError
        If there are several processes and a budget of bytes.
    """
    urgent: tuple[str, ...] = ()
    if record is None and folder is not None:
        record = read_record(folder)
        record = record if disk is None else replace(record, disk=disk)
        noted = read_notes(folder / NOTES).generations
        urgent = tuple(noted[-1].digests) if noted else ()
    if record is not None and record.disk is not None:
        check_alone()
    if record is None or record.replay or not leads_here():
        yield None
        return
    supply = begin_supply(
        workspace, record, named=named, urgent=urgent, max_ram=max_ram, say=say
    )  # fmt: skip
    try:
        yield supply
    except BaseException:
        supply.close()
        raise
