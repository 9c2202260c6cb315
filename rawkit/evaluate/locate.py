"""Where evaluations lie in a workspace, and what they are of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import MissingError, UsageError
from rawkit.evaluate.methods import load_method
from rawkit.evaluate.plain import EQUALISED, PLAIN, EqualisedMethod, PlainMethod
from rawkit.evaluate.tables import SUMMARY_JSON, load_evaluation
from rawkit.train import newest_weights, weights_of_run
from rawkit.workspace import listed

if TYPE_CHECKING:
    from rawkit.colour import ColourMode
    from rawkit.evaluate.methods import Method
    from rawkit.evaluate.protocol import Protocol
    from rawkit.evaluate.tables import Evaluation
    from rawkit.workspace import Workspace


@dataclass(frozen=True)
class Subject:
    """What is evaluated."""

    method: Method
    """The network or the plain conversion."""
    title: str
    """For people: ``runs/NAME``, the name of the weights' file, ``plain`` or ``equalised``."""
    home: Path
    """Folder of its evaluations."""


def subject(
    workspace: Workspace,
    *,
    run: str | None = None,
    weights: str | None = None,
    colour: ColourMode = "network",
    overlap: tuple[int, int] | None = None,
) -> Subject:
    """Load what is to be evaluated: a run, weights, ``plain``, ``equalised``, or the newest run.

    `colour` says whose colours the pictures of a network have; see `rawkit.colour.develop`. With
    an `overlap` they are made in patches that overlap so many times, and have such a side.

    Raises
    ------
    UsageError
        If both a run and weights are named.
    MissingError, WeightsError
        If there is no such run or file, or it is not weights of a known network.
    """
    if run is not None and weights is not None:
        raise UsageError("both --run and --weights", expected="one of them")
    if weights is not None:
        if weights == PLAIN:
            return Subject(PlainMethod(), PLAIN, workspace.evaluations(PLAIN))
        if weights == EQUALISED:
            return Subject(EqualisedMethod(), EQUALISED, workspace.evaluations(EQUALISED))
        path = Path(weights)
        method = load_method(path, colour, overlap)
        name = f"{path.stem}-{method.digest[:8]}"
        return Subject(method, path.name, workspace.evaluations(name))
    path = newest_weights(workspace) if run is None else weights_of_run(workspace, run)
    name = path.parent.name
    method = load_method(path, colour, overlap)
    return Subject(method, f"runs/{name}", workspace.run_evaluations(name))


def default_name(protocol: Protocol, identity: str) -> str:
    """Name an evaluation after its protocol and its identity."""
    return f"{protocol.name}-{identity[:8]}"


def find_evaluations(workspace: Workspace) -> list[Evaluation]:
    """Return all finished evaluations of a workspace, by folder.

    Raises
    ------
    StoreFormatError
        If one of them is damaged.
    """
    homes = [*workspace.evaluated_runs.glob("*/evaluations"),
             *workspace.root.glob("evaluations/*")]  # fmt: skip
    folders = sorted(path.parent for home in homes for path in home.glob(f"*/{SUMMARY_JSON}"))
    return [load_evaluation(folder) for folder in folders]


def find_evaluation(workspace: Workspace, name: str) -> Evaluation:
    """Return the finished evaluation of that folder name, id, or path below the workspace.

    Raises
    ------
    MissingError
        If there is none, or more than one.
    """
    known = find_evaluations(workspace)
    found = [
        one
        for one in known
        if name in (one.id, one.folder.name, _below(workspace.root, one.folder))
    ]
    if len(found) != 1:
        raise MissingError(
            f"{len(found) or 'no'} evaluation{'s' if found else ''} {name}",
            expected=f"one of: {listed(one.folder.name for one in known)}",
            where=workspace.root,
            fix="`rawkit evaluate` makes one." if not found else "Name it by its id.",
        )
    return found[0]


def _below(root: Path, folder: Path) -> str:
    """Path of a folder as seen from a workspace; as it is where it lies elsewhere."""
    return (folder.relative_to(root) if folder.is_relative_to(root) else folder).as_posix()
