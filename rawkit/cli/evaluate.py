"""``rawkit evaluate``: how near restored pictures are to the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._filters import selection_of, selection_options
from rawkit.cli._group import NAMES
from rawkit.cli._patches import TIMES_AND_SIDE
from rawkit.cli._print import fields, print_json, table
from rawkit.cli._profile import mending_of_options, profile_options
from rawkit.cli._size import SIZE
from rawkit.cli._video import FRAMES_AND_PIXELS

if TYPE_CHECKING:
    from rawkit.evaluate import Evaluation, EvaluationPlan, Protocol
    from rawkit.workspace import Workspace

_SHOWN = ("psnr", "ssim", "ms_ssim", "delta_e", "hue_shift", "amplification_error", "sharpness")
_NOT_OURS = {"role"}
"""A filter that makes no sense here: dark frames and their truth belong together."""


@click.command()
@click.option("--run", help="Run whose best weights are evaluated.  [default: the newest]")
@click.option(
    "--weights",
    help='Weights instead of a run: a file, "plain" for a conversion without a network, or '
    '"equalised" for histogram equalisation.',
)
@click.option(
    "--protocol", "protocol_name", default="all", show_default=True,
    help="all, moving-objects, sid-598, sid-562, sid-93 or sid-88; in raw space sid-raw or eld.",
)  # fmt: skip
@click.option("--subset", help="Only pairs of this subset.")
@click.option(
    "--store", "stores", type=NAMES, help="Stores to use.  [default: all, or the subset's]"
)
@selection_options
@click.option(
    "--amplify",
    help="trained (as the network was), auto (the estimate), ratio, equalise, or a number.  "
    "[default: the protocol's]",
)
@click.option(
    "--m", type=click.FloatRange(0, min_open=True), help="Multiple of the estimate, with auto."
)
@click.option(
    "--bits", type=click.Choice(["8", "float"]),
    help="Compare rounded to 8 bits, or as floating point.  [default: the protocol's]",
)  # fmt: skip
@click.option(
    "--ssim", help="SSIM variant: gaussian, uniform or luminance.  [default: the protocol's]"
)
@click.option("--centre", type=click.IntRange(min=0), help="Compare only a square in the middle, "
              "of so many pixels a side.  [default: the protocol's]")  # fmt: skip
@click.option(
    "--correct/--no-correct", default=None, help="In raw space, correct the brightness of what is "
    "restored by one factor first.  [default: the protocol's]",
)  # fmt: skip
@click.option("--border", type=click.IntRange(min=0), help="Pixels cut off at each side.")
@click.option(
    "--black-level", type=click.FloatRange(0),
    help="One black level for all frames instead of each file's own.",
)  # fmt: skip
@profile_options
@click.option(
    "--pieces", type=FRAMES_AND_PIXELS,
    help="Frames and pixels to a side of what a network of clips is given at a time, such as "
    "32x512.  [default: what fits in --max-ram, or the protocol's]",
)  # fmt: skip
@click.option("--resamples", type=click.IntRange(min=1), default=2000, show_default=True,
              help="Draws of the bootstrap.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="Seed of the bootstrap.")  # fmt: skip
@click.option(
    "--pictures", type=click.IntRange(min=0), default=0, show_default=True,
    help="Also save so many of the best, median and worst pictures.",
)  # fmt: skip
@click.option(
    "--videos", type=click.IntRange(min=0), default=0, show_default=True,
    help="Also save so many videos, those in the middle by PSNR, for the report.",
)  # fmt: skip
@click.option(
    "--colour", type=click.Choice(["auto", "sensor", "network"]), default="network",
    show_default=True, help="Whose colours the pictures of a network have, see `rawkit restore`.",
)  # fmt: skip
@click.option(
    "--overlap",
    type=TIMES_AND_SIDE,
    help="Restore in patches that overlap so many times, such as "
    "2 or 2x96, with blended borders.  [default: whole pictures]",
)
@click.option(
    "--max-ram", type=SIZE, default="2GB", show_default=True,
    help="Memory of the process; decides the size of the network's tiles.",
)  # fmt: skip
@click.option("--name", help="Name of the evaluation.  [default: protocol and identity]")
@click.option("--dry-run", is_flag=True, help="Say what would be evaluated; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_obj
def evaluate(workspace: Workspace, /, **options: Any) -> None:
    """Measure a run, weights or a plain conversion against the truth.

    PSNR, SSIM, MS-SSIM, colour and amplification errors of each picture go into
    runs/RUN/evaluations/NAME/pictures.parquet and .csv, their means with bootstrap intervals into
    summary.json and means.csv. Of videos there are means and the error of brightness (MABD) in
    videos.csv, and how bright each frame is in curves.csv. Interrupt it at will: the same command
    goes on where it stopped.

    \b
    rawkit evaluate --protocol sid-562
    rawkit evaluate --weights plain --split val
    rawkit evaluate --protocol sid-562 --profile stored
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.evaluate import (
        changes_of,
        pictures_done,
        run_evaluation,
        save_films,
        save_pictures,
    )

    plan = _plan(workspace, options)
    done = pictures_done(plan)
    complete = plan.protocol.pairs
    head = {
        "evaluated": f"{plan.title} ({plan.method.name})",
        "protocol": " ".join([plan.protocol.name, *changes_of(plan.protocol)]),
        "pairs": f"{len(plan.pairs)}" + (f" of {complete}" if complete else ""),
        "done": f"{done} already" if done else None,
        "folder": plan.folder,
    }
    click.echo(fields({key: one for key, one in head.items() if one is not None}), err=True)
    if plan.method.licence:
        click.echo(f"weights: {plan.method.licence}", err=True)
    if options["dry_run"]:
        plan.within_memory()
        return
    progress = TerminalProgress()
    evaluation = run_evaluation(plan, progress).evaluation
    if options["pictures"]:
        save_pictures(plan, evaluation, options["pictures"], progress)
    if options["videos"]:
        save_films(plan, evaluation, options["videos"], progress)
    _print(evaluation, as_json=options["as_json"])


evaluate.params = [one for one in evaluate.params if one.name not in _NOT_OURS]


def _plan(workspace: Workspace, options: dict[str, Any]) -> EvaluationPlan:
    from rawkit.evaluate import plan_evaluation, subject

    return plan_evaluation(
        workspace,
        subject(
            workspace,
            run=options["run"],
            weights=options["weights"],
            colour=options["colour"],
            overlap=options["overlap"],
        ),
        _protocol(options),
        stores=options["stores"],
        subset=options["subset"],
        selection=selection_of({**options, "role": None, "limit": None, "split": None}),
        limit=options["limit"],
        name=options["name"],
        resamples=options["resamples"],
        seed=options["seed"],
        max_ram=options["max_ram"],
        mending=lambda stores: mending_of_options(options, stores),
    )


def _protocol(options: dict[str, Any]) -> Protocol:
    from rawkit.evaluate import listed_splits, parse_amplification, protocol

    changes: dict[str, Any] = {
        name: options[name]
        for name in ("ssim", "border", "black_level", "pieces", "correct", "centre")
        if options[name] is not None
    }
    if options["split"]:
        changes["splits"] = listed_splits(options["split"])
    if options["bits"]:
        changes["bits"] = 0 if options["bits"] == "float" else int(options["bits"])
    if options["amplify"] or options["m"]:
        changes |= parse_amplification(options["amplify"] or "auto", options["m"])
    return protocol(options["protocol_name"], **changes)


def _print(evaluation: Evaluation, *, as_json: bool) -> None:
    from rawkit.evaluate import NOMINAL, summary_values

    if as_json:
        print_json({"folder": str(evaluation.folder), **summary_values(evaluation)})
        return
    rows = [
        (
            group.axis if group.value is None else f"{group.axis} {_text(group.value)}",
            group.pictures,
            group.scenes,
            *(group.means[name].mean for name in _SHOWN),
        )
        for group in evaluation.groups
    ]
    click.echo(table(("means over", "pictures", "scenes", *_SHOWN), rows))
    if any(group.axis == NOMINAL for group in evaluation.groups):
        _print_by_ratio(evaluation)
    overall = evaluation.overall.means["psnr"]
    if overall.low is not None and overall.high is not None:
        click.echo(
            f"\nPSNR {overall.mean:.2f} dB, 95% between {overall.low:.2f} and {overall.high:.2f}"
        )
    if evaluation.videos is not None:
        _print_videos(evaluation)
    click.echo(f"{evaluation.folder}")


def _print_by_ratio(evaluation: Evaluation) -> None:
    """Print figures by nominal ratio, beside published ones of its collection."""
    from rawkit.evaluate import NOMINAL, published_for

    groups = [one for one in evaluation.groups if one.axis == NOMINAL and one.value is not None]
    ratios = [one.value for one in groups]
    lines = {evaluation.title: {one.value: (one.means["psnr"].mean, one.means["ssim"].mean)
                                for one in groups}}  # fmt: skip
    for collection in (one.value for one in evaluation.groups if one.axis == "collection"):
        for one in published_for(str(collection), space="raw"):
            lines.setdefault(f"{one.method} (published)", {})[one.ratio] = one.psnr, one.ssim
    rows = [
        (name, *(_both(*found.get(ratio, (None, None))) for ratio in ratios))
        for name, found in lines.items()
    ]
    head = ("PSNR / SSIM in raw space", *(f"x{ratio:g}" for ratio in ratios))
    click.echo("\n" + table(head, rows))


def _both(psnr: float | None, ssim: float | None) -> str:
    return "-" if psnr is None or ssim is None else f"{psnr:.2f} / {ssim:.4f}"


def _print_videos(evaluation: Evaluation) -> None:
    """Print the figures of each video, and their means."""
    from rawkit.metrics import BRIGHTNESS_VARIANTS

    shown = ("psnr", "ssim", "mabd_bt601", "mabd_bt709", "mabd_columns")
    rows = [
        (one.video, one.frames, *(getattr(one, name) for name in shown))
        for one in evaluation.video_rows()
    ]
    together = evaluation.videos
    if together is None:
        return
    frames = sum(int(row[1]) for row in rows)
    means = ("all", frames, *(together.means[name].mean for name in shown))
    click.echo("\n" + table(("video", "frames", *shown), [*rows, means]))
    for one in BRIGHTNESS_VARIANTS.values():
        mean = together.means[f"mabd_{one.name}"]
        if mean.low is not None and mean.high is not None:
            between = f", 95% between {mean.low:.4g} and {mean.high:.4g}"
            click.echo(f"MABD error {mean.mean:.4g}{between} ({one.title})")


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
