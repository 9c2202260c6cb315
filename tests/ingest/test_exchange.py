"""Workers on other machines, with no folder in common: the bytes of a store made here."""

from __future__ import annotations

import shutil
import tarfile
import threading
import zipfile
from typing import TYPE_CHECKING

import pytest

from rawkit.synth.collections import make_collection
from rawkit.synth.videos import make_videos
from tests.support.namespaces import end, put_objects, start_worker, start_workers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures_laboratory import Laboratory

pytest_plugins = ("tests.support.fixtures_laboratory",)


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for one in sorted(folder.rglob("*.*")):
            archive.write(one, one.relative_to(folder))
    return path


def test_raw_files_that_the_client_alone_sees_are_sent(
    laboratory: Laboratory, mid_folder: Path
) -> None:
    shutil.copytree(mid_folder, laboratory.machines["client"].path("raw-mid"))
    summary = laboratory.ingest("sent", "mid", "--source", "raw-mid")
    assert summary["added"] == 14
    where = f"{laboratory.stores}/sent/mid.zarr.part"
    assert summary["exchange"] == (
        f"workers put shards into {where}; raw files are sent there, too"
    )
    # Neither the lock nor anything that was staged is left beside the store.
    assert laboratory.objects("sent") == laboratory.stored_there("sent", "mid", "raw-mid")
    again = laboratory.ingest("sent", "mid", "--source", "raw-mid")
    assert (again["already"], again["added"]) == (14, 0)


def test_workers_fetch_members_of_a_zip_in_the_bucket_themselves(
    laboratory: Laboratory, mid_folder: Path, tmp_path: Path
) -> None:
    archive = zipped(mid_folder, tmp_path / "mid.zip")
    put_objects(laboratory.machines["client"], "s3://night/raw", laboratory.settings, archive)
    summary = laboratory.ingest("fetched", "mid", "--source", "s3://night/raw/mid.zip")
    assert (
        summary["exchange"] == f"workers put shards into {laboratory.stores}/fetched/mid.zarr.part"
    )
    assert laboratory.objects("fetched") == laboratory.stored_there(
        "fetched", "mid", "s3://night/raw/mid.zip"
    )


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "videos"])
def test_what_only_the_client_can_read_is_sent(
    laboratory: Laboratory, sid_folder: Path, tmp_path: Path, kind: str
) -> None:
    client = laboratory.machines["client"]
    if kind == "videos":
        collection, source = "moving-objects", tmp_path / "moving"
        make_videos(source, scenes=2, size=(64, 96), frames=3)
        shutil.copytree(source, client.path("moving"))
    else:
        collection, source = "sid", tmp_path / f"sid.{kind}"
        if kind == "zip":
            zipped(sid_folder, source)
        else:
            with tarfile.open(source, "w:gz") as archive:
                archive.add(sid_folder, ".")
        shutil.copy(source, client.path(source.name))
    summary = laboratory.ingest(kind, collection, "--source", source.name)
    assert summary["left_out"] == []
    assert laboratory.objects(kind) == laboratory.stored_there(kind, collection, source.name)


def test_a_worker_that_may_not_write_to_the_bucket_is_named_before_work_starts(
    laboratory: Laboratory, mid_folder: Path
) -> None:
    client, machines = laboratory.machines["client"], laboratory.machines
    shutil.copytree(mid_folder, client.path("raw-refused"))
    without = {
        name: value for name, value in laboratory.settings.items() if "ACCESS_KEY" not in name
    }
    others = start_workers(
        machines["scheduler"], [machines["one"]], laboratory.scheduler, without
    )  # fmt: skip
    found = client.run(
        "rawkit", "--stores", f"{laboratory.stores}/refused", "ingest", "mid",
        "--source", "raw-refused", "--scheduler", laboratory.scheduler,
        env=laboratory.settings, check=False,
    )  # fmt: skip
    end(others[0])
    assert found.returncode == 1
    assert "a worker cannot write to the bucket: no credentials" in found.stderr
    assert "Every worker needs credentials for it in its own environment" in found.stderr
    assert laboratory.objects("refused") == {}


@pytest.mark.slow
def test_one_worker_is_killed_and_another_cut_off_and_the_bytes_are_the_same(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    machines, source = laboratory.machines, tmp_path / "many"
    make_collection("mid", source, scenes=2, size=(128, 192))
    shutil.copytree(source, machines["client"].path("many"))
    begun = laboratory.puts()
    happened: list[str] = []

    def fault() -> None:
        laboratory.after(begun + 40)
        end(laboratory.workers[0])
        start_worker(machines["one"], laboratory.scheduler, laboratory.settings)
        happened.append("killed")
        laboratory.after(begun + 120)
        machines["two"].cut()
        happened.append("cut")

    thread = threading.Thread(target=fault)
    thread.start()
    summary = laboratory.ingest("faults", "mid", "--source", "many")
    thread.join()
    machines["two"].join()
    assert happened == ["killed", "cut"]
    assert (summary["added"], summary["left_out"]) == (196, [])
    assert laboratory.objects("faults") == laboratory.stored_there("faults", "mid", "many")
