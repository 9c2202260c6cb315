"""The wheels of `make wheel`: built for glibc 2.17 by Zig, and used in an empty environment."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from rawkit import native
from tests.support.installed import install_alone, run
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "rawkit/_native.abi3.so"
ELF_MACHINE = {"x86_64": 62, "aarch64": 183}
"""The field `e_machine` of an ELF file."""
LARGEST = 300_000
"""Bytes of the module; it is five times as much with what debuggers want."""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build the wheels; return them by machine."""
    folder = tmp_path_factory.mktemp("wheels")
    ended = subprocess.run(
        [sys.executable, REPOSITORY / "native" / "wheels.py", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.split()) == len(ELF_MACHINE)
    return {
        machine: next(folder.glob(f"rawkit_lowlight-*-cp311-abi3-manylinux2014_{machine}.*.whl"))
        for machine in ELF_MACHINE
    }


@pytest.mark.parametrize("machine", ELF_MACHINE)
def test_each_has_a_stripped_module_for_its_machine_and_for_every_linux_since_2014(
    wheels: dict[str, Path], machine: str
) -> None:
    with zipfile.ZipFile(wheels[machine]) as wheel:
        module = wheel.read(MODULE)
    assert module[:6] == b"\x7fELF\x02\x01"  # of 64 bits, the lower ones first
    assert int.from_bytes(module[18:20], "little") == ELF_MACHINE[machine]
    assert len(module) < LARGEST
    versions = {tuple(map(int, found)) for found in re.findall(rb"GLIBC_(\d+)\.(\d+)", module)}
    assert versions
    assert max(versions) <= (2, 17)


def test_one_works_in_an_empty_environment(wheels: dict[str, Path], tmp_path: Path) -> None:
    commands = install_alone(wheels["x86_64"], tmp_path / "env")
    # The tests go along without the checkout, so that `rawkit` is the installed one.
    shutil.copytree(REPOSITORY / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("data"))
    shutil.copytree(REPOSITORY / "native", tmp_path / "native")
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    python = commands / "python"
    where, level = run(
        python, "-c", "from rawkit import native; print(native.functions.__file__, native.LEVEL)",
        cwd=tmp_path,
    ).split()  # fmt: skip
    assert where.startswith(str(tmp_path))
    assert level == native.LEVEL
    told = run(python, "-m", "pytest", "-q", "tests/native", cwd=tmp_path)
    assert " passed" in told
    assert "skipped" not in told
    assert "Usage: rawkit" in run(commands / "rawkit", "--help", cwd=tmp_path)
