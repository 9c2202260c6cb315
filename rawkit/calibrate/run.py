"""From a folder of dark and flat frames to a camera's profile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.calibrate.assemble import profile_of
from rawkit.calibrate.frames import frames_of_source, frames_of_store, pairs_of_frames
from rawkit.calibrate.plan import MOST_LIT, FramePlan, plan_frames
from rawkit.calibrate.work import Unread, dark_job, lit_job, looked_at, open_crew, pairs_job
from rawkit.errors import CrashedError, MissingError, UsageError
from rawkit.locations import Url
from rawkit.noise import camera_file
from rawkit.progress import SILENT
from rawkit.source import open_source
from rawkit.store import Store, is_store
from rawkit.workers import Resources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawkit.calibrate.darkness import Darkness
    from rawkit.calibrate.frames import FrameToRead
    from rawkit.calibrate.plan import IsoFrames
    from rawkit.calibrate.work import Crew, Lit
    from rawkit.locations import Location
    from rawkit.noise import CameraProfile
    from rawkit.progress import Advance, Progress
    from rawkit.workspace import Workspace


@dataclass(frozen=True, eq=False)
class CalibrationPlan:
    """What a calibration would be made of."""

    frames: FramePlan
    """Which frames are used for what, and what is missing."""
    files: Mapping[str, FrameToRead]
    """The frames, by name."""
    where: str
    """Folder, archive or store."""


def plan_calibration(
    where: Location | str | Sequence[Location | str],
    *,
    camera: str | None = None,
    resources: Resources | None = None,
    progress: Progress = SILENT,
) -> CalibrationPlan:
    """Look at the frames of a folder, an archive or a store, and say which are used for what.

    Each is decoded once. What is no raw file is listed as such. A store that holds pairs is of
    scenes: none of its frames is taken for a dark or a flat one.

    Parameters
    ----------
    where
        Folder, archive or URL of raw files, as `open_source` takes it; or a store; or several.
    camera
        Part of the camera's name, where there are frames of several.
    resources
        Processes and memory that may be used.
    progress
        Told of each frame.

    Raises
    ------
    MissingError
        If there is nothing of that name, or nothing to calibrate from: says what is missing.
    UsageError
        If there are frames of several cameras, or memory does not suffice for one.
    """
    places = [where] if isinstance(where, Path | Url | str) else list(where)
    told = ", ".join(map(str, places))
    there = [_found(place) for place in places]
    files = {one.name: one for each in there for one in each.frames}
    if not files:
        raise MissingError("no file", expected="dark and flat frames of a camera", where=told)
    if len(files) < sum(len(each.frames) for each in there):
        raise UsageError("frames of the same name in several places", where=told,
                         expected="a name for each, within its folder or store",
                         fix="Name a folder above one of them.")  # fmt: skip
    looks = looked_at(list(files.values()), resources or Resources(), progress)
    known = [*looks, *(one for each in there for one in each.refused)]
    pairs = [pair for each in there for pair in each.pairs]
    scenes = {one.name for each in there if each.pairs for one in each.frames}
    plan = plan_frames(known, told, camera, pairs, scenes)
    return CalibrationPlan(plan, files, told)


def find_frames(workspace: Workspace, what: str) -> Location | str:
    """Return where frames are: a store, by its path or name, or else what `what` says itself.

    Raises
    ------
    MissingError
        If there is nothing of that name.
    """
    path = workspace.locate(what)
    if is_store(path):
        return path
    if isinstance(path, Url) or path.exists() or not path.name:
        return str(path)
    try:
        return workspace.find_store(what)
    except MissingError as error:
        raise MissingError(
            "no such folder, archive or store", where=path,
            expected="dark and flat frames of a camera",
        ) from error  # fmt: skip


def calibrated_path(workspace: Workspace, plan: CalibrationPlan, output: Path | None) -> Path:
    """Return where the profile goes: `output`, or ``cameras/MODEL.toml`` of the workspace.

    Raises
    ------
    UsageError
        If `output` does not end in ``.toml``; before anything is measured.
    """
    if output is None:
        frames = plan.frames
        return workspace.cameras() / camera_file(frames.make, frames.model)
    if output.suffix != ".toml":
        raise UsageError(f"a profile named {output.name}", expected="a name that ends in .toml")
    return output


@dataclass(frozen=True)
class _Found:
    """What there is in one place."""

    frames: Sequence[FrameToRead]
    refused: Sequence[Unread]
    pairs: Sequence[tuple[str, str]]


def _found(where: Location | str) -> _Found:
    if not isinstance(where, str) and is_store(where):
        stored = frames_of_store(Store(where))
        return _Found(stored, (), pairs_of_frames(stored))
    frames, refused = frames_of_source(open_source(str(where)))
    return _Found(frames, [Unread(name, reason) for name, reason in refused], ())


def run_calibration(
    plan: CalibrationPlan, *, resources: Resources | None = None, progress: Progress = SILENT
) -> CameraProfile:
    """Measure the frames of a plan. One ISO is one piece of work, in memory of one frame's size.

    Raises
    ------
    MissingError
        If frames are gone, or no gain was found.
    RawFileError
        If a frame cannot be decoded any more.
    UsageError
        If memory does not suffice for frames of this size.
    """
    resources = resources or Resources()
    used = plan.frames.measured
    lit = [one for one in plan.frames.isos if plan.frames.gain_of(one) is not None]
    mosaic = (*used, *lit)[0].mosaic
    with (
        open_crew(resources, max(len(used), len(lit)), mosaic.height * mosaic.width) as crew,
        progress.stage("Calibrating", len(used) + len(lit), "ISOs") as advance,
    ):
        darks = _darks(plan, used, crew, advance)
        found = _lit(plan, lit, darks, crew, advance)
    return profile_of(plan.frames, darks, found)


def _darks(
    plan: CalibrationPlan, used: Sequence[IsoFrames], crew: Crew, advance: Advance
) -> dict[float, Darkness]:
    work = [
        (one, crew.submit(dark_job, _named(plan, one.dark), one.mosaic, one.iso, one.step))
        for one in used
    ]
    found = {}
    for one, future in work:
        darkness = crew.result(future)
        if darkness is None:
            raise _died(one.iso, plan.where)
        found[one.iso] = darkness
        advance(1, f"ISO {one.iso:g}, darkness")
    return found


def _lit(
    plan: CalibrationPlan, used: Sequence[IsoFrames], darks: Mapping[float, Darkness], crew: Crew,
    advance: Advance,
) -> dict[float, Lit]:  # fmt: skip
    work = []
    for one in used:
        if plan.frames.gain_of(one) == "pairs":
            work.append((one, _hold_against_longs(plan, one, crew)))
            continue
        # Where there are no dark frames, those of the nearest ISO say nearly the same.
        nearest = darks[min(darks, key=lambda iso: abs(np.log(iso / one.iso)))]
        black = np.array(one.mosaic.black_level) + nearest.bias.array
        share = (one.iso / nearest.iso) ** 2
        ordinary = _named(plan, one.ordinary[:MOST_LIT]) if not one.flat else []
        work.append((one, crew.submit(
            lit_job, _named(plan, one.flat), ordinary, one.mosaic, black,
            nearest.variance * share, one.saturates,
        )))  # fmt: skip
    found = {}
    for one, future in work:
        light = crew.result(future)
        if light is None:
            raise _died(one.iso, plan.where)
        found[one.iso] = light
        advance(1, f"ISO {one.iso:g}, light")
    return found


def _hold_against_longs(plan: CalibrationPlan, one: IsoFrames, crew: Crew) -> Any:
    """Hand over the pairs of an ISO, those of one long after each other."""
    saturates = {other.iso: other.saturates for other in plan.frames.isos}
    pairs = sorted(one.pairs[:MOST_LIT], key=lambda pair: pair.long)
    return crew.submit(
        pairs_job, _named(plan, [name for pair in pairs for name in (pair.short, pair.long)]),
        [(one.saturates, saturates[pair.long_iso]) for pair in pairs],
        [pair.long_iso / one.iso for pair in pairs],
    )  # fmt: skip


def _named(plan: CalibrationPlan, names: Sequence[str]) -> list[FrameToRead]:
    return [plan.files[name] for name in names]


def _died(iso: float, where: str) -> CrashedError:
    return CrashedError(
        f"the process that measured ISO {iso:g} died, or took too long or too much memory",
        where=where,
        fix="Raise --max-ram or --frame-timeout, or take out the file that it died of.",
    )
