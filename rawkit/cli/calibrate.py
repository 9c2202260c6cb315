"""``rawkit calibrate``: a camera's noise from dark and flat frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._camera import profile_text
from rawkit.cli._print import fields, print_json, table
from rawkit.cli._resources import resource_options

if TYPE_CHECKING:
    from rawkit.calibrate import CalibrationPlan
    from rawkit.workspace import Workspace


@click.command()
@click.argument("frames", nargs=-1, required=True)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
    help="Profile to write, a .toml; its map lies beside it.  [default: cameras/MODEL.toml in the "
    "workspace]",
)  # fmt: skip
@click.option("--camera", help="Part of the camera's name, where there are frames of several.")
@click.option(
    "--workers", type=click.IntRange(min=0),
    help="Processes that decode; 0: this one alone.  [default: one for each core]",
)  # fmt: skip
@resource_options
@click.option(
    "--dry-run", is_flag=True, help="Say what is used and what is missing; write nothing."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def calibrate(
    workspace: Workspace, /, frames: tuple[str, ...], output: Path | None, camera: str | None,
    workers: int | None, max_ram: int, frame_timeout: float, scheduler: str | None, dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Find the noise of a camera from FRAMES: folders or archives of raw files, or stores.

    Dark frames (cap on) and flat frames (an even wall, a screen, the sky; two of each ISO) are told
    apart by their pixels, whatever they are called. Found are, with intervals, gain, read noise,
    row and column noise, black level, dark shading, hot pixels, quantisation and saturation.
    Without flat frames the gain is found from the pairs of a store, or else from ordinary frames;
    without dark frames as well there is nothing but gain and Gaussian noise.

    \b
    rawkit calibrate dark-and-flat --dry-run
    rawkit calibrate dark-and-flat -o cameras/mine.toml
    rawkit calibrate sid dark
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.calibrate import calibrated_path, find_frames, plan_calibration, run_calibration
    from rawkit.noise import write_profile
    from rawkit.report import describe_profile
    from rawkit.workers import Resources

    if scheduler is not None:
        raise click.UsageError("calibrating is done on this machine: it takes no --scheduler")
    resources = Resources(workers, max_ram, frame_timeout)
    progress = TerminalProgress()
    plan = plan_calibration(
        [find_frames(workspace, one) for one in frames], camera=camera, resources=resources,
        progress=progress,
    )  # fmt: skip
    path = calibrated_path(workspace, plan, output)
    told = {**_told(plan), "profile": str(path)}
    if dry_run:
        print_json(told) if as_json else click.echo(_text(told))
        return
    profile = run_calibration(plan, resources=resources, progress=progress)
    write_profile(profile, path)
    found = describe_profile(profile, path)
    if as_json:
        print_json({**told, **found})
        return
    click.echo(_text(told) + "\n\n" + profile_text(found))


def _told(plan: CalibrationPlan) -> dict[str, Any]:
    frames = plan.frames
    return {
        "frames": [
            {"iso": one.iso, "dark": len(one.dark), "flat": len(one.flat),
             "ordinary": len(one.ordinary), "pairs": len(one.pairs)}
            for one in frames.isos
        ],
        "of_no_use": [{"name": one.name, "reason": one.reason} for one in frames.refused],
        "notes": list(frames.notes),
        "gain_from": frames.gain_from,
    }  # fmt: skip


def _text(told: dict[str, Any]) -> str:
    rows = [tuple(f"{one['iso']:g}" if name == "iso" else count for name, count in one.items())
            for one in told["frames"]]  # fmt: skip
    parts = [table(("ISO", "dark", "flat", "ordinary", "pairs"), rows)]
    if told["of_no_use"]:
        unused = [(one["name"], one["reason"]) for one in told["of_no_use"]]
        parts.append(f"of no use for gain and darkness: {len(unused)}\n"
                     + table(("file", "reason"), unused))  # fmt: skip
    parts.append(fields({"missing": "\n".join(told["notes"]) or "nothing",
                         "profile": told["profile"]}))  # fmt: skip
    return "\n\n".join(parts)
