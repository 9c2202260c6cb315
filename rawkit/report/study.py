"""All that a report tells: runs, evaluations, published figures, what data, what versions."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rawkit import __version__
from rawkit.errors import MissingError
from rawkit.evaluate import Protocol, changes_of, find_evaluation, find_evaluations, published_for
from rawkit.noise import read_profile
from rawkit.report.runs import load_runs
from rawkit.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rawkit.evaluate import Evaluation, PublishedFigure
    from rawkit.noise import CameraProfile
    from rawkit.report.runs import Run
    from rawkit.workspace import Workspace

_PACKAGES: Final = (
    "torch",
    "numpy",
    "zarr",
    "rawpy",
    "numcodecs",
    "opencv-python-headless",
)


@dataclass(frozen=True, slots=True)
class Told:
    """An evaluation with the words that a report finds for it."""

    evaluation: Evaluation
    """The evaluation."""
    title: str
    """What was evaluated: a run with its share of the data, or the weights; and on which collection
    where that differs within a study."""
    changes: str
    """How its protocol differs from the one that ships, such as ``black_level=512``."""


@dataclass(frozen=True, slots=True)
class StoreLine:
    """A collection whose pictures a study looked at."""

    title: str
    """As its definition says."""
    frames: int
    """Frames in its store."""
    licence: str
    """As its definition says."""
    citation: str
    """Likewise."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a report is made of."""

    title: str
    """Heading."""
    runs: tuple[Run, ...]
    """Runs, the smallest share of the data first."""
    evaluations: tuple[Told, ...]
    """Evaluations: those of the runs in their order, then the others."""
    published: tuple[PublishedFigure, ...]
    """Figures to compare with."""
    stores: tuple[StoreLine, ...]
    """Collections."""
    versions: Mapping[str, str]
    """Version of each package that had a part in it."""
    cameras: tuple[CameraProfile, ...] = ()
    """Profiles whose noise runs were trained with, as far as they are still there."""


def load_study(
    workspace: Workspace,
    *,
    title: str | None = None,
    runs: Sequence[str] = (),
    evaluations: Sequence[str] = (),
) -> Findings:
    """Gather the named runs and evaluations, or all there are, of a workspace.

    With runs named and no evaluations, those of these runs and those that belong to no run count.

    Raises
    ------
    MissingError
        If one that is named is not there, or there is nothing at all.
    WeightsError, StoreFormatError
        If one of them is damaged.
    """
    found = load_runs(workspace, runs)
    told = _evaluations(workspace, runs, evaluations)
    if not found and not told:
        raise MissingError(
            "neither runs nor evaluations",
            expected="at least one",
            where=workspace.root,
            fix="`rawkit train` and `rawkit evaluate` make them.",
        )
    return study_of(workspace, title or f"Report on {workspace.root.resolve().name}", found, told)


def study_of(
    workspace: Workspace, title: str, runs: Sequence[Run], evaluations: Sequence[Evaluation]
) -> Findings:
    """Put runs and evaluations together with what the stores of the workspace say of their data."""
    told = _distinct([_told(one, runs) for one in evaluations])
    order = {run.name: number for number, run in enumerate(runs)}
    told.sort(
        key=lambda one: (
            order.get(_run_of(one.evaluation), len(order)), one.title, one.changes,
            one.evaluation.id,
        )
    )  # fmt: skip
    collections = {name for run in runs for name in run.collections} | {
        name for one in told for name in _collections_of(one.evaluation)
    }
    stores = [Store(path) for path in workspace.stores()]
    used = [store for store in stores if store.collection in collections]
    cameras = _cameras(used)
    published = (one for name in sorted(collections) for one in published_for(name))
    return Findings(
        title=title,
        runs=tuple(runs),
        evaluations=tuple(told),
        published=tuple(
            one for one in published if any(_is_of(one.camera, camera) for camera in cameras)
        ),
        stores=tuple(_store_line(store) for store in used),
        versions=versions(),
        cameras=_profiles(runs),
    )


def _profiles(runs: Iterable[Run]) -> tuple[CameraProfile, ...]:
    """Read the profiles that runs name, each once."""
    named = dict.fromkeys(str(run.settings.get("profile") or "") for run in runs)
    return tuple(read_profile(Path(one)) for one in named if one and Path(one).is_file())


def _is_of(maker: str, camera: str) -> bool:
    return maker.lower() in camera


def _store_line(store: Store) -> StoreLine:
    title, licence, citation = (
        str(store.attributes.get(name) or "") for name in ("title", "licence", "citation")
    )
    return StoreLine(title or store.collection, len(store.frames), licence, citation)


def _evaluations(
    workspace: Workspace, runs: Sequence[str], names: Sequence[str]
) -> list[Evaluation]:
    if names:
        return [find_evaluation(workspace, name) for name in names]
    found = find_evaluations(workspace)
    return [one for one in found if not runs or _run_of(one) in {"", *runs}]


def _told(evaluation: Evaluation, runs: Sequence[Run]) -> Told:
    run = next((one for one in runs if one.name == _run_of(evaluation)), None)
    title = evaluation.title if run is None else f"{run.label} ({run.name})"
    if run is not None and run.fraction is None:
        title = run.name
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in evaluation.identity.protocol.items()
    }
    return Told(evaluation, title, ", ".join(changes_of(Protocol(**values))))


def _distinct(told: list[Told]) -> list[Told]:
    """Name the collections of evaluations where they differ."""
    if len({_collections_of(one.evaluation) for one in told}) <= 1:
        return told
    return [
        replace(one, title=f"{one.title} on {', '.join(_collections_of(one.evaluation))}")
        for one in told
    ]


def _collections_of(evaluation: Evaluation) -> tuple[str, ...]:
    return tuple(
        sorted(str(group.value) for group in evaluation.groups if group.axis == "collection")
    )


def _run_of(evaluation: Evaluation) -> str:
    """Name of the run that an evaluation lies in; empty for others."""
    head, _, name = evaluation.title.partition("/")
    return name if head == "runs" else ""


def _cameras(stores: Iterable[Store]) -> set[str]:
    """Make and model of all frames, in small letters."""
    found: set[str] = set()
    for store in stores:
        seen = store.frames.columns("make", "model").group_by(["make", "model"]).aggregate([])
        found |= {f"{one['make'] or ''} {one['model'] or ''}".lower() for one in seen.to_pylist()}
    return found


def versions() -> dict[str, str]:
    """Version of each package that has a part in a result, and of Python."""
    found = {"Python": ".".join(map(str, sys.version_info[:3])), "rawkit": __version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def sheets_of(workspace: Workspace) -> list[Path]:
    """Contact sheets that `rawkit show` has drawn in a workspace, by name."""
    return sorted((workspace.root / "show").glob("*.png"))
