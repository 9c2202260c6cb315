"""Runs of a workspace: from names to settings, data and folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.errors import MissingError, SelectionError
from rawkit.stream import pair_sources
from rawkit.subset import load_subset, make_subset, newest_subset, open_stores
from rawkit.train.checkpoint import load_checkpoint
from rawkit.train.loop import BEST, LAST, TrainData
from rawkit.workspace import listed

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.subset import Subset
    from rawkit.train.checkpoint import TrainState
    from rawkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run to go on with."""

    folder: Path
    """The run's folder."""
    state: TrainState
    """Where it stands."""


def choose_subset(workspace: Workspace, name: str | None) -> Subset:
    """Return the named subset, or the newest; without any, one of all there is.

    Raises
    ------
    MissingError
        If there is no subset of that name, or no store at all.
    """
    if name is not None:
        return load_subset(workspace.subset(name))
    newest = newest_subset(workspace)
    if newest is not None:
        return newest
    return make_subset(workspace, workspace.stores(), fraction=1.0)[0]


def open_data(subset: Subset, workspace: Workspace) -> TrainData:
    """Locate the pairs of a subset; the val split may be empty."""
    stores = open_stores(subset, workspace)
    train = pair_sources(subset, stores, "train")
    try:
        val = pair_sources(subset, stores, "val")
    except SelectionError:
        val = []
    return TrainData(train, val)


def new_run_name(workspace: Workspace, subset: str, network: str) -> str:
    """Name a run after its subset and network, with the next free number."""
    number = 1
    while workspace.run(f"{subset}-{network}-{number:03d}").exists():
        number += 1
    return f"{subset}-{network}-{number:03d}"


def find_run(workspace: Workspace, name: str | None) -> Resumed:
    """Return the named run, or the newest, to go on with.

    Raises
    ------
    MissingError
        If there is none.
    """
    runs = workspace.runs()
    folder = workspace.run(name) if name else (runs[-1] if runs else None)
    if folder is None or not (folder / LAST).is_file():
        raise _no_run(workspace, name)
    return Resumed(folder, load_checkpoint(folder / LAST))


def newest_weights(workspace: Workspace) -> Path:
    """Best weights of the newest run; its last ones where none were validated.

    Raises
    ------
    MissingError
        If there is no run.
    """
    runs = workspace.runs()
    if not runs:
        raise _no_run(workspace, None)
    return weights_in(runs[-1])


def weights_of_run(workspace: Workspace, name: str) -> Path:
    """Best weights of a run; its last ones where none were validated.

    Raises
    ------
    MissingError
        If there is no such run.
    """
    folder = workspace.run(name)
    if not (folder / LAST).is_file():
        raise _no_run(workspace, name)
    return weights_in(folder)


def weights_in(folder: Path) -> Path:
    """Best weights in the folder of a run; its last ones where none were validated."""
    best = folder / BEST
    return best if best.is_file() else folder / LAST


def _no_run(workspace: Workspace, name: str | None) -> MissingError:
    return MissingError(
        f"no run {name}" if name else "no run",
        expected=f"one of: {listed(run.name for run in workspace.runs())}",
        where=workspace.root / "runs",
        fix="`rawkit train` makes one; or name --weights." if name is None else None,
    )
