"""Every way of running the networks against the plain one: CPU time, wall time, peak memory.

Plain is as published: weight norm attached, the whole picture at once. Each run is a process of its
own, so that its peak is its own; ways take turns.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import torch

from rawkit.models import (
    build,
    compile_openvino,
    load_network,
    plan_inference,
    prepare,
    restore_mosaic,
)

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("RAWKIT_SHARED", REPOSITORY.parent / "shared"))
PUBLISHED = SHARED / "weights" / "lamba2021" / "weights"
ROUNDS = 3
BUDGET = 1200 * 10**6
"""Bytes that restoring 100 MP may take."""


def measured(*arguments: object) -> dict[str, float]:
    """Run one way once, warmed up, in a process of its own."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.bench.network_child", *map(str, arguments)],
        check=True, capture_output=True, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    values: dict[str, float] = json.loads(found.stdout)
    return values


def compare(
    network: str, shape: tuple[int, int], marks: dict[tuple[str, int], str], rounds: int = ROUNDS
) -> None:
    """Print each way of running a network, with its mark, against the plain one."""
    ways = [("plain", 0), *marks]
    runs: dict[tuple[str, int], list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for name, tile in ways:
            runs[name, tile].append(measured(network, name, *shape, 1, tile))
    middle = {
        way: {key: median(run[key] for run in found) for key in ("cpu", "wall", "peak", "mean")}
        for way, found in runs.items()
    }
    plain = middle["plain", 0]
    title = f"{network}, {shape[0]}x{shape[1]}, {platform.machine()}, 1 thread"
    print(f"\n{title}, median of {rounds}")
    for (name, tile), one in middle.items():
        cpu, memory = plain["cpu"] / one["cpu"], one["peak"] / plain["peak"]
        print(
            f"  {name:14} tile {tile or 'own':>5}  {one['cpu']:6.2f} CPU s ({cpu:4.2f}x)  "
            f"{one['wall']:6.2f} s wall  {one['peak'] / 1e6:6.0f} MB ({memory:4.2f} of plain)  "
            f"mark: {marks.get((name, tile), '-')}"
        )
        assert abs(one["mean"] - plain["mean"]) < 1e-2


@pytest.mark.bench
@pytest.mark.parametrize("shape", [(2048, 4096), (2848, 4256)])
def test_the_network_of_2021(shape: tuple[int, int]) -> None:
    marks = {
        ("torch", 0): "1.7x CPU, half the memory",
        ("openvino", 0): "2.3x CPU",
        ("openvino-bf16", 0): "4x CPU",
    }
    compare("lamba2021", shape, marks)


@pytest.mark.bench
def test_the_u_net_of_sid() -> None:
    marks = {
        ("torch", 0): "1.6x CPU, or 1.2x at half the memory",
        ("torch", 1024): "1.2x CPU at half the memory",
        ("openvino", 0): "1.6x CPU",
    }
    compare("sid", (2848, 4256), marks, rounds=1)


@pytest.mark.bench
def test_memory_of_100_megapixels() -> None:
    plan = plan_inference("lamba2021", 8736, 11648, BUDGET)
    found = measured("lamba2021", "torch", 8736, 11648, 0, plan.tile)
    print(
        f"\nlamba2021, torch, 100 MP, planned within {BUDGET / 1e6:.0f} MB with tiles of "
        f"{plan.tile}: {found['peak'] / 1e6:.0f} MB"
    )
    assert found["peak"] <= BUDGET


@pytest.mark.bench
@pytest.mark.skipif(not PUBLISHED.is_file(), reason=f"the published weights are not at {PUBLISHED}")
def test_how_far_half_precision_is_from_f32() -> None:
    net, _ = load_network(PUBLISHED)
    generator = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(
        torch.rand(1, 1, 24, 32, generator=generator) * 0.3, scale_factor=32, mode="bicubic"
    )
    noise = 0.02 * torch.randn(smooth.shape, generator=generator)
    mosaic = (smooth + noise).clamp(min=0)
    exact = restore_mosaic(prepare(net), mosaic).numpy()
    for name, ready in (
        ("openvino bf16", compile_openvino(net, precision="bf16")),
        ("torch bf16", prepare(net, dtype=torch.bfloat16)),
    ):
        error = np.square(restore_mosaic(ready, mosaic).numpy() - exact).mean()
        print(f"\n{name}: {-10 * np.log10(error):.1f} dB from f32, mark 60 dB for openvino")


@pytest.mark.bench
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_frames_per_second_on_a_gpu() -> None:
    ready = prepare(build("lamba2021"), device="cuda", dtype=torch.float16)
    mosaic = torch.rand(1, 1, 2048, 4096, device="cuda")
    restore_mosaic(ready, mosaic)
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(20):
        restore_mosaic(ready, mosaic)
    torch.cuda.synchronize()
    rate = 20 / (time.perf_counter() - started)
    print(f"\n{torch.cuda.get_device_name()}: {rate:.1f} frames/s of 8 MP (the paper: 32)")
