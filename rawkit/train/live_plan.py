"""Settling a training whose frames land beside it: begun, taken up again, or replayed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rawkit.errors import MissingError, RawkitError, TrainingError, UsageError, WeightsError
from rawkit.progress import SILENT
from rawkit.store import FORMAT, VERSION
from rawkit.supply import (
    NOTES,
    RECORD,
    located,
    read_notes,
    read_record,
    run_folder,
    share_memory,
)
from rawkit.train.checkpoint import LAST, load_checkpoint
from rawkit.train.choices import (
    MAX_RAM,
    resumed_settings,
    settings_for,
    wants_clips,
    wants_raw,
    wants_shorts,
)
from rawkit.train.data import TrainData, plan_settings
from rawkit.train.devices import make_fabric, ranks_here
from rawkit.train.disk import group_for
from rawkit.train.identity import DataIdentity
from rawkit.train.live import Live, wait_for_scan
from rawkit.train.loop import SETTINGS
from rawkit.train.memory import check_memory
from rawkit.train.mending import refuse_mending
from rawkit.train.plan import TrainPlan, checked
from rawkit.train.recipes import find_recipe
from rawkit.train.runs import check_new_run, new_run_name
from rawkit.train.settings import TrainSettings, settings_of
from rawkit.train.shorts import refuse_shorts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lightning_fabric import Fabric

    from rawkit.progress import Progress
    from rawkit.supply import Record, Supply
    from rawkit.workspace import Workspace


def plan_live(
    workspace: Workspace,
    record: Record,
    supply: Supply | None,
    *,
    name: str | None = None,
    folder: Path | None = None,
    max_ram: int = MAX_RAM,
    device: str = "auto",
    progress: Progress = SILENT,
    say: Callable[[str], None] = lambda _: None,
) -> TrainPlan:
    """Settle a new run on frames that land beside it; returns once those of a batch are there.

    Parameters
    ----------
    workspace
        Where store and run lie.
    record
        What is asked for.
    supply
        The ingest, begun; None in all processes but the first.
    name
        Name of the run; a new one if None.
    folder
        That of a run that was ended before its first step, to begin it again.
    max_ram
        Bytes that all processes of one training may use, the ingest included.
    device
        As in `run_training`.
    progress, say
        Told of what is waited for.

    Raises
    ------
    RawkitError
        As `plan_training` and an ingest do.
    UsageError
        If clips are asked for.
    """
    if wants_clips(record.changes, record.recipe):
        raise UsageError(
            "clips of frames that are still to land",
            expected="a store into which the videos have been ingested",
            fix="Ingest them first, and train without a collection.",
        )
    if wants_raw(record.changes, record.recipe):
        raise UsageError(
            "a training from raw to raw on frames that are still to land",
            expected="a store into which they have been ingested",
            fix="Ingest them first, and train without a collection.",
        )
    refuse_shorts(
        made=wants_shorts(record.changes) != "real", what="of longs that are still to land"
    )
    refuse_mending(asked=bool(record.changes.get("mend")), what="on frames that are still to land")
    fabric = _meet(record, device)
    if supply is not None:
        if folder is None:
            folder = run_folder(workspace, name or new_run_name(workspace, record.collection,
                                                        _network(record)))  # fmt: skip
            check_new_run(folder, RECORD)
        record = _scanned(supply, record, folder, progress)
    record, folder = _shared(fabric, (record, folder))
    notes = _shared(fabric, read_notes(folder / NOTES) if supply is not None else None)
    notes.writes = supply is not None
    live = Live(folder, record, notes, workspace.store(record.collection), supply, say)
    found = live.wait_for_first(progress) if supply is not None else {}
    if not notes.generations:
        notes.add(_shared(fabric, found))
    data = _data(live)
    budget = max_ram - share_memory(max_ram).ingest
    ranks = ranks_here()
    settings = settings_for(record.collection, data, record.changes, record.recipe, budget, ranks)
    if record.disk is not None:
        settings = replace(settings, group=shared_disk(live, record, ranks))
    live.begin(settings, plan_settings(settings), fabric)
    return checked(
        TrainPlan(
            folder, settings, data, check_memory(settings, data, budget, ranks=ranks),
            live=live, fabric=fabric, keeper=live.keep_within(settings.steps),
        )
    )  # fmt: skip


def resume_live(
    workspace: Workspace,
    folder: Path,
    supply: Supply | None,
    changes: Mapping[str, Any] | None = None,
    *,
    recipe: str | None = None,
    max_ram: int = MAX_RAM,
    device: str = "auto",
    progress: Progress = SILENT,
    say: Callable[[str], None] = lambda _: None,
) -> TrainPlan:
    """Go on with a run and the ingest beside it, where both stand.

    Raises
    ------
    RawkitError
        As `resume_training` does; if pairs that the run has drawn from are neither in the store nor
        land again.
    """
    record = read_record(folder)
    if not (folder / LAST).is_file() and record.replay:
        return plan_replay(workspace, record.replay, folder=folder, max_ram=max_ram, device=device)
    if not (folder / LAST).is_file():
        asked = {**record.changes, **(changes or {})}
        return plan_live(
            workspace, replace(record, changes=asked, recipe=recipe or record.recipe), supply,
            folder=folder, max_ram=max_ram, device=device, progress=progress, say=say,
        )  # fmt: skip
    fabric = _meet(record, device)
    state = load_checkpoint(folder / LAST)
    settings = resumed_settings(state.settings, changes or {}, recipe)
    notes = _shared(fabric, read_notes(folder / NOTES))
    notes.writes = fabric is None or fabric.is_global_zero
    live = Live(folder, record, notes, workspace.store(record.collection), supply, say)
    if not notes.generations:
        raise TrainingError(
            "a run without notes of what it has drawn from", where=folder / NOTES,
            expected="those it has written", fix="Begin another run.",
        )  # fmt: skip
    if supply is not None:
        live.wait_for_first(progress)
    if fabric is not None:
        fabric.barrier()
    data = _data(live)
    budget = max_ram if record.replay else max_ram - share_memory(max_ram).ingest
    live.begin(settings, plan_settings(settings), fabric)
    memory = check_memory(settings, data, budget, ranks=ranks_here())
    return checked(
        TrainPlan(
            folder, settings, data, memory, state, live=live, fabric=fabric,
            keeper=live.keep_within(settings.steps),
        )
    )  # fmt: skip


def plan_replay(
    workspace: Workspace,
    replayed: str,
    *,
    name: str | None = None,
    folder: Path | None = None,
    max_ram: int = MAX_RAM,
    device: str = "auto",
) -> TrainPlan:
    """Settle a run that draws from a finished store what another has drawn while frames landed.

    Raises
    ------
    MissingError
        If there is no such run, or it is not one beside which an ingest went on.
    TrainingError
        If the store lacks a pair that it has drawn from, or has another of that name.
    """
    origin = run_folder(workspace, replayed)
    if not (origin / RECORD).is_file() or not (origin / SETTINGS).is_file():
        raise MissingError(
            f"no run {replayed} with notes of what it has drawn from",
            expected="one begun by `rawkit train COLLECTION`, and past its first step",
            where=origin,
        )
    record = replace(read_record(origin), replay=replayed, source=(), disk=None)
    settings = _settings_in(origin)
    fabric = _meet(record, device, settings)
    noted = read_notes(origin / NOTES)
    leads = fabric is None or fabric.is_global_zero
    if folder is None:
        named = name or new_run_name(workspace, record.collection, settings.network)
        folder = _shared(fabric, run_folder(workspace, named))
        if leads:
            check_new_run(folder, RECORD)
    live = Live(folder, record, noted, workspace.store(record.collection), None)
    data = _data(live)  # says what is missing before anything is written
    for one in noted.generations:
        located(one.digests, live.find, str(noted.path))
    if leads:
        record.save(folder)
        live.notes = noted.copy_to(folder / NOTES)
    live.begin(settings, plan_settings(settings), fabric)
    memory = check_memory(settings, data, max_ram, ranks=ranks_here())
    return checked(TrainPlan(folder, settings, data, memory, live=live, fabric=fabric))


def _scanned(supply: Supply, record: Record, folder: Path, progress: Progress) -> Record:
    """Remember what is asked for, and what there is of it once that is known."""
    new = not folder.exists()
    record.save(folder)
    try:
        record = wait_for_scan(supply, record, progress)
    except RawkitError:
        if new:  # a mistake in what was asked for leaves nothing behind
            shutil.rmtree(folder)
        raise
    record.save(folder)
    return record


def _data(live: Live) -> TrainData:
    """Return the first generation as data, with how much there will be."""
    first = live.notes.generations[0]
    record = live.record
    rules = {"collection": record.collection, "seed": record.seed}
    identity = DataIdentity(
        rules, False, f"{FORMAT} {VERSION}", {"train": len(first.digests), "val": 0},  # noqa: FBT003 - a field
        {"train": first.mark, "val": ""},
    )  # fmt: skip
    pairs = located(first.digests, live.find, str(live.notes.path))
    return TrainData(
        pairs,
        [],
        identity,
        expected=max(len(record.train), len(pairs)),
        expected_longs=record.longs,
    )


def shared_disk(live: Live, record: Record, ranks: int) -> int | None:
    """Return how many pairs windows are shuffled among, so that a budget of bytes suffices.

    What frames take is known of the first that have landed; the others will be like them.

    Raises
    ------
    UsageError
        If the budget is too small; the text names about the smallest that works.
    """
    supply, disk = live.supply, record.disk
    if supply is None or disk is None:
        return None
    if ranks > 1:
        raise UsageError(f"--disk with {ranks} processes", expected="one process")
    pairs = list(live.there().values())
    longs = {pair.long: supply.size(pair.long) for pair in pairs}
    shorts = [sum(map(supply.size, pair.frames - {pair.long})) for pair in pairs]
    short, long = sum(shorts) / len(pairs), sum(longs.values()) / len(longs)
    kept = short * len(record.val) + long * record.val_longs
    whole = short * len(record.train) + long * record.longs
    room, least = disk - kept, 2 * (max(shorts) + max(longs.values()))
    if room < least:
        raise UsageError(
            f"--disk of {disk} bytes",
            expected=f"about {kept + least:.0f} at least: {len(record.val)} pairs to validate on, "
            "a pair that is read, and one that lands",
            fix="Give more, or choose fewer or smaller frames.",
        )
    return group_for(len(record.train), round(whole), round(room))


def _settings_in(folder: Path) -> TrainSettings:
    path = folder / SETTINGS
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"settings that cannot be read ({error})", expected="those of a run", where=path
        ) from error
    return settings_of(values, path)


def _network(record: Record) -> str:
    published = find_recipe(record.recipe).values if record.recipe else {}
    default = TrainSettings.__dataclass_fields__["network"].default
    return str(record.changes.get("network", published.get("network", default)))


def _meet(record: Record, device: str, settings: TrainSettings | None = None) -> Fabric | None:
    """Meet the other processes, if there are any: what lands is the first one's to say."""
    if ranks_here() == 1:
        return None
    published = find_recipe(record.recipe).values if record.recipe else {}
    precision = record.changes.get("precision", published.get("precision", "fp32"))
    return make_fabric(device, settings.precision if settings is not None else precision)


def _shared(fabric: Fabric | None, found: Any) -> Any:
    return found if fabric is None else fabric.broadcast(found, src=0)
