"""A training beside which frames land, as a notebook asks for it."""

from __future__ import annotations

from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from rawkit.errors import UsageError
from rawkit.supply import live_run, record_of, start_supply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawkit.progress import Progress
    from rawkit.train import TrainPlan
    from rawkit.workspace import Workspace


def plan_beside(
    workspace: Workspace,
    collection: str | None,
    settings: Mapping[str, Any],
    *,
    source: str | PathLike[str] | Sequence[str] | None = None,
    replay: str | None = None,
    filters: Mapping[str, Any] | None = None,
    resume: bool = False,
    recipe: str | None = None,
    name: str | None = None,
    disk: int | None = None,
    max_ram: int,
    device: str,
    progress: Progress,
) -> TrainPlan | None:
    """Settle a training beside which frames land, or have landed; None if none is asked for.

    `disk` is the bytes that the store's frames may take; a replay is only planned as if it were
    whole, see `rawkit.train.disk_training`.

    Raises
    ------
    RawkitError
        As `rawkit.train.plan_live`, `resume_live` and `plan_replay` do.
    UsageError
        If what is given makes no sense together.
    """
    folder = live_run(workspace, name) if resume else None
    beside = source is not None and (disk is None or collection is not None)
    if sum((beside, replay is not None, resume)) > 1:
        raise UsageError("several of source, replay and resume", expected="one of them")
    if filters and source is None:
        raise UsageError("filters without a source", expected="the name of a subset")
    common: dict[str, Any] = {"max_ram": max_ram, "device": device}
    # Each ingest begins before the package is imported that loads torch.
    if replay is not None:
        from rawkit.train import FETCHING, plan_replay  # noqa: PLC0415

        if disk is not None:
            common["max_ram"] -= FETCHING
        return plan_replay(workspace, replay, name=name, **common)
    if folder is not None:
        with start_supply(workspace, folder=folder, max_ram=max_ram, disk=disk) as supply:
            from rawkit.train import resume_live  # noqa: PLC0415

            return resume_live(
                workspace, folder, supply, settings, recipe=recipe, progress=progress, **common
            )
    if source is None or not beside:
        return None
    if collection is None:
        raise UsageError("a source without a collection", expected="what lies there, such as mid")
    given = (fspath(source),) if isinstance(source, str | PathLike) else tuple(source)
    record = record_of(collection, given, filters or {}, settings, recipe, disk)
    with start_supply(workspace, record, named=collection, max_ram=max_ram) as supply:
        from rawkit.train import plan_live  # noqa: PLC0415

        return plan_live(workspace, record, supply, name=name, progress=progress, **common)
