"""``rawkit train``: a network on a subset, streamed from the stores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rawkit.cli._filters import selection_of, selection_options
from rawkit.cli._group import NAMES
from rawkit.cli._print import BarProgress, fields, print_json
from rawkit.cli._size import SIZE
from rawkit.cli._train_options import (
    finite,
    new_settings,
    on_command_line,
    resumed_settings,
    settings_options,
)

if TYPE_CHECKING:
    from rawkit.train import MemoryPlan, TrainData, TrainReport, TrainSettings, TrainState
    from rawkit.workspace import Workspace

_FILTERS = ("iso", "shutter", "ratio", "scene", "view", "camera", "per_long", "where",
            "without_excluded")  # fmt: skip
_NOT_OURS = {"split", "role", "limit"}
"""Filters that make no sense here: splits are what training is about, pairs belong together."""


@click.command()
@click.option("--subset", help="Subset to train on.  [default: the newest, or all there is]")
@click.option(
    "--fraction",
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of the training scenes of the stores, without a saved subset.",
)
@selection_options
@click.option("--store", type=NAMES, help="With --fraction or filters, only these stores.")
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
    help="Memory that each process of the training may use.",
)  # fmt: skip
@click.option("--validate-every", type=click.IntRange(min=1), help="Steps.  [default: a tenth]")
@click.option("--keep", type=click.IntRange(min=1), default=3, show_default=True,
              help="Checkpoints to keep beside the best one.")  # fmt: skip
@click.option("--tensorboard", is_flag=True, help="Write the metrics for TensorBoard too.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; train nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def train(workspace: Workspace, /, **options: Any) -> None:
    """Train a network on crops streamed from the stores.

    Memory does not grow with the stores. Interrupt it at will: `rawkit train --resume` goes on
    with the sample that would have come next. --fraction and the filters choose frames as
    `rawkit subset` does, without saving the choice.

    \b
    rawkit train
    rawkit train --subset f0.4 --steps 10000
    rawkit train --recipe sid --iso 100-400
    torchrun --nproc_per_node 2 -m rawkit train --batch 8
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.stream import check_crop
    from rawkit.train import check_memory, leave, plan_settings, rank_here, ranks_here

    ranks, leads = ranks_here(), rank_here() == 0
    folder, state, settings, data = _planned(workspace, options, ranks)
    check_crop([source.shape for source in data.train], plan_settings(settings))
    plan = check_memory(settings, data, options["max_ram"], ranks=ranks)
    if leads:
        _say_what(folder, state, settings, data, plan, dry_run=options["dry_run"])
    if options["dry_run"]:
        return
    try:
        report = _run(folder, state, settings, data, options, leads=leads)
    finally:
        leave()
    if leads:
        result = _result(report)
        if options["as_json"]:
            print_json({"run": str(folder), **result})
        else:
            click.echo(fields({"run": folder, **result}))
    if report.interrupted:
        if leads:
            click.echo("interrupted: `rawkit train --resume` goes on", err=True)
        raise SystemExit(1)


train.params = [one for one in train.params if one.name not in _NOT_OURS]


def _planned(
    workspace: Workspace, options: dict[str, Any], ranks: int
) -> tuple[Path, TrainState | None, TrainSettings, TrainData]:
    """Find the run to go on with, or settle a new one; nothing is written but a first subset."""
    from rawkit.train import (
        check_new_run,
        choose_subset,
        find_run,
        new_run_name,
        open_data,
        reopen_data,
    )

    if options["resume"]:
        resumed = find_run(workspace, options["name"])
        _refuse_other_data(options, resumed.state.settings.subset)
        settings = resumed_settings(resumed.state.settings, options)
        data = reopen_data(resumed.state, workspace, resumed.folder)
        return resumed.folder, resumed.state, settings, data
    selects = _selecting(options)
    if selects:
        chosen = _selected(workspace, options)
    else:
        chosen = choose_subset(workspace, options["subset"])
    data = open_data(chosen, workspace, named=not selects)
    settings = new_settings(chosen.name, options, data, options["max_ram"], ranks)
    folder = workspace.run(
        options["name"] or new_run_name(workspace, chosen.name, settings.network)
    )
    check_new_run(folder)
    return folder, None, settings, data


def _selecting(options: dict[str, Any]) -> list[str]:
    """Options given that choose frames without a saved subset."""
    names = ("fraction", *_FILTERS, "store")
    return [f"--{name.replace('_', '-')}" for name in names if options[name]]


def _selected(workspace: Workspace, options: dict[str, Any]) -> Any:
    from rawkit.errors import UsageError
    from rawkit.train import select_frames

    if options["subset"]:
        raise UsageError(
            f"{', '.join(_selecting(options))} with --subset",
            expected="one of them",
            fix="Make a subset with all of it by `rawkit subset`, or leave --subset out.",
        )
    names = options["store"]
    return select_frames(
        workspace,
        [workspace.find_store(one) for one in names] if names else workspace.stores(),
        fraction=options["fraction"] or 1.0,
        selection=selection_of({**dict.fromkeys(_NOT_OURS), **options}),
    )


def _refuse_other_data(options: dict[str, Any], subset: str) -> None:
    """Refuse options that would resume on other frames."""
    from rawkit.errors import UsageError

    names = ("fraction", *_FILTERS, "store")
    given = [f"--{name.replace('_', '-')}" for name in names if on_command_line(name)]
    if on_command_line("subset") and options["subset"] != subset:
        given.append(f"--subset {options['subset']} instead of {subset}")
    if given:
        raise UsageError(
            f"other data with --resume: {', '.join(given)}",
            expected="the frames the run was begun with",
            fix="Begin another run to change them.",
        )


def _say_what(
    folder: Path,
    state: TrainState | None,
    settings: TrainSettings,
    data: TrainData,
    plan: MemoryPlan,
    *,
    dry_run: bool,
) -> None:
    losses = settings.losses().items()
    head = {
        "run": folder,
        "subset": settings.subset,
        "pairs": f"{len(data.train)} train, {len(data.val)} val",
        "network": settings.network,
        "steps": settings.steps if state is None else f"{state.step} of {settings.steps} done",
        "batch": f"{settings.batch_size} crops of {settings.crop} x {settings.crop}"
        + (f", in {settings.accumulate} pieces" if settings.accumulate > 1 else ""),
        "loss": " + ".join(f"{weight:g} {name}" for name, weight in losses if weight),
        "memory": plan.text(),
    }
    click.echo(fields(head), err=True)
    if dry_run:
        click.echo(fields({"settings": "", **settings.as_dict()}), err=True)
    if not data.val:
        click.echo("no val split in the subset: nothing will be validated", err=True)


def _run(
    folder: Path,
    state: TrainState | None,
    settings: TrainSettings,
    data: TrainData,
    options: dict[str, Any],
    *,
    leads: bool,
) -> TrainReport:
    import logging

    from rawkit.progress import SILENT
    from rawkit.stream import ChunkCache
    from rawkit.train import Trainer, make_fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets on every start
    trainer = Trainer(
        settings,
        data,
        folder,
        threads=options["threads"],
        fabric=make_fabric(options["device"], settings.precision),
        keep=options["keep"],
        board=options["tensorboard"],
        cache=ChunkCache(Path(options["cache"]), options["cache_size"])
        if options["cache"]
        else None,
    )
    if state is not None:
        trainer.resume(state)
    return trainer.run(
        validate_every=options["validate_every"] or max(1, settings.steps // 10),
        max_seconds=options["minutes"] and 60 * options["minutes"],
        progress=BarProgress() if leads else SILENT,
    )


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
