"""How many faults are found in look-alike pairs of 12 MP, how many good pairs are listed, how fast.

Each collection at ratios of 100 to 300 and more, with its camera's noise. Prints found and listed
for each fault and magnitude.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rawkit.pairing import Exposed, PreparedLong, judge, measure_pair
from rawkit.sensor import Exposure, gain_ratio
from rawkit.synth import paint_scene
from tests.support.faults import Fault, faulty_pair

if TYPE_CHECKING:
    from tests.support.faults import Shot

pytestmark = pytest.mark.bench

SIZE = (2848, 4256)
REGIMES = {
    "sid": ((100, 100, 100), (800, 250, 800), (3200, 300, 3200)),
    "mid": ((200, 300, 100), (1600, 600, 100), (6400, 100, 100)),
    "smid": ((200, 100, 200), (800, 100, 800), (1600, 300, 1600)),
}
"""ISO of the short, ratio of times, ISO of the long."""
FAULTS = (
    *(Fault("shift", pixels) for pixels in (0.5, 0.7, 1.0, 3.0, 40.0)),
    *(Fault("turn", degrees) for degrees in (0.03, 0.1, 0.5)),
    *(Fault("moved", share) for share in (0.01, 0.02, 0.05)),
    Fault("dark", 3.0), Fault("dark", 3.0, consistent=False), Fault("blown", 0.6),
    Fault("exif", 2.0), Fault("exif", 0.5), Fault("swapped"),
)  # fmt: skip
REASON = {
    "shift": "shift", "turn": "shift", "moved": "moved", "dark": "dark", "blown": "clipped",
    "exif": "exposure", "swapped": "scene",
}  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("collection", sorted(REGIMES))
def test_faults_are_found_and_good_pairs_are_not_listed(collection: str, seed: int) -> None:
    found: dict[tuple[str, float], list[bool]] = defaultdict(list)
    falsely, seconds = [], []
    for number, (iso, ratio, long_iso) in enumerate(REGIMES[collection]):
        which = 2 * number + seed + 10
        scene = paint_scene(SIZE, np.random.default_rng([which]),
                            kind=("indoor", "outdoor")[which % 2])  # fmt: skip
        where: dict[str, Any] = {
            "iso": iso, "ratio": ratio, "long_iso": long_iso, "seed": which, "scene": scene,
        }  # fmt: skip
        for fault in (Fault("none"), Fault("none"), *FAULTS):
            short, long = faulty_pair(collection, SIZE, fault, **where)
            started = time.process_time()
            measured = measure_pair(_exposed(short), PreparedLong(_exposed(long)))
            verdict = judge(measured, _told(short, long))
            seconds.append(time.process_time() - started)
            if fault.kind == "none":
                falsely.append(verdict.state == "bad")
                continue
            found[fault.kind, fault.amount].append(REASON[fault.kind] in verdict.reasons)
            if not found[fault.kind, fault.amount][-1]:
                print(f"\nmissed: {collection} ISO {iso} 1:{ratio} {fault}: {verdict}")
    every = [one for several in found.values() for one in several]
    print(f"\n{collection}: {sum(every)} of {len(every)} faults found, {sum(falsely)} of "
          f"{len(falsely)} good pairs listed; {np.mean(seconds):.2f} s of CPU a pair")  # fmt: skip
    for (kind, amount), several in found.items():
        print(f"  {kind} {amount:g}: {sum(several)} of {len(several)}")
    assert np.mean(every) >= 0.95
    assert not any(falsely)
    assert np.median(seconds) < 1.0


def _exposed(shot: Shot) -> Exposed:
    return Exposed(shot.planes, (float(shot.black),) * 4, float(shot.white))


def _told(short: Shot, long: Shot) -> float:
    return gain_ratio(
        Exposure(short.seconds, short.iso, None), Exposure(long.seconds, long.iso, None)
    )
