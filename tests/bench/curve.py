"""What a frame takes and how well it is restored, for each network and each way of running it.

All networks are trained here, on a look-alike and for as many minutes each: what is compared is
what the networks can in that time, not their published weights.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rawkit.catalog import load_definition, selection_of
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.metrics import psnr
from rawkit.models import (
    compile_openvino,
    describe,
    load_network,
    padding_for,
    prepare,
    restore_mosaic,
)
from rawkit.stream import mosaic_of
from rawkit.subset import make_subset
from rawkit.synth import make_collection
from rawkit.train import WEIGHTS, plan_training, run_training, weights_in
from rawkit.train.shards import read_shard
from rawkit.train.validate import normalised_planes, picture_of, truth_of
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
WAYS = ("torch", "torch-bf16", "openvino", "openvino-bf16")
"""Backends, and what they compute in; f32 where nothing is said."""
_BFLOAT16 = frozenset(("avx512_bf16", "amx_bf16", "bf16"))
"""Flags of processors that compute in bfloat16; others imitate it, at a tenth of the speed."""
SIZES = {"720p": (720, 1280), "1080p": (1080, 1920)}
"""Height and width of the mosaics that are timed."""
THREADS = 2
SCENES, SCENE_SIZE = 60, (384, 512)
_ROUNDS = {"sid": 4}
"""Frames that are timed of a network that takes long; else `_USUAL`."""
_USUAL = 20
_TRAINED = {
    "crop": 128, "batch_size": 8, "learning_rate": 1e-3, "schedule": "cosine",
    "ms_ssim_weight": 0.0, "amplification": "ratio",
}  # fmt: skip
NETWORKS = {"lamba2021": 3000, "lamba2021-lite": 3000, "sid": 300}
"""Networks of single Bayer mosaics -> optimizer steps, about as long for each on two cores."""


@dataclass(frozen=True, slots=True)
class Point:
    """One network run one way."""

    network: str
    """Name in the registry."""
    way: str
    """One of `WAYS`."""
    psnr: float
    """Mean over held-out frames of the look-alike, dB."""
    cpu: Mapping[str, float]
    """Size -> CPU milliseconds of a frame in one thread, median."""
    wall: Mapping[str, float]
    """Size -> milliseconds from a decoded mosaic to the picture, `THREADS` threads, median."""


def workspace_of(folder: Path) -> Workspace:
    """Make a look-alike of See-in-the-Dark, a hundredth of the light, and its store; once."""
    workspace = Workspace(folder)
    if workspace.stores():
        return workspace
    make_collection("sid", workspace.data("sid"), scenes=SCENES, size=SCENE_SIZE, seed=1)
    dark = selection_of(shutter=0.1)
    plan = plan_ingest(load_definition("sid"), workspace.data("sid"), workspace.store("sid"), dark)
    run_ingest(plan, workers=0)
    make_subset(workspace, workspace.stores(), fraction=1.0)
    return workspace


def ways_here() -> list[str]:
    """Return those of `WAYS` that this machine's processor is made for."""
    flags = set(Path("/proc/cpuinfo").read_text(encoding="ascii").split())
    return [one for one in WAYS if not one.endswith("bf16") or flags & _BFLOAT16]


def trained(workspace: Workspace, share: float = 1.0) -> dict[str, Path]:
    """Train each network, the smaller one with the larger one as its teacher and without.

    Returns the file of each one's best weights by its name; `share` shortens all. What is trained
    already is kept.
    """
    teacher = _run(workspace, "lamba2021", "lamba2021", share)
    return {
        "lamba2021": teacher,
        "lamba2021-lite": _run(workspace, "lamba2021-lite", "lamba2021-lite", share,
                               teacher=str(teacher)),
        "lamba2021-lite, untaught": _run(workspace, "untaught", "lamba2021-lite", share),
        "sid": _run(workspace, "sid", "sid", share),
    }  # fmt: skip


def _run(workspace: Workspace, name: str, network: str, share: float, **more: object) -> Path:
    made = workspace.root / "runs" / name
    if (made / WEIGHTS).is_file():
        return weights_in(made)
    steps = max(1, round(share * NETWORKS[network]))
    changes = {**_TRAINED, "network": network, "steps": steps, **more}
    plan = plan_training(workspace, None, changes, name=name)
    started = time.monotonic()
    run_training(plan, threads=1, device="cpu", validate_every=steps)
    print(f"{name}: {steps} steps in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return weights_in(made)


def scores(workspace: Workspace, weights: Path) -> dict[str, float]:
    """Mean PSNR in dB over the held-out frames for each way of running a network."""
    net, loaded = load_network(weights)
    made: dict[str, Callable[[], Any]] = {
        "torch": lambda: prepare(net),
        "torch-bf16": lambda: prepare(net, dtype=torch.bfloat16),
        "openvino": lambda: compile_openvino(net),
        "openvino-bf16": lambda: compile_openvino(net, precision="bf16"),
    }
    ways = {way: made[way]() for way in ways_here()}
    plan = plan_training(workspace, None, {**_TRAINED, "steps": 1}, name="unused")
    found: dict[str, list[float]] = {way: [] for way in ways}
    for source in plan.data.val:
        planes = normalised_planes(source, read_shard(source.packed), plan.settings.amplifier())
        mosaic = mosaic_of(planes)
        height, width = mosaic.shape[-2:]
        padding = padding_for(height, width, (0, 0), describe(loaded.network).multiple)
        truth = picture_of(truth_of(source))
        for way, ready in ways.items():
            restored = padding.cut(restore_mosaic(ready, padding.apply(mosaic)))
            found[way].append(psnr(picture_of(restored), truth))
    return {way: float(np.mean(values)) for way, values in found.items()}


def timed(networks: Sequence[str], rounds: int) -> dict[tuple[str, str, str], dict[str, float]]:
    """Time a frame of each network, way and size; processes of their own, which take turns.

    Returns ``cpu`` milliseconds in one thread and ``wall`` milliseconds in `THREADS`, medians of
    the medians of the turns. Threads that wait for each other spin, so that the CPU time of several
    says little; that of one hardly depends on what else the machine does.
    """
    keys = [(network, way, size) for network in networks for way in ways_here() for size in SIZES]
    ways = {"cpu": 1, "wall": THREADS}
    runs: dict[tuple[str, str, str], dict[str, list[float]]] = {
        key: {name: [] for name in ways} for key in keys
    }
    for _ in range(rounds):
        for key in keys:
            for name, threads in ways.items():
                runs[key][name].append(_frame(*key, threads)[name])
    return {
        key: {name: median(values) for name, values in found.items()} for key, found in runs.items()
    }


def _frame(network: str, way: str, size: str, threads: int) -> dict[str, float]:
    """Time frames in a process of its own."""
    rounds = _ROUNDS.get(network, _USUAL)
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.frame_child", network, way,
         *map(str, SIZES[size]), str(threads), str(rounds)],
        check=True, capture_output=True, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measured(folder: Path, *, share: float = 1.0, rounds: int = 2) -> list[Point]:
    """Train, restore and time: every network of single Bayer mosaics, every way of running it."""
    workspace = workspace_of(folder)
    weights = trained(workspace, share)
    times = timed(list(NETWORKS), rounds)
    points = []
    for name, file in weights.items():
        network = name.split(",", maxsplit=1)[0]
        for way, value in scores(workspace, file).items():
            taken = {size: times[network, way, size] for size in SIZES}
            points.append(
                Point(
                    name, way, value,
                    {size: one["cpu"] for size, one in taken.items()},
                    {size: one["wall"] for size, one in taken.items()},
                )
            )  # fmt: skip
    return points


def table(points: Sequence[Point]) -> str:
    """Say all points in lines, and on what they were measured."""
    heads = "".join(f"{size} CPU ms  wall ms  " for size in SIZES)
    lines = [
        f"{platform.machine()}; CPU time in one thread, wall time in {THREADS}",
        f"{'network':26}{'backend':15}{'PSNR dB':>8}  {heads}",
    ]
    for one in points:
        times = "".join(f"{one.cpu[size]:12.1f}{one.wall[size]:9.1f}  " for size in SIZES)
        lines.append(f"{one.network:26}{one.way:15}{one.psnr:8.2f}  {times}")
    return "\n".join(lines)
