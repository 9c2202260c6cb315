"""Scanning and selecting at the size of a collection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.catalog import Selection, load_definition, scan, select
from rawkit.catalog.table import scan_with_table
from rawkit.synth import DngMeta, encode_dng
from tests.catalog.test_select import catalog, entry

if TYPE_CHECKING:
    from pathlib import Path

FILES = 20_000


@pytest.mark.bench
def test_scan_20_000_small_files(tmp_path: Path) -> None:
    mosaic = np.random.default_rng(0).integers(500, 600, (16, 16)).astype(np.uint16)
    for number in range(FILES):
        role, seconds = ("long", "10") if number % 20 == 0 else ("short", "0.1")
        folder = tmp_path / "Sony" / role
        folder.mkdir(parents=True, exist_ok=True)
        meta = DngMeta("SONY", "ILCE-7SM2", iso=100 * (1 + number % 8), seconds=float(seconds))
        name = f"{number // 20:05d}_{number % 20:02d}_{seconds}s.ARW"
        (folder / name).write_bytes(encode_dng(mosaic, meta))
    definition = load_definition("sid")
    scan(definition, tmp_path)
    started = time.perf_counter()
    found = scan(definition, tmp_path)
    seconds_taken = time.perf_counter() - started
    assert len(found.entries) == FILES
    print(f"\nScan, {FILES} files, warm: {FILES / seconds_taken:.0f} files/s (mark: 2000)")
    started = time.perf_counter()
    assert len(scan_with_table(definition, tmp_path, tmp_path / "t").catalog.entries) == FILES
    seconds_taken = time.perf_counter() - started
    print(f"\nThe same into a new table: {FILES / seconds_taken:.0f} files/s (mark: 2000)")


@pytest.mark.bench
def test_select_from_100_000_frames() -> None:
    shorts = [
        entry(f"s{number:06d}", iso=float(100 * (1 + number % 8)), pair=f"p{number // 50}")
        for number in range(100_000)
    ]
    longs = [entry(f"l{number:06d}", "long", pair=f"p{number}") for number in range(2000)]
    whole = catalog(*shorts, *longs)
    for selection in (
        Selection(isos=(100.0, 200.0)),
        Selection(isos=((100.0, 400.0),), shutters=(0.1,), per_long="darkest"),
        Selection(where="iso >= 400 and ratio < 300"),
    ):
        started = time.perf_counter()
        select(whole, selection)
        print(f"\nSelect from 102 000: {time.perf_counter() - started:.3f} s (mark: 0.2)")
