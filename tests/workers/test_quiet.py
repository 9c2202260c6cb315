"""What LibRaw prints of damaged files is kept from standard error; what Python writes is not."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.factories import write_noise_dng
from tests.support.fixtures_cli import start
from tests.support.mutants import mutant, seeds

if TYPE_CHECKING:
    from pathlib import Path

SAID = "data corrupted"


@pytest.mark.parametrize(("workers", "printed"), [(1, False), (0, True)])
def test_libraw_does_not_print_over_the_progress_of_an_ingest(
    tmp_path: Path,
    workers: int,
    printed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    folder = tmp_path / "data" / "folder"
    folder.mkdir(parents=True)
    (folder / "bad.dng").write_bytes(mutant(seeds()["jpeg"], 1, 0)[1])
    write_noise_dng(folder / "good.dng")
    ended = start("ingest", "folder", "--workers", workers, cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "corrupt" in ended.out  # the reason, with the file
    assert (SAID in ended.err) == printed, ended.err


SCRIPT = """
import ctypes, logging, sys
logging.basicConfig(format="log %(message)s")
own = logging.getLogger("own"); own.addHandler(logging.StreamHandler(sys.stdout))
from rawkit.workers.quiet import silence_c_libraries
libc = ctypes.CDLL(None)
libc.dprintf(2, b"C before\\n")
for _ in range(2):
    silence_c_libraries()
libc.dprintf(2, b"C after\\n")
print("Python after", file=sys.stderr)
own.warning("after")
raise SystemExit("the end")
"""


def test_python_and_its_loggers_write_on() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert ended.stderr.splitlines() == ["C before", "Python after", "log after", "the end"]
    assert ended.stdout == "after\n"
