"""Pictures in a bucket, made here or by workers that share no folder with anybody."""

from __future__ import annotations

import json
import shutil
import threading
from typing import TYPE_CHECKING

import pytest
import torch

from rawkit.errors import StoreLockedError, StoreUnreachableError
from rawkit.models import build
from rawkit.restore import Output, find_inputs, load_restorer, restore_files, restore_items
from rawkit.restore.manifest import MANIFEST, read_manifest
from rawkit.store import ObjectPlace, lock, lock_of
from rawkit.workers import Resources
from tests.support.factories import write_noise_dng
from tests.support.namespaces import copy_objects, end, put_objects

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.locations import Url
    from tests.support.fixtures_laboratory import Laboratory
    from tests.support.fixtures_s3 import ObjectServer

pytest_plugins = ("tests.support.fixtures_laboratory", "tests.support.fixtures_s3")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "weights.pt"
    torch.save(build("lamba2021").state_dict(), path)
    return path


@pytest.fixture(scope="module")
def dark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dark")
    for number in range(4):
        write_noise_dng(folder / f"{number}.dng", seed=number)
    return folder


@pytest.fixture(scope="module")
def alone(weights: Path, dark: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Restore into a folder, in this process and one thread; return the pictures by name."""
    out, threads = tmp_path_factory.mktemp("alone"), torch.get_num_threads()
    torch.set_num_threads(1)
    restore_files(sorted(dark.iterdir()), Output(out, compare=True), load_restorer(weights))
    torch.set_num_threads(threads)
    return {path.name: path.read_bytes() for path in out.glob("*.png")}


@pytest.mark.usefixtures("one_torch_thread")
def test_pictures_in_a_bucket_are_those_in_a_folder(
    weights: Path, dark: Path, alone: dict[str, bytes], bucket: Url
) -> None:
    raw, out = ObjectPlace(bucket / "raw/night"), ObjectPlace(bucket / "out")
    for path in dark.iterdir():
        raw.write(path.name, path.read_bytes())
    raw.write("notes.txt", b"no raw file")
    items = find_inputs([f"{bucket}/raw/*/*.dng"]).items
    assert [item.name for item in items] == [f"night/{number}" for number in range(4)]
    output, restorer = Output(out.location, compare=True), load_restorer(weights)
    report = restore_items(items[:3], output, restorer, resources=Resources(0))
    assert [str(one.picture) for one in report.restored] == [
        f"{bucket}/out/night/{number}.png" for number in range(3)
    ]
    output = Output(out.location, compare=True, skip_existing=True)
    report = restore_items(items, output, restorer, resources=Resources(0))
    assert (len(report.restored), len(report.skipped)) == (1, 3)
    assert {key: out.read(key) for key in out.sizes() if key != MANIFEST} == {
        f"night/{name}": data for name, data in alone.items()
    }
    lines = read_manifest(out.location)
    assert list(lines) == [f"{bucket}/out/night/{number}.png" for number in range(4)]
    assert not ObjectPlace(bucket).exists("out.lock")


def test_one_process_at_a_time_writes_into_a_folder_of_a_bucket(
    weights: Path, dark: Path, bucket: Url
) -> None:
    items, output = find_inputs([dark]).items, Output(bucket / "out")
    with lock(lock_of(bucket / "out")), pytest.raises(StoreLockedError):
        restore_items(items, output, load_restorer(weights), resources=Resources(0))
    assert ObjectPlace(bucket / "out").sizes() == {}


@pytest.mark.usefixtures("impatient")
def test_a_bucket_that_is_lost_ends_a_batch_and_is_named(
    weights: Path, dark: Path, bucket: Url, object_server: ObjectServer
) -> None:
    items, restorer = find_inputs([dark]).items, load_restorer(weights)
    object_server.stop()
    try:
        with pytest.raises(StoreUnreachableError, match="Check the connection"):
            restore_items(items, Output(bucket / "out"), restorer, resources=Resources(0))
    finally:
        object_server.start()


@pytest.mark.slow
def test_workers_without_a_shared_folder_give_the_same_pictures_though_one_is_killed(
    laboratory: Laboratory, weights: Path, dark: Path, alone: dict[str, bytes]
) -> None:
    client = laboratory.machines["client"]
    shutil.copy(weights, client.path("weights.pt"))
    put_objects(client, "s3://night/dark", laboratory.settings, *sorted(dark.iterdir()))
    dead = "s3://night/pictures.part/dead"  # of a run that was killed
    put_objects(client, dead, laboratory.settings, dark / "0.dng")
    command = ("rawkit", "restore", "s3://night/dark/*.dng", "--weights", "weights.pt", "-o",
               "s3://night/pictures", "--scheduler", laboratory.scheduler, "--compare")  # fmt: skip
    begun = laboratory.puts()

    def kill() -> None:
        laboratory.after(begun + 5)  # lock, manifest, two tokens, the weights: work has begun
        end(laboratory.workers[0])

    killer = threading.Thread(target=kill)
    killer.start()
    found = client.run(*command, env=laboratory.settings, seconds=120)
    killer.join()
    assert "workers put pictures into s3://night/pictures.part; weights are sent" in found.stderr
    there = copy_objects(client, "s3://night/pictures", laboratory.settings)
    lines = [json.loads(line) for line in there.pop(MANIFEST).splitlines()]
    assert there == alone
    assert {one["source"] for one in lines} == {f"s3://night/dark/{n}.dng" for n in range(4)}
    assert {one["picture"] for one in lines} == {f"s3://night/pictures/{n}.png" for n in range(4)}
    assert copy_objects(client, "s3://night/pictures.part", laboratory.settings) == {}
    again = client.run(*command, "--skip-existing", env=laboratory.settings)
    assert "there already: 4 files" in again.stdout


def test_raw_files_of_the_client_are_sent_and_those_that_cannot_be_read_are_listed(
    laboratory: Laboratory, dark: Path, weights: Path, alone: dict[str, bytes]
) -> None:
    client = laboratory.machines["client"]
    shutil.copy(weights, client.path("weights.pt"))
    folder = client.path("mine")
    folder.mkdir()
    shutil.copy(dark / "0.dng", folder)
    (folder / "gone.dng").symlink_to("nowhere.dng")
    found = client.run(
        "rawkit", "restore", "mine/0.dng", "mine/gone.dng", "--weights", "weights.pt", "-o",
        "s3://night/sent", "--scheduler", laboratory.scheduler, env=laboratory.settings,
        seconds=120, check=False,
    )  # fmt: skip
    assert found.returncode == 1
    assert "weights and raw files are sent there, too" in found.stderr
    assert "failed (unreadable): mine/gone.dng" in found.stderr
    there = copy_objects(client, "s3://night/sent", laboratory.settings)
    assert there["0.png"] == alone["0.png"]
    assert set(there) == {"0.png", MANIFEST}
