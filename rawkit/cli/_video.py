"""``rawkit restore`` of a raw video: its options, and what is printed of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._patches import TIMES_AND_SIDE
from rawkit.cli._print import print_json, table
from rawkit.cli._profile import mending_of_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawkit.restore import Brightness, Compute
    from rawkit.video import VideoOutput, VideoPlan, VideoReport

Function = TypeVar("Function", bound="Callable[..., Any]")
_ENDS = (".mp4", ".npy")
_ONLY_PICTURES = (
    "linear", "subset", "frames", "headerless", "scheduler", "workers", "iso", "shutter", "ratio",
    "scene", "view", "camera", "split", "role", "per_long", "where", "without_excluded", "limit",
)  # fmt: skip
_VIDEO = ("pieces", "fps", "codec", "quality", "mosaic", "hold", "flicker", "sheet")


if TYPE_CHECKING:
    _Sizes = click.ParamType[tuple[int, int]]
else:
    _Sizes = click.ParamType  # a generic class only since click 8.4


class _FramesAndPixels(_Sizes):
    """Two whole numbers with an x between them."""

    name = "FRAMESxPIXELS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read them."""
        if isinstance(value, tuple):
            return value
        frames, _, pixels = str(value).partition("x")
        if not (frames.isdecimal() and pixels.isdecimal()):
            self.fail(f"{value!r} is not FRAMESxPIXELS, such as 16x512", param, ctx)
        return int(frames), int(pixels)


FRAMES_AND_PIXELS = _FramesAndPixels()
"""Sizes of pieces of a video."""


def video_options(function: Function) -> Function:
    """Add the options of videos."""
    for option in (
        click.option("--sheet", is_flag=True,
                     help="Of a video, write a contact sheet as well: NAME.sheet.jpg."),
        click.option("--flicker", is_flag=True,
                     help="Of a video, amplify each frame by its own estimate instead of along one "
                     "smooth curve."),
        click.option("--hold", is_flag=True,
                     help="Of a video, let the frame before stand for one that is missing or "
                     "damaged."),
        click.option("--overlap", type=TIMES_AND_SIDE,
                     help="Of pictures, restore in patches that overlap so many times, with "
                     "blended borders, such as 2 or 2x96 (pixels of a patch), to see what that "
                     "costs.  [default: as one picture]  "
                     "Of a video and a network of clips, frames and pixels that neighbouring "
                     "pieces share, such as 30x224, which is all that unet3d sees.  "
                     "[default: 4x64]"),
        click.option("--pieces", type=FRAMES_AND_PIXELS,
                     help="Of a network of clips, frames and pixels to a side of a piece, such as "
                     "16x512.  [default: what costs the least within --max-ram]"),
        click.option("--mosaic", type=click.Choice(["RGGB", "GRBG", "GBRG", "BGGR"]),
                     help="Of an .npy, the colours of its four channels.  [default: GBRG]"),
        click.option("--quality", type=click.IntRange(min=0),
                     help="Of an mp4, the constant rate factor of its codec: lower is better and "
                     "larger.  [default: 18 for h264, 24 for av1]"),
        click.option("--codec", type=click.Choice(["h264", "av1"]),
                     help="Of an mp4, how it is compressed: 8 bits, or 10.  [default: h264]"),
        click.option("--fps", type=click.FloatRange(min=0, min_open=True),
                     help="Of a video, frames a second.  [default: as its files say, else 25]"),
        click.option("--video", "as_video", is_flag=True,
                     help="Take the folder for a video of one raw file a frame; implied by an "
                     "output .mp4 or .npy."),
    ):  # fmt: skip
        function = option(function)
    return function


def is_video(files: tuple[str, ...], options: dict[str, Any]) -> bool:
    """Tell whether what is named is a video.

    Raises
    ------
    click.UsageError
        If it is, and is asked for what only pictures have, or the other way round.
    """
    video = options["as_video"] or _ends(str(options["output"])) or any(_ends(one) for one in files)
    wrong = [name for name in (_ONLY_PICTURES if video else _VIDEO) if options.get(name)]
    if wrong:
        raise click.UsageError(
            f"--{wrong[0].replace('_', '-')} goes with "
            + ("pictures, not with a video" if video else "a video: -o NAME.mp4, or --video")
        )
    if video and len(files) != 1:
        raise click.UsageError(f"{len(files)} videos at a time: name one")
    return video


def _ends(name: str) -> bool:
    return name.lower().endswith(_ENDS)


def restore_one_video(
    source: str, compute: Compute, brightness: Brightness, options: dict[str, Any]
) -> None:
    """Restore a video and print what was written."""
    from rawkit.restore import load_restorer
    from rawkit.video import find_footage, plan_restoration, restore_video

    output = _output(brightness, compute.max_ram, options)
    output.require_codec()
    if options["skip_existing"] and output.target.exists():
        click.echo(f"there already: {output.target}", err=True)
        return
    footage = find_footage(
        Path(source), mosaic=options["mosaic"], levels=_levels(options),
        seconds=options["frame_timeout"], memory=compute.max_ram,
        mending=mending_of_options(options),
    )  # fmt: skip
    restorer = load_restorer(compute.weights, compute)
    if restorer.licence:
        click.echo(f"weights: {restorer.licence}", err=True)
    if options["dry_run"]:
        try:
            _show_plan(plan_restoration(footage, output, restorer), as_json=options["as_json"])
        finally:
            footage.close()
        return
    try:
        report = restore_video(footage, output, restorer, TerminalProgress())
    except KeyboardInterrupt:
        click.echo("interrupted: the same command goes on from here", err=True)
        raise SystemExit(1) from None
    _show_report(report, as_json=options["as_json"])


def _levels(options: dict[str, Any]) -> Any:
    from rawkit.sensor import Levels

    black, white = options["black"], options["white"]
    return None if black is None and white is None else Levels(black, white)


def _output(brightness: Brightness, max_ram: int | None, options: dict[str, Any]) -> VideoOutput:
    from rawkit.pictures import PictureFormat
    from rawkit.video import RADIUS, VideoOutput

    target = options["output"]
    if not isinstance(target, Path):
        raise click.UsageError(f"a video at {target}: name a file or folder on this machine")
    return VideoOutput(
        target=target,
        format=PictureFormat(
            options["kind"], 16 if options["bits"] == "32" else int(options["bits"] or 8)
        ),
        floats=options["bits"] == "32",
        codec=options["codec"] or "h264",
        quality=options["quality"],
        fps=options["fps"],
        brightness=brightness,
        colour=options["colour"],
        radius=0 if options["flicker"] else RADIUS,
        hold=options["hold"],
        compare=options["compare"],
        sheet=options["sheet"],
        pieces=options["pieces"],
        overlap=options["overlap"],
        max_ram=max_ram,
    )


def _show_plan(plan: VideoPlan, *, as_json: bool) -> None:
    height, width = plan.size
    about = {
        "video": plan.footage.where, "frames": plan.footage.count, "rows": height,
        "columns": width, "fps": plan.fps, "output": str(plan.output.target),
        "pieces": plan.pieces, "memory": plan.memory.text(),
    }  # fmt: skip
    if as_json:
        print_json(about)
    else:
        click.echo(table(("what", "is"), [(key, str(value)) for key, value in about.items()]))


def _show_report(report: VideoReport, *, as_json: bool) -> None:
    height, width = report.size
    if as_json:
        print_json(
            {
                "video": str(report.target), "frames": report.frames, "rows": height,
                "columns": width, "stored_rows": report.stored[0],
                "stored_columns": report.stored[1], "fps": report.fps,
                "begun_at": report.begun_at, "amplification": report.amplification,
                "amplification_alone": report.alone, "colour": report.colour,
                "held": [{"frame": one.number, "kind": one.kind, "reason": one.reason}
                         for one in report.held],
                "beside": [str(path) for path in report.beside],
                "network_seconds": report.network_seconds, "seconds": report.seconds,
            }
        )  # fmt: skip
    else:
        mean = sum(report.amplification) / max(1, len(report.amplification))
        row = (report.target, report.frames, f"{width}x{height}", f"{report.fps:g}",
               f"{mean:.3g}", report.colour or "", f"{report.seconds:.1f}")  # fmt: skip
        heads = ("video", "frames", "pixels", "fps", "amplification", "colour", "seconds")
        click.echo(table(heads, [row, *((path, "", "", "", "", "", "") for path in report.beside)]))
        if report.made:
            click.echo(f"{report.made} frames, {report.made / report.seconds:.2f} frames/s")
    if report.begun_at:
        click.echo(f"gone on with at frame {report.begun_at}", err=True)
    if report.stored != report.size:
        rows, columns = report.stored
        click.echo(
            f"note: stored as {columns}x{rows}, as codecs want even sides; the true size is "
            f"{width}x{height}", err=True,
        )  # fmt: skip
    for one in report.held:
        click.echo(f"held ({one.kind}): frame {one.number}: {one.reason}", err=True)
