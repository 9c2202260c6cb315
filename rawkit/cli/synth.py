"""``rawkit synth``: look-alikes of the collections as true raw files."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._group import NUMBERS
from rawkit.cli._print import fields, print_json, size

if TYPE_CHECKING:
    from rawkit.progress import Advance


_COLLECTIONS = (
    "sid", "mid", "smid", "eld", "lrd", "lrid", "rawnind", "crvd", "recrvd", "mcr",
    "moving-objects", "video",
)  # fmt: skip
"""What there is a look-alike of; named here so that help needs no more."""


@click.command()
@click.argument("collection", type=click.Choice(_COLLECTIONS))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--scenes",
    type=click.IntRange(min=1),
    help="Scenes to make.  [default: 6 for sid, lrd and moving-objects, 2 for mid, crvd, recrvd "
    "and video, 4 for the others]",
)
@click.option(
    "--size", "dimensions", default="768x512", show_default=True, help="Visible width x height."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same bytes.")
@click.option("--iso", type=NUMBERS, help="ISO speeds of the dark frames.")
@click.option("--shutter", type=NUMBERS, help="Exposure times of the dark frames.")
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    help="Frames of each video, shots of a burst.  [default: 6 for smid, 4 for moving-objects, 8 "
    "for video, 3 for crvd and recrvd, 1 for rawnind, 2]",
)
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True),
    help="Frames per second that the frames of a video speak of.  [default: 24]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be made; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def synth(
    collection: str,
    directory: Path,
    scenes: int | None,
    dimensions: str,
    seed: int,
    iso: tuple[float, ...] | None,
    shutter: tuple[float, ...] | None,
    frames: int | None,
    fps: float | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make a look-alike of COLLECTION below DIRECTORY.

    True raw files in the collection's own layout, names and black levels, with the noise of a
    sensor model, for trying things out without a download. moving-objects has videos of packed
    frames, video has folders of CinemaDNG frames; both with their ground truth. crvd, recrvd and
    mcr have mosaics in TIFF files.

    \b
    rawkit synth mid data/mid --scenes 2
    rawkit synth moving-objects data/moving-objects --scenes 8 --frames 32 --size 384x256
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.synth import CINEMA, MOVING_OBJECTS, make_cinema, make_collection, make_videos

    if collection in {MOVING_OBJECTS, CINEMA} and (iso or shutter):
        raise click.UsageError(f"{collection} takes no --iso and no --shutter")
    if fps is not None and collection != CINEMA:
        raise click.UsageError(f"{collection} takes no --fps: its files do not speak of it")
    width, _, height = dimensions.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise click.BadParameter(f"{dimensions!r} is not WIDTHxHEIGHT", param_hint="--size")
    with ExitStack() as stack:
        advance: Advance | None = None
        seen = 0

        def progress(done: int, total: int) -> None:
            nonlocal advance, seen
            if advance is None:
                stage = TerminalProgress().stage("Making raw files", total, "files")
                advance = stack.enter_context(stage)
            advance(done - seen)
            seen = done

        size_of = (int(height), int(width))
        if collection == CINEMA:
            report = make_cinema(
                directory, scenes=scenes, frames=frames, size=size_of, seed=seed,
                frames_a_second=fps or 24.0, progress=progress, dry_run=dry_run,
            )  # fmt: skip
        elif collection == MOVING_OBJECTS:
            report = make_videos(
                directory, scenes=scenes, frames=frames, size=size_of, seed=seed,
                progress=progress, dry_run=dry_run,
            )  # fmt: skip
        else:
            report = make_collection(
                collection,
                directory,
                scenes=scenes,
                size=size_of,
                seed=seed,
                isos=None if iso is None else [round(one) for one in iso],
                shutters=shutter,
                shots=frames,
                progress=progress,
                dry_run=dry_run,
            )
    if as_json:
        print_json({"directory": str(directory), "written": report.written, "kept": report.kept,
                    "bytes": report.bytes_written, "scenes": list(report.scenes)})  # fmt: skip
    else:
        files = f"{report.written} files, {size(report.bytes_written)}"
        click.echo(
            fields(
                {
                    "directory": directory,
                    "scenes": len(report.scenes),
                    "would be written" if dry_run else "written": files,
                    "kept": f"{report.kept} files that were there already",
                }
            )
        )
