"""Raw files and stored frames restored with the profile of their camera."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rawkit.catalog import Selection, load_definition
from rawkit.errors import ProfileError, UsageError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.models import Lamba2021, build, prepare
from rawkit.noise import CameraProfile, write_profile
from rawkit.pictures.write import PictureFormat
from rawkit.restore import (
    Mending,
    Output,
    Restorer,
    decode_single,
    frames_of_stores,
    mending_of,
    restore_files,
    restore_items,
    restore_single,
)
from rawkit.restore.inputs import named
from rawkit.restore.manifest import read_manifest
from rawkit.sensor import Amplification, decode
from rawkit.store import Store
from rawkit.workers import Resources
from tests.support.factories import local, write_noise_dng
from tests.support.profiles import profile_of_test_camera


@pytest.fixture(scope="module")
def restorer() -> Restorer:
    torch.manual_seed(7)
    net = Lamba2021().eval()
    with torch.no_grad():
        net.get_parameter("output2.parametrizations.weight.original0").mul_(0.05)
        net.get_parameter("output2.bias").fill_(0.5)
    return Restorer(prepare(net), "lamba2021", None, Amplification(), identity="w" * 64)


def picture(path: Path) -> np.ndarray:
    found = cv2.imread(str(path))
    assert found is not None
    return found.astype(int)


def output(folder: Path, *profiles: CameraProfile, **changes: object) -> Output:
    return Output(folder, mending=Mending(profiles) if profiles else None, **changes)  # type: ignore[arg-type]


def test_shading_of_one_number_a_plane_is_another_black_level(
    tmp_path: Path, restorer: Restorer
) -> None:
    write_noise_dng(tmp_path / "a.dng", seed=1)
    # Places of the cell in reading order are R, G1, G2, B; planes are R, G1, B, G2.
    write_noise_dng(tmp_path / "b.dng", seed=1, black_level=(67.0, 69.0, 65.0, 62.0))
    done = restore_files([tmp_path / "a.dng"], output(tmp_path, profile_of_test_camera()), restorer)
    assert not done.failed
    restore_files([tmp_path / "b.dng"], output(tmp_path), restorer)
    one, other = picture(tmp_path / "a.png"), picture(tmp_path / "b.png")
    assert np.abs(one - other).max() <= 1
    lines = read_manifest(tmp_path)
    line = lines[str(tmp_path / "a.png")]
    assert line["mended"]["profile"] == "Rawkit Test"
    assert line["mended"]["shading_rms"] == pytest.approx(np.sqrt(39 / 4))
    assert line["black_level"] == [64, 64, 64, 64]
    assert line["white_level"] == 16383
    assert lines[str(tmp_path / "b.png")]["mended"] is None


def test_what_is_not_asked_for_is_not_done(tmp_path: Path, restorer: Restorer) -> None:
    write_noise_dng(tmp_path / "a.dng", seed=1)
    bare = output(tmp_path / "bare")
    restore_files([tmp_path / "a.dng"], bare, restorer)
    nothing = Mending((profile_of_test_camera(),), dark_shading=False, hot_pixels=False)
    restore_files([tmp_path / "a.dng"], Output(tmp_path / "none", mending=nothing), restorer)
    assert (picture(tmp_path / "none/a.png") == picture(tmp_path / "bare/a.png")).all()


def test_hot_pixels_are_gone(tmp_path: Path, restorer: Restorer) -> None:
    write_noise_dng(tmp_path / "a.dng", seed=1)
    hot = ((10, 11), (30, 41))
    profile = profile_of_test_camera((0.0,) * 4, hot=hot)
    single = decode_single(tmp_path / "a.dng", mending=Mending((profile,), dark_shading=False))
    own = decode(tmp_path / "a.dng").pixels
    changed = np.argwhere(single.image.pixels != own)
    assert {tuple(one) for one in changed.tolist()} == set(hot)
    assert restore_single(single, restorer).shape == (64, 96, 3)


def test_a_file_of_another_camera_is_refused_and_the_rest_goes_on(
    tmp_path: Path, restorer: Restorer
) -> None:
    write_noise_dng(tmp_path / "a.dng")
    write_noise_dng(tmp_path / "b.dng", model="Other")
    write_noise_dng(tmp_path / "c.dng", shape=(64, 128))
    files = [tmp_path / f"{name}.dng" for name in "abc"]
    report = restore_files(files, output(tmp_path / "out", profile_of_test_camera()), restorer)
    assert [Path(one.source).name for one in report.restored] == ["a.dng"]
    assert [error.kind for _, error in report.failed] == ["profile", "profile"]
    assert "Other" in report.failed[0][1].reason
    assert "128x64" in report.failed[1][1].reason


def test_an_iso_outside_of_the_profile_is_said(tmp_path: Path, restorer: Restorer) -> None:
    write_noise_dng(tmp_path / "a.dng", iso=12800)
    done = restore_files([tmp_path / "a.dng"], output(tmp_path, profile_of_test_camera()), restorer)
    note = done.restored[0].mended
    assert note is not None
    assert "ISO 12800 lies outside" in str(note.warning)


def test_pictures_of_another_profile_are_made_again(tmp_path: Path, restorer: Restorer) -> None:
    write_noise_dng(tmp_path / "a.dng")
    first, second = profile_of_test_camera(), profile_of_test_camera((0.0, 0.0, 0.0, 0.0))
    for profiles, skipped in (
        ((first,), False), ((first,), True), ((second,), False), ((), False), ((), True),
    ):  # fmt: skip
        way = output(tmp_path / "out", *profiles, skip_existing=True)
        report = restore_files([tmp_path / "a.dng"], way, restorer)
        assert bool(report.skipped) == skipped


@pytest.mark.parametrize("pattern", [((0, 1), (1, 2)), ((1, 2), (0, 1))])
def test_stored_frames_are_mended_as_their_files(
    tmp_path: Path, restorer: Restorer, pattern: tuple[tuple[int, int], ...]
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    size = (66, 96)
    # The phase is cropped on the way into a store, at the bottom as well.
    write_noise_dng(raw / "a.dng", shape=size, seed=3, pattern=pattern)
    image = decode(raw / "a.dng")
    bias = profile_of_test_camera(size=size, hot=((11, 10), (40, 33)))
    profile = replace(bias, mosaic=replace(bias.mosaic, pattern=image.mosaic.pattern))
    store = tmp_path / "stores" / "folder.zarr"
    plan = plan_ingest(load_definition("folder"), raw, store, Selection(), profiles=[profile])
    run_ingest(plan, workers=0)
    frames = frames_of_stores([Store(store)], Selection(), several=False)
    mending = mending_of([], [store], stored=True)
    restore_items(
        named([(frames[0], "a")]), Output(tmp_path / "of-store", mending=mending), restorer,
        resources=Resources(workers=0),
    )  # fmt: skip
    one = decode_single(frames[0], mending=mending)
    other = decode_single(raw / "a.dng", mending=Mending((profile,)))
    top = frames[0].row.crop_top
    height, width = one.image.pixels.shape
    assert (one.image.pixels == other.image.pixels[top : top + height, :width]).all()
    assert one.mended is not None
    assert one.mended.note.hot_pixels == 2
    assert (tmp_path / "of-store" / "a.png").exists()


def test_stored_profiles_are_asked_for_where_there_are_some(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without a store"):
        mending_of([], [], stored=True)
    raw = tmp_path / "raw"
    raw.mkdir()
    write_noise_dng(raw / "a.dng")
    store = tmp_path / "folder.zarr"
    run_ingest(plan_ingest(load_definition("folder"), raw, store, Selection()), workers=0)
    with pytest.raises(ProfileError, match="without a camera's profile"):
        mending_of([], [store], stored=True)


def test_a_network_that_is_told_the_noise_has_it_of_the_profile(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Restorer(prepare(build("pmrid").eval()), "pmrid", None, Amplification(), stabilised=True)
    write_noise_dng(tmp_path / "a.dng", seed=2)
    write_noise_dng(tmp_path / "b.dng", seed=2, black_level=(67.0, 69.0, 65.0, 62.0))
    profile = profile_of_test_camera()
    dng = PictureFormat("dng", 8)
    done = restore_files([tmp_path / "a.dng"], output(tmp_path / "a", profile, format=dng), net)
    assert not done.failed
    assert done.restored[0].noise is not None
    assert done.restored[0].noise.endswith("(profile, ISO 400)")
    model = profile.at(400)
    assert f"k {model.gain.mean():.4g}, sigma {model.sigma.mean():.4g}" in done.restored[0].noise
    unmended = Mending((profile,), dark_shading=False, hot_pixels=False)
    way = Output(tmp_path / "b", mending=unmended, format=dng)
    restore_files([tmp_path / "b.dng"], way, net)
    found, own = decode(local(done.restored[0].picture)), decode(tmp_path / "a.dng")
    assert found.mosaic.black_level == own.mosaic.black_level
    assert found.mosaic.white_level == own.mosaic.white_level
    other = decode(tmp_path / "b" / "b.dng")
    above = found.pixels.astype(int) - 64
    wanted = other.pixels.astype(int)
    for y, x, plane in other.mosaic.positions():
        wanted[y::2, x::2] -= int(other.mosaic.black_level[plane])
    inside = (found.pixels > 0) & (other.pixels > 0)
    assert np.abs(above - wanted)[inside].max() <= 1


def test_profiles_are_read_from_files(tmp_path: Path) -> None:
    path = tmp_path / "Test.toml"
    write_profile(profile_of_test_camera(), path)
    assert mending_of([path]).profiles[0].camera == "Rawkit Test"
    assert json.dumps(mending_of([path]).asked)
    assert mending_of([path]).asked != mending_of([path], dark_shading=False).asked


def test_from_python_too(tmp_path: Path, restorer: Restorer) -> None:
    import rawkit

    write_noise_dng(tmp_path / "a.dng", seed=1)
    profile = profile_of_test_camera()
    write_profile(profile, tmp_path / "Test.toml")
    found = rawkit.restore(tmp_path / "a.dng", weights=restorer, profile=tmp_path / "Test.toml")
    single = decode_single(tmp_path / "a.dng", mending=Mending((profile,)))
    np.testing.assert_allclose(np.asarray(found), restore_single(single, restorer), atol=1e-3)
