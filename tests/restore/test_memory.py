"""Memory of all processes of a restoration together: planned, measured, and said where too much."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from rawkit.models import build, plan_inference
from rawkit.restore import Compute, load_restorer
from rawkit.restore.memory import Held, held_beside
from rawkit.restore.network import tile_for
from rawkit.synth.dng import DngMeta, encode_linear_dng
from tests.support.factories import write_noise_dng
from tests.support.paths import REPOSITORY

SHAPE = (1448, 2176)
PIXELS = SHAPE[0] * SHAPE[1]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "weights.pt"
    torch.save(build("lamba2021").state_dict(), path)
    return path


def resident(pid: int) -> int:
    """Bytes that a process and all below it hold now.

    A child that has yet to become another program is its parent: it has no memory of its own.
    """
    here = Path(f"/proc/{pid}")
    try:
        pages = int((here / "statm").read_text().split()[1])
        children = (here / "task" / str(pid) / "children").read_text().split()
        command = (here / "cmdline").read_bytes()
        below = [one for one in children if Path(f"/proc/{one}/cmdline").read_bytes() != command]
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(map(resident, map(int, below)))


def peak_of(*arguments: str) -> tuple[int, list[str]]:
    """Run a command; return the greatest memory of all its processes, and what it warned of."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from rawkit.cli import main; main()", *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    peak = 0
    while process.poll() is None:
        peak = max(peak, resident(process.pid))
        time.sleep(0.01)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert json.loads(out)["restored"]
    return peak, [line for line in err.splitlines() if line.startswith("warning: ")]


@pytest.mark.parametrize("more", [(), pytest.param(("--compare",), marks=pytest.mark.slow)])
def test_a_restoration_stays_within_what_it_may_take_or_says_so(
    weights: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "dark").mkdir()
    for number in range(2):
        write_noise_dng(tmp_path / "dark" / f"{number}.dng", shape=SHAPE, seed=number)
    common = ("restore", str(tmp_path / "dark"), "-o", str(tmp_path / "out"), "--json",
              "--weights", str(weights), *more)  # fmt: skip
    peak, warned = peak_of(*common, "--max-ram", "300MB")
    assert len(warned) == 2
    assert "of 300 MB" in warned[0]
    needed = int(float(warned[0].rpartition("Allow it ")[2].removesuffix("GB.")) * 1000)
    assert peak <= needed * 1e6
    peak, warned = peak_of(*common, "--max-ram", f"{needed}MB")
    assert warned == []
    assert peak <= needed * 1e6


def test_what_decodes_meanwhile_takes_its_share(weights: Path) -> None:
    alone = held_beside(PIXELS, 8, decoder=True, ahead=False, compare=False, turned=0)
    more = held_beside(PIXELS, 8, decoder=True, ahead=True, compare=False, turned=0)
    assert alone.others == {}
    assert more.before == 0
    assert sum(more.others.values()) > alone.before > 115e6
    budget = plan_inference("lamba2021", *SHAPE, 10**9).total
    restorer = load_restorer(weights, Compute(weights, max_ram=budget))
    whole, warning = tile_for(restorer, *SHAPE, Held())
    assert warning is None
    tile, warning = tile_for(restorer, *SHAPE, more)
    assert whole is not None
    assert tile is not None
    assert tile < whole or warning is not None


def test_a_linear_file_takes_more_to_decode() -> None:
    for compare in (False, True):
        one, other = (
            held_beside(PIXELS, 8, decoder=True, ahead=False, compare=compare, turned=0,
                        linear=linear)
            for linear in (False, True)
        )  # fmt: skip
        assert other.before - one.before >= 4 * PIXELS


@pytest.mark.parametrize("more", [(), ("--compare",)])
def test_linear_files_stay_within_what_they_may_take(
    weights: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    channels = np.random.default_rng(0).integers(500, 4000, (*SHAPE, 3), dtype=np.uint16)
    meta = DngMeta("Rawkit", "Phone", black_level=528, white_level=4095)
    (tmp_path / "dark").mkdir()
    for number in range(2):
        (tmp_path / "dark" / f"{number}.dng").write_bytes(encode_linear_dng(channels, meta))
    peak, warned = peak_of(
        "restore", str(tmp_path / "dark"), "-o", str(tmp_path / "out"), "--json",
        "--weights", str(weights), "--max-ram", "700MB", *more,
    )  # fmt: skip
    assert warned == []
    assert peak <= 700e6


def test_memory_that_has_been_given_back_counts_once() -> None:
    plain = plan_inference("lamba2021", *SHAPE, 10**9)
    little = plan_inference("lamba2021", *SHAPE, 10**9, before=10**6)
    much = plan_inference("lamba2021", *SHAPE, 10**9, before=plain.parts["network"] + 10**6)
    assert little.total == plain.total
    assert much.total == plain.total + 10**6
