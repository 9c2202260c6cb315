"""``rawkit train``: a network on a subset, streamed from the stores."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._filters import selection_of, selection_options
from rawkit.cli._group import NAMES
from rawkit.cli._print import fields, print_json, size
from rawkit.cli._size import SIZE
from rawkit.cli._source import SourceOption
from rawkit.cli._train_live import is_live, planned_live
from rawkit.cli._train_options import (
    changes_of,
    finite,
    on_command_line,
    settings_options,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawkit.stream import Keeper
    from rawkit.train import DiskTraining, TrainPlan, TrainReport, TrainSettings
    from rawkit.workspace import Workspace

_FILTERS = ("iso", "shutter", "ratio", "scene", "view", "camera", "per_long", "where",
            "without_excluded")  # fmt: skip
_CHOOSING = ("fraction", *_FILTERS, "store")
"""Options that choose frames without a saved subset."""
_NOT_OURS = {"split", "role"}
"""Filters that make no sense here: splits are what training is about, pairs belong together."""


@click.command()
@click.argument("collection", required=False)
@click.option("--subset", help="Subset to train on.  [default: the newest, or all there is]")
@click.option(
    "--fraction",
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of the training scenes of the stores, without a saved subset.",
)
@selection_options
@click.option("--store", type=NAMES, help="With --fraction or filters, only these stores.")
@click.option(
    "--source", cls=SourceOption, default=(),
    help="With COLLECTION or --disk: folder, zip or tar archive, or URL with the raw files; "
    "several with commas between them, or given again.  "
    "[default: data/COLLECTION in the workspace]",
)  # fmt: skip
@click.option("--replay", metavar="RUN", help="Draw from the finished store what RUN has drawn "
              "while its frames landed: the same weights.")  # fmt: skip
@click.option("--name", help="Name of the run.  [default: subset, network and a number]")
@click.option("--resume", is_flag=True, help="Go on with the named or newest run.")
@settings_options
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    callback=finite,
    help="Stop after so long.",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto",
              show_default=True, help="Where; auto takes a GPU if there is one.")  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True,
              help="Threads that read.")  # fmt: skip
@click.option(
    "--cache", type=click.Path(file_okay=False),
    help="Folder that keeps what is read of stores elsewhere.  [default: none]",
)  # fmt: skip
@click.option("--cache-size", type=SIZE, default="20GB", show_default=True,
              help="What --cache may take.")  # fmt: skip
@click.option(
    "--max-ram", type=SIZE, default="3GB", show_default=True,
    help="Memory that each process of the training may use; with COLLECTION, the training and the "
    "ingest beside it together.",
)  # fmt: skip
@click.option(
    "--disk", type=SIZE, help="Bytes that the store's frames may take: others are fetched from "
    "their raw files when they are needed, and deleted when they are needed last.",
)  # fmt: skip
@click.option("--validate-every", type=click.IntRange(min=1), help="Steps.  [default: a tenth]")
@click.option("--keep", type=click.IntRange(min=1), default=3, show_default=True,
              help="Checkpoints to keep beside the best one.")  # fmt: skip
@click.option(
    "--patience", type=click.FloatRange(1), default=600, show_default=True,
    help="Seconds that a process waits for the others of its training before it ends.",
)  # fmt: skip
@click.option("--tensorboard", is_flag=True, help="Write the metrics for TensorBoard too.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; train nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def train(workspace: Workspace, /, **options: Any) -> None:
    """Train a network on crops streamed from the stores.

    Memory does not grow with the stores. Interrupt it at will: `rawkit train --resume` goes on
    with the sample that would have come next. --fraction and the filters choose frames as
    `rawkit subset` does, without saving the choice.

    With COLLECTION, as `rawkit ingest` takes it, frames that are not in its store yet are fetched
    beside the training, which begins as soon as the pairs of a batch are there.

    \b
    rawkit train
    rawkit train mid --iso 100,200 --source https://example.org/MID.zip
    rawkit train --subset f0.4 --steps 10000
    rawkit train --recipe sid --iso 100-400
    rawkit train --runs s3://bucket/runs
    torchrun --nproc_per_node 2 -m rawkit train --batch 8
    """  # noqa: D301 - click takes the backspace itself
    # Before torch is loaded: the first bytes are on their way in the meantime.
    plan = planned_live(workspace, options) if is_live(workspace, options) else None
    if plan is None and options["collection"] is not None:
        return
    from rawkit.train import rank_here

    leads = rank_here() == 0
    plan = plan or _planned(workspace, options)
    if leads:
        _say_what(plan, dry_run=options["dry_run"])
    if options["dry_run"] and not options["disk"]:
        return
    report = _trained(plan, workspace, options, leads=leads)
    if report is None:
        return
    if leads:
        _print_report(plan, report, as_json=options["as_json"])
    if report.interrupted and leads:
        click.echo("interrupted: `rawkit train --resume` goes on", err=True)
    if report.missing and leads:
        click.echo(f"{report.missing}; `rawkit train --resume` tries again", err=True)
    if report.interrupted or report.missing:
        raise SystemExit(1)


train.params = [one for one in train.params if one.name not in _NOT_OURS]


def _trained(
    plan: TrainPlan, workspace: Workspace, options: dict[str, Any], *, leads: bool
) -> TrainReport | None:
    """Train, from a store within a budget if there is one; None where that is only said."""
    if not options["disk"] or plan.keeper is not None:
        report = _run(plan, None, options, leads=leads)
        if plan.keeper is not None and leads:
            _say_fetched(plan)
        return report
    with _on_disk(plan, workspace, options) as disk:
        if options["dry_run"]:
            return None
        keeper = disk.keeper()
        try:
            report = _run(disk.plan, keeper, options, leads=leads)
        finally:
            keeper.close()
        click.echo(f"fetched {size(keeper.fetched)} in {keeper.brought} frames", err=True)
        return report


def _say_fetched(plan: TrainPlan) -> None:
    """Say what has come over the network, and how much of it for a second time."""
    keeper = plan.keeper
    supply = None if plan.live is None else plan.live.supply
    if supply is None or keeper is None:
        return
    click.echo(
        f"fetched {size(supply.fetched)}: {size(supply.landed_bytes)} in {supply.landed} frames "
        f"that landed, {size(keeper.fetched)} in {keeper.brought} that came again",
        err=True,
    )


def _run(
    plan: TrainPlan, keeper: Keeper | None, options: dict[str, Any], *, leads: bool
) -> TrainReport:
    from rawkit.progress import SILENT
    from rawkit.stream import ChunkCache
    from rawkit.train import run_training

    return run_training(
        plan,
        threads=options["threads"],
        device=options["device"],
        cache=ChunkCache(Path(options["cache"]), options["cache_size"])
        if options["cache"]
        else None,
        keeper=keeper,
        keep=options["keep"],
        board=options["tensorboard"],
        validate_every=options["validate_every"],
        max_seconds=options["minutes"] and 60 * options["minutes"],
        patience=options["patience"],
        progress=TerminalProgress() if leads else SILENT,
        told=_tell if leads else None,
    )


@contextmanager
def _on_disk(
    plan: TrainPlan, workspace: Workspace, options: dict[str, Any]
) -> Iterator[DiskTraining]:
    """Say what a budget comes to."""
    from rawkit.train import disk_training

    bar = TerminalProgress()
    with disk_training(
        plan, workspace, options["disk"], options["source"] or None, bar, _tell_away
    ) as found:
        least, whole = found.epochs(3)
        near = found.disk.group
        said: dict[str, object] = {
            "disk": size(options["disk"]),
            "shuffled at a time": "all pairs" if near is None else f"{near} pairs",
            "to fetch in 3 epochs": f"{size(round(least))} at least, of {size(3 * whole)}",
        }
        click.echo(fields(said), err=True)
        yield found


def _print_report(plan: TrainPlan, report: TrainReport, *, as_json: bool) -> None:
    result = _result(report)
    if as_json:
        print_json({"run": str(plan.folder), **result})
    else:
        click.echo(fields({"run": plan.folder, **result}))


def _planned(workspace: Workspace, options: dict[str, Any]) -> TrainPlan:
    """Settle what the options ask for."""
    from rawkit.errors import UsageError
    from rawkit.train import FETCHING, FrameChoice, other_data, plan_training, resume_training

    # Frames that come again are decoded in this process.
    max_ram = options["max_ram"] - (FETCHING if options["disk"] else 0)
    same = {"recipe": options["recipe"], "max_ram": max_ram}
    if options["resume"]:
        given = [_flag(name) for name in _CHOOSING if on_command_line(name)]
        if "--store" in given:
            raise other_data(["--store"])
        if not on_command_line("recipe"):
            same["recipe"] = None
        subset = options["subset"] if on_command_line("subset") else None
        changes = changes_of(options, given_only=True)
        again = _chosen_again(options) if given else {}
        return resume_training(
            workspace, options["name"], changes, subset=subset, chosen=again, **same
        )
    selects = [_flag(name) for name in _CHOOSING if options[name]]
    chosen = options["subset"]
    if selects:
        if chosen:
            raise UsageError(
                f"{', '.join(selects)} with --subset",
                expected="one of them",
                fix="Make a subset with all of it by `rawkit subset`, or leave --subset out.",
            )
        names = options["store"]
        stores = [workspace.find_store(one) for one in names] if names else workspace.stores()
        selection = selection_of({**dict.fromkeys(_NOT_OURS), **options})
        chosen = FrameChoice(tuple(stores), options["fraction"] or 1.0, selection)
    return plan_training(workspace, chosen, changes_of(options), name=options["name"], **same)


def _chosen_again(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fraction and the filters that are given, as a run notes them."""
    from rawkit.subset import selection_values

    chosen = selection_values(selection_of({**dict.fromkeys(_NOT_OURS), **options}))
    return chosen if options["fraction"] is None else {"fraction": options["fraction"], **chosen}


def _tell_away(reason: str) -> None:
    _tell(f"waiting, and trying again: {reason}" if reason else "frames come again")


def _tell(words: str) -> None:
    click.echo(words, err=True)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _say_what(plan: TrainPlan, *, dry_run: bool) -> None:
    from rawkit.train import isos_beyond, other_cameras, validated_on_made

    settings, data = plan.settings, plan.data
    losses = settings.losses().items()
    done = "" if plan.state is None else f"{plan.state.step} of "
    head = {
        "run": plan.folder,
        "subset": settings.subset,
        "pairs": _pairs(plan),
        **({"shorts": settings.said_of_shorts()} if settings.makes_shorts else {}),
        **({"mended": settings.said_of_mending()} if settings.mends else {}),
        "network": settings.network,
        "steps": f"{done}{settings.steps} done" if done else settings.steps,
        "batch": _batch(settings),
        "loss": " + ".join(f"{weight:g} {name}" for name, weight in losses if weight),
        "memory": plan.memory.text(),
    }
    click.echo(fields(head), err=True)
    if dry_run:
        click.echo(fields({"settings": "", **settings.as_dict()}), err=True)
    if validated_on_made(data.val):
        click.echo(
            f"no pairs in the val split: dark frames are made of its {len(data.val)} longs to "
            "validate on", err=True,
        )  # fmt: skip
    other = ", ".join(other_cameras(data.train, settings))
    if other:
        click.echo(f"the noise of {settings.profile_camera} on frames of {other}", err=True)
    for beyond in isos_beyond(settings, data):
        click.echo(beyond, err=True)
    if not data.val and plan.live is None:
        click.echo("no val split in the subset: nothing will be validated", err=True)


def _batch(settings: TrainSettings) -> str:
    """Say what a step is made of, and how it is made to fit into the memory."""
    clip = f"{settings.clip} x " if settings.clip > 1 else ""
    return (
        f"{settings.batch_size} {'clips' if clip else 'crops'} of {clip}{settings.crop} x "
        f"{settings.crop}"
        + (f", in {settings.accumulate} pieces" if settings.accumulate > 1 else "")
        + (", activations computed again" if settings.recompute else "")
    )


def _pairs(plan: TrainPlan) -> str:
    data = plan.data
    if plan.live is None:
        return f"{len(data.train)} train, {len(data.val)} val"
    return f"{len(data.train)} train to begin with, of {data.expected}"


def _result(report: TrainReport) -> dict[str, Any]:
    scores = report.scores
    return {
        "steps": report.steps,
        "loss": report.loss,
        "crops_per_second": report.crops_per_second,
        "waiting_for_data": report.waiting,
        "psnr": None if scores is None else scores.psnr,
        "ssim": None if scores is None else scores.ssim,
        "validation_frames": 0 if scores is None else scores.frames,
    }
