"""Peak memory of an evaluation at 12 MP, against what it says before it starts."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rawkit.evaluate.memory import check_memory
from rawkit.workspace import Workspace
from tests.bench.stores import original
from tests.support.fixtures_cli import REPOSITORY
from tests.support.fixtures_stream import add_run

if TYPE_CHECKING:
    from pathlib import Path

BUDGET = 920 * 10**6
"""About the least that is accepted for pictures of 12 MP."""
CHILD = """
import sys
from rawkit.cli import main
main(sys.argv[1:], standalone_mode=False)
from tests.bench.network_child import peak_bytes
print(peak_bytes())
"""


@pytest.mark.bench
@pytest.mark.parametrize("what", [("--run", "random"), ("--weights", "plain")])
def test_an_evaluation_keeps_its_budget(tmp_path: Path, what: tuple[str, str]) -> None:
    original(tmp_path)
    add_run(Workspace(tmp_path), "random")
    check_memory(BUDGET, 2848, 4256)
    words = ["--workspace", str(tmp_path), "evaluate", *what, "--split", "train,val,test",
             "--limit", "3", "--max-ram", str(BUDGET)]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *words], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE
    )
    peak = int(done.stdout.split()[-1])
    print(f"\nevaluate {what[1]}, three pictures of 12 MP: peak {peak / 1e6:.0f} MB; "
          f"mark: at most {BUDGET / 1e6:.0f} MB")  # fmt: skip
    assert peak <= BUDGET
