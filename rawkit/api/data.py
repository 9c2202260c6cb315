"""Names of the front door that are about raw files, stores and cameras."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from rawkit.bars import progress_here
from rawkit.notebook import (
    Frames,
    OpenStore,
)
from rawkit.store import Store
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.calibrate import CalibrationPlan
    from rawkit.fetch import FetchReport
    from rawkit.ingest import IngestPlan, IngestReport, Targets
    from rawkit.noise import CameraProfile
    from rawkit.pairing import PairLimits, PairReport
    from rawkit.subset import Subset
    from rawkit.synth import SynthReport

Anywhere = str | PathLike[str]
Chosen = Frames | OpenStore | str
"""Frames of `select`, a whole store (of which the train split counts), or a subset's name."""


def synth(collection: str, folder: Anywhere | None = None, *, workspace: Anywhere = ".",
          **options: Any) -> SynthReport:  # fmt: skip
    """Fabricate a look-alike of a collection: ``sid``, ``mid`` or ``smid``, as true raw files.

    They are written where `ingest` looks for them unless a folder is named. Options are those of
    `rawkit.synth.make_collection`: scenes, size, seed, isos, shutters, shots.

    Raises
    ------
    OutputError
        If a file cannot be written.
    UsageError
        If there is no such look-alike, or an option makes no sense.
    """
    from rawkit.synth import make_collection

    target = Workspace(Path(workspace)).data(collection) if folder is None else Path(folder)
    return make_collection(collection, target, **options)


@overload
def ingest(collection: Anywhere, *, source: Anywhere | Sequence[str] | None = None,
           workspace: Anywhere = ".", dry_run: Literal[False] = False, workers: int | None = None,
           max_ram: int = 2 * 10**9, targets: Targets | None = None, progress: bool = True,
           scheduler: str | None = None, fps: float | None = None,
           **filters: Any) -> IngestReport: ...  # fmt: skip
@overload
def ingest(collection: Anywhere, *, source: Anywhere | Sequence[str] | None = None,
           workspace: Anywhere = ".", dry_run: Literal[True], workers: int | None = None,
           max_ram: int = 2 * 10**9, targets: Targets | None = None, progress: bool = True,
           scheduler: str | None = None, fps: float | None = None,
           **filters: Any) -> IngestPlan: ...  # fmt: skip
def ingest(collection: Anywhere, *, source: Anywhere | Sequence[str] | None = None,
           workspace: Anywhere = ".", dry_run: bool = False, workers: int | None = None,
           max_ram: int = 2 * 10**9, targets: Targets | None = None, progress: bool = True,
           scheduler: str | None = None, fps: float | None = None,
           **filters: Any) -> IngestReport | IngestPlan:  # fmt: skip
    """Put a collection into a store, as ``rawkit ingest`` does; again, it adds only what is new.

    With `dry_run` the plan is returned and nothing is written. `scheduler` is the address of a
    running dask scheduler, whose workers then do the frames. `fps` are the frames a second of
    videos whose files do not say so. Filters are those of `selection_of`
    in `rawkit.catalog`, such as ``iso=[100, 200]``.

    Raises
    ------
    RawkitError
        If the source, a filter or the store cannot be used; a file that cannot is in the report.
    """
    from rawkit.catalog import load_definition, remember_definition, selection_of
    from rawkit.ingest import plan_ingest, run_ingest
    from rawkit.workers import Resources

    place, named = Workspace(Path(workspace)), fspath(collection)
    definition = load_definition(named)
    shown = progress_here(shown=progress)
    plan = plan_ingest(
        definition, source_or_usual(source, place.data(definition.name)),
        place.store(definition.name),
        selection_of(**filters, definition=definition, bad_pairs=place.bad_pair_lists()), shown,
        table=place.catalog(definition.name), remember=not dry_run, targets=targets, fps=fps,
    )  # fmt: skip
    if dry_run:
        return plan
    remember_definition(named, place.definition(definition.name))
    resources = Resources(workers, max_ram, scheduler=scheduler)
    return run_ingest(plan, resources=resources, staging=place.staging, progress=shown)


def fetch(collection: Anywhere, *, source: Anywhere | Sequence[str] | None = None,
          into: Anywhere | None = None, workspace: Anywhere = ".", connections: int = 4,
          replace: bool = False, progress: bool = True, **filters: Any) -> FetchReport:  # fmt: skip
    """Fetch files of a collection as ``rawkit fetch`` does, by default from where it is offered.

    Raises
    ------
    RawkitError
        If the source, a filter or the folder cannot be used; a file that cannot is in the report.
    """
    from rawkit.catalog import load_definition, selection_of
    from rawkit.fetch import fetch_collection

    place, definition = Workspace(Path(workspace)), load_definition(fspath(collection))
    return fetch_collection(
        definition, None if source is None else source_or_usual(source, Path()),
        Path(into or place.data(definition.name)), selection_of(**filters, definition=definition),
        progress_here(shown=progress), table=place.catalog(definition.name), replace=replace,
        connections=connections)  # fmt: skip


def open_store(where: Anywhere, *, workspace: Anywhere = ".") -> OpenStore:
    """Open a store: a path, a URL, or a name in the workspace.

    Raises
    ------
    MissingError
        If there is none.
    StoreError
        If it is damaged, or of a version that this rawkit does not know.
    """
    path = Path(where)
    if path.is_dir():
        return OpenStore(Store(path))
    return OpenStore(Store(Workspace(Path(workspace)).find_store(fspath(where))))


def subset(fraction: float = 1.0, *, name: str | None = None, seed: int = 0,
           stores: Sequence[str] | None = None, workspace: Anywhere = ".", refresh: bool = False,
           max_pairs: int | None = None, max_bytes: int | None = None,
           **filters: Any) -> Subset:  # fmt: skip
    """Choose a share of the training scenes and save the choice, as ``rawkit subset`` does.

    Raises
    ------
    MissingError, SelectionError
        If there is no store, or no training pair is left.
    UsageError
        If a setting makes no sense, or a subset of that name was made with other ones.
    """
    from rawkit.catalog import selection_of
    from rawkit.subset import Limits, make_subset

    place = Workspace(Path(workspace))
    found = [place.find_store(one) for one in stores] if stores else place.stores()
    limits = Limits(max_pairs, max_bytes)
    selection = selection_of(**filters, bad_pairs=place.bad_pair_lists())
    return make_subset(place, found, fraction=fraction, seed=seed, name=name, refresh=refresh,
                       limits=limits, selection=selection)[0]  # fmt: skip


def verify_pairs(store: Anywhere, *, workspace: Anywhere = ".", limits: PairLimits | None = None,
                 workers: int | None = None, max_ram: int = 2 * 10**9, progress: bool = True,
                 **filters: Any) -> PairReport:  # fmt: skip
    """Compare dark frames with their longs and list bad pairs, as ``rawkit verify --pairs`` does.

    The list, ``pairs/COLLECTION.toml`` of the workspace, is what `without_excluded` leaves out.

    Raises
    ------
    RawkitError
        If there is no such store, no pair passes the filters, or the list cannot be written.
    """
    from rawkit.catalog import selection_of
    from rawkit.pairing import verify_pairs as verify

    place, opened = Workspace(Path(workspace)), open_store(store, workspace=workspace).store
    return verify(opened, place.bad_pairs(opened.collection), selection=selection_of(**filters),
                  limits=limits, workers=workers, max_ram=max_ram,
                  progress=progress_here(shown=progress))  # fmt: skip


@overload
def calibrate(where: Anywhere | Sequence[Anywhere], output: Anywhere | None = None, *,
              camera: str | None = None,
              workspace: Anywhere = ".", dry_run: Literal[False] = False,
              workers: int | None = None, max_ram: int = 2 * 10**9,
              progress: bool = True) -> CameraProfile: ...  # fmt: skip
@overload
def calibrate(where: Anywhere | Sequence[Anywhere], output: Anywhere | None = None, *,
              camera: str | None = None,
              workspace: Anywhere = ".", dry_run: Literal[True], workers: int | None = None,
              max_ram: int = 2 * 10**9, progress: bool = True) -> CalibrationPlan: ...  # fmt: skip
def calibrate(where: Anywhere | Sequence[Anywhere], output: Anywhere | None = None, *,
              camera: str | None = None,
              workspace: Anywhere = ".", dry_run: bool = False, workers: int | None = None,
              max_ram: int = 2 * 10**9,
              progress: bool = True) -> CameraProfile | CalibrationPlan:  # fmt: skip
    """Find a camera's noise from dark and flat frames, as ``rawkit calibrate`` does.

    `where` is a folder or an archive of raw files, or a store, or several of them. The profile is
    written as `output`, by default ``cameras/MODEL.toml`` of the workspace. With `dry_run` the plan
    is returned: which frames are used for what, and what is missing.

    Raises
    ------
    RawkitError
        If frames are missing or of several cameras, or the profile cannot be written.
    """
    from rawkit.calibrate import calibrated_path, find_frames, plan_calibration, run_calibration
    from rawkit.noise import write_profile
    from rawkit.workers import Resources

    place, resources = Workspace(Path(workspace)), Resources(workers, max_ram)
    shown = progress_here(shown=progress)
    wheres = [where] if isinstance(where, str | PathLike) else where
    plan = plan_calibration([find_frames(place, fspath(one)) for one in wheres], camera=camera,
                            resources=resources, progress=shown)  # fmt: skip
    if dry_run:
        return plan
    path = calibrated_path(place, plan, None if output is None else Path(output))
    profile = run_calibration(plan, resources=resources, progress=shown)
    write_profile(profile, path)
    return profile


def source_or_usual(source: Anywhere | Sequence[str] | None, usual: Path) -> Any:
    """Return the source that is named, or the usual folder."""
    if source is None:
        return usual
    return fspath(source) if isinstance(source, str | PathLike) else tuple(source)
