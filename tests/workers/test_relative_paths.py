"""Workers run in other folders: what is named by relative paths is found, and called, as ever."""

from __future__ import annotations

import json
import shutil
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rawkit.models import build
from rawkit.synth.collections import make_collection
from rawkit.synth.videos import make_videos
from tests.support.dask_cluster import dask_cluster
from tests.support.factories import files_of, write_noise_dng
from tests.support.fixtures_cli import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = (64, 96)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two workers that run in a folder of their own."""
    with dask_cluster(tmp_path_factory.mktemp("elsewhere"), 2) as cluster:
        yield cluster.address


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder, a zip and a compressed tar of MID, and videos in a folder and in a zip."""
    folder = tmp_path_factory.mktemp("raw")
    make_collection("mid", folder / "mid", scenes=1, size=SMALL, isos=(100,), shutters=(0.01,))
    make_videos(folder / "moving", scenes=2, frames=2, size=SMALL)
    for name in ("mid", "moving"):
        with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted((folder / name).rglob("*.*")):
                archive.write(path, path.relative_to(folder / name).as_posix())
    with tarfile.open(folder / "mid.tar.gz", "w:gz") as tar:
        tar.add(folder / "mid", ".")
    return folder


@pytest.mark.parametrize(
    ("collection", "source"),
    [
        ("mid", "mid"), ("mid", "mid.zip"), ("mid", "mid.tar.gz"),
        ("moving-objects", "moving"), ("moving-objects", "moving.zip"),
    ],
)  # fmt: skip
def test_ingest_finds_what_lies_below_the_workspace(
    raw: Path, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    collection: str, source: str,
) -> None:  # fmt: skip
    found = {}
    for name, where in {"here": ("--workers", 0), "there": ("--scheduler", address)}.items():
        workspace = tmp_path / name
        workspace.mkdir()
        monkeypatch.chdir(workspace)
        if (raw / source).is_dir():
            shutil.copytree(raw / source, workspace / "raw" / source)
        else:
            (workspace / "raw").mkdir()
            shutil.copy(raw / source, workspace / "raw" / source)
        ended = run("ingest", collection, "--source", f"raw/{source}", *where, "--json")
        assert ended.code == 0, ended.out + ended.err
        report = json.loads(ended.out)
        assert report["added"] > 1
        assert report["left_out"] == []
        found[name] = files_of(workspace / "stores")
    assert found["there"] == found["here"]


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """Return the manifest, without what differs from run to run."""
    lines = [json.loads(one) for one in (folder / "manifest.jsonl").read_text().splitlines()]
    return sorted(
        (
            {key: value for key, value in line.items() if not key.endswith("seconds")}
            for line in lines
        ),
        key=lambda line: str(line["picture"]),
    )


def test_restore_finds_files_archives_stores_and_weights(
    raw: Path, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    torch.save(build("lamba2021").state_dict(), tmp_path / "weights.pt")
    (tmp_path / "photos" / "below").mkdir(parents=True)
    write_noise_dng(tmp_path / "photos" / "below" / "one.dng", seed=1)
    (tmp_path / "photos" / "broken.dng").write_bytes(b"not a raw file\n" * 1000)
    shutil.copy(raw / "mid.zip", tmp_path / "mid.zip")
    monkeypatch.chdir(tmp_path)
    assert run("ingest", "mid", "--source", "mid.zip", "--workers", 0).code == 0
    found = {}
    for name, where in {"here": ("--workers", 0), "there": ("--scheduler", address)}.items():
        for what in (("photos", "mid.zip", "--compare"), ("stores/mid.zarr",), ("mid",)):
            out = f"{name}-{len(what)}{what[0][0]}"
            ended = run("restore", *what, "-o", "out", "--weights", "weights.pt", *where, "--json")
            report = json.loads(ended.out)
            assert len(report["restored"]) > 1, ended.out
            failed = [(one["source"], one["kind"]) for one in report["failed"]]
            assert failed == ([("photos/broken.dng", "not-raw")] if len(what) > 1 else [])
            pictures = {
                file: digest
                for file, digest in files_of(tmp_path / "out").items()
                if file.endswith(".png")
            }
            found[out] = pictures, lines_of(tmp_path / "out")
            shutil.rmtree(tmp_path / "out")
    for out in [one for one in found if one.startswith("here")]:
        assert found[out.replace("here", "there")] == found[out]
