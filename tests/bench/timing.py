"""Interleaved timing: A B A B ..., so that a machine whose speed drifts does not favour one."""

from __future__ import annotations

import os
import platform
import time
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def interleaved(ways: Mapping[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Median CPU seconds (of all threads) of each way, after one warm-up of each."""
    for way in ways.values():
        way()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.process_time()
            way()
            seconds[name].append(time.process_time() - started)
    return {name: median(values) for name, values in seconds.items()}


def report(title: str, seconds: Mapping[str, float], *, ours: str) -> None:
    """Print what was measured, on what, and the ratios to ours."""
    print(f"\n{title} ({platform.machine()}, {os.cpu_count()} cores, CPU seconds, median)")
    for name, value in seconds.items():
        print(f"  {name:44} {1000 * value:10.1f} ms   {value / seconds[ours]:7.2f} x ours")
