"""Memory of a training against a critic, held against its plan."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fixtures_stream import Shape, make_sources

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.stream import PairSource

FRAME = Shape(712, 1064, (238, 266), bits=8, target_codec="none")
"""A packed frame of 3 megapixels, so that validating it is not what takes most."""

RUN = """
import json, pickle, sys
from pathlib import Path
from rawkit.train import Trainer, TrainData, TrainSettings
from rawkit.train.memory import check_memory, fit_memory
sources = pickle.loads(Path(sys.argv[1]).read_bytes())
data = TrainData(sources[:-1], sources[-1:])
options = {"steps": 3, "crop": 256, "batch_size": 8, "ms_ssim_weight": 0.0, "gan_weight": 0.01}
budget = int(sys.argv[4])
settings = fit_memory(
    TrainSettings(subset="x", **{**options, **json.loads(sys.argv[3])}), data, budget
)
plan = check_memory(settings, data, budget)
Trainer(settings, data, Path(sys.argv[2])).run()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"peak": int(peak.split()[1]) * 1024, "pieces": settings.accumulate,
                  "plan": plan.text(), "total": plan.total}))
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[PairSource]:
    return make_sources(tmp_path_factory.mktemp("frames"), [FRAME] * 3)


@pytest.mark.bench
@pytest.mark.parametrize("options", [
    {}, {"critic": "classifier"}, {"critic_r1": 1.0},
    {"critic": "classifier", "critic_r1": 1.0, "critic_conditional": True},
    {"network": "sid", "ema": 0.9},
], ids=["patch", "classifier", "patch-r1", "classifier-all", "sid"])  # fmt: skip
def test_a_training_against_a_critic_stays_within_its_plan(
    sources: list[PairSource], tmp_path: Path, options: dict[str, Any]
) -> None:
    (tmp_path / "sources").write_bytes(pickle.dumps(sources))
    for budget in (10 * 10**9, 2 * 10**9):
        ended = subprocess.run(
            [sys.executable, "-c", RUN, tmp_path / "sources", tmp_path / str(budget),
             json.dumps(options), str(budget)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = json.loads(ended.stdout.splitlines()[-1])
        print(f"\n{options}: {found['pieces']} pieces, {found['peak'] / 1e6:.0f} of "
              f"{found['plan']}")  # fmt: skip
        assert found["peak"] <= found["total"]
        assert found["peak"] >= found["total"] / 2
