"""What the native module uses of a processor: all that it has, or less if that is asked for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rawkit import native
from tests.native.building import LEVELS
from tests.support.paths import REPOSITORY

NEEDED = {
    "avx512": {"avx512f", "avx512bw", "avx512vbmi", "gfni", "vpclmulqdq"},
    "avx2": {"avx2"},
    "base": set[str](),
}
"""Flags of each level, as Linux names them."""


def ask(level: str) -> str:
    """Import the module anew with ``RAWKIT_NATIVE``; returns all that is printed."""
    ended = subprocess.run(
        [sys.executable, "-c", "from rawkit import native; print(native.LEVEL, native.BUILT)"],
        env={**os.environ, "RAWKIT_NATIVE": level},
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ended.stdout + ended.stderr


@pytest.mark.skipif(not native.CUTS, reason="other processors have one level")
def test_it_uses_what_the_processor_has_and_no_more_than_is_asked_for() -> None:
    told = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    assert told is not None
    highest = next(name for name, flags in NEEDED.items() if flags <= set(told[1].split()))
    assert ask("") == f"{highest} True\n"
    for level in LEVELS:
        used = min(level, highest, key=LEVELS.index)
        assert ask(level) == f"{used} True\n"


def test_it_is_off_where_that_is_asked_for() -> None:
    assert ask("off") == "off False\n"


@pytest.mark.skipif(not native.BUILT, reason="the native module is not built")
def test_a_level_that_does_not_exist_is_refused() -> None:
    assert "RAWKIT_NATIVE=sse9; expected base, avx2, avx512 or off" in ask("sse9")
