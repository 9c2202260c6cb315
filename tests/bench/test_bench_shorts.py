"""Dark frames made while longs stream: what they cost, and what a training on them comes to."""

from __future__ import annotations

import platform
import time
from dataclasses import replace
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rawkit.catalog import Selection, load_definition
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.noise import write_profile
from rawkit.stream import BatchStream, PlanSettings, Shorts, ShortSettings, pair_sources
from rawkit.stream.feed import Feed
from rawkit.subset import load_subset, make_subset, open_stores
from rawkit.synth import CAMERAS, make_collection, profile_of
from rawkit.train import Trainer, TrainSettings, plan_training
from rawkit.train.clips import score_share
from rawkit.train.data import plan_settings
from rawkit.train.devices import make_fabric
from rawkit.train.learner import Learner
from rawkit.workers import kept_memory
from rawkit.workspace import Workspace
from tests.support.fixtures_stream import Shape, make_sources

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.stream import PairSource

FRAME = Shape(1424, 2128, (238, 266), bits=8, target_codec="none")
"""A packed frame of 12 megapixels with its 8-bit target, as an ingest writes it."""
MILLISECONDS = 1.0
"""What a made crop of 512 pixels a side may cost in CPU time beyond reading."""
RATIO, ISOS, SIZE = ((100.0, 300.0),), ((100.0, 6400.0),), (2848, 4256)
ROUNDS, BATCHES = 9, 24
STEPS, STEP_ROUNDS = 3, 5
THROUGHPUT, WITHIN = 0.95, 0.3
SCENES, BUDGET, PIXELS = 12, 300, (256, 384)


@pytest.fixture(scope="module")
def longs(tmp_path_factory: pytest.TempPathFactory) -> list[PairSource]:
    found = make_sources(tmp_path_factory.mktemp("longs"), [FRAME] * 3)
    return [replace(one, is_long=True) for one in found]


def shorts(*, estimates: bool) -> Shorts:
    profile = profile_of(CAMERAS["sid"], (100, 400, 1600, 6400), SIZE)
    return Shorts(profile, ShortSettings(RATIO, ISOS), 0, estimates=estimates)


@pytest.mark.bench
@pytest.mark.parametrize("side", [512, 1024])
def test_cpu_time_of_a_made_crop(longs: list[PairSource], side: int) -> None:
    """Crops of 512 pixels are 256 packed ones a side; those of 1024 are 512."""
    settings = PlanSettings(crop=side)
    made = {"read alone": None, "made": shorts(estimates=False),
            "made, with the estimate": shorts(estimates=True)}  # fmt: skip
    streams = {
        name: BatchStream(longs, settings, batch_size=8, threads=1, shorts=one).batches()
        for name, one in made.items()
    }
    times: dict[str, list[float]] = {name: [] for name in streams}
    for stream in streams.values():
        _ = [None for _ in islice(stream, 4)]
    for _ in range(ROUNDS):
        for name, stream in streams.items():
            started = time.process_time()
            for _batch in islice(stream, BATCHES):
                pass
            times[name].append((time.process_time() - started) / BATCHES / 8)
    for stream in streams.values():
        stream.close()
    found = {name: 1000 * median(values) for name, values in times.items()}
    beyond = {name: value - found["read alone"] for name, value in found.items()}
    n = side // 2
    print(f"\ncrops of {n} x {n} x 4 planes ({platform.machine()}, CPU ms a crop, median)")
    for name, value in found.items():
        print(f"  {name:26} {value:7.3f}   {beyond[name]:+.3f}")
    if side == 512:
        assert beyond["made"] <= MILLISECONDS


@pytest.mark.bench
def test_throughput_against_stored_shorts(longs: list[PairSource]) -> None:
    """The network is trained on the same crops, one way with noise added while they stream."""
    settings = TrainSettings(subset="x", steps=100, batch_size=4, network="lamba2021",
                             amplification="ratio", ms_ssim_weight=0.0)  # fmt: skip
    feeds, learner = {}, Learner(settings, make_fabric("cpu"))
    for name, one in (("stored", None), ("made", shorts(estimates=False))):
        stream = BatchStream(longs, plan_settings(settings), batch_size=4, in_bursts=True,
                             shorts=one)  # fmt: skip
        feeds[name] = Feed(stream, settings.amplifier()).batches()
    rates: dict[str, list[float]] = {name: [] for name in feeds}
    with kept_memory(wanted=True):
        for turn in range(1 + STEP_ROUNDS):
            for name, feed in feeds.items():
                started = time.perf_counter()
                for step, batch in enumerate(islice(feed, STEPS)):
                    learner.gradients(batch, step)
                    learner.update(step + 1)
                if turn:
                    rates[name].append(STEPS * 4 / (time.perf_counter() - started))
    found = {name: median(values) for name, values in rates.items()}
    share = median(made / stored for made, stored in zip(rates["made"], rates["stored"],
                                                         strict=True))  # fmt: skip
    print(f"\ntraining of {settings.network}, crops of 512, {torch.get_num_threads()} threads: "
          f"{found['stored']:.2f} crops/s with stored shorts, {found['made']:.2f} with made ones, "
          f"{share:.3f} of it (median of pairs of turns)")  # fmt: skip
    assert share >= THROUGHPUT


@pytest.fixture(scope="module")
def look_alike(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a store of a look-alike of SID, whose camera's noise is known."""
    workspace = Workspace(tmp_path_factory.mktemp("look-alike"))
    make_collection("sid", workspace.data("sid"), scenes=SCENES, size=PIXELS)
    selection = Selection(shutters=(1 / 25, 1 / 30))
    plan = plan_ingest(
        load_definition("sid"), workspace.data("sid"), workspace.store("sid"), selection
    )
    run_ingest(plan, workers=0)
    make_subset(workspace, workspace.stores(), fraction=1.0, name="all")
    return workspace


@pytest.mark.bench
def test_made_shorts_against_real_ones(look_alike: Workspace, tmp_path: Path) -> None:
    subset = load_subset(look_alike.subset("all"))
    isos = sorted({one.iso for one in subset.frames if one.iso})
    ratios = sorted({round(one.ratio) for one in subset.frames if one.ratio and one.ratio > 1})
    usual = {
        "steps": BUDGET, "crop": 96, "batch_size": 8, "network": "lamba2021-lite",
        "learning_rate": 1e-3, "schedule": "cosine", "ms_ssim_weight": 0.0,
        "amplification": "ratio",
    }  # fmt: skip
    ways: dict[str, dict[str, Any]] = {"real": {}}
    for name, camera in (("of the camera", "sid"), ("of another's", "mid"),
                         ("of a phone's", "lrid")):  # fmt: skip
        path = tmp_path / f"{camera}.toml"
        write_profile(profile_of(CAMERAS[camera], isos, PIXELS), path)
        ways[name] = {
            "shorts": "synthetic", "profile": str(path), "shorts_iso": isos,
            "shorts_ratio": ratios,
        }  # fmt: skip
    ways["both"] = {**ways["of the camera"], "shorts": "both"}
    found = {}
    for number, (name, changes) in enumerate(ways.items()):
        plan = plan_training(look_alike, "all", {**usual, **changes}, name=f"run-{number}")
        held = [one for split in ("val", "test") for one in
                pair_sources(subset, open_stores(subset, look_alike), split)]  # fmt: skip
        trainer = Trainer(plan.settings, replace(plan.data, val=[]), tmp_path / f"run-{number}")
        trainer.run()
        sums, count, _ = score_share(trainer.net, plan.settings, held, held, slice(None))
        found[name] = sums[0] / count
        print(f"{name}: {found[name]:.2f} dB on {count} real dark frames that were held back",
              flush=True)  # fmt: skip
    print(
        f"(look-alike of sid, {SCENES} scenes of {PIXELS}, ISO {isos}, ratios {ratios}, "
        f"{BUDGET} steps)"
    )
    assert found["of the camera"] >= found["real"] - WITHIN
    assert min(found["of another's"], found["of a phone's"]) < found["of the camera"]
