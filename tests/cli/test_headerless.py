"""Files without a header on the command line: named, described, ingested, repaired, restored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from rawkit.models import build
from rawkit.store import Store
from tests.support.fixtures_cli import run, run_in

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PIXELS = np.random.default_rng(3).integers(520, 4000, (512, 768), np.uint16)
"""As many bytes as LibRaw's guess for 1024x768 pixels of one byte."""
DESCRIPTION = "768x512,12,GRBG,512"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    PIXELS.tofile(folder / "frame.raw")
    return folder


def stored(root: Path) -> tuple[NDArray[np.generic], Store]:
    store = Store(root / "stores" / "folder.zarr")
    (group,) = store.groups.values()
    return group.read("packed", 0), store


def test_ingest_names_it_and_takes_it_as_it_is_described(photos: Path, tmp_path: Path) -> None:
    root, common = tmp_path / "w", ("ingest", "folder", "--source", photos, "--workers", 0)
    refused = run_in(root, *common, "--json")
    assert refused.code == 1
    (left,) = json.loads(refused.out)["left_out"]
    assert left["kind"] == "headerless"
    assert "from its size alone" in left["reason"]
    taken = run_in(root, *common, "--headerless", DESCRIPTION, "--json")
    assert taken.code == 0, taken.err
    assert json.loads(taken.out)["added"] == 1
    planes, store = stored(root)
    (row,) = store.rows
    assert (row.pattern, row.black_level, row.white_level) == ("GRBG", (512.0,) * 4, 4095.0)
    assert row.level_source == "headerless 768x512,12,GRBG,512,4095"
    assert planes.shape[0] == 4
    assert np.isin(planes, PIXELS).all()
    assert planes.size <= PIXELS.size
    (shard,) = [path for path in root.rglob("packed/c/**/*") if path.is_file()]
    shard.unlink()
    ended = run_in(root, "verify", "--repair", "--source", photos)
    assert ended.code == 0, ended.err
    assert np.array_equal(stored(root)[0], planes)


def test_restore_names_it_and_takes_it_as_it_is_described(photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(build("lamba2021").state_dict(), tmp_path / "weights.pt")
    common = ("restore", photos, "-o", tmp_path / "out", "--weights", tmp_path / "weights.pt",
              "--workers", 0, "--json")  # fmt: skip
    refused = json.loads(run(*common).out)
    assert [one["kind"] for one in refused["failed"]] == ["headerless"]
    done = run(*common, "--headerless", DESCRIPTION, "--compare")
    assert done.code == 0, done.err
    (one,) = json.loads(done.out)["restored"]
    assert one["plain"] is not None


@pytest.mark.parametrize("command", [("ingest", "folder"), ("restore", "x.raw")])
def test_a_description_that_cannot_be_read_is_called_wrong(command: tuple[str, str]) -> None:
    ended = run(*command, "--headerless", "768x512")
    assert ended.code == 2
    assert "WIDTHxHEIGHT,BITS,PATTERN" in ended.err
