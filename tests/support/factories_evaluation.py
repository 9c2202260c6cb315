"""Evaluations made of figures drawn at random, written by the code that writes real ones."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from rawkit.evaluate import protocol
from rawkit.evaluate.measure import PictureRow
from rawkit.evaluate.run import evaluation_id
from rawkit.evaluate.summary import summarise
from rawkit.evaluate.tables import Evaluation, Identity, write_tables

if TYPE_CHECKING:
    from pathlib import Path


def picture_row(rng: np.random.Generator, number: int, evaluation: str) -> PictureRow:
    """Return the figures of one picture: six scenes, four ISO speeds, three exposure times."""
    seconds = (0.033, 0.04, 0.1)[number % 3]
    return PictureRow(
        evaluation=evaluation,
        collection="sid",
        name=f"Sony/short/1000{number % 6}_0{number}_{seconds}s.ARW",
        scene=f"1000{number % 6}",
        view="",
        split="test",
        camera="ILCE-7SM2",
        iso=float(100 * 2 ** (number % 4)),
        exposure_time=seconds,
        f_number=8.0,
        exposure_ratio=10 / seconds,
        gain_ratio=10 / seconds,
        height=512,
        width=768,
        black_level=512.0,
        amplification=float(rng.uniform(10, 300)),
        amplification_matching=float(rng.uniform(10, 300)),
        amplification_error=float(rng.uniform(0.5, 2)),
        gain_error=None,
        psnr=float(rng.normal(25, 3)),
        ssim=float(rng.uniform(0.4, 0.9)),
        ms_ssim=None if number % 5 == 0 else float(rng.uniform(0.5, 0.95)),
        delta_e=float(rng.uniform(2, 12)),
        hue_shift=float(rng.normal(0, 20)),
        cast_a=float(rng.normal(0, 3)),
        cast_b=float(rng.normal(0, 3)),
    )


def write_evaluation(
    folder: Path,
    *,
    title: str,
    seed: int = 0,
    pictures: int = 24,
    black_level: float | None = None,
    collection: str | None = None,
) -> Evaluation:
    """Write the tables of an evaluation and return it."""
    about = protocol("all", **({} if black_level is None else {"black_level": black_level}))
    identity = Identity("lamba2021", f"{seed:064x}", "0" * 64, asdict(about), pictures)
    name = evaluation_id(identity)
    rng = np.random.default_rng(seed)
    rows = [picture_row(rng, number, name) for number in range(pictures)]
    if collection is not None:
        rows = [replace(row, collection=collection) for row in rows]
    groups = summarise(rows, np.random.default_rng(7), 500)
    evaluation = Evaluation(
        folder=folder, id=name, identity=identity, title=title, resamples=500, seed=7,
        groups=tuple(groups),
    )  # fmt: skip
    folder.mkdir(parents=True)
    write_tables(evaluation, rows)
    return evaluation
