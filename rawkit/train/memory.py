"""How a training spends its memory, said and checked before it starts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.models import MemoryPlan, describe
from rawkit.stream import count_targets, layouts_of, pool_bytes
from rawkit.train.clips import FRAME_PIXEL, validated_frames
from rawkit.train.data import plan_settings
from rawkit.train.mending import MENDED_PIXEL, MENDER_BYTES
from rawkit.train.shorts import LONG_BYTES, SHORTS_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from rawkit.models import Network
    from rawkit.train.data import TrainData
    from rawkit.train.settings import TrainSettings

# Measured as peak resident memory, torch 2.13 on the CPU, pieces of 1 to 8 crops of 512. What each
# network takes stands beside it.
_PROCESS = 450 * 2**20
"""Interpreter, torch, network and optimizer before the first step."""
_LOSS_PIXEL = {"l1": 0, "ms-ssim": 400, "ssim": 300, "region": 60, "perceptual": 3000,
               "temporal": 60}  # fmt: skip
"""Bytes a mosaic pixel of a frame of a piece that each loss adds."""
_CRITIC_PIXEL = {"patch": 1100, "classifier": 850}
"""The same of each critic."""
_CONDITION_PIXEL = 100
"""What a critic adds that is shown the mosaic, too."""
_CRITIC_WEIGHTS = {"patch": 4 * 735_009, "classifier": 4 * 543_937}
"""Bytes of each critic's parameters, float32."""
_CRITIC = 40 * 2**20
"""Bytes that a critic takes whatever its size."""
_PENALTY = 1.8
"""How much more activations of the critic take with R1, whose slope is itself learned from."""
_TAUGHT_PIXEL = 3 * 4 * 2
"""Bytes a mosaic pixel of a piece: a teacher's picture, as it comes and in the order of losses."""
_BATCH_PIXEL = 2 * (2 + 3 * 2) + 4 * (1 + 3)
"""Bytes a mosaic pixel: integers of the batch in use and of the next one, float32 of the first."""
_VALIDATION_PIXEL = 70
"""Bytes a mosaic pixel of a whole validation frame: mosaic, picture, target, similarity."""
_MENDED_PIXEL = 4
"""Bytes a mosaic pixel of such a frame that is mended: its planes are no integers any more."""
_MARGIN = 1.25
"""For what a clip is padded by, and for what is in use while a piece is put into its frames."""
_SHARED = 100 * 2**20
"""What talking to other processes takes, beside a copy of the gradients."""


def plan_memory(
    settings: TrainSettings, data: TrainData, budget: int, *, ranks: int = 1
) -> MemoryPlan:
    """Estimate what each process of a training will use, at most.

    Raises
    ------
    UsageError
        If the network is not one that is trained.
    """
    share = max(1, settings.batch_size // ranks)
    about = describe(settings.network)
    padded = -(-settings.crop // about.multiple) * about.multiple
    piece = -(-share // settings.accumulate) * padded**2
    costs = about.costs.training
    if costs is None:
        raise UsageError(f"a training of {settings.network}", expected="a network that is trained")
    kept = costs.lean_pixel if settings.recompute else costs.step_pixel
    if kept is None:
        raise UsageError(f"activations of {settings.network} that are computed again")
    # Losses take clips frame by frame.
    lost = sum(_LOSS_PIXEL.get(name, 0) for name, weight in settings.losses().items() if weight)
    lost += _judged(settings)
    parts = {
        "process": _PROCESS + (_SHARED + costs.weights if ranks > 1 else 0),
        "step": max(
            costs.step + (kept * settings.clip + lost) * piece,
            _validation(about, settings, data, costs.tile),
        ),
        "batches": _BATCH_PIXEL * share * settings.clip * settings.crop**2,
        "windows": pool_bytes(data.train, plan_settings(settings), ranks),
    }
    if settings.teacher:
        parts["teacher"] = _teaching(settings, piece)
    if settings.adds_noise:
        parts["shorts"] = SHORTS_BYTES + LONG_BYTES * count_targets(data.train)
    if settings.mends:
        parts["mending"] = MENDER_BYTES + MENDED_PIXEL * share * settings.crop**2
    if settings.gan_weight:
        # Weights, gradients, two moments, and a copy of all but the gradients for a checkpoint.
        parts["critic"] = _CRITIC + 7 * _CRITIC_WEIGHTS[settings.critic]
    if settings.ema:
        parts["average"] = 2 * costs.weights  # itself, and the network it is validated with
    return MemoryPlan(parts, budget)


def _teaching(settings: TrainSettings, piece: int) -> int:
    """Bytes that a teacher takes while it is asked, and its losses beside those against longs."""
    costs = describe(settings.teacher_network).costs
    weights = costs.training.weights if costs.training else costs.weights
    shown = round(costs.tile_pixel["torch"] + costs.far_pixel["torch"])
    lost = sum(_LOSS_PIXEL.get(name, 0) for name, weight in settings.losses().items() if weight)
    return 2 * weights + (shown + _TAUGHT_PIXEL + lost) * piece


def _judged(settings: TrainSettings) -> int:
    """Bytes a mosaic pixel of a frame of a piece that a critic adds."""
    if not settings.gan_weight:
        return 0
    found = _CRITIC_PIXEL[settings.critic] + _CONDITION_PIXEL * settings.critic_conditional
    return round(found * (_PENALTY if settings.critic_r1 else 1))


def _validation(about: Network, settings: TrainSettings, data: TrainData, tile: int) -> int:
    """Bytes that validating the largest frame, or a clip of such, takes; 0 without any."""
    most = 0
    for packed, _ in layouts_of(data.val):
        pixels = 4 * packed.height * packed.width
        found = (_VALIDATION_PIXEL + _MENDED_PIXEL * settings.mends) * pixels + tile
        if about.takes_clips:
            clip = pixels * validated_frames(settings.clip, pixels)
            piece = _MARGIN * about.costs.tile_pixel["torch"] * clip
            found = _VALIDATION_PIXEL * pixels + FRAME_PIXEL * clip + min(tile, round(piece))
        most = max(most, found)
    return most


def fit_memory(
    settings: TrainSettings,
    data: TrainData,
    budget: int,
    *,
    ranks: int = 1,
    fixed: Collection[str] = (),
) -> TrainSettings:
    """Cut batches into the fewest pieces that fit; as they are where nothing does.

    Pieces add up to the batch, so that the result stays the same but for rounding. Where they do
    not suffice, and the network can, activations are computed again instead of kept: the same
    result in up to half more time. Fields that are `fixed` stay as they are.
    """
    for tried in _ways(settings, ranks, fixed):
        if plan_memory(tried, data, budget, ranks=ranks).fits:
            return tried
    return settings


def _ways(
    settings: TrainSettings, ranks: int, fixed: Collection[str] = ()
) -> Iterator[TrainSettings]:
    """Yield settings with the same result that take less and less memory."""
    costs = describe(settings.network).costs.training
    can = costs is not None and costs.lean_pixel is not None and "recompute" not in fixed
    most = settings.accumulate if "accumulate" in fixed else settings.batch_size // ranks
    for recompute in (False, True) if can and not settings.recompute else (settings.recompute,):
        for pieces in range(settings.accumulate, max(most, settings.accumulate) + 1):
            yield replace(settings, accumulate=pieces, recompute=recompute)


def check_memory(
    settings: TrainSettings, data: TrainData, budget: int, *, ranks: int = 1
) -> MemoryPlan:
    """Plan the memory and refuse what cannot fit, naming the smallest change that would.

    Raises
    ------
    UsageError
        If the plan exceeds the budget.
    """
    plan = plan_memory(settings, data, budget, ranks=ranks)
    if plan.fits:
        return plan
    raise UsageError(
        f"a training that needs {plan.text()}",
        expected="one that fits into --max-ram",
        fix=_smallest_change(settings, data, budget, ranks),
    )


def _smallest_change(settings: TrainSettings, data: TrainData, budget: int, ranks: int) -> str:
    """Name what changes least: pieces, then the batch, then the clip, in as many; or the budget."""

    def fits(tried: TrainSettings) -> bool:
        return plan_memory(tried, data, budget, ranks=ranks).fits

    fitted = fit_memory(settings, data, budget, ranks=ranks)
    if fits(fitted):
        return f"Use {_options(settings, fitted)}, which gives the same result."
    *_, leanest = _ways(settings, ranks)
    pieces = leanest.accumulate
    least = plan_memory(leanest, data, budget, ranks=ranks).total
    enough = f"--max-ram {-(-least // 10**8) / 10:.1f}GB"
    for batch in range(settings.batch_size - ranks, 0, -ranks):
        tried = replace(leanest, batch_size=batch, accumulate=max(1, batch // ranks))
        if fits(tried):
            return f"Use {_options(settings, tried)}, or give it more: {enough}."
    *_, leanest = _ways(replace(settings, batch_size=ranks, accumulate=1), ranks)
    for clip in range(settings.clip - 1, 1, -1):
        tried = replace(leanest, clip=clip)
        if fits(tried):
            return f"Use {_options(settings, tried)}, or give it more: {enough}."
    recompute = " --recompute" if leanest.recompute and not settings.recompute else ""
    return f"Give it {enough} with --accumulate {pieces}{recompute}."


def _options(settings: TrainSettings, changed: TrainSettings) -> str:
    """Say on the command line what has changed."""
    parts = []
    if changed.clip != settings.clip:
        parts.append(f"--clip {changed.clip}")
    if changed.batch_size != settings.batch_size:
        parts.append(f"--batch {changed.batch_size}")
    if parts or changed.accumulate != settings.accumulate:
        parts.append(f"--accumulate {changed.accumulate}")
    if changed.recompute and not settings.recompute:
        parts.append("--recompute")
    return " ".join(parts)
