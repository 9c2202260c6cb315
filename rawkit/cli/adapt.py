"""``rawkit adapt``: weights made better for a camera of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._print import fields, print_json, table
from rawkit.cli._size import SIZE
from rawkit.cli._train_options import finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.adapt import AdaptPlan, AdaptReport
    from rawkit.catalog import LeftOut
    from rawkit.workspace import Workspace


@click.command()
@click.argument("photos", type=click.Path(path_type=Path))
@click.option("--weights", help="What to begin with: published weights, a checkpoint, or the name "
              "of a run.  [default: the best of the newest run]")  # fmt: skip
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), callback=finite, default=10.0,
    show_default=True, help="Time to train for; ingest and measuring come on top.",
)  # fmt: skip
@click.option("--profile", type=click.Path(path_type=Path), help="Profile of the camera: dark "
              "photos are made of well-lit ones, and none need be taken.")  # fmt: skip
@click.option("--lr", type=float, help="Rate of Adam.  [default: 3e-4]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto",
              show_default=True, help="Where; auto takes a GPU if there is one.")  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True,
              help="Threads that read.")  # fmt: skip
@click.option("--workers", type=click.IntRange(min=0), help="Processes that ingest; 0: none but "
              "this one.  [default: one for each core]")  # fmt: skip
@click.option("--max-ram", type=SIZE, default="3GB", show_default=True,
              help="Memory that each part of it may take.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say which photos are pairs; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def adapt(workspace: Workspace, /, photos: Path, weights: str | None, minutes: float,
          profile: Path | None, lr: float | None, device: str, threads: int, workers: int | None,
          max_ram: int, dry_run: bool, as_json: bool) -> None:  # fmt: skip
    """Make weights better for the camera that took PHOTOS, a folder of raw files.

    Finds photos of the same scene with much and with little light, by time, framing and EXIF;
    holds some scenes back, trains on the others, and says by how much the weights have become
    better on those held back. If they have not, the old ones are kept. Interrupt it at will: the
    same command goes on.

    \b
    rawkit adapt photos --weights lamba2021/weights --dry-run
    rawkit adapt photos --weights lamba2021/weights --minutes 10
    rawkit adapt photos --weights lamba2021/weights --profile cameras/ILCE-7SM2.toml
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.adapt import plan_adaptation, run_adaptation

    progress = TerminalProgress()
    plan = plan_adaptation(
        workspace, photos, weights, profile=profile, max_ram=max_ram, progress=progress
    )
    if dry_run:
        print_json(_plan(plan)) if as_json else click.echo(_plan_text(plan))
        return
    click.echo(_plan_text(plan), err=True)
    report = run_adaptation(
        plan, minutes=minutes, settings={} if lr is None else {"learning_rate": lr}, device=device,
        threads=threads, workers=workers, max_ram=max_ram, progress=progress, told=_tell,
    )  # fmt: skip
    if report is not None:
        print_json(report.as_dict()) if as_json else click.echo(_report_text(report))
    if report is None or report.interrupted:
        click.echo("interrupted: the same command goes on", err=True)
        raise SystemExit(1)


def _tell(words: str) -> None:
    click.echo(words, err=True)


def _plan(plan: AdaptPlan) -> dict[str, Any]:
    return {
        "photos": str(plan.photos),
        "weights": str(plan.weights),
        "network": plan.network,
        "licence": plan.licence,
        "folder": str(plan.workspace.root),
        "scenes": [
            {"long": one.long.name, "shorts": [short.name for short in one.shorts],
             "held_back": one.held_back}
            for one in plan.found.scenes
        ],
        "profile": None if plan.profile is None else str(plan.profile),
        "darks": [{"long": one.long, "ratio": one.ratio, "iso": one.iso} for one in plan.darks],
        "left_out": [{"name": one.name, "kind": one.kind, "reason": one.reason}
                     for one in plan.found.left_out],
    }  # fmt: skip


def _plan_text(plan: AdaptPlan) -> str:
    from rawkit.adapt import RATIOS

    rows: list[tuple[object, ...]] = [
        (one.long.name, short.name, f"{one.long.light / short.light:.0f}",
         "held back" if one.held_back else "")
        for one in plan.found.scenes for short in one.shorts
    ]  # fmt: skip
    if plan.profile is not None:
        made = {one.long: f"{len(RATIOS)} made" for one in plan.darks}
        rows = [
            (one.long.name, made.get(one.long.name, "made for each crop"), "",
             "held back" if one.held_back else "")
            for one in plan.found.scenes
        ]  # fmt: skip
    pairs = table(("long", "short", "light", ""), rows)
    about = {
        "weights": f"{plan.weights} ({plan.network})",
        "terms": plan.licence,
        "scenes": len(plan.found.scenes),
        "pairs": plan.found.pairs or None,
        "dark photos": plan.profile and f"made with the noise of {plan.profile}",
        "goes into": plan.workspace.root,
    }
    return f"{fields(about)}\n\n{pairs}{_left_text(plan.found.left_out)}"


def _report_text(report: AdaptReport) -> str:
    def decibels(value: float) -> str:
        return f"{value:.2f} dB"

    values: dict[str, object] = {
        "trained on": f"{report.pairs[0]} {'photos' if report.made else 'pairs'} of "
        f"{report.scenes[0]} scenes",
        "measured on": f"{report.pairs[1]} pairs of {report.scenes[1]} scenes held back",
        "steps": f"{report.steps} in {report.seconds / 60:.1f} minutes",
        "before, the sensor's colours": decibels(report.sensor.psnr),
        "before, the network's colours": decibels(report.network.psnr),
        f"after, the {report.colour}'s colours": decibels(report.after.psnr),
        "terms": report.licence,
        "weights": report.weights,
    }
    if report.adapted:
        colour = " --colour sensor" if report.colour == "sensor" else ""
        last = (
            f"better by {decibels(report.gain)}: rawkit restore --weights {report.weights}{colour}"
        )
    else:
        last = f"not better ({decibels(report.gain)}): the weights it began with are kept"
    return f"{fields(values)}{_left_text(report.left_out)}\n\n{last}"


def _left_text(left: Sequence[LeftOut]) -> str:
    if not left:
        return ""
    rows = [(one.name, one.kind, one.reason) for one in left]
    return f"\n\nleft out: {len(rows)}\n" + table(("file", "kind", "reason"), rows)
