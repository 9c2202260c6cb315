"""Training runs as a report shows them: what they were trained on, and how they went."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawkit.errors import MissingError, RawkitError, StoreUnreachableError, WeightsError
from rawkit.store import open_place
from rawkit.subset import load_subset
from rawkit.workspace import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawkit.locations import Location
    from rawkit.workspace import Workspace

METRICS, SETTINGS = "metrics.jsonl", "settings.json"


@dataclass(frozen=True, slots=True)
class Point:
    """Validation after some steps."""

    step: int
    """Optimizer steps done."""
    psnr: float
    """Mean peak signal-to-noise ratio over the validation frames, dB."""
    ssim: float
    """Mean structural similarity."""


@dataclass(frozen=True, slots=True)
class Run:
    """One training run."""

    name: str
    """Name of its folder."""
    network: str
    """Name of the network in the registry."""
    settings: Mapping[str, Any]
    """All settings, as the run wrote them down."""
    fraction: float | None
    """Share of the pairs that its subset holds, 0 to 1; None where the subset is gone."""
    pairs: int | None
    """Pairs it was trained on; None likewise."""
    collections: tuple[str, ...]
    """Collections of these pairs, by name."""
    points: tuple[Point, ...]
    """Validations, in the order of their steps."""

    @property
    def label(self) -> str:
        """What a legend calls it: the share of the data, or its name."""
        return self.name if self.fraction is None else f"{100 * self.fraction:g} %"

    @property
    def best(self) -> Point | None:
        """Validation with the highest PSNR; None without any."""
        return max(self.points, key=lambda point: point.psnr, default=None)


def load_runs(workspace: Workspace, names: Sequence[str] = ()) -> list[Run]:
    """Load the named runs, or all of a workspace; by share of the data, then by name.

    Raises
    ------
    MissingError
        If a named run is not there.
    StoreUnreachableError
        If they lie elsewhere and their server does not answer, or refuses.
    WeightsError
        If the settings of one are damaged.
    """
    known = {folder.name: folder for folder in workspace.runs()}
    missing = [name for name in names if name not in known]
    if missing:
        raise MissingError(
            f"no run {missing[0]}",
            expected=f"one of: {listed(known)}",
            where=workspace.runs_folder,
        )
    runs = [load_run(workspace, known[name]) for name in names or known]
    return sorted(runs, key=lambda run: (run.fraction or math.inf, run.name))


def load_run(workspace: Workspace, folder: Location) -> Run:
    """Load one run from its folder.

    Raises
    ------
    StoreUnreachableError
        If it lies elsewhere and its server does not answer, or refuses.
    WeightsError
        If its settings are damaged.
    """
    place = open_place(folder)
    try:
        settings = json.loads(place.read(SETTINGS))
        network, subset = str(settings["network"]), str(settings["subset"])
    except StoreUnreachableError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"settings that cannot be read ({error})",
            expected="a folder that `rawkit train` made",
            where=folder / SETTINGS,
        ) from error
    points = tuple(read_points(place.read(METRICS) if place.exists(METRICS) else b""))
    try:
        found = load_subset(workspace.subset(subset))
    except RawkitError:
        return Run(folder.name, network, settings, None, None, (), points)
    trained = found.pairs("train")
    collections = tuple(sorted({frame.collection for frame in trained}))
    return Run(folder.name, network, settings, found.fraction, len(trained), collections, points)


def read_points(metrics: bytes) -> list[Point]:
    """Read the validations in a file of metrics, one JSON object a line, in the order of steps.

    Lines without a validation, and one that was cut off while it was written, are passed over; of
    several of one step the last counts.
    """
    points: dict[int, Point] = {}
    for line in metrics.decode("utf-8", errors="replace").splitlines():
        point = _point(line)
        if point is not None:
            points[point.step] = point
    return [points[step] for step in sorted(points)]


def _point(line: str) -> Point | None:
    try:
        values = json.loads(line)
        point = Point(int(values["step"]), float(values["psnr"]), float(values["ssim"]))
    except (ValueError, KeyError, TypeError):
        return None
    return point if math.isfinite(point.psnr) and math.isfinite(point.ssim) else None
