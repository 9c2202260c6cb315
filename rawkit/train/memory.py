"""How a training spends its memory, said and checked before it starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.stream import pool_bytes
from rawkit.train.loop import TrainData, plan_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.train.settings import TrainSettings

# Measured as peak resident memory, torch 2.13 on the CPU, crops of 512 in batches of 4 and 8.
_PROCESS = 350 * 2**20
"""Interpreter, torch, network and optimizer before the first step."""
_STEP = {"lamba2021": 60 * 2**20, "sid": 150 * 2**20}
"""What a step of each network takes whatever its size: gradients and the optimizer's state."""
_STEP_PIXEL = {"lamba2021": 330, "sid": 820}
"""Bytes a mosaic pixel of the batch: activations and their gradients."""
_TILE = {"lamba2021": 0, "sid": 800 * 2**20}
"""What one tile of a whole validation frame takes beyond the frame itself."""
_MS_SSIM_PIXEL = 400
"""Bytes a mosaic pixel of the batch that MS-SSIM adds."""
_BATCH_PIXEL = 2 * (2 + 3 * 2)
"""Bytes a mosaic pixel: planes and target of the batch in use and of the next one."""
_VALIDATION_PIXEL = 70
"""Bytes a mosaic pixel of a whole validation frame: mosaic, picture, target, similarity."""


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


def plan_memory(settings: TrainSettings, data: TrainData, budget: int) -> MemoryPlan:
    """Estimate what a training will use, at most."""
    pixels = settings.batch_size * settings.crop**2
    network = settings.network
    per_pixel = _STEP_PIXEL[network] + (_MS_SSIM_PIXEL if settings.ms_ssim_weight else 0)
    frame = max(
        (4 * source.packed.layout.height * source.packed.layout.width for source in data.val),
        default=0,
    )
    return MemoryPlan(
        {
            "process": _PROCESS,
            "step": max(
                _STEP[network] + per_pixel * pixels,
                _VALIDATION_PIXEL * frame + (_TILE[network] if frame else 0),
            ),
            "batches": _BATCH_PIXEL * pixels,
            "windows": pool_bytes(data.train, plan_settings(settings)),
        },
        budget,
    )


def check_memory(settings: TrainSettings, data: TrainData, budget: int) -> MemoryPlan:
    """Plan the memory and refuse what cannot fit, naming the smallest change that would.

    Raises
    ------
    UsageError
        If the plan exceeds the budget.
    """
    plan = plan_memory(settings, data, budget)
    if plan.total <= budget:
        return plan
    fix = f"Give it --max-ram {-(-plan.total // 10**8) / 10:.1f}GB."
    for batch in range(settings.batch_size - 1, 0, -1):
        if plan_memory(replace(settings, batch_size=batch), data, budget).total <= budget:
            fix = f"Use --batch {batch}, or give it more with --max-ram."
            break
    raise UsageError(
        f"a training that needs {plan.text()}", expected="one that fits into --max-ram", fix=fix
    )
