"""Published weights adapted to a look-alike of another camera: ten pairs, ten minutes, two cores.

Time is that of a quiet machine: on a busy one ``RAWKIT_ADAPT_MINUTES`` gives as many minutes as
make up 20 minutes of CPU; what was used is printed.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rawkit.adapt import plan_adaptation, run_adaptation
from rawkit.catalog import load_definition, selection_of
from rawkit.evaluate import plan_evaluation, protocol, run_evaluation, subject
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.synth import CAMERAS, Camera, Level, SensorModel, make_collection
from rawkit.workers import Resources
from rawkit.workspace import Workspace

MARK = 1.5
"""dB on held-out scenes above the weights it began from with the sensor's colours."""
_PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "weights" / "lamba2021" / "weights"


def other_camera() -> Camera:
    """Return a camera of other filters, another light and more noise than the weights have seen."""
    return replace(
        CAMERAS["mid"],
        make="Example",
        model="Other",
        neutral=(0.62, 1.0, 0.48),
        color_matrix=(0.92, -0.30, -0.10, -0.38, 1.16, 0.26, -0.04, 0.20, 0.55),
        sensor=SensorModel(
            full_well=30_000.0, base_iso=100, early_noise=2.4, late_noise=3.0, row_noise=0.5,
            black_levels=(Level(0, 1024),), white_levels=(Level(0, 15600),), bits=14,
        ),
    )  # fmt: skip


def photos(folder: Path, scenes: int, seed: int) -> Path:
    """Make a pair of photos of each scene."""
    make_collection("sid", folder, scenes=scenes, seed=seed, shutters=(0.1,), shots=1,
                    isos=(400, 800, 1600), camera=other_camera())  # fmt: skip
    return folder


def psnr_of(place: Workspace, weights: Path, colour: str, amplification: str) -> float:
    rules = protocol("all", splits=("train", "val", "test"), amplification=amplification)
    chosen = subject(place, weights=str(weights), colour=colour)  # type: ignore[arg-type]
    found = run_evaluation(plan_evaluation(place, chosen, rules)).evaluation.groups[0]
    mean = found.means["psnr"].mean
    assert mean is not None
    return mean


@pytest.mark.bench
def test_ten_pairs_and_ten_minutes_make_weights_better(tmp_path: Path) -> None:
    if not _PUBLISHED.is_file():
        pytest.skip(f"no published weights in {_PUBLISHED}")
    minutes = float(os.environ.get("RAWKIT_ADAPT_MINUTES", "10"))
    held = Workspace(tmp_path / "held")
    raw = photos(tmp_path / "other", scenes=8, seed=20)
    plan = plan_ingest(load_definition("sid"), raw, held.store("sid"), selection_of())
    run_ingest(plan, resources=Resources(0))
    begun = time.process_time()
    found = plan_adaptation(Workspace(tmp_path), photos(tmp_path / "ten", 10, 1), _PUBLISHED)
    report = run_adaptation(found, minutes=minutes, workers=0)
    assert report is not None
    used = (time.process_time() - begun) / 60
    before = {
        (colour, by): psnr_of(held, _PUBLISHED, colour, by)
        for colour in ("sensor", "network") for by in ("trained", "ratio")
    }  # fmt: skip
    after = psnr_of(held, report.weights, report.colour, "ratio")
    fed = before["sensor", "trained"], before["sensor", "ratio"]
    verdicts = ["met" if after - one >= MARK else "MISSED" for one in fed]
    told = ", ".join(f"{colour} by {by} {value:.2f}" for (colour, by), value in before.items())
    print(
        f"\n{report.pairs[0]} pairs, {report.steps} steps in {minutes:g} minutes, {used:.1f} of "
        f"CPU; on 8 other scenes {told} dB before, {after:.2f} dB after with the {report.colour}'s "
        f"colours; on the scenes that adapt held back {report.gain:+.2f} dB"
    )
    print(
        f"mark {MARK} dB: {verdicts[0]} against the start as it is fed by itself; {verdicts[1]} "
        f"({after - fed[1]:+.2f}) against it fed as brightly as the adapted weights"
    )
    assert after - fed[0] >= MARK
