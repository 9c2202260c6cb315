"""From a folder of dark and flat frames to a camera's profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rawkit.calibrate.assemble import profile_of
from rawkit.calibrate.frames import frames_of_source, frames_of_store
from rawkit.calibrate.plan import FramePlan, plan_frames
from rawkit.calibrate.work import Unread, dark_job, lit_job, looked_at, open_crew
from rawkit.errors import CrashedError, MissingError, UsageError
from rawkit.locations import Url
from rawkit.noise import camera_file
from rawkit.progress import SILENT
from rawkit.source import open_source
from rawkit.store import Store, is_store
from rawkit.workers import Resources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rawkit.calibrate.darkness import Darkness
    from rawkit.calibrate.frames import FrameToRead
    from rawkit.calibrate.plan import IsoFrames
    from rawkit.calibrate.work import Crew, Lit
    from rawkit.locations import Location
    from rawkit.noise import CameraProfile
    from rawkit.progress import Advance, Progress
    from rawkit.workspace import Workspace

_ORDINARY = 12
"""Ordinary frames of an ISO that are looked at for smooth patches."""


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
    where: Location | str | Path,
    *,
    camera: str | None = None,
    resources: Resources | None = None,
    progress: Progress = SILENT,
) -> CalibrationPlan:
    """Look at the frames of a folder, an archive or a store, and say which are used for what.

    Each is decoded once. What is no raw file is listed as such.

    Parameters
    ----------
    where
        Folder, archive or URL of raw files, as `open_source` takes it; or a store.
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
    files, refused = _files(where)
    if not files:
        raise MissingError("no file", expected="dark and flat frames of a camera", where=where)
    looks = looked_at(files, resources or Resources(), progress)
    known = [*looks, *(Unread(name, reason) for name, reason in refused)]
    plan = plan_frames(known, where, camera)
    return CalibrationPlan(plan, {one.name: one for one in files}, str(where))


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


def _files(where: Location | str | Path) -> tuple[Sequence[FrameToRead], list[tuple[str, str]]]:
    if not isinstance(where, str) and is_store(where):
        return frames_of_store(Store(where)), []
    return frames_of_source(open_source(str(where)))


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
    used = [one for one in plan.frames.isos if len(one.dark) > 1]
    mosaic = used[0].mosaic
    lit = [one for one in plan.frames.isos if _has_light(one, plan.frames.gain_from)]
    with (
        open_crew(resources, max(len(used), len(lit)), mosaic.height * mosaic.width) as crew,
        progress.stage("Calibrating", len(used) + len(lit), "ISOs") as advance,
    ):
        darks = _darks(plan, used, crew, advance)
        found = _lit(plan, lit, darks, crew, advance)
    return profile_of(plan.frames, darks, found)


def _has_light(one: IsoFrames, gain_from: str) -> bool:
    return bool(one.flat) or (gain_from == "frames" and bool(one.ordinary) and len(one.dark) > 1)


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
        # Where there are no dark frames, those of the nearest ISO say nearly the same.
        nearest = darks[min(darks, key=lambda iso: abs(np.log(iso / one.iso)))]
        black = np.array(one.mosaic.black_level) + nearest.bias.array
        share = (one.iso / nearest.iso) ** 2
        white = one.mosaic.white_level if one.white is None else one.white
        ordinary = _named(plan, one.ordinary[:_ORDINARY]) if not one.flat else []
        work.append((one, crew.submit(
            lit_job, _named(plan, one.flat), ordinary, one.mosaic, black,
            nearest.variance * share, white,
        )))  # fmt: skip
    found = {}
    for one, future in work:
        light = crew.result(future)
        if light is None:
            raise _died(one.iso, plan.where)
        found[one.iso] = light
        advance(1, f"ISO {one.iso:g}, light")
    return found


def _named(plan: CalibrationPlan, names: Sequence[str]) -> list[FrameToRead]:
    return [plan.files[name] for name in names]


def _died(iso: float, where: str) -> CrashedError:
    return CrashedError(
        f"the process that measured ISO {iso:g} died, or took too long or too much memory",
        where=where,
        fix="Raise --max-ram or --frame-timeout, or take out the file that it died of.",
    )
