"""Several processes: the same losses as one process on the whole batch, one writer, one stop."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rawkit.train import LAST, Trainer, load_checkpoint
from rawkit.train.record import METRICS
from tests.support import ranks
from tests.support.fixtures_stream import tiny

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from rawkit.train import TrainData
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)

STEPS = 4
OPTIONS: dict[str, Any] = {"batch_size": 4, "accumulate": 2, "ema": 0.9, "clip_norm": 0.5}

PROCESS = """
import sys
from pathlib import Path
from rawkit.train import Trainer
from rawkit.train.devices import leave, make_fabric
from rawkit.train.runs import choose_subset, open_data
from rawkit.workspace import Workspace
from tests.support.fixtures_stream import tiny
from tests.train.test_ranks import OPTIONS
workspace, folder = Workspace(Path(sys.argv[1])), Path(sys.argv[2])
data = open_data(choose_subset(workspace, "f1"), workspace)
fabric = make_fabric("cpu")
report = Trainer(tiny(int(sys.argv[3]), **OPTIONS), data, folder, fabric=fabric).run(
    validate_every=2
)
print(fabric.global_rank, report.steps, report.interrupted, flush=True)
leave()
"""


def start_two(workspace: Workspace, folder: Path, steps: int) -> subprocess.Popen[str]:
    """Start a training in two processes, as torchrun does."""
    return ranks.start_two(PROCESS, folder.with_suffix(".py"), workspace.root, folder, steps)


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]


def test_two_processes_learn_what_one_learns_from_the_whole_batch(
    sid_workspace: Workspace, tiny_data: TrainData, tmp_path: Path
) -> None:
    two, one = tmp_path / "two", tmp_path / "one"
    process = start_two(sid_workspace, two, STEPS)
    Trainer(tiny(STEPS, **OPTIONS), tiny_data, one).run(validate_every=2)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert sorted(line for line in out.splitlines() if line[:1].isdigit()) == [
        f"0 {STEPS} False", f"1 {STEPS} False",
    ]  # fmt: skip
    shared, alone = lines_of(two), lines_of(one)
    assert [line["step"] for line in shared] == [line["step"] for line in alone] == [2, 4]
    for first, second in zip(shared, alone, strict=True):
        assert first["loss"] == pytest.approx(second["loss"], rel=1e-5)
        assert first["psnr"] == pytest.approx(second["psnr"], abs=1e-3)
        assert first["ssim"] == pytest.approx(second["ssim"], abs=1e-4)
    found, expected = load_checkpoint(two / LAST), load_checkpoint(one / LAST)
    assert (found.step, found.position) == (expected.step, expected.position)
    for name, value in found.model.items():
        # Adam divides by the root of what rounding has made of tiny gradients.
        torch.testing.assert_close(value, expected.model[name], rtol=0, atol=2e-4)
    assert {path.name for path in two.iterdir()} == {path.name for path in one.iterdir()}


@pytest.mark.slow
def test_all_processes_stop_together_and_the_run_goes_on_in_one(
    sid_workspace: Workspace, tiny_data: TrainData, tmp_path: Path
) -> None:
    folder = tmp_path / "stopped"
    process = start_two(sid_workspace, folder, 5000)
    try:
        deadline = time.monotonic() + 240
        while not (folder / METRICS).exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to torchrun and to its children
        out, _ = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
    state = load_checkpoint(folder / LAST)
    reports = sorted(line for line in out.splitlines() if line[:1].isdigit())
    assert reports == [f"0 {state.step} True", f"1 {state.step} True"]
    assert 2 <= state.step < 5000
    trainer = Trainer(tiny(state.step + 1, **OPTIONS), tiny_data, folder)
    trainer.resume(state)
    assert trainer.run().steps == state.step + 1
