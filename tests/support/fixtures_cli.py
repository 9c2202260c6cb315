"""Running commands as people do, and asserting that they end cleanly."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from click.testing import CliRunner

from rawkit.cli import main
from rawkit.synth import DngMeta, encode_dng
from tests.support.factories import noise_mosaic, patch_tag

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    """Exit code."""
    out: str
    """Standard output."""
    err: str
    """Standard error."""


def run(*arguments: object, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command in this process; an exception that comes through is a failure."""
    found = CliRunner(env=env).invoke(main, [str(one) for one in arguments])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return Ended(found.exit_code, found.stdout, found.stderr)


def run_in(workspace: Path, *arguments: object, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command in this process for a workspace."""
    return run("--workspace", workspace, *arguments, env=env)


def start(*arguments: object, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command in a process of its own, from a folder."""
    # `-c` puts the current folder first on the path, so ours must come by the environment.
    found = subprocess.run(
        [sys.executable, "-c", "from rawkit.cli import main; main()", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in found.stderr, found.stderr
    return Ended(found.returncode, found.stdout, found.stderr)


def error_line(ended: Ended) -> str:
    """Return the one line a command that failed says, and assert that it says nothing else."""
    assert ended.code in {1, 2}
    assert ended.out == ""
    lines = [line for line in ended.err.splitlines() if line.startswith("error (")]
    assert len(lines) == 1, ended.err
    assert ended.err.strip().endswith(lines[0])
    return lines[0]


def bad_files(folder: Path) -> dict[str, str]:
    """Write a file of each kind that cannot be used; returns the expected reason by name."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = encode_dng(noise_mosaic(), DngMeta("Rawkit", "Test"))
    zeros = encode_dng(np.zeros((64, 96), np.uint16), DngMeta("Rawkit", "Test"))
    wide = encode_dng(
        noise_mosaic((32, 144)), DngMeta("Rawkit", "Test", active_area=(0, 0, 32, 48))
    )
    for tag, kind, value in ((256, 4, 48), (262, 3, 34892), (277, 3, 3)):
        wide = patch_tag(wide, tag, kind, struct.pack("<I" if kind == 4 else "<H", value), 1)
    files = {
        "four-colour.dng": (patch_tag(plain, 50710, 1, bytes([0, 1, 2, 3]), 4), "four-colour"),
        "no-mosaic.dng": (wide, "every pixel has all colours"),
        "not-raw.arw": (b"Dear diary, no pictures today.\n" * 100, "not a raw file"),
        "truncated.dng": (plain[:-1], "pixel data up to byte"),
        "zeros.dng": (zeros, "all 6144 pixels of the mosaic are 0"),
    }
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    (folder / "unreadable.dng").symlink_to(folder / "nowhere")
    return {**{name: reason for name, (_, reason) in files.items()}, "unreadable.dng": "cannot be"}
