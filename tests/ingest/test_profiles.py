"""Profiles of cameras that travel with a store."""

from __future__ import annotations

import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.errors import ProfileError, UsageError
from rawkit.ingest import IngestReport, plan_ingest, run_ingest
from rawkit.ingest.profiles import named_profiles, put_alone
from rawkit.noise import CameraProfile, profile_identity, write_profile
from rawkit.sensor import decode, pack
from rawkit.store import PROFILES, Store, profiles_of, to_stores, verify_store
from rawkit.subset import make_subset
from rawkit.subset.materialize import materialize, plan_materialize
from rawkit.workspace import Workspace
from tests.support.factories import files_of, write_noise_dng
from tests.support.fixtures_cli import REPOSITORY, run_in
from tests.support.profiles import profile_of_test_camera
from tests.support.small_stores import fill_varied

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = load_definition("folder")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(3):
        write_noise_dng(folder / f"{number}.dng", seed=number)
    write_noise_dng(folder / "other.dng", seed=7, model="Other")
    return folder


def ingest(raw: Path, store: Path, *profiles: CameraProfile) -> IngestReport:
    return run_ingest(
        plan_ingest(FOLDER, raw, store, Selection(), profiles=profiles), workers=0
    )  # fmt: skip


def test_profiles_lie_beside_pixels_that_stay_as_they_were(raw: Path, tmp_path: Path) -> None:
    store = tmp_path / "folder.zarr"
    one, other = profile_of_test_camera(), profile_of_test_camera(model="Other")
    ingest(raw, store, other, one)
    opened = Store(store)
    found = profiles_of(opened)
    assert list(found) == ["other", "test"]
    assert profile_identity(found["test"]) == profile_identity(one)
    for row in opened.rows:
        image = decode(raw / row.name)
        wanted = pack(image.pixels, image.mosaic.phase, image.mosaic.cell)
        np.testing.assert_array_equal(opened.groups[row.group].read("packed", row.index), wanted)
    damage, checked = verify_store(store)
    assert not damage
    assert checked >= 4 + 4
    plain = tmp_path / "plain.zarr"
    ingest(raw, plain)
    assert not Store(plain).attributes.get("profiles")
    shards = {key: digest for key, digest in files_of(store).items() if "/c/" in key}
    assert shards == {key: digest for key, digest in files_of(plain).items() if "/c/" in key}
    assert opened.stored_bytes() == sum(
        path.stat().st_size for path in store.rglob("*") if path.is_file()
    )


def test_a_profile_may_come_later_and_be_replaced(raw: Path, tmp_path: Path) -> None:
    at_once, later = tmp_path / "at-once.zarr", tmp_path / "later.zarr"
    first, second = profile_of_test_camera(), profile_of_test_camera((1.0, 2.0, 3.0, 4.0))
    ingest(raw, at_once, second)
    ingest(raw, later)
    assert profiles_of(Store(later)) == {}
    ingest(raw, later, first)
    assert profile_identity(profiles_of(Store(later))["test"]) == profile_identity(first)
    ingest(raw, later, second)
    assert files_of(later) == files_of(at_once)
    ingest(raw, later)  # and they stay where none is named
    assert files_of(later) == files_of(at_once)
    write_noise_dng(raw / "new.dng", seed=9)
    ingest(raw, later)
    assert list(profiles_of(Store(later))) == ["test"]
    assert not verify_store(later)[0]


_KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from rawkit.catalog import Selection, load_definition
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.noise import read_profile
from rawkit.ingest import run
from rawkit.store.writer import StoreWriter
def dies(function):
    def called(*arguments):
        function(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    return called
name = sys.argv[2]
owner = run if name == "put_profiles" else StoreWriter
setattr(owner, name, dies(getattr(owner, name)))
raw, store, profile = map(Path, sys.argv[3:])
folder, profiles = load_definition("folder"), [read_profile(profile)]
plan = plan_ingest(folder, raw, store, Selection(), profiles=profiles)
run_ingest(plan, workers=0, each=lambda writer, *_: writer.commit())
"""


@pytest.mark.parametrize("where", ["put_profiles", "commit", "join"])
@pytest.mark.parametrize("before", [False, True])
def test_a_run_that_was_killed_ends_in_the_same_bytes(
    raw: Path, tmp_path: Path, where: str, *, before: bool
) -> None:
    whole, store, path = tmp_path / "whole.zarr", tmp_path / "folder.zarr", tmp_path / "Test.toml"
    profile = profile_of_test_camera()
    ingest(raw, whole, profile)
    write_profile(profile, path)
    if before:  # another profile of the camera is there, and one frame
        some = tmp_path / "some"
        some.mkdir()
        (some / "0.dng").write_bytes((raw / "0.dng").read_bytes())
        ingest(some, store, profile_of_test_camera((1.0, 2.0, 3.0, 4.0)))
    command = [sys.executable, "-c", _KILLED, REPOSITORY, where, raw, store, path]
    ended = subprocess.run([str(one) for one in command], check=False)
    assert ended.returncode == -signal.SIGKILL
    if (store / "zarr.json").exists():
        assert not verify_store(store)[0]
        profiles_of(Store(store))
    ingest(raw, store, profile)
    assert files_of(store) == files_of(whole)


def test_files_of_profiles_that_nothing_names_are_swept(raw: Path, tmp_path: Path) -> None:
    store = tmp_path / "folder.zarr"
    ingest(raw, store)
    (store / "profile.test.0123456789ab.toml").write_text("left")
    write_noise_dng(raw / "new.dng", seed=9)
    ingest(raw, store)
    assert not list(store.glob("profile.*"))


def test_damage_is_found_and_mended_by_putting_it_in_again(raw: Path, tmp_path: Path) -> None:
    store = tmp_path / "folder.zarr"
    profile = profile_of_test_camera()
    ingest(raw, store, profile)
    for suffix in ("npz", "toml"):
        (file,) = store.glob(f"profile.*.{suffix}")
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        (damage,), _ = verify_store(store)
        assert "rawkit ingest COLLECTION --profile" in damage.reason
        with pytest.raises(ProfileError):
            profiles_of(Store(store))
        ingest(raw, store, profile)
        assert not verify_store(store)[0]
    file.unlink()
    assert len(verify_store(store)[0]) == 1


def test_profiles_of_no_camera_and_two_of_one_are_refused(raw: Path, tmp_path: Path) -> None:
    store = tmp_path / "folder.zarr"
    with pytest.raises(ProfileError, match="a profile of Rawkit Third"):
        ingest(raw, store, profile_of_test_camera(model="Third"))
    with pytest.raises(UsageError, match="two profiles of test"):
        ingest(raw, store, profile_of_test_camera(), profile_of_test_camera((0.0,) * 4))
    assert not store.exists()


@pytest.mark.parametrize("name", ["copy", "copy.zip"])
def test_a_materialized_subset_takes_them_along(tmp_path: Path, name: str) -> None:
    workspace = Workspace(tmp_path)
    store = workspace.store("varied")
    fill_varied(store)
    profiles = to_stores([profile_of_test_camera()])
    attributes = {
        key: value for key, value in Store(store).attributes.items() if not key.startswith("format")
    }
    named = named_profiles(None, profiles)
    put_alone(store, {**attributes, PROFILES: named}, profiles, None)
    assert not verify_store(store)[0]
    subset, *_ = make_subset(
        workspace, workspace.stores(), fraction=1.0, selection=Selection(), name="all"
    )
    destination = tmp_path / name
    materialize(plan_materialize(subset, workspace), workspace, destination)
    if name.endswith(".zip"):
        with zipfile.ZipFile(destination) as archive:
            archive.extractall(tmp_path / "out")
        destination = tmp_path / "out"
    copied = destination / "stores" / "varied.zarr"
    assert list(profiles_of(Store(copied))) == ["test"]
    assert not verify_store(copied)[0]


def test_the_commands_say_it(raw: Path, tmp_path: Path) -> None:
    write_profile(profile_of_test_camera(hot=((1, 1),)), tmp_path / "Test.toml")
    put = run_in(tmp_path, "ingest", "folder", "--source", raw, "--profile", tmp_path / "Test.toml",
                 "--workers", 0)  # fmt: skip
    assert put.code == 0, put.err
    assert "profiles" in put.out
    told = run_in(tmp_path, "info", "stores/folder.zarr")
    assert "Rawkit Test: ISO 100, 1600, dark shading, 1 hot pixels" in told.out
    noted = run_in(tmp_path, "restore", "folder", "--dry-run")
    assert "note: folder has a camera's profile: --profile stored applies it" in noted.err
    whole = run_in(tmp_path, "verify")
    assert whole.code == 0, whole.err
    missing = run_in(tmp_path, "ingest", "folder", "--source", raw, "--profile", "none.toml")
    assert missing.code != 0
    assert "none.toml" in missing.err


def test_a_profile_of_another_size_is_refused_when_it_is_used(raw: Path, tmp_path: Path) -> None:
    profile = profile_of_test_camera(size=(64, 98))
    store = tmp_path / "folder.zarr"
    ingest(raw, store, replace(profile, notes=("of a crop",)))
    assert profiles_of(Store(store))["test"].mosaic.width == 98
