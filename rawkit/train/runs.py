"""Runs of a workspace: from names to settings, data and folders."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawkit.errors import MissingError, OutputError, SelectionError, WeightsError
from rawkit.files import sha256_of, write_atomically
from rawkit.locations import Url
from rawkit.stream import pair_sources, pairs_and_shorts_to_make, shorts_to_make
from rawkit.subset import (
    Limits,
    load_subset,
    make_subset,
    newest_subset,
    open_stores,
    selection_from,
    selection_values,
)
from rawkit.train.checkpoint import BEST, LAST, load_checkpoint
from rawkit.train.data import TrainData
from rawkit.train.devices import ranks_here
from rawkit.train.folder import RunFolder
from rawkit.train.identity import identify
from rawkit.workspace import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawkit.catalog import Selection
    from rawkit.locations import Location
    from rawkit.subset import Subset
    from rawkit.train.checkpoint import TrainState
    from rawkit.train.identity import DataIdentity
    from rawkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run to go on with."""

    folder: Location
    """The run's folder."""
    state: TrainState
    """Where it stands."""
    digest: str
    """SHA-256 of its last checkpoint, hexadecimal."""


_TAKEN = {
    "real": pair_sources, "synthetic": shorts_to_make, "both": pairs_and_shorts_to_make,
}  # fmt: skip
"""What is trained on, by where dark frames come from."""


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


def select_frames(
    workspace: Workspace, stores: Sequence[Location], *, fraction: float, selection: Selection
) -> Subset:
    """Choose frames as `rawkit subset` does, without saving the choice.

    Raises
    ------
    MissingError
        If there is no store.
    SelectionError
        If nothing passes, or no training pair is left.
    """
    return make_subset(workspace, stores, fraction=fraction, selection=selection, save=False)[0]


def open_data(
    subset: Subset,
    workspace: Workspace,
    *,
    named: bool = True,
    raw: bool = False,
    shorts: str = "real",
) -> TrainData:
    """Locate the pairs of a subset; the val split may be empty.

    Without `named` a checkpoint notes that the subset is to be made anew by its rules. With `raw`
    targets are the planes of longs. With `shorts` that are made, longs are trained on, alone or
    beside as many pairs; they are validated on where a split has no pairs.

    Raises
    ------
    MissingError
        If a store is gone.
    SelectionError
        If there is no pair to train on.
    StoreError
        If a store no longer holds a frame of the subset.
    """
    stores = open_stores(subset, workspace)
    train = _TAKEN[shorts](subset, stores, "train", raw=raw)
    val = None
    for taken in (pair_sources,) if shorts == "real" else (pair_sources, shorts_to_make):
        with suppress(SelectionError):
            val = taken(subset, stores, "val", raw=raw)
            break
    identity = identify({"train": train, "val": val}, stores, rules_of(subset), named=named)
    return TrainData(train, val or [], identity)


def rules_of(subset: Subset) -> dict[str, Any]:
    """Return how a subset was chosen, as plain values."""
    rules = {
        "fraction": subset.fraction,
        "seed": subset.seed,
        **asdict(subset.limits),
        "selection": selection_values(subset.selection),
        "stores": dict(subset.stores),
    }
    plain: dict[str, Any] = json.loads(json.dumps(rules))
    return plain


def subset_by_rules(rules: Mapping[str, Any], workspace: Workspace) -> Subset:
    """Choose the frames anew that `rules_of` told of.

    Raises
    ------
    MissingError
        If a store is gone.
    """
    return make_subset(
        workspace,
        [workspace.locate(location) for location in rules["stores"].values()],
        fraction=rules["fraction"],
        seed=rules["seed"],
        limits=Limits(rules["max_pairs"], rules["max_bytes"]),
        selection=selection_from(rules["selection"]),
        save=False,
    )[0]


def reopen_data(state: TrainState, workspace: Workspace, where: Location) -> TrainData:
    """Open the data that a run was begun with.

    On a machine that does not have its subset the choice is made anew, by the rules that the run
    has noted; `Trainer.resume` sees to it that the frames are the same.

    Raises
    ------
    MissingError
        If its subset or a store is gone.
    WeightsError
        If the checkpoint tells of its data in a way that cannot be read.
    """
    identity: DataIdentity | None = state.data
    named = workspace.subset(state.settings.subset)
    kind: dict[str, Any] = {
        "raw": state.settings.target == "raw", "shorts": state.settings.shorts,
    }  # fmt: skip
    if identity is None or (identity.named and named.is_file()):
        return open_data(load_subset(named), workspace, **kind)
    try:
        subset = subset_by_rules(identity.rules, workspace)
    except (KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"rules of a subset that cannot be used ({error})",
            expected="a checkpoint of a rawkit training",
            where=where,
        ) from error
    return open_data(subset, workspace, named=identity.named, **kind)


def new_run_name(workspace: Workspace, subset: str, network: str) -> str:
    """Name a run after its subset and network, with the next free number."""
    folder = workspace.runs_folder
    taken = (
        {run.name for run in workspace.runs()} if isinstance(folder, Url)
        else {path.name for path in folder.glob("*")}
    )  # fmt: skip
    number = 1
    while (name := f"{subset}-{network}-{number:03d}") in taken:
        number += 1
    return name


def check_new_run(folder: Location, *signs: str) -> None:
    """Refuse to train into a folder that holds another run: a checkpoint, or one of other `signs`.

    Raises
    ------
    OutputError
        If it does.
    """
    if any(RunFolder(folder).exists(name) for name in (LAST, *signs)):
        raise OutputError(
            "a run of that name is there already",
            where=folder,
            fix="Go on with it by --resume, or choose another --name.",
        )


def find_run(workspace: Workspace, name: str | None) -> Resumed:
    """Return the named run, or the newest, to go on with.

    Raises
    ------
    MissingError
        If there is none.
    StoreUnreachableError
        If runs lie elsewhere and their server does not answer, or refuses.
    WeightsError
        If its last checkpoint cannot be used; the text names those that are kept beside it.
    """
    if name is None:
        runs = workspace.runs()
        location = runs[-1] if runs else None
    else:
        location = workspace.run(name)
    if location is None or not RunFolder(location).exists(LAST):
        raise _no_run(workspace, name)
    folder = RunFolder(location)
    try:
        with folder.opened(LAST) as path:
            return Resumed(location, load_checkpoint(path), sha256_of(path))
    except WeightsError as error:
        others = [file for file in folder.files("*.pt") if file != LAST]
        raise WeightsError(
            error.found,
            expected=error.expected,
            where=folder.where(LAST),
            fix=f"Copy one of these over it to go on from there: {listed(others)}."
            if others
            else error.fix,
        ) from error


def newest_weights(workspace: Workspace) -> Path:
    """Best weights of the newest run; its last ones where none were validated.

    Those of a run that lies elsewhere are copied to this machine, see `fetch_weights`.

    Raises
    ------
    MissingError
        If there is no run.
    StoreUnreachableError
        If runs lie elsewhere and their server does not answer, or refuses.
    """
    runs = workspace.runs()
    if not runs:
        raise _no_run(workspace, None)
    return fetch_weights(workspace, runs[-1])


def weights_of_run(workspace: Workspace, name: str) -> Path:
    """Best weights of a run; its last ones where none were validated.

    Those of a run that lies elsewhere are copied to this machine, see `fetch_weights`.

    Raises
    ------
    MissingError
        If there is no such run.
    StoreUnreachableError
        If runs lie elsewhere and their server does not answer, or refuses.
    """
    folder = workspace.run(name)
    if not RunFolder(folder).exists(LAST):
        raise _no_run(workspace, name)
    return fetch_weights(workspace, folder)


def fetch_weights(workspace: Workspace, run: Location) -> Path:
    """Return the path of a run's best weights; its last ones where none were validated.

    Those of a run that lies elsewhere are copied to `Workspace.fetched` each time: they may be
    better ones by now.

    Raises
    ------
    MissingError
        If they are gone.
    OutputError
        If the copy cannot be written.
    StoreUnreachableError
        If they lie elsewhere and their server does not answer, or refuses.
    """
    if not isinstance(run, Url):
        return weights_in(run)
    folder = RunFolder(run)
    for file in (BEST, LAST):
        data = folder.read(file)
        if data is not None:
            path = workspace.fetched(run.name) / file
            write_atomically(path, data)
            return path
    raise _no_run(workspace, run.name)


def weights_named(workspace: Workspace, name: str) -> Path:
    """Return the file that a text names: a file of weights, a run's folder, or a run's name.

    Raises
    ------
    MissingError
        If there is neither.
    StoreUnreachableError
        As `weights_of_run`.
    """
    path = Path(name)
    if path.is_file():
        return path
    if (path / LAST).is_file():
        return weights_in(path)
    if set(name) & set("/\\:") or path.suffix:
        raise MissingError(
            "no such file", expected="weights, a checkpoint, or the name of a run", where=path
        )
    return weights_of_run(workspace, name)


def weights_in(folder: Path) -> Path:
    """Best weights in a run's folder of this machine; its last ones where none were validated."""
    best = folder / BEST
    return best if best.is_file() else folder / LAST


def _no_run(workspace: Workspace, name: str | None) -> MissingError:
    fix = "`rawkit train` makes one; or name --weights." if name is None else None
    if ranks_here() > 1 and not isinstance(workspace.runs_folder, Url):
        fix = "All machines must see the run: --runs names a folder they share, or an s3:// URL."
    return MissingError(
        f"no run {name}" if name else "no run",
        expected=f"one of: {listed(run.name for run in workspace.runs())}",
        where=workspace.runs_folder,
        fix=fix,
    )
