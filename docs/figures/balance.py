"""Measure what balanced planes do to other cameras: the table of balance-training.md.

    python docs/figures/balance.py FOLDER

makes the same look-alike of See-in-the-Dark seen by three cameras and in two lights, trains a
network on the first camera and one on the first two, each with and without --balance, and evaluates
all of them on the held-out scenes of every camera. The table goes to standard output. What is done
in FOLDER is kept: run again, it goes on.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rawkit.api import ingest, subset
from rawkit.evaluate import plan_evaluation, protocol, run_evaluation, subject
from rawkit.subset import load_subset
from rawkit.synth import CAMERAS, Camera, make_collection
from rawkit.train import LAST, TrainData, Trainer, TrainSettings, load_checkpoint, open_data
from rawkit.workspace import Workspace

SIZE = (384, 576)
SCENES = 20
STEPS = 1000
SUBSET = "all"
A7S2 = CAMERAS["sid"]
BLACKMAGIC = (1.694, -0.459, -0.139, -0.490, 1.344, 0.112, -0.075, 0.385, 0.630)
"""XYZ to camera of a Blackmagic Pocket Cinema Camera, from a file of it."""
CANON_G2 = (0.919, -0.279, -0.106, -0.810, 1.566, 0.261, -0.261, 0.306, 0.787)
"""The same of a Canon PowerShot G2."""


@dataclass(frozen=True)
class Seen:
    """A camera in a light."""

    title: str
    """For the table."""
    camera: Camera
    """What sees the scenes: noise and levels are always those of the first."""


SEEN = {
    "a": Seen("A: ILCE-7SM2", A7S2),
    "b": Seen(
        "B: filters of a Blackmagic, its neutral",
        replace(A7S2, model="look-alike B", color_matrix=BLACKMAGIC, neutral=(0.87, 1, 0.59)),
    ),
    "c": Seen(
        "C: filters of a PowerShot G2, its neutral",
        replace(A7S2, model="look-alike C", color_matrix=CANON_G2, neutral=(0.61, 1, 0.63)),
    ),
    "lamp": Seen("A in lamplight", replace(A7S2, model="ILCE-7SM2", neutral=(0.75, 1, 0.36))),
}
TRAININGS = (("a",), ("a", "b"))


def workspace_of(folder: Path, key: str) -> Workspace:
    """Make the look-alike, the store and the subset of a camera."""
    place = Workspace(folder / key)
    source = place.data("sid")
    make_collection("sid", source, scenes=SCENES, size=SIZE, camera=SEEN[key].camera)
    ingest("sid", workspace=place.root, progress=False, shutter=[0.033, 0.04])
    subset(name=SUBSET, workspace=place.root)
    return place


def trained(folder: Path, places: dict[str, Workspace], keys: tuple[str, ...], *,
            balance: bool) -> Path:  # fmt: skip
    """Train on the pairs of cameras; returns the checkpoint."""
    run = folder / "runs" / ("-".join(keys) + ("-balance" if balance else ""))
    parts = [open_data(load_subset(places[key].subset(SUBSET)), places[key]) for key in keys]
    data = TrainData([source for part in parts for source in part.train], [])
    settings = TrainSettings(
        subset=SUBSET, steps=STEPS, crop=128, batch_size=8, learning_rate=1e-3, schedule="cosine",
        ms_ssim_weight=0.0, amplification="ratio", balance=balance,
    )  # fmt: skip
    trainer = Trainer(settings, data, run)
    if (run / LAST).is_file():
        trainer.resume(load_checkpoint(run / LAST))
    if trainer.step < STEPS:
        trainer.run()
    return run / LAST


def figures(place: Workspace, weights: Path) -> str:
    """Evaluate weights on the held-out scenes of a camera; the cells of a row.

    Scenes of val are among them: nothing was chosen by them.
    """
    plan = plan_evaluation(
        place, subject(place, weights=str(weights)), protocol("all", splits=("val", "test")),
        name=f"{weights.parent.name}",
    )  # fmt: skip
    rows = run_evaluation(plan).evaluation.rows()
    means = {
        name: float(np.mean([getattr(row, name) for row in rows]))
        for name in ("psnr", "ssim", "delta_e", "cast_a", "cast_b")
    }
    return (
        f"{means['psnr']:.2f} | {means['ssim']:.3f} | {means['delta_e']:.2f} | "
        f"{means['cast_a']:+.1f}, {means['cast_b']:+.1f}"
    )


def say(line: str) -> None:
    """Print a line of the table as soon as it is known."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    places = {key: workspace_of(folder, key) for key in SEEN}
    say("| trained on | evaluated on | planes | PSNR | SSIM | ΔE | cast a*, b* |")
    say("|---|---|---|---|---|---|---|")
    for keys in TRAININGS:
        weights = {
            balance: trained(folder, places, keys, balance=balance) for balance in (False, True)
        }
        for key, seen in SEEN.items():
            for balance, path in weights.items():
                name = "balanced" if balance else "as they are"
                cells = figures(places[key], path)
                say(f"| {' and '.join(keys).upper()} | {seen.title} | {name} | {cells} |")


if __name__ == "__main__":
    main()
