"""Memory that a step frees is kept within the block, and given back after it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest

from tests.support.fixtures_cli import REPOSITORY

# In a process of its own: thresholds of this one must not change, and its peak must be its own.
CHILD = """
import json, resource
import numpy as np
from rawkit.workers import kept_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.ones(1 << 23)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
with kept_memory() as kept:
    np.ones(1 << 23)
    inside = faults()
    with kept_memory():  # as a validation restores within a training
        np.ones(1 << 23)
    held = resident()
print(json.dumps({"kept": kept, "inside": inside, "held": held, "after": resident()}))
"""
ARRAY = 8 << 23
PAGES = ARRAY // 4096


def child(**more: str) -> dict[str, int]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    clean.pop("GLIBC_TUNABLES", None)
    done = subprocess.run(
        [sys.executable, "-c", CHILD], cwd=REPOSITORY, check=True, stdout=subprocess.PIPE,
        env={**clean, **more},
    )  # fmt: skip
    found: dict[str, int] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps as it will")
def test_pages_are_kept_within_the_block_and_given_back_after_it() -> None:
    found = child()
    assert found["kept"]
    assert found["inside"] < PAGES
    assert found["held"] - found["after"] > ARRAY / 2


def test_thresholds_that_the_user_has_set_stay() -> None:
    assert not child(MALLOC_TRIM_THRESHOLD_="131072")["kept"]
