"""Fine-tuning within a time: rounds that each end with a validation, at a rate that falls.

How many steps fit into the time nobody knows before, so the rate follows the clock. What was spent
is noted after each round: a run that is stopped goes on with what is left.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from rawkit.files import write_atomically
from rawkit.train import (
    LAST,
    FrameChoice,
    TrainPlan,
    plan_training,
    resume_training,
    run_training,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rawkit.progress import Progress
    from rawkit.train import TrainReport
    from rawkit.workspace import Workspace

RUN: Final = "adapted"
"""Name of the run in the folder of an adaptation."""
RATES: Final = (1.0, 1.0, 1.0, 1.0, 0.3, 0.1)
"""What the rate is multiplied by in each round."""
CROP: Final = 256
"""Side of crops in mosaic pixels, or less where photos are smaller."""
USUAL: Final[Mapping[str, Any]] = {
    "learning_rate": 3e-4, "ema": 0.98, "warmup": 10, "ms_ssim_weight": 0.0,
}  # fmt: skip
"""Settings of an adaptation unless told otherwise. MS-SSIM would take more than half the time."""
_SPENT: Final = "spent.json"
_STEPS: Final = 10**6
"""More than fit into any time."""


def tune(
    workspace: Workspace,
    chosen: FrameChoice,
    settings: Mapping[str, Any],
    seconds: float,
    *,
    device: str = "auto",
    threads: int = 2,
    max_ram: int,
    progress: Progress,
    told: Callable[[str], None] | None = None,
) -> tuple[TrainReport | None, float]:
    """Train for so many seconds in all, or go on until they are over.

    Returns what the last round says, None where nothing was left to do, and the seconds spent.

    Raises
    ------
    RawkitError
        As `plan_training` and `run_training` do.
    """
    folder = workspace.root / "runs" / RUN
    spent = spent_in(workspace)
    report: TrainReport | None = None
    checking, limit = 0.0, settings.get("steps", _STEPS)
    while spent < seconds and (report is None or report.steps < limit):
        number = min(len(RATES) - 1, int(len(RATES) * spent / seconds))
        left = seconds * (number + 1) / len(RATES) - spent
        rate = RATES[number] * {**USUAL, **settings}["learning_rate"]
        if (folder / LAST).is_file():
            plan = resume_training(workspace, RUN, {"learning_rate": rate}, max_ram=max_ram)
        else:
            plan = _begun(workspace, chosen, settings, max_ram)
        allowed = max(1.0, left - checking)
        started = time.monotonic()
        report = run_training(
            plan, threads=threads, device=device, validate_every=_STEPS + 1, keep=1,
            max_seconds=allowed, progress=progress, told=told,
        )  # fmt: skip
        taken = time.monotonic() - started
        checking = max(0.0, taken - allowed)
        spent += max(taken, left / 2)  # a clock that stands still must not keep it here
        write_atomically(_noted(workspace), json.dumps({"seconds": spent}).encode())
        if report.interrupted:
            break
    return report, spent


def spent_in(workspace: Workspace) -> float:
    """Seconds that were spent so far."""
    try:
        return float(json.loads(_noted(workspace).read_bytes())["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _begun(
    workspace: Workspace, chosen: FrameChoice, settings: Mapping[str, Any], max_ram: int
) -> TrainPlan:
    """Plan the run; crops are no larger than they need be."""
    asked = {**USUAL, "steps": _STEPS, **settings}
    plan = plan_training(workspace, chosen, asked, name=RUN, max_ram=max_ram)
    if "crop" not in settings and plan.settings.crop > CROP:
        plan = plan_training(workspace, chosen, {**asked, "crop": CROP}, name=RUN, max_ram=max_ram)
    return plan


def _noted(workspace: Workspace) -> Path:
    return workspace.root / _SPENT
