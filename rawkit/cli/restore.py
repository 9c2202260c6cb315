"""``rawkit restore``: dark raw files into pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._brightness import AUTO, brightness_of
from rawkit.cli._filters import selection_of, selection_options
from rawkit.cli._group import NAMES, ListOf
from rawkit.cli._headerless import headerless_of, headerless_option
from rawkit.cli._place import PLACE
from rawkit.cli._print import print_json, table
from rawkit.cli._profile import mending_of_options, profile_options
from rawkit.cli._resources import resource_options
from rawkit.cli._restored import show_report
from rawkit.cli._video import is_video, restore_one_video, video_options
from rawkit.numbers import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.locations import Location
    from rawkit.restore import Inputs, Item, NoiseChoice, Output, StoredFrame
    from rawkit.sensor import Headerless
    from rawkit.workspace import Workspace


class _Multiples(ListOf):
    """``auto``, or numbers separated by commas."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """Read either; ``auto`` stands for itself."""
        return (AUTO,) if value in (AUTO, (AUTO,)) else super().convert(value, param, ctx)


_MULTIPLES = _Multiples(number, "auto|numbers", "auto, or a list of numbers such as 1,5,8")


@click.command()
@click.argument("files", nargs=-1)
@click.option(
    "-o", "--output", type=PLACE, default="restored",
    show_default=True, help="Folder or URL for the pictures, such as s3://bucket/out.",
)  # fmt: skip
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="Published weights, a checkpoint, or an exported network.  [default: the best of the "
    "newest run]",
)
@click.option(
    "--amplification", metavar="auto|ratio|NUMBER",
    help="How mosaics are brightened: estimated, to the exposure of the long or of --exposure, or "
    "by numbers.  [default: as the network was trained]",
)  # fmt: skip
@click.option(
    "--m", "multiples", type=_MULTIPLES,
    help="auto: as bright as a photographer expects; or multiples of the estimated amplification, "
    "such as 1,5,8, one picture each.  [default: auto for published weights in the sensor's "
    "colours]",
)  # fmt: skip
@click.option(
    "--colour", type=click.Choice(["auto", "sensor", "network"]), default="auto", show_default=True,
    help="Whose colours: the network's own, as published; the sensor's, under the network's "
    "detail; auto: the network's for a camera it was trained on, the sensor's for any other.",
)  # fmt: skip
@click.option(
    "--exposure", help="As bright as this exposure: 10s, or 10s,iso100,f/8; implies ratio."
)
@click.option(
    "--format", "kind", type=click.Choice(["png", "jpeg", "tiff", "dng"]),
    default="png", show_default=True,
    help="File format of the pictures; dng: the denoised mosaic, for any raw developer, by a "
    "network that gives mosaics.",
)  # fmt: skip
@click.option(
    "--bits", type=click.Choice(["8", "16", "32"]),
    help="Bits per channel; 16 for png, tiff and .npy, 32 for floats in an .npy. Of dng: 8 for the "
    "source's own units, 16 keeps fractions of them.  [default: 8; of dng 16]",
)  # fmt: skip
@click.option(
    "--noise", type=ListOf(float, "K,SIGMA", "two numbers such as 0.8,1.9"),
    help="Noise of all files, for networks that are told it: system gain in sensor units per "
    "electron, and read noise in sensor units.  [default: of --profile, else found in each file]",
)  # fmt: skip
@profile_options
@click.option("--linear", is_flag=True, help="Write linear light instead of the BT.709 curve.")
@click.option(
    "--compare", is_flag=True,
    help="Write LibRaw's conversion, as bright, beside each picture: NAME.plain.png.",
)  # fmt: skip
@click.option(
    "--backend", type=click.Choice(["torch", "openvino", "onnx", "litert", "executorch"]),
    help="What runs the network; openvino is an extra, faster on many CPUs; the last three "
    "run what `rawkit export` wrote.  [default: what the file is for, else torch]",
)  # fmt: skip
@click.option(
    "--device", help="Where torch runs, such as cpu or cuda.  [default: a GPU if there is one]"
)
@click.option(
    "--precision", type=click.Choice(["f32", "bf16", "f16"]), default="f32", show_default=True,
    help="What is computed in; other than f32 it is not exact.",
)  # fmt: skip
@click.option("--subset", help="Restore the dark frames of a subset.")
@click.option("--frame", "frames", type=NAMES, help="Of stores, only frames of these names.")
@selection_options
@click.option("--black", type=click.IntRange(min=0), help="Use this black level for all files.")
@click.option("--white", type=click.IntRange(min=1), help="Use this white level for all files.")
@headerless_option
@click.option(
    "--skip-existing",
    is_flag=True,
    help="Leave files alone whose pictures are there, by the same weights.",
)
@click.option("--dry-run", is_flag=True, help="List what would be written; write nothing.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Processes that restore whole files side by side; 0 decodes in this one.  [default: 1]",
)
@video_options
@resource_options
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@click.pass_obj
def restore(
    workspace: Workspace,
    /,
    files: tuple[str, ...],
    weights: Path | None,
    dry_run: bool,
    workers: int | None,
    max_ram: int,
    frame_timeout: float,
    scheduler: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Restore raw FILES into pictures.

    FILES are raw files, folders, zip or tar archives, patterns (quoted, with ** for any folders),
    URLs (of buckets with such patterns, too), and stores by their names or paths, of which filters
    choose dark frames. Every pixel of the visible area comes back. Levels are each file's own.

    One of FILES may be a raw video: an .npy of packed frames, (frames, height, width, 4), or with
    an output .mp4 or .npy, or with --video, a folder of CinemaDNG frames. A run that was killed is
    gone on with by the same command.

    \b
    rawkit restore photos/*.ARW -o out
    rawkit restore dark.dng --weights lamba2021/weights --m 1,5,8
    rawkit restore dark.dng --weights pmrid/torch_pretrained.ckp --format dng
    rawkit restore photos/*.ARW --profile cameras/ILCE-7SM2.toml
    rawkit restore "photos/**/*.NEF" --format tiff --bits 16 --skip-existing
    rawkit restore mid --iso 6400 --split test --compare
    rawkit restore "s3://bucket/raw/*.ARW" -o s3://bucket/out --scheduler tcp://host:8786
    rawkit restore take1/ -o take1.mp4 --compare --sheet
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.workers import Resources

    if is_video(files, {**options, "workers": workers, "scheduler": scheduler}):
        from rawkit.restore import Compute

        chosen = weights or _newest_weights(workspace)
        compute = Compute(
            chosen, _backend(chosen, options), options["device"], options["precision"], max_ram
        )
        asked = {**options, "dry_run": dry_run, "frame_timeout": frame_timeout, "as_json": as_json}
        restore_one_video(files[0], compute, brightness_of(options), asked)
        return
    headerless = headerless_of(options["headerless"])
    found = _inputs(workspace, files, options)
    output = _output(options, found, headerless)
    for refused in found.refused:
        click.echo(f"left out ({refused.kind}): {refused.path}: {refused.reason}", err=True)
    if dry_run:
        identity = None
        if output.skip_existing:
            from rawkit.restore import identity_of

            identity = identity_of(weights or _newest_weights(workspace))
        _show_plan(found.items, output, identity, as_json=as_json)
        return
    from rawkit.restore import Compute, load_restorer, restore_items

    chosen = weights or _newest_weights(workspace)
    backend = _backend(chosen, options)
    compute = Compute(
        chosen, backend, options["device"], options["precision"], max_ram, options["overlap"]
    )
    restorer = load_restorer(chosen, compute)
    if restorer.licence:
        click.echo(f"weights: {restorer.licence}", err=True)
    resources = Resources(workers, max_ram, frame_timeout, scheduler)
    report = restore_items(found.items, output, restorer, TerminalProgress(), resources)
    show_report(report, as_json=as_json)
    if report.failed or report.interrupted or report.stopped:
        raise SystemExit(1)


def _backend(weights: Path, options: dict[str, Any]) -> Any:
    from rawkit.restore import backend_of

    return options["backend"] or backend_of(weights)


def _newest_weights(workspace: Workspace) -> Path:
    from rawkit.train import newest_weights  # which takes memory that pictures need

    return newest_weights(workspace)


def _output(options: dict[str, Any], found: Inputs, headerless: Headerless | None) -> Output:
    """Return what is to be written."""
    from rawkit.pictures import PictureFormat
    from rawkit.restore import Output, StoredFrame
    from rawkit.sensor import Levels

    black, white = options["black"], options["white"]
    stores = [item.what.store for item in found.items if isinstance(item.what, StoredFrame)]
    return Output(
        folder=options["output"],
        format=PictureFormat(options["kind"], _bits(options)),
        brightness=brightness_of(options),
        linear=options["linear"],
        skip_existing=options["skip_existing"],
        compare=options["compare"],
        levels=None if black is None and white is None else Levels(black, white),
        colour=options["colour"],
        headerless=headerless,
        noise=_noise(options),
        mending=mending_of_options(options, stores),
    )


def _bits(options: dict[str, Any]) -> int:
    """Return the bits asked for; what is denoised has fractions, which a DNG is to keep."""
    return int(options["bits"] or (16 if options["kind"] == "dng" else 8))


def _noise(options: dict[str, Any]) -> NoiseChoice | None:
    """Return where the noise of files is known from; None: from each itself."""
    given = options["noise"]
    if given is None:
        return None
    if len(given) != 2:  # noqa: PLR2004 - k and sigma
        raise click.UsageError(f"--noise takes two numbers, K,SIGMA, not {len(given)}")
    from rawkit.models import ShotAndRead
    from rawkit.restore import NoiseChoice

    return NoiseChoice(ShotAndRead(given[0], given[1] ** 2))


def _inputs(workspace: Workspace, files: tuple[str, ...], options: dict[str, Any]) -> Inputs:
    """Tell stores from what else is named, and list everything."""
    from rawkit.restore import find_inputs

    stores, others = _stores(workspace, files)
    stored: list[StoredFrame] = []
    if stores or options["subset"]:
        stored = _stored(workspace, stores, options)
    elif any(options[key] for key in _FILTERS):
        chosen = next(key for key in _FILTERS if options[key])
        raise click.UsageError(
            f"--{chosen.replace('_', '-')} chooses frames of stores; none is named"
        )
    if not (others or stored):
        raise click.UsageError("nothing to restore: name files, folders or a store")
    return find_inputs(others, stored, progress=TerminalProgress())


_FILTERS = ("frames", "iso", "shutter", "ratio", "scene", "view", "camera", "split", "role",
            "per_long", "where", "without_excluded", "limit")  # fmt: skip


def _stores(workspace: Workspace, files: tuple[str, ...]) -> tuple[list[Location], list[str]]:
    """Split what is named into stores, by path, URL or name in the workspace, and the rest."""
    from rawkit.locations import is_url

    stores: list[Location] = []
    others: list[str] = []
    for one in files:
        if is_url(one) and one.rstrip("/").endswith(".zarr"):
            stores.append(workspace.find_store(one))
        elif (Path(one) / "zarr.json").is_file():
            stores.append(Path(one))
        elif not Path(one).exists() and one in {path.stem for path in workspace.stores()}:
            stores.append(workspace.store(one))
        else:
            others.append(one)
    return stores, others


def _stored(
    workspace: Workspace, stores: list[Location], options: dict[str, Any]
) -> list[StoredFrame]:
    from rawkit.catalog import is_named
    from rawkit.errors import SelectionError
    from rawkit.restore import frames_of_stores, frames_of_subset
    from rawkit.store import PROFILES, Store
    from rawkit.subset import load_subset

    found: list[StoredFrame] = []
    if stores:
        opened = [Store(path) for path in stores]
        for store in opened if not options["profiles"] else ():
            if PROFILES in store.attributes:
                text = f"{store.collection} has a camera's profile: --profile stored applies it"
                click.echo(f"note: {text}", err=True)
        found += frames_of_stores(opened, selection_of(options), several=len(stores) > 1)
    if options["subset"]:
        subset = load_subset(workspace.subset(options["subset"]))
        found += frames_of_subset(subset, workspace, options["split"] or ())
    if options["frames"]:
        found = [one for one in found if is_named(one.row.name, options["frames"])]
        if not found:
            raise SelectionError(f"no frame named {', '.join(options['frames'])}")
    return found


def _show_plan(
    items: Sequence[Item], output: Output, identity: str | None, *, as_json: bool
) -> None:
    """Print what would be written; `identity` is that of the weights if what is there is left."""
    from rawkit.restore import existing, looked_at, planned

    plan, is_there = planned(items, output), looked_at(output.folder)
    there = set() if identity is None else existing(plan, output, identity)
    rows = [
        (item.where, str(path), "there already" if item in there else
         "replaced" if is_there(path) else "new")
        for item, paths in plan.items() for path in paths
    ]  # fmt: skip
    if as_json:
        print_json([dict(zip(("source", "picture", "state"), row, strict=True)) for row in rows])
        return
    click.echo(table(("source", "picture", "state"), rows))
    click.echo(f"\nwould be restored: {len(plan) - len(there)}")
