"""Runs that are killed in a process of their own."""

from __future__ import annotations

import subprocess
import sys

from tests.support.fixtures_cli import REPOSITORY

_DIES = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from rawkit.store.writer import StoreWriter
finish = StoreWriter.finish
def finish_and_die(writer):
    finish(writer)
    os.kill(os.getpid(), signal.SIGKILL)
StoreWriter.finish = finish_and_die
"""


def killed_after_its_last_commit(code: str, *arguments: object) -> int:
    """Run code whose writer of a store kills the process once all is committed.

    The arguments are `sys.argv[2:]` there. Returns the exit status, negative for a signal.
    """
    command = [sys.executable, "-c", _DIES + code, REPOSITORY, *arguments]
    return subprocess.run([str(one) for one in command], check=False).returncode
