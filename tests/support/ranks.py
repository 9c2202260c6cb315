"""Trainings in two processes, as torchrun starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.conftest import REPOSITORY
from tests.support.fixtures_s3 import free_port

if TYPE_CHECKING:
    from pathlib import Path


def start_two(code: str, script: Path, *arguments: object) -> subprocess.Popen[str]:
    """Write a script and start it in two processes of one thread each."""
    script.write_text(code)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2",
         "--master_port", str(free_port()), str(script), *map(str, arguments)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
