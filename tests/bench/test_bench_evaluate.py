"""Peak memory of an evaluation at 12 MP, against what it says before it starts."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rawkit.evaluate.memory import check_memory
from rawkit.models import build
from rawkit.train import LAST, TrainState, save_checkpoint
from tests.bench.stores import original
from tests.fixtures_cli import REPOSITORY
from tests.fixtures_stream import tiny

if TYPE_CHECKING:
    from pathlib import Path

BUDGET = 920 * 10**6
"""About the least that is accepted for pictures of 12 MP."""
CHILD = """
import sys
from rawkit.cli import main
main(sys.argv[1:], standalone_mode=False)
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""


@pytest.mark.bench
@pytest.mark.parametrize("what", [("--run", "random"), ("--weights", "plain")])
def test_an_evaluation_keeps_its_budget(tmp_path: Path, what: tuple[str, str]) -> None:
    original(tmp_path)
    state = TrainState(tiny(), build("lamba2021").state_dict(), {}, 1, 1, 0.0)
    save_checkpoint(tmp_path / "runs" / "random" / LAST, state)
    check_memory(BUDGET, 2848, 4256)
    words = ["--workspace", str(tmp_path), "evaluate", *what, "--split", "train,val,test",
             "--limit", "3", "--max-ram", str(BUDGET)]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *words], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE
    )
    peak = int(done.stdout.split()[-1]) * 1024
    print(f"\nevaluate {what[1]}, three pictures of 12 MP: peak {peak / 1e6:.0f} MB; "
          f"mark: at most {BUDGET / 1e6:.0f} MB")  # fmt: skip
    assert peak <= BUDGET
