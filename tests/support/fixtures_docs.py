"""The workspace, the server and the bucket that the code of the pages speaks of.

A test module asks for them by ``pytest_plugins``, with ``tests.support.fixtures_s3`` before this.
"""

from __future__ import annotations

import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.models import build, save_safetensors
from rawkit.subset import make_subset
from rawkit.synth import make_collection
from rawkit.workspace import Workspace
from tests.support.fixtures_s3 import BUCKET, ObjectServer
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Make what the pages have their readers make, small in number and of the true size.

    A look-alike of MID, ingested, with subsets; weights of a network, untrained; a raw file.
    """
    workspace = Workspace(tmp_path_factory.mktemp("documented"))
    raw = workspace.root / "data" / "mid"
    make_collection("mid", raw, scenes=1, isos=(100, 800), shutters=(0.01, 0.5))
    plan = plan_ingest(load_definition("mid"), raw, workspace.store("mid"), Selection())
    run_ingest(plan, workers=0)
    make_subset(workspace, workspace.stores(), fraction=1.0)
    save_safetensors(
        workspace.root / "best.safetensors", "lamba2021", build("lamba2021").state_dict(), {}
    )
    dark = min(raw.rglob("*.dng"), default=None) or min(p for p in raw.rglob("*") if p.is_file())
    shutil.copy(dark, workspace.root / "photo.ARW")
    return workspace


@pytest.fixture(scope="session")
def archive_server(documented: Workspace) -> Iterator[Web]:
    """Serve the raw files in one zip, as https://example.org is said to."""
    path = documented.root / "Sony.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted((documented.root / "data" / "mid").rglob("*")):
            archive.write(file, file.relative_to(documented.root / "data"))
    contents = path.read_bytes()
    path.unlink()
    with serve(Web({"/Sony.zip": contents})) as web:
        yield web


@pytest.fixture(scope="module")
def full_bucket(documented: Workspace, object_server: ObjectServer) -> ObjectServer:
    """Put the store into the bucket that the pages name."""
    import boto3

    client = boto3.client("s3")
    for file in sorted((documented.root / "stores" / "mid.zarr").rglob("*")):
        if file.is_file():
            key = file.relative_to(documented.root).as_posix()
            client.upload_file(str(file), BUCKET, key)
    client.close()
    return object_server


@pytest.fixture
def own_workspace(
    documented: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """Stand in a copy of the workspace, to change it."""
    root = tmp_path / "workspace"
    shutil.copytree(documented.root, root)
    monkeypatch.chdir(root)
    return Workspace(root)
