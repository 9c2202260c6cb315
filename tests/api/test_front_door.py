"""The front door: what a newcomer's ten lines do, and that each is what the command does."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pyarrow as pa
import pytest
import torch

import rawkit
from rawkit.errors import MosaicError, SelectionError, UsageError
from rawkit.models import build, save_safetensors
from rawkit.pictures import quantise
from rawkit.sensor import decode
from rawkit.synth.dng import DngMeta, encode_linear_dng
from tests.support.fixtures_cli import run_in
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of weights that were never trained."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    save_safetensors(path, "lamba2021", build("lamba2021").state_dict(), {})
    return path


def test_importing_rawkit_loads_nothing_heavy() -> None:
    code = "import rawkit, sys; print([one for one in sys.modules if one.split('.')[0] in {heavy}])"
    heavy = ("numpy", "torch", "zarr", "rawpy", "pyarrow", "click", "dask", "pydantic", "cv2")
    found = subprocess.run(
        [sys.executable, "-c", code.format(heavy=heavy)],
        capture_output=True, text=True, check=True, cwd=REPOSITORY,
    )  # fmt: skip
    assert found.stdout.strip() == "[]"


def test_every_name_is_there_typed_and_documented() -> None:
    for name in rawkit.__all__:
        if name == "__version__":
            continue
        function = getattr(__import__("rawkit.api", fromlist=[name]), name)
        assert callable(getattr(rawkit, name))
        assert function.__doc__
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty
        assert all(
            one.annotation is not inspect.Parameter.empty for one in signature.parameters.values()
        )
        assert str(inspect.signature(getattr(rawkit, name))) == str(signature)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'develop'"):
        rawkit.develop  # type: ignore[attr-defined] # noqa: B018 - what is asked for


def test_ten_lines_select_iso_100_and_get_a_batch(workspace: Path) -> None:
    code = (
        "import rawkit\n"
        "store = rawkit.open_store('stores/mid.zarr')\n"
        "dark = store.select(iso=100, split='train')\n"
        "for batch in rawkit.stream(dark, batch_size=8, crop=64):\n"
        "    print(batch.packed.shape, batch.packed.dtype, set(batch.iso.tolist()))\n"
        "    break\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=workspace,
        env={"PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert found.stdout == "(8, 4, 32, 32) uint16 {100.0}\n"
    assert found.stderr == ""


@pytest.mark.parametrize("where", ["stores/mid.zarr", "mid", "{root}/stores/mid.zarr"])
def test_a_store_is_opened_by_path_and_by_name(
    workspace: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    store = rawkit.open_store(where.format(root=workspace))
    assert store.collection == "mid"
    assert len(store) == 8
    assert isinstance(store.frames, pa.Table)
    assert store.frames.num_rows == 10


def test_frames_are_those_of_the_command_line_s_filters(workspace: Path) -> None:
    store = rawkit.open_store("mid", workspace=workspace)
    dark = store.select(iso=[100], shutter=(0.005, 0.02))
    assert {pair.short.iso for pair in dark} == {100.0}
    assert {pair.short.exposure_time for pair in dark} == {0.01}
    assert set(dark.frames["role"].to_pylist()) == {"short", "long"}
    assert [pair.name for pair in dark[:2]] == [dark[0].name, dark[1].name]
    assert "8 dark frames" in repr(store)
    with pytest.raises(SelectionError):
        store.select(iso=6400)
    with pytest.raises(UsageError, match="iso = 'much'"):
        store.select(iso="much")
    with pytest.raises(UsageError, match="split = 'tain'"):
        store.select(split="tain")


def test_a_pair_is_read_when_it_is_asked_for(workspace: Path) -> None:
    pair = rawkit.open_store("mid", workspace=workspace).select(iso=200)[0]
    assert pair.short.packed.shape == (4, 80, 112)
    assert pair.short.mosaic.shape == (160, 224)
    assert pair.target is not None
    assert pair.target.shape == (160, 224, 3)
    assert pair.long is not None
    assert pair.long.exposure_time == 30
    file = decode(workspace / "data" / "mid" / pair.name)
    top, left = file.mosaic.phase
    height, width = pair.short.mosaic.shape
    cut = file.pixels[top : top + height, left : left + width]
    np.testing.assert_array_equal(pair.short.mosaic, cut)


def test_what_people_look_at_has_a_picture_or_a_table(workspace: Path) -> None:
    store = rawkit.open_store("mid", workspace=workspace)
    dark = store.select(iso=100)
    assert "<table>" in dark._repr_html_()
    assert "Matching in the Dark" in store._repr_html_()
    for shown in (dark[0], dark[0].short):
        data = np.frombuffer(shown._repr_png_(), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.std() > 5


def test_an_epoch_ends_and_the_next_one_goes_on(workspace: Path) -> None:
    dark = rawkit.open_store("mid", workspace=workspace).select(iso=100)
    stream = rawkit.stream(dark, batch_size=4, crop=64)
    first = [batch.position for batch in stream]
    assert len(first) == len(stream)
    assert stream.epoch == 1
    second = [batch.position for batch in stream]
    assert second[0] == first[-1] + 4


def test_crops_are_as_large_as_fits_unless_their_side_is_named(workspace: Path) -> None:
    store = rawkit.open_store("mid", workspace=workspace)
    batch = next(iter(rawkit.stream(store, batch_size=2)))
    assert batch.target.shape == (2, 3, 128, 128)  # frames of 160 rows, less one for flips
    with pytest.raises(UsageError, match="crops of 512"):
        rawkit.stream(store, batch_size=2, crop=512)


def test_a_torch_stream_resumes_exactly(workspace: Path) -> None:
    dark = rawkit.open_store("mid", workspace=workspace).select(iso=100)
    loader = rawkit.torch_stream(dark, batch_size=4, crop=64, seed=3)
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    wanted = next(batches).planes.clone()
    again = rawkit.torch_stream(dark, batch_size=4, crop=64, seed=3)
    again.load_state_dict(state)
    assert torch.equal(next(iter(again)).planes, wanted)
    with pytest.raises(UsageError):
        again.load_state_dict({"where": 3})


def test_a_restored_file_is_the_picture_of_the_command(workspace: Path, weights: Path) -> None:
    name = rawkit.open_store("mid", workspace=workspace)[0].name
    file = workspace / "data" / "mid" / name
    picture = rawkit.restore(file, weights=weights)
    assert (
        run_in(workspace, "restore", file, "--weights", weights, "-o", workspace / "out").code == 0
    )
    (written,) = (workspace / "out").glob("**/*.png")
    found = cv2.imread(str(written), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(quantise(np.asarray(picture), 8), found)
    assert picture.save(workspace / "again.png").read_bytes()[:4] == b"\x89PNG"
    np.testing.assert_array_equal(
        np.asarray(rawkit.restore(file.read_bytes(), weights=weights)), np.asarray(picture)
    )


def test_a_linear_file_is_restored(weights: Path) -> None:
    channels = np.random.default_rng(0).integers(100, 2000, (65, 97, 3), dtype=np.uint16)
    dng = encode_linear_dng(channels, DngMeta("Rawkit", "Phone", black_level=64))
    assert np.asarray(rawkit.restore(dng, weights=weights)).shape == (65, 97, 3)


def test_an_array_is_restored_as_the_frame_it_is(workspace: Path, weights: Path) -> None:
    short = rawkit.open_store("mid", workspace=workspace)[0].short
    picture = rawkit.restore(short, weights=weights, m=2)
    array = rawkit.restore(
        short.mosaic, weights=weights, m=2, pattern="RGGB",
        black=short.black_level, white=short.white_level,
    )  # fmt: skip
    np.testing.assert_array_equal(np.asarray(array), np.asarray(picture))
    # The same scene one column further: the pattern says so.
    shifted = rawkit.restore(
        short.mosaic[:, 1:], weights=weights, m=2, pattern="GRBG",
        black=short.black_level[0], white=short.white_level,
    )  # fmt: skip
    assert shifted.shape == (picture.shape[0], picture.shape[1] - 1, 3)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({}, UsageError, "without pattern, black and white"),
        ({"pattern": "RGGB", "black": 600, "white": 500}, UsageError, "white above black"),
        ({"pattern": "RGBB", "black": 0, "white": 500}, MosaicError, "RGBB"),
        ({"pattern": "RG", "black": 0, "white": 500}, MosaicError, "letters R, G and B"),
        ({"pattern": "RGGB", "black": (1, 2), "white": 500}, UsageError, "one number, or 4"),
    ],
)
def test_an_array_that_makes_no_sense_is_refused(
    weights: Path, given: dict[str, object], error: type[Exception], text: str
) -> None:
    mosaic = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    with pytest.raises(error, match=text):
        rawkit.restore(mosaic, weights=weights, **given)  # type: ignore[arg-type] # what is refused


def test_floats_and_cubes_are_no_mosaic(weights: Path) -> None:
    for array in (np.zeros((4, 8, 8), np.uint16), np.zeros((8, 8), np.float32)):
        with pytest.raises(UsageError):
            rawkit.restore(array, weights=weights, pattern="RGGB", black=0, white=9)


def test_the_whole_way_is_that_of_the_commands(workspace: Path) -> None:
    chosen = rawkit.subset(1.0, workspace=workspace)
    report = rawkit.train(
        chosen.name, workspace=workspace, progress=False, steps=2, crop=64, batch_size=2
    )
    assert report.steps == 2
    resumed = rawkit.train(workspace=workspace, resume=True, steps=3, progress=False)
    assert resumed.steps == 3
    found = rawkit.evaluate("plain", workspace=workspace, split="train", progress=False)
    assert found.overall.pictures == 8
    told = json.loads(
        run_in(workspace, "evaluate", "--weights", "plain", "--split", "train", "--json").out
    )
    assert told["folder"].endswith(found.folder.name)


def test_a_dry_run_of_an_ingest_writes_nothing(tmp_path: Path, workspace: Path) -> None:
    source = workspace / "data" / "mid"
    plan = rawkit.ingest("mid", source=source, workspace=tmp_path, dry_run=True, iso=100)
    assert len(plan.wanted) == 6
    assert not (tmp_path / "stores").exists()
