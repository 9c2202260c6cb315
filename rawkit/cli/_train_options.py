"""The options of ``rawkit train`` that decide a training, and the settings they make."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from rawkit.cli._group import BANDS, ListOf
from rawkit.cli._patches import SIDE_AND_STRIDE

if TYPE_CHECKING:
    from collections.abc import Callable
_LOSSES = ("l1", "ms-ssim", "ssim", "region", "perceptual", "temporal", "gan")
_OTHER_NAMES = {"structure": "ssim", "vgg": "perceptual", "adversarial": "gan"}
"""What papers call a loss -> its name here."""
_FIELDS = {
    "network": "network",
    "target": "target",
    "k_sigma": "k_sigma",
    "sigma_map": "sigma_map",
    "steps": "steps",
    "crop": "crop",
    "batch": "batch_size",
    "accumulate": "accumulate",
    "lr": "learning_rate",
    "schedule": "schedule",
    "milestones": "milestones",
    "gamma": "gamma",
    "warmup": "warmup",
    "l1": "l1_weight",
    "ms_ssim": "ms_ssim_weight",
    "region_threshold": "region_threshold",
    "region_dark": "region_dark",
    "vgg": "vgg",
    "vgg_layer": "perceptual_layer",
    "critic": "critic",
    "critic_objective": "critic_objective",
    "critic_lr": "critic_rate",
    "critic_warmup": "critic_warmup",
    "critic_r1": "critic_r1",
    "critic_conditional": "critic_conditional",
    "init": "init",
    "freeze": "freeze",
    "teacher": "teacher",
    "teacher_weight": "teacher_weight",
    "shorts": "shorts",
    "shorts_ratio": "shorts_ratio",
    "shorts_iso": "shorts_iso",
    "profile": "profile",
    "mend": "mend",
    "shot_augment": "shot_augment",
    "augment": "augment",
    "balance": "balance",
    "precision": "precision",
    "clip": "clip",
    "clip_norm": "clip_norm",
    "residual": "residual",
    "depth": "depth",
    "width": "width",
    "recompute": "recompute",
    "ema": "ema",
    "seed": "seed",
}
"""Option -> field of the settings."""


def _weighed(text: str) -> tuple[str, float]:
    """Read ``name=weight``; a name alone weighs 1."""
    name, _, weight = text.partition("=")
    known = _OTHER_NAMES.get(name.strip(), name.strip())
    if known not in _LOSSES:
        raise ValueError(text)
    return known, float(weight or 1)


def finite(_: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse a number that no clock reaches."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no finite number", param=parameter)
    return value


_WEIGHTS = ListOf(_weighed, "losses", f"a sum such as l1=1,ms-ssim=0.2 of {', '.join(_LOSSES)}")
_SHARES = ListOf(float, "shares", "a list of shares such as 0.5,0.8")
_NAMES = ListOf(str.strip, "parts", "a list of parts such as squeeze32,enter32")
_POSITIVE = click.IntRange(min=1)

_OPTIONS = (
    click.option("--recipe", help="A published training: lamba2021, sid, dark-video, "
                 "see-in-the-dark-gan, eld or pmn; options override it."),
    click.option("--network", help="lamba2021, lamba2021-lite or sid; for clips unet3d; from raw "
                 "to raw raw-unet or pmrid.  [default: lamba2021; with --clip unet3d; with "
                 "--target raw raw-unet]"),
    click.option("--target", type=click.Choice(["picture", "raw"]), help="What is learned: the "
                 "rendered long, or its mosaic without noise.  [default: what the network gives]"),
    click.option("--k-sigma/--no-k-sigma", default=None, help="With --target raw: make the noise "
                 "of every frame that of one anchor, instead of amplifying.  [default: for "
                 "pmrid]"),
    click.option("--sigma-map/--no-sigma-map", default=None, help="With --target raw: tell the "
                 "network how noisy each pixel is, by a further plane: raw-unet-sigma.  [default: "
                 "for that one]"),
    click.option("--clip", type=_POSITIVE, help="Neighbouring frames of a video that are drawn "
                 "together: a clip.  [default: 1; for unet3d 16]"),
    click.option("--residual/--no-residual", default=None, help="unet3d of residual blocks."),
    click.option("--depth", type=click.IntRange(2, 4), help="How often unet3d halves the sides.  "
                 "[default: 3]"),
    click.option("--width", type=_POSITIVE, help="Channels of the first level of unet3d.  "
                 "[default: 32]"),
    click.option("--recompute/--no-recompute", default=None, help="Compute activations of unet3d "
                 "again instead of keeping them.  [default: where --max-ram asks for it]"),
    click.option(
        "--steps", type=_POSITIVE,
        help="Optimizer steps.  [default: those of 40 epochs; with --init "
        "10]"
    ),
    click.option(
        "--crop", type=int, help="Side in mosaic pixels.  [default: 512, or what the frames allow]"
    ),
    click.option(
        "--patches", type=SIDE_AND_STRIDE, help="Instead of crops at random places patches in a "
        "grid that covers frames exactly, such as 100/50, in mosaic pixels.",
    ),
    click.option(
        "--batch", type=_POSITIVE, help="Crops, or clips, of a step over all processes.  "
        "[default: 4; for unet3d 1 a process]"
    ),
    click.option(
        "--accumulate",
        type=_POSITIVE,
        help="Pieces a batch is cut into to save memory; the result stays.  [default: the fewest "
        "that fit into --max-ram]",
    ),
    click.option("--lr", type=float, help="Rate of Adam.  [default: 1e-4; with --init 5e-5]"),
    click.option(
        "--schedule",
        type=click.Choice(["constant", "cosine", "step"]),
        help="How the rate goes on.  [default: constant]",
    ),
    click.option(
        "--milestones", type=_SHARES, help="Where a step falls: shares of --steps.  [default: 0.5]"
    ),
    click.option("--gamma", type=float, help="What a step multiplies the rate by.  [default: 0.1]"),
    click.option(
        "--warmup", type=click.IntRange(min=0), help="Steps of a rising rate.  [default: 0]"
    ),
    click.option(
        "--loss",
        type=_WEIGHTS,
        help="Weighted sum, such as l1=1,ms-ssim=0.2; also ssim (structure), region, "
        "perceptual (vgg), gan (a critic's word), and of clips temporal.",
    ),
    click.option("--l1", type=float, help="Weight of L1.  [default: 1]"),
    click.option(
        "--ms-ssim",
        type=float,
        help="Weight of 1 - MS-SSIM.  [default: 0.2; 0 where crops are below 161]",
    ),
    click.option(
        "--region-threshold",
        type=float,
        help="Luminance of the target below which a pixel is dark.  [default: 0.25]",
    ),
    click.option(
        "--region-dark", type=float, help="Weight of dark against bright parts.  [default: 4]"
    ),
    click.option("--vgg", type=click.Path(), help="File of VGG weights, for the loss perceptual."),
    click.option("--vgg-layer", help="Layer whose features are compared.  [default: relu2_2]"),
    click.option(
        "--critic", type=click.Choice(["patch", "classifier"]), help="With gan in --loss, what "
        "learns to tell pictures from long exposures: patch judges places of 68 pixels, classifier "
        "whole crops.  [default: patch]",
    ),
    click.option(
        "--critic-objective", type=click.Choice(["hinge", "lsgan", "bce"]),
        help="What critic and network make small.  [default: hinge]",
    ),
    click.option("--critic-lr", type=float, help="Rate of the critic's Adam.  [default: 2e-4]"),
    click.option("--critic-warmup", type=click.IntRange(min=0),
                 help="Steps that the network is trained alone before.  [default: 0]"),
    click.option("--critic-r1", type=float, help="Weight of the penalty on the critic's slope at "
                 "long exposures.  [default: 0]"),
    click.option("--critic-conditional/--no-critic-conditional", default=None, help="Show the "
                 "critic the mosaic, too.  [default: no-critic-conditional]"),
    click.option("--init", help="Weights to start from: a file, or the name of a run. What they "
                 "were trained by holds, and their terms go along."),
    click.option("--freeze", type=_NAMES, help="With --init: parts of the network that stay as "
                 "they are, such as squeeze32,dense32, or all-but-output2."),
    click.option("--teacher", type=click.Path(), help="File of weights of a trained network whose "
                 "pictures are a further target."),
    click.option("--teacher-weight", type=float, help="What differences from the teacher's "
                 "pictures count, those from long exposures 1.  [default: 1]"),
    click.option(
        "--amplify",
        help="auto (the estimate), ratio (gain to the long), exposure (the ratio of the times; "
        "both at most 300), a number, or equalise (histograms).  [default: auto]",
    ),
    click.option("--m", type=float, help="Multiple of the estimate.  [default: 1]"),
    click.option("--shorts", type=click.Choice(["real", "synthetic", "both"]), help="Dark frames "
                 "of the store, or ones that are made of longs while these stream, or half of "
                 "each.  [default: real]"),
    click.option("--shorts-ratio", type=BANDS, help="What made ones must be multiplied by to be "
                 "as bright as their long, such as 100,200-300.  [default: 100-300]"),
    click.option("--shorts-iso", type=BANDS, help="ISO speeds of made ones.  [default: those of "
                 "the profile]"),
    click.option("--profile", type=click.Path(), help="Profile of the camera whose noise made "
                 "ones have, and light that is added."),
    click.option("--shot-augment/--no-shot-augment", default=None, help="With --target raw and "
                 "--profile: add light and its shot noise to pairs.  [default: for the recipe pmn "
                 "with a profile]"),
    click.option("--mend", metavar="MODEL.toml|stored", help="Subtract a camera's dark shading "
                 "from dark frames and mend their hot pixels, by its profile, or those that travel "
                 "with the stores. They are amplified by ratio then, or as --amplify says."),
    click.option("--augment/--no-augment", default=None, help="Flips and transposes, of "
                 "clips time reversal too.  [default: augment]"),
    click.option("--balance/--no-balance", default=None, help="Put the planes of every file at one "
                 "neutral, by its white balance: for several cameras.  [default: no-balance]"),
    click.option(
        "--precision",
        type=click.Choice(["fp32", "bf16", "fp16"]),
        help="Arithmetic of the network; fp16 on a GPU alone.  [default: fp32]",
    ),
    click.option("--clip-norm", type=float, help="Largest norm of the gradients.  [default: none]"),
    click.option("--ema", type=float, help="Decay of a moving average of the weights, such as "
                 "0.999.  [default: none]"),
    click.option("--seed", type=int, help="Seed of weights, order and crops.  [default: 0]"),
)  # fmt: skip


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that decide a training."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def on_command_line(name: str) -> bool:
    """Tell whether an option was given on the command line itself."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def changes_of(options: dict[str, Any], *, given_only: bool = False) -> dict[str, Any]:
    """Fields of the settings that the options set, and `m`; see `rawkit.train.plan_training`.

    With `given_only` defaults of the environment and of rawkit.toml do not count: they are not
    meant for a run that is resumed.
    """
    asked = {
        name: options[name] if not given_only or on_command_line(name) else None
        for name in (*_FIELDS, "loss", "amplify", "m", "patches")
    }
    fields = {field: asked[name] for name, field in _FIELDS.items() if asked[name] is not None}
    if asked["patches"] is not None:
        if "crop" in fields:
            raise click.UsageError("--patches with --crop: expected one way to say it")
        fields["crop"], fields["stride"] = asked["patches"]
    if asked["loss"] is not None:
        if {"l1_weight", "ms_ssim_weight"} & set(fields):
            raise click.UsageError("--loss with --l1 or --ms-ssim: expected one way to say it")
        weights = dict(asked["loss"])
        fields |= {f"{name.replace('-', '_')}_weight": weights.get(name, 0.0) for name in _LOSSES}
    if asked["amplify"] is not None:
        fields |= _amplification(asked["amplify"])
    if asked["m"] is not None:
        fields["m"] = asked["m"]
    return fields


def _amplification(text: str) -> dict[str, Any]:
    if text in ("auto", "ratio", "exposure", "equalise"):
        return {"amplification": text, "amplification_value": 1.0}
    try:
        return {"amplification": "number", "amplification_value": float(text)}
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is neither auto, ratio, exposure, equalise nor a number",
            param_hint="--amplify",
        ) from error
