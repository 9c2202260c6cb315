"""Object stores: a bucket of a server on this machine, read as a folder is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.errors import MissingError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.source import Transfer, open_source
from tests.source.test_folders import zip_parts
from tests.support.factories import files_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures_s3 import ObjectServer

boto3 = pytest.importorskip("boto3")

pytest_plugins = ("tests.support.fixtures_s3",)

SMID = load_definition("smid")
QUICK = Transfer(tries=2, timeout=1, pause=0.01)


@pytest.fixture(scope="module")
def bucket(
    object_server: ObjectServer, smid_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Serve the look-alike of SMID below `loose/`, and its parts zipped below `parts/`."""
    assert object_server.port
    client = boto3.client("s3")
    for path in sorted(path for path in smid_folder.rglob("*") if path.is_file()):
        key = f"loose/{path.relative_to(smid_folder).as_posix()}"
        client.put_object(Bucket="night", Key=key, Body=path.read_bytes())
    for path in zip_parts(smid_folder, tmp_path_factory.mktemp("parts"), within=False):
        client.put_object(Bucket="night", Key=f"parts/{path.name}", Body=path.read_bytes())
    client.close()
    return "s3://night"


@pytest.fixture(scope="module")
def whole(smid_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    store = tmp_path_factory.mktemp("whole") / "smid.zarr"
    run_ingest(plan_ingest(SMID, smid_folder, store, Selection()), workers=0)
    return files_of(store)


@pytest.mark.parametrize(
    ("sources", "workers"),
    [
        ("{0}/loose", 0),
        ("{0}/parts/", 1),
        ("{0}/parts/short1.zip,{0}/loose", 0),
    ],
)
def test_a_bucket_gives_the_store_of_the_folder(
    bucket: str, whole: dict[str, str], tmp_path: Path, sources: str, workers: int
) -> None:
    plan = plan_ingest(SMID, sources.format(bucket), tmp_path / "smid.zarr", Selection())
    assert plan.bytes_to_fetch > 0
    report = run_ingest(plan, workers=workers)
    assert {one.kind for one in report.left_out} <= {"same-name"}
    assert files_of(plan.store) == whole


def test_stamps_of_objects_are_their_etags(bucket: str) -> None:
    files = open_source(f"{bucket}/loose").files().files
    assert all(len(file.stamp) == 32 for file in files)


def test_objects_that_are_not_there_are_missing(bucket: str) -> None:
    for url in (f"{bucket}/gone", f"{bucket}/gone.zip", "s3://nobody/x.zip"):
        with pytest.raises(MissingError) as caught:
            open_source(url, QUICK).files()
        assert caught.value.where == url
