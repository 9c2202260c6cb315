"""Where the time of a network goes, part by part, against what the processor can multiply."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.curve import REPOSITORY

SIDE, ROUNDS = 768, 9
STAGES = ("squeeze", "look_far", "render")
SHARE = 0.5
"""Least share of the limit that all stages together come to."""


def wide_vectors() -> dict[str, str]:
    """Let OpenBLAS use vectors of 512 bits where there are some: it does not know every processor.

    The convolutions use them, and nothing narrower is a limit for them.
    """
    flags = Path("/proc/cpuinfo")
    wide = flags.is_file() and " avx512f " in flags.read_text("utf-8")
    return {"OPENBLAS_CORETYPE": "SKYLAKEX"} if wide else {}


@pytest.mark.bench
@pytest.mark.parametrize("network", ["lamba2021", "lamba2021-lite"])
def test_each_part_against_the_limit_of_the_processor(network: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.stages_child", network, str(SIDE), str(ROUNDS)],
        check=True, capture_output=True, text=True, cwd=REPOSITORY,
        env={**os.environ, **wide_vectors(), "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    found = json.loads(done.stdout)
    limit, pixels = found["limit"], SIDE**2
    print(
        f"\n{network}, {SIDE}x{SIDE}, {platform.machine()}, 1 thread, CPU time of {ROUNDS}; a "
        f"product of matrices: {limit / 1e9:.0f} GFLOP/s"
    )
    print(f"  {'part':20}{'ns/pixel':>9}{'limit':>8}{'MAC/pixel':>11}{'GFLOP/s':>9}{'of limit':>9}")
    parts = {name: found["parts"][name] for name in found["parts"]}
    parts["all stages"] = {
        key: sum(parts[name][key] for name in STAGES) for key in ("seconds", "flops")
    }
    for name, one in parts.items():
        rate, least = one["flops"] / one["seconds"], one["flops"] / limit
        print(
            f"  {name:20}{1e9 * one['seconds'] / pixels:9.2f}{1e9 * least / pixels:8.2f}"
            f"{one['flops'] / 2 / pixels:11.0f}{rate / 1e9:9.0f}{rate / limit:9.0%}"
        )
    whole = parts["all stages"]
    assert whole["flops"] / whole["seconds"] > SHARE * limit
