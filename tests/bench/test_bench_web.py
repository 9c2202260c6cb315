"""Ingest over a line of limited speed: neither the line nor the cores wait for the other."""

from __future__ import annotations

import multiprocessing
import zipfile
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.ingest import plan_ingest, run, run_ingest
from rawkit.synth import DngMeta, write_dng
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

FOLDER = load_definition("folder")
FRAMES, ROUNDS, WORKERS = 14, 3, 2
MARK = 1.15


def _server(path: Path, rate: float, pipe: Connection) -> None:
    """Serve a file at so many bytes a second over all connections, in a process of its own."""
    with serve(Web({"/raw.zip": path.read_bytes()}, rate=rate)) as web:
        pipe.send(web.port)
        pipe.recv()


@pytest.mark.bench
def test_fetching_and_decoding_go_on_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = np.random.default_rng(0)
    archive, raw = tmp_path / "raw.zip", tmp_path / "raw"
    raw.mkdir()
    for number in range(FRAMES):
        mosaic = np.clip(numbers.normal(560, 12, (2848, 4256)), 0, 16383).astype(np.uint16)
        write_dng(
            raw / f"{number:02d}.dng", mosaic, DngMeta("Rawkit", "Test", black_level=512.0),
            lossless_jpeg=True,
        )  # fmt: skip
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(raw.iterdir()):
            packed.write(path, path.name)

    def timed(source: object, name: str) -> float:
        plan = plan_ingest(FOLDER, source, tmp_path / f"{name}.zarr", Selection())  # type: ignore[arg-type]
        report = run_ingest(plan, workers=WORKERS)
        assert report.added == FRAMES
        return report.seconds

    decode = min(timed(raw, f"local{number}") for number in range(2))
    rate = archive.stat().st_size / decode  # fetching all takes as long as decoding all
    here, there = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=_server, args=(archive, rate, there)
    )
    server.start()
    url = f"http://127.0.0.1:{here.recv()}/raw.zip"
    ahead: list[float] = []
    alone: list[float] = []
    try:
        for number in range(ROUNDS):
            ahead.append(timed(url, f"ahead{number}"))
            with monkeypatch.context() as patch:
                patch.setattr(run, "Prefetch", _Nothing)
                alone.append(timed(url, f"alone{number}"))
    finally:
        here.send("end")
        server.join()
    took, plain = median(ahead), median(alone)
    print(
        f"\n{FRAMES} frames of 12 MP, {archive.stat().st_size / 1e6:.0f} MB "
        f"at {rate / 1e6:.0f} MB/s, "
        f"{WORKERS} workers: {took:.2f} s fetched ahead, {plain:.2f} s by the workers, "
        f"{decode:.2f} s either alone: {took / decode:.2f} of it (mark: {MARK})"
    )


class _Nothing:
    """Fetches nothing ahead."""

    def __init__(self, *_: object) -> None:
        pass

    def path(self, _: object) -> None:
        """Nowhere."""

    def close(self) -> None:
        """Nothing to do."""
