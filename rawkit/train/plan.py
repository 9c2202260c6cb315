"""What a training will be, settled before it starts: frames, settings, folder and memory.

`plan_training` begins a run and `resume_training` goes on with one; `run_training` does what either
has planned. Nothing is written before that, but a first subset where a workspace has none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawkit import __version__
from rawkit.catalog import Selection
from rawkit.errors import TrainingError, UsageError
from rawkit.progress import SILENT
from rawkit.store import lean_memory
from rawkit.stream import check_crop, shapes_of
from rawkit.train.choices import MAX_RAM, resumed_settings, settings_for, wants_raw, wants_shorts
from rawkit.train.data import check_balance, plan_settings
from rawkit.train.devices import PATIENCE, gathered, leave, make_fabric, ranks_here, together
from rawkit.train.loop import Trainer
from rawkit.train.memory import check_memory
from rawkit.train.runs import (
    check_new_run,
    choose_subset,
    find_run,
    new_run_name,
    open_data,
    reopen_data,
    select_frames,
    weights_named,
)
from rawkit.train.start import with_start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lightning_fabric import Fabric

    from rawkit.locations import Location
    from rawkit.models import MemoryPlan
    from rawkit.progress import Progress
    from rawkit.stream import ChunkCache, Keeper
    from rawkit.train.checkpoint import TrainState
    from rawkit.train.data import TrainData
    from rawkit.train.identity import DataIdentity
    from rawkit.train.live import Live
    from rawkit.train.report import TrainReport
    from rawkit.train.settings import TrainSettings
    from rawkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class FrameChoice:
    """Frames to train on without a saved subset."""

    stores: tuple[Location, ...]
    """Stores to choose from."""
    fraction: float = 1.0
    """Share of the training scenes, above 0 and at most 1."""
    selection: Selection = Selection()  # noqa: RUF009 - frozen
    """Filters."""


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """A training that is ready to start."""

    folder: Location
    """The run's folder; it does not exist yet unless the run is resumed."""
    settings: TrainSettings
    """All that decides it, besides the data."""
    data: TrainData
    """Pairs to train and to validate on."""
    memory: MemoryPlan
    """What each process will take."""
    state: TrainState | None = None
    """Where a resumed run stands; None for a new one."""
    digest: str = ""
    """SHA-256 of the checkpoint that it is resumed from, hexadecimal; empty for a new one."""
    live: Live | None = None
    """What lands beside it; None where all is there."""
    fabric: Fabric | None = None
    """Device and processes, where they have met already."""
    keeper: Keeper | None = None
    """What has frames come and go while they land, where the store holds only so much."""


def plan_training(
    workspace: Workspace,
    chosen: str | FrameChoice | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    recipe: str | None = None,
    name: str | None = None,
    max_ram: int = MAX_RAM,
) -> TrainPlan:
    """Settle a new run.

    Parameters
    ----------
    workspace
        Where stores, subsets and runs lie.
    chosen
        Name of a subset, or a choice of frames; the newest subset, or all there is, if None.
    changes
        Fields of `TrainSettings` that are not to have their defaults; `m` stands for the multiple
        of the estimated amplification. What is not named follows from the recipe and the data.
    recipe
        Name of a published training.
    name
        Name of the run; a new one if None.
    max_ram
        Bytes that each process may use. Batches are cut into the fewest pieces that fit unless
        `accumulate` is among the changes.

    Raises
    ------
    MissingError
        If there is no such subset, or no store.
    SelectionError
        If no pair is left to train on.
    StoreError
        If a store does not hold what its subset names.
    UsageError
        If the settings make no sense together, do not fit into the memory, or the run is there
        already.
    """
    asked = with_start(located_start(workspace, changes or {}), recipe)
    with lean_memory():
        kind = {"raw": wants_raw(asked, recipe), "shorts": wants_shorts(asked)}
        subset, data = _opened(workspace, chosen, **kind)
    ranks = ranks_here()
    settings = settings_for(subset, data, asked, recipe, max_ram, ranks)
    folder = workspace.run(name or new_run_name(workspace, subset, settings.network))
    check_new_run(folder)
    return checked(TrainPlan(folder, settings, data, check_memory(settings, data, max_ram,
                                                                   ranks=ranks)))  # fmt: skip


def _opened(
    workspace: Workspace, chosen: str | FrameChoice | None, **kind: Any
) -> tuple[str, TrainData]:
    """Choose frames and locate them; returns the name of the subset, and its pairs."""
    if isinstance(chosen, FrameChoice):
        subset = select_frames(
            workspace, chosen.stores, fraction=chosen.fraction, selection=chosen.selection
        )
    else:
        subset = choose_subset(workspace, chosen)
    named = not isinstance(chosen, FrameChoice)
    return subset.name, open_data(subset, workspace, named=named, **kind)


def resume_training(
    workspace: Workspace,
    name: str | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    recipe: str | None = None,
    subset: str | None = None,
    chosen: Mapping[str, Any] | None = None,
    max_ram: int = MAX_RAM,
) -> TrainPlan:
    """Go on with a run where it stands: the named one, or the newest.

    `changes` may name steps, rate and pieces; anything else, recipe and subset must be what the
    run was begun with, and so must `chosen`: the fraction and the filters, by their names, as far
    as they are named again.

    Raises
    ------
    MissingError
        If there is no such run, or its data is gone.
    UsageError
        If something else is asked for than the run was begun with; the message says what.
    WeightsError
        If its checkpoint cannot be used.
    """
    resumed = find_run(workspace, name)
    saved = resumed.state.settings
    if subset is not None and subset != saved.subset:
        raise other_data([f"--subset {subset} instead of {saved.subset}"])
    differ = _other_choice(chosen or {}, resumed.state.data)
    if differ:
        raise other_data(differ)
    settings = resumed_settings(saved, located_start(workspace, changes or {}), recipe)
    with lean_memory():
        data = reopen_data(resumed.state, workspace, resumed.folder)
    memory = check_memory(settings, data, max_ram, ranks=ranks_here())
    return checked(TrainPlan(resumed.folder, settings, data, memory, resumed.state, resumed.digest))


def located_start(workspace: Workspace, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes with the file of the weights to start from, where they name a run.

    Raises
    ------
    MissingError
        If there is neither such a file nor such a run.
    """
    values = dict(changes)
    if values.get("init"):
        values["init"] = str(weights_named(workspace, str(values["init"])))
    return values


def _other_choice(chosen: Mapping[str, Any], data: DataIdentity | None) -> list[str]:
    """Name what is chosen otherwise than a run has noted it."""
    rules = {} if data is None else data.rules
    noted = {"fraction": rules.get("fraction"), **rules.get("selection", {})}
    plain = json.loads(json.dumps(dict(chosen)))
    return [
        f"{name} {json.dumps(value)} instead of {json.dumps(noted.get(name))}"
        for name, value in plain.items()
        if noted.get(name) != value
    ]


def other_data(given: Sequence[str]) -> UsageError:
    """Return the error for options that would resume a run on other frames."""
    return UsageError(
        f"other data with --resume: {', '.join(given)}",
        expected="the frames the run was begun with",
        fix="Begin another run to change them.",
    )


def run_training(
    plan: TrainPlan,
    *,
    threads: int = 2,
    device: str = "auto",
    cache: ChunkCache | None = None,
    keeper: Keeper | None = None,
    keep: int = 3,
    board: bool = False,
    validate_every: int | None = None,
    max_seconds: float | None = None,
    patience: float = PATIENCE,
    progress: Progress = SILENT,
    told: Callable[[str], None] | None = None,
) -> TrainReport:
    """Train as planned, until done or interrupted; what is learned is saved either way.

    Parameters
    ----------
    plan
        Of `plan_training` or `resume_training`.
    threads
        Threads that read.
    device
        ``auto``, ``cpu`` or ``cuda``.
    cache
        Keeps what is read of stores elsewhere.
    keeper
        Of `disk_training`, where the store cannot hold all.
    keep
        Checkpoints to keep beside the best one.
    board
        Whether to write the metrics for TensorBoard too.
    validate_every
        Steps between validations; a tenth of all steps if None.
    max_seconds
        When to stop at the latest.
    patience
        Seconds that one process waits for another before it takes it for gone.
    progress
        Told of steps.
    told
        Told in words what the training waits for, where it is not data.

    Raises
    ------
    OutputError, StoreUnreachableError
        If the run's folder cannot be written.
    StoreDamagedError
        If a shard is damaged.
    TrainingError
        If the loss is no longer a number; or processes do not agree on what is to be done, or
        one has gone.
    UsageError
        If there is no such device.
    """
    try:
        with together(plan.folder):
            fabric = plan.fabric or make_fabric(device, plan.settings.precision, patience=patience)
            _check_agreed(plan)
            trainer = Trainer(
                plan.settings,
                plan.data,
                plan.folder,
                threads=threads,
                fabric=fabric,
                keep=keep,
                board=board,
                cache=cache,
                keeper=keeper or plan.keeper,
                live=plan.live,
                told=told,
            )
            if plan.state is not None:
                trainer.resume(plan.state)
            return trainer.run(
                validate_every=validate_every or max(1, plan.settings.steps // 10),
                max_seconds=max_seconds,
                progress=progress,
            )
    finally:
        if plan.live is not None:
            plan.live.close()
        leave()


def _check_agreed(plan: TrainPlan) -> None:
    """Refuse to train where the processes have not planned the same, each on its machine."""
    identity = plan.data.identity
    mine = {
        "version of rawkit": __version__,
        "settings": plan.settings.as_dict(),
        "frames": None if identity is None else dict(identity.content),
        "checkpoint": plan.digest,
    }
    first, *others = gathered(mine)
    for rank, other in enumerate(others, start=1):
        differ = [what for what, value in first.items() if other[what] != value]
        if differ:
            raise TrainingError(
                f"another {' and another '.join(differ)} in process {rank} than in process 0",
                expected="the same in all processes",
                where=plan.folder,
                fix="Give the same command on all machines, with stores and runs that all see.",
            )


def checked(plan: TrainPlan) -> TrainPlan:
    """Return a plan whose balance and crops make sense with its data.

    Raises
    ------
    UsageError
        If they do not.
    """
    check_balance(plan.data, plan.settings)
    check_crop(shapes_of(plan.data.train), plan_settings(plan.settings))
    return plan
