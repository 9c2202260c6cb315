"""5,000 damaged raw files, each decoded twice in another process."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.support.mutants import decode_all

MUTANTS = 5000
REAL = Path(REPOSITORY).parent / "shared" / "raw"


@pytest.mark.bench
@pytest.mark.parametrize("seed", [0, 1])
def test_mutants_are_refused_by_name_or_decoded_to_the_same_pixels(seed: int) -> None:
    started = time.monotonic()
    outcome = decode_all(range(MUTANTS), seed, REAL)
    seconds = time.monotonic() - started
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.counts.items()))
    print(f"\n{MUTANTS} mutants, seed {seed}, {seconds:.0f} s: {kinds}; {len(outcome.finds)} finds")
    assert outcome.finds == []
