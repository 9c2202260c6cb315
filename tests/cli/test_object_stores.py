"""Commands on stores in a bucket, and what they say when it cannot be used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rawkit.store import Store, open_place
from tests.cli.test_bad_input import TRAIN
from tests.support.factories import files_of
from tests.support.fixtures_cli import REPOSITORY, error_line, run, run_in, start
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.locations import Url
    from rawkit.workspace import Workspace
    from tests.support.fixtures_s3 import ObjectServer

pytest_plugins = ("tests.support.fixtures_s3", "tests.support.fixtures_workspace")


def test_the_whole_way_over_a_bucket(
    sid_folder: Path, sid_workspace: Workspace, bucket: Url, tmp_path: Path
) -> None:
    def rawkit(*arguments: object) -> str:
        ended = run("--workspace", tmp_path, "--stores", bucket, *arguments)
        assert ended.code == 0, ended.err
        return ended.out

    ingest = ("ingest", "sid", "--source", sid_folder, "--workers", 0)
    assert json.loads(rawkit(*ingest, "--json"))["store"] == f"{bucket}/sid.zarr"
    assert files_of(bucket / "sid.zarr") == files_of(sid_workspace.store("sid"))
    assert "already in the store" in rawkit(*ingest, "--dry-run")
    assert rawkit("verify").startswith(f"{bucket}/sid.zarr: ")
    assert "whole" in run_in(tmp_path, "verify", f"{bucket}/sid.zarr").out

    place = open_place(bucket / "sid.zarr")
    shard = next(key for key in place.sizes() if "/packed/c/0/" in key)
    place.delete(shard)
    assert run_in(tmp_path, "verify", f"{bucket}/sid.zarr").code == 1
    assert "1 mended" in rawkit("verify", "sid", "--repair", "--source", sid_folder)
    assert files_of(bucket / "sid.zarr") == files_of(sid_workspace.store("sid"))

    found = json.loads(rawkit("info", "sid", "--json"))
    assert found["store"]["frames"] == 12
    described = run_in(tmp_path, "info", f"{bucket}/sid.zarr", "--json")
    assert json.loads(described.out)["bytes"] == found["store"]["bytes"] > 0
    rawkit("show", "sid", "-o", tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 0
    rawkit("subset", "--name", "all")
    # The subset remembers the URL, so training needs no more than its name.
    assert run_in(tmp_path, "train", "--subset", "all", *TRAIN).code == 0
    chunks = tmp_path / "chunks"
    cached = run_in(tmp_path, "train", "--subset", "all", "--cache", chunks, *TRAIN)
    assert cached.code == 0, cached.err
    kept = {file: file.stat().st_mtime_ns for file in chunks.rglob("*") if file.is_file()}
    assert kept
    refused = run_in(
        tmp_path, "train", "--subset", "all", "--cache", chunks, "--cache-size", "10kB", *TRAIN
    )
    assert refused.code == 2
    assert "expected at least 1 MB" in error_line(refused)
    named = run_in(
        tmp_path, "subset", "--store", f"{bucket}/sid.zarr", "--fraction", "0.9",
        "--materialize", f"{bucket}/small",
    )  # fmt: skip
    assert named.code == 0, named.err
    assert len(Store(bucket / "small" / "stores" / "sid.zarr").rows) == 12


def test_where_stores_lie_may_be_set_in_the_workspace(bucket: Url, tmp_path: Path) -> None:
    (tmp_path / "rawkit.toml").write_text(f'stores = "{bucket}"\n', "utf-8")
    assert str(bucket) in error_line(run_in(tmp_path, "subset"))
    other = error_line(run_in(tmp_path, "subset", env={"RAWKIT_STORES": str(tmp_path / "other")}))
    assert str(tmp_path / "other") in other
    (tmp_path / "rawkit.toml").write_text("stores = 3\n", "utf-8")
    assert "expected a folder or a URL" in error_line(run_in(tmp_path, "subset"))
    (tmp_path / "rawkit.toml").write_text('stores = "elsewhere"\n', "utf-8")
    assert str(tmp_path / "elsewhere") in error_line(run_in(tmp_path, "subset"))


def test_a_workspace_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run("--workspace", "s3://night/w", "verify")
    assert (ended.code, list(tmp_path.iterdir())) == (2, [])
    assert "--stores URL" in " ".join(ended.err.split())


def test_missing_credentials_are_named(tmp_path: Path, object_server: ObjectServer) -> None:
    nothing = dict.fromkeys(object_server.settings, "")
    env = {
        **nothing,
        "AWS_ENDPOINT_URL": object_server.settings["AWS_ENDPOINT_URL"],
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }
    line = error_line(start("verify", "s3://night/sid.zarr", cwd=tmp_path, env=env))
    assert line.startswith("error (store-unreachable): ")
    assert "AWS_ACCESS_KEY_ID" in line


@pytest.mark.usefixtures("object_server")
def test_wrong_credentials_are_named(tmp_path: Path) -> None:
    with serve(Web(refusal=403)) as web:
        env = {"AWS_ENDPOINT_URL": web.url("")}
        line = error_line(start("verify", "s3://night/sid.zarr", cwd=tmp_path, env=env))
    assert "access is refused" in line
    assert "Check the credentials" in line


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "s3fs.py").write_text("raise ImportError('no s3fs here')\n", "utf-8")
    env = {"PYTHONPATH": f"{tmp_path}:{REPOSITORY}"}
    ended = start("verify", "s3://night/sid.zarr", cwd=tmp_path, env=env)
    assert ended.code == 2
    assert "pip install 'rawkit-lowlight[s3]'" in error_line(ended)


def test_a_server_that_is_not_there_is_named(tmp_path: Path, object_server: ObjectServer) -> None:
    assert object_server.port
    env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    line = error_line(start("verify", "s3://night/sid.zarr", cwd=tmp_path, env=env))
    assert "in each of 4 tries" in line
    assert "Check the connection and the address" in line
