"""How a training spends its memory, said and checked before it starts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.models import MemoryPlan, describe
from rawkit.stream import layouts_of, pool_bytes
from rawkit.train.data import plan_settings

if TYPE_CHECKING:
    from rawkit.train.data import TrainData
    from rawkit.train.settings import TrainSettings

# Measured as peak resident memory, torch 2.13 on the CPU, pieces of 1 to 8 crops of 512. What each
# network takes stands beside it.
_PROCESS = 450 * 2**20
"""Interpreter, torch, network and optimizer before the first step."""
_LOSS_PIXEL = {"l1": 0, "ms-ssim": 400, "ssim": 300, "region": 60, "perceptual": 3000}
"""Bytes a mosaic pixel of a piece that each loss adds."""
_BATCH_PIXEL = 2 * (2 + 3 * 2) + 4 * (1 + 3)
"""Bytes a mosaic pixel: integers of the batch in use and of the next one, float32 of the first."""
_VALIDATION_PIXEL = 70
"""Bytes a mosaic pixel of a whole validation frame: mosaic, picture, target, similarity."""
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
    piece = -(-share // settings.accumulate) * settings.crop**2
    costs = describe(settings.network).costs.training
    if costs is None:
        raise UsageError(f"a training of {settings.network}", expected="a network that is trained")
    per_pixel = costs.step_pixel + sum(
        _LOSS_PIXEL[name] for name, weight in settings.losses().items() if weight
    )
    frame = max(
        (4 * packed.height * packed.width for packed, _ in layouts_of(data.val)),
        default=0,
    )
    parts = {
        "process": _PROCESS + (_SHARED + costs.weights if ranks > 1 else 0),
        "step": max(
            costs.step + per_pixel * piece,
            _VALIDATION_PIXEL * frame + (costs.tile if frame else 0),
        ),
        "batches": _BATCH_PIXEL * share * settings.crop**2,
        "windows": pool_bytes(data.train, plan_settings(settings), ranks),
    }
    if settings.ema:
        parts["average"] = 2 * costs.weights  # itself, and the network it is validated with
    return MemoryPlan(parts, budget)


def fit_memory(
    settings: TrainSettings, data: TrainData, budget: int, *, ranks: int = 1
) -> TrainSettings:
    """Cut batches into the fewest pieces that fit; as they are where none do.

    Pieces add up to the batch, so that the result stays the same but for rounding.
    """
    for pieces in range(settings.accumulate, settings.batch_size // ranks + 1):
        tried = replace(settings, accumulate=pieces)
        if plan_memory(tried, data, budget, ranks=ranks).fits:
            return tried
    return settings


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
    """Name what changes least: pieces, then the batch in as many, then the budget."""
    fitted = fit_memory(settings, data, budget, ranks=ranks)
    if fitted.accumulate != settings.accumulate:
        return f"Use --accumulate {fitted.accumulate}, which gives the same result."
    for batch in range(settings.batch_size - ranks, 0, -ranks):
        tried = replace(settings, batch_size=batch, accumulate=max(1, batch // ranks))
        if plan_memory(tried, data, budget, ranks=ranks).fits:
            return (
                f"Use --batch {batch} --accumulate {tried.accumulate}, or give it more with "
                "--max-ram."
            )
    whole = replace(settings, accumulate=max(1, settings.batch_size // ranks))
    least = plan_memory(whole, data, budget, ranks=ranks).total
    return (
        f"Give it --max-ram {-(-least // 10**8) / 10:.1f}GB with --accumulate {whole.accumulate}."
    )
