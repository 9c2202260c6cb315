"""``rawkit train``: a network on a subset, streamed from the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rawkit.cli._print import BarProgress, fields, print_json
from rawkit.cli._size import SIZE

if TYPE_CHECKING:
    from rawkit.train import TrainData, TrainReport, TrainSettings
    from rawkit.workspace import Workspace


@click.command()
@click.option("--subset", help="Subset to train on.  [default: the newest, or all there is]")
@click.option("--name", help="Name of the run.  [default: subset, network and a number]")
@click.option("--resume", is_flag=True, help="Go on with the named or newest run.")
@click.option("--network", default="lamba2021", show_default=True, help="lamba2021 or sid.")
@click.option(
    "--steps", type=click.IntRange(min=1), help="Optimizer steps.  [default: those of 20 epochs]"
)
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Stop after so long.")
@click.option(
    "--crop", type=int, help="Side in mosaic pixels.  [default: 512, or what the frames allow]"
)
@click.option("--batch", type=click.IntRange(min=1), default=4, show_default=True)
@click.option("--lr", type=float, default=1e-4, show_default=True, help="Rate of Adam.")
@click.option("--schedule", type=click.Choice(["constant", "cosine"]), default="constant",
              show_default=True, help="How the rate goes on.")  # fmt: skip
@click.option("--l1", type=float, default=1.0, show_default=True, help="Weight of L1.")
@click.option(
    "--ms-ssim",
    type=float,
    help="Weight of 1 - MS-SSIM.  [default: 0.2; 0 where crops are below 161]",
)
@click.option(
    "--amplify",
    default="auto",
    show_default=True,
    help="auto (the estimate), ratio (gain to the long, at most 300), or a number.",
)
@click.option("--m", type=float, default=1.0, show_default=True, help="Multiple of the estimate.")
@click.option("--augment/--no-augment", default=True, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True,
              help="Threads that read.")  # fmt: skip
@click.option(
    "--max-ram", type=SIZE, default="3GB", show_default=True, help="Memory the training may use."
)
@click.option("--validate-every", type=click.IntRange(min=1), help="Steps.  [default: a tenth]")
@click.option("--dry-run", is_flag=True, help="Say what would be done; train nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def train(workspace: Workspace, /, **options: Any) -> None:
    """Train a network on crops streamed from the stores.

    Memory does not grow with the stores. Interrupt it at will: `rawkit train --resume` goes on
    with the sample that would have come next.

    \b
    rawkit train
    rawkit train --subset f0.4 --steps 10000
    """  # noqa: D301 - click takes the backspace itself
    from rawkit.stream.plan import check_crop
    from rawkit.train import Trainer, check_new_run
    from rawkit.train.loop import plan_settings
    from rawkit.train.memory import check_memory
    from rawkit.train.runs import choose_subset, find_run, new_run_name, open_data

    as_json, state = options["as_json"], None
    if options["resume"]:
        resumed = find_run(workspace, options["name"])
        folder, state = resumed.folder, resumed.state
        data = open_data(choose_subset(workspace, state.settings.subset), workspace)
        settings = _resumed_settings(state.settings, options)
    else:
        chosen = choose_subset(workspace, options["subset"])
        data = open_data(chosen, workspace)
        settings = _settings(chosen.name, options, data)
        folder = workspace.run(
            options["name"] or new_run_name(workspace, chosen.name, settings.network)
        )
        check_new_run(folder)
    check_crop([source.shape for source in data.train], plan_settings(settings))
    budget = check_memory(settings, data, options["max_ram"])
    head = {
        "run": folder,
        "subset": settings.subset,
        "pairs": f"{len(data.train)} train, {len(data.val)} val",
        "network": settings.network,
        "steps": settings.steps if state is None else f"{state.step} of {settings.steps} done",
        "batch": f"{settings.batch_size} crops of {settings.crop} x {settings.crop}",
        "memory": budget.text(),
    }
    click.echo(fields(head), err=True)
    if not data.val:
        click.echo("no val split in the subset: nothing will be validated", err=True)
    if options["dry_run"]:
        return
    trainer = Trainer(settings, data, folder, threads=options["threads"])
    if state is not None:
        trainer.resume(state)
    report = trainer.run(
        validate_every=options["validate_every"] or max(1, settings.steps // 10),
        max_seconds=options["minutes"] and 60 * options["minutes"],
        progress=BarProgress(),
    )
    result = _result(report)
    if as_json:
        print_json({"run": str(folder), **result})
    else:
        click.echo(fields({"run": folder, **result}))
    if report.interrupted:
        click.echo("interrupted: `rawkit train --resume` goes on", err=True)
        raise SystemExit(1)


def _settings(subset: str, options: dict[str, Any], data: TrainData) -> TrainSettings:
    from rawkit.train import TrainSettings, default_crop, default_steps, with_steps
    from rawkit.train.settings import MS_SSIM_MIN_SIDE

    kind, value = _amplification(options)
    crop = options["crop"]
    if crop is None:
        crop = default_crop(data, augment=options["augment"])
    ms_ssim = options["ms_ssim"]
    if ms_ssim is None:
        ms_ssim = 0.2 if crop >= MS_SSIM_MIN_SIDE else 0.0
    settings = TrainSettings(
        subset=subset,
        steps=options["steps"] or 1,
        network=options["network"],
        crop=crop,
        batch_size=options["batch"],
        learning_rate=options["lr"],
        schedule=options["schedule"],
        l1_weight=options["l1"],
        ms_ssim_weight=ms_ssim,
        amplification=kind,
        amplification_value=value,
        augment=options["augment"],
        seed=options["seed"],
    )
    return settings if options["steps"] else with_steps(settings, default_steps(data, settings))


def _amplification(options: dict[str, Any]) -> tuple[str, float]:
    if options["amplify"] in ("auto", "ratio"):
        return options["amplify"], options["m"]
    try:
        return "number", float(options["amplify"])
    except ValueError as error:
        raise click.BadParameter(
            f"{options['amplify']!r} is neither auto, ratio nor a number", param_hint="--amplify"
        ) from error


def _resumed_settings(settings: TrainSettings, options: dict[str, Any]) -> TrainSettings:
    """Keep the run's settings; only the number of steps and the rate may change."""
    from dataclasses import replace

    from rawkit.errors import UsageError

    context = click.get_current_context()
    free = {"resume", "name", "steps", "lr", "minutes", "threads", "max_ram", "validate_every",
            "dry_run", "as_json"}  # fmt: skip
    given = {
        name
        for name in options
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    for name in options:
        if name in given - free:
            raise UsageError(
                f"--{name.replace('_', '-')} with --resume",
                expected="the settings the run was begun with",
                fix="Begin another run to change them; only --steps and --lr may change.",
            )
    return replace(
        settings,
        steps=options["steps"] or settings.steps,
        learning_rate=options["lr"] if "lr" in given else settings.learning_rate,
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
