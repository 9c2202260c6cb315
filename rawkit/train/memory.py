"""How a training spends its memory, said and checked before it starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.stream import pool_bytes
from rawkit.train.data import plan_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.train.data import TrainData
    from rawkit.train.settings import TrainSettings

# Measured as peak resident memory, torch 2.13 on the CPU, pieces of 1 to 8 crops of 512.
_PROCESS = 450 * 2**20
"""Interpreter, torch, network and optimizer before the first step."""
_STEP = {"lamba2021": 60 * 2**20, "sid": 150 * 2**20}
"""What a step of each network takes whatever its size: gradients and the optimizer's state."""
_WEIGHTS = {"lamba2021": 4 * 784_768, "sid": 4 * 7_760_748}
"""Bytes of the parameters."""
_STEP_PIXEL = {"lamba2021": 330, "sid": 870}
"""Bytes a mosaic pixel of a piece: activations and their gradients. bf16 saves next to nothing of
it on the CPU."""
_LOSS_PIXEL = {"l1": 0, "ms-ssim": 400, "ssim": 300, "region": 60, "perceptual": 3000}
"""Bytes a mosaic pixel of a piece that each loss adds."""
_TILE = {"lamba2021": 0, "sid": 800 * 2**20}
"""What one tile of a whole validation frame takes beyond the frame itself."""
_BATCH_PIXEL = 2 * (2 + 3 * 2) + 4 * (1 + 3)
"""Bytes a mosaic pixel: integers of the batch in use and of the next one, float32 of the first."""
_VALIDATION_PIXEL = 70
"""Bytes a mosaic pixel of a whole validation frame: mosaic, picture, target, similarity."""
_SHARED = 100 * 2**20
"""What talking to other processes takes, beside a copy of the gradients."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes by purpose."""

    parts: Mapping[str, int]
    """Bytes of each part."""
    budget: int
    """Bytes that may be used."""

    @property
    def total(self) -> int:
        """Bytes of all parts."""
        return sum(self.parts.values())

    def text(self) -> str:
        """One line for people."""
        parts = ", ".join(f"{name} {count / 1e6:.0f}" for name, count in self.parts.items())
        return f"{self.total / 1e6:.0f} of {self.budget / 1e6:.0f} MB ({parts})"


def plan_memory(
    settings: TrainSettings, data: TrainData, budget: int, *, ranks: int = 1
) -> MemoryPlan:
    """Estimate what each process of a training will use, at most."""
    share = max(1, settings.batch_size // ranks)
    piece = -(-share // settings.accumulate) * settings.crop**2
    network = settings.network
    per_pixel = _STEP_PIXEL[network] + sum(
        _LOSS_PIXEL[name] for name, weight in settings.losses().items() if weight
    )
    frame = max(
        (4 * source.packed.layout.height * source.packed.layout.width for source in data.val),
        default=0,
    )
    weights = _WEIGHTS[network]
    parts = {
        "process": _PROCESS + (_SHARED + weights if ranks > 1 else 0),
        "step": max(
            _STEP[network] + per_pixel * piece,
            _VALIDATION_PIXEL * frame + (_TILE[network] if frame else 0),
        ),
        "batches": _BATCH_PIXEL * share * settings.crop**2,
        "windows": pool_bytes(data.train, plan_settings(settings), ranks),
    }
    if settings.ema:
        parts["average"] = 2 * weights  # itself, and the network it is validated with
    return MemoryPlan(parts, budget)


def fit_memory(
    settings: TrainSettings, data: TrainData, budget: int, *, ranks: int = 1
) -> TrainSettings:
    """Cut batches into the fewest pieces that fit; as they are where none do.

    Pieces add up to the batch, so that the result stays the same but for rounding.
    """
    for pieces in range(settings.accumulate, settings.batch_size // ranks + 1):
        tried = replace(settings, accumulate=pieces)
        if plan_memory(tried, data, budget, ranks=ranks).total <= budget:
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
    if plan.total <= budget:
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
        if plan_memory(tried, data, budget, ranks=ranks).total <= budget:
            return (
                f"Use --batch {batch} --accumulate {tried.accumulate}, or give it more with "
                "--max-ram."
            )
    whole = replace(settings, accumulate=max(1, settings.batch_size // ranks))
    least = plan_memory(whole, data, budget, ranks=ranks).total
    return (
        f"Give it --max-ram {-(-least // 10**8) / 10:.1f}GB with --accumulate {whole.accumulate}."
    )
