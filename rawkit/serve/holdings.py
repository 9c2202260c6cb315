"""What a workspace holds, for looking at: stores, scenes, frames, runs, evaluations, reports."""

from __future__ import annotations

import io
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
from PIL import Image

from rawkit.catalog import Selection
from rawkit.errors import MissingError, RawkitError
from rawkit.report import chart_of_store, load_run, scene_sheet, shown_of_scene
from rawkit.restore import frames_of_stores
from rawkit.serve.schemas import (
    EvaluationLine,
    Exposures,
    FrameLine,
    Holdings,
    RunLine,
    SceneLine,
    StoreDetails,
    StoreLine,
)
from rawkit.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.restore import StoredFrame
    from rawkit.workspace import Workspace

_REPORTS = ("*.html", "studies/*/*.html", "reports/*.html")
_MEANS = ("psnr", "ssim", "ms_ssim", "delta_e")
_FRAMES = 2000
"""Frames of a scene that are listed, at most."""


def holdings_of(workspace: Workspace) -> Holdings:
    """List all that a workspace holds; what is damaged is listed with what is wrong."""
    from rawkit.evaluate import find_evaluations  # noqa: PLC0415 - torch comes with it

    problems: list[str] = []
    stores, runs, evaluations = list[StoreLine](), list[RunLine](), list[EvaluationLine]()
    for path in _tried(workspace.stores, problems):
        try:
            store = Store(path)
            stores.append(StoreLine(
                name=path.stem, title=str(store.attributes.get("title", path.stem)),
                frames=len(store.frames), cameras=len(store.groups),
            ))  # fmt: skip
        except RawkitError as error:
            problems.append(str(error))
    for folder in _tried(workspace.runs, problems):
        try:
            run = load_run(workspace, folder)
        except RawkitError as error:
            problems.append(str(error))
            continue
        best = run.best
        runs.append(RunLine(
            name=run.name, network=run.network, pairs=run.pairs,
            step=None if best is None else best.step, psnr=None if best is None else best.psnr,
            ssim=None if best is None else best.ssim,
        ))  # fmt: skip
    for one in _tried(lambda: find_evaluations(workspace), problems):
        means = {name: one.overall.means[name].mean for name in _MEANS if name in one.overall.means}
        evaluations.append(EvaluationLine(
            id=one.id, title=one.title, protocol=str(one.identity.protocol.get("name", "")),
            pictures=one.overall.pictures,
            means={name: value for name, value in means.items()
                   if value is not None and math.isfinite(value)},
        ))  # fmt: skip
    return Holdings(stores=stores, runs=runs, evaluations=evaluations,
                    reports=[*reports_of(workspace)], problems=problems)  # fmt: skip


def _tried(listing: Any, problems: list[str]) -> list[Any]:
    try:
        return [*listing()]
    except RawkitError as error:
        problems.append(str(error))
        return []


def has_stores(workspace: Workspace) -> bool:
    """Whether there is anything to browse."""
    return bool(_tried(workspace.stores, []) or _tried(workspace.runs, []) or reports_of(workspace))


def store_details(workspace: Workspace, name: str) -> StoreDetails:
    """Return the exposures of a store's frames, and its scenes.

    Raises
    ------
    RawkitError
        If there is no such store, or it is damaged.
    """
    store = _store(workspace, name)
    chart = chart_of_store(store)
    columns = store.frames.columns("scene", "split", "role").to_pydict()
    counts: Counter[tuple[str, str]] = Counter(zip(columns["scene"], columns["split"], strict=True))
    return StoreDetails(
        name=name, title=str(store.attributes.get("title", name)), frames=len(store.frames),
        licence=store.attributes.get("licence"), citation=store.attributes.get("citation"),
        isos=[_finite(iso) for iso in chart.isos],
        exposures=[Exposures(role=role, seconds=_finite(seconds), counts=[*found])
                   for role, seconds, found in chart.rows],
        scenes=[SceneLine(name=scene, split=split, frames=count)
                for (scene, split), count in sorted(counts.items())],
    )  # fmt: skip


def frames_of(workspace: Workspace, name: str, scene: str) -> list[FrameLine]:
    """Return the frames of a scene.

    Raises
    ------
    RawkitError
        If there is no such store or scene.
    """
    store = _store(workspace, name)
    table = store.frames.columns("name", "scene", "role", "iso", "exposure_time", "model")
    rows = table.filter(pc.equal(table["scene"], scene)).slice(0, _FRAMES).to_pylist()
    if not rows:
        raise MissingError(f"no scene {scene}", where=name)
    return [
        FrameLine(name=row["name"], role=row["role"], iso=row["iso"],
                  seconds=row["exposure_time"], camera=row["model"])
        for row in rows
    ]  # fmt: skip


def sheet_of(workspace: Workspace, name: str, scene: str) -> bytes:
    """Return a contact sheet of a scene as JPEG.

    Raises
    ------
    RawkitError
        If there is no such store or scene, or a frame is damaged.
    """
    store = _store(workspace, name)
    title = str(store.attributes.get("title", name))
    sheet = scene_sheet(shown_of_scene(store, scene), title=title, where=name)
    file = io.BytesIO()
    Image.fromarray(sheet.picture).save(file, "JPEG", quality=88)
    return file.getvalue()


def stored_frame(workspace: Workspace, name: str, frame: str) -> StoredFrame:
    """Return a dark frame of a store.

    Raises
    ------
    RawkitError
        If there is no such store or frame, or it is a long.
    """
    store = _store(workspace, name)
    table = store.frames.columns("name", "scene", "role")
    rows = table.filter(pc.equal(table["name"], frame)).to_pylist()
    if not rows or rows[0]["role"] != "short":
        raise MissingError(f"no dark frame {frame}", expected="one of the store", where=name)
    found = frames_of_stores([store], Selection(scenes=(rows[0]["scene"],)), several=False)
    for one in found:
        if one.row.name == frame:
            return one
    raise MissingError(f"no dark frame {frame}", expected="one of the store", where=name)


def reports_of(workspace: Workspace) -> dict[str, Path]:
    """Return the reports there are, by their paths in the workspace."""
    root = workspace.root
    found = {path.relative_to(root).as_posix(): path
             for pattern in _REPORTS for path in root.glob(pattern)}  # fmt: skip
    return dict(sorted(found.items()))


def _store(workspace: Workspace, name: str) -> Store:
    """Open a store by its name in the workspace; no paths, as names come from anywhere."""
    for path in workspace.stores():
        if path.stem == name:
            return Store(path)
    raise MissingError(f"no store named {name}", where=workspace.stores_folder)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
