"""Fetch: only what is wanted, whole or not at all, and again only what is missing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import rawkit
from rawkit.catalog import Definition, Selection, load_definition, open_collection, scan
from rawkit.errors import MissingError, OutputError, UnreadableError
from rawkit.fetch import FetchReport, plan_fetch, run_fetch
from rawkit.fetch.checksums import Checksums
from rawkit.fetch.record import NAME, alone
from rawkit.source import Transfer
from tests.support.fixtures_cli import REPOSITORY, run_in
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

SID, SMID = load_definition("sid"), load_definition("smid")
QUICK = Transfer(tries=3, timeout=1, pause=0.01)
EVERYTHING = Selection()


@pytest.fixture
def web() -> Iterator[Web]:
    with serve(Web()) as server:
        yield server


def zipped(folder: Path, method: int = zipfile.ZIP_DEFLATED, above: str = "") -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{above}{path.relative_to(folder)}")
    return packed.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder but what fetch writes for itself."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (NAME, ".fetching", "SYNTHETIC.txt")
    }


def fetch(
    source: Any, folder: Path, selection: Selection = EVERYTHING, *, replace: bool = False,
    definition: Definition = SID,
) -> FetchReport:  # fmt: skip
    opened = open_collection(definition, source, selection, QUICK)
    plan = plan_fetch(definition, opened, folder, selection, replace=replace)
    return run_fetch(plan, transfer=QUICK)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_come_into_the_layout_of_the_collection(
    web: Web, sid_folder: Path, tmp_path: Path, method: int
) -> None:
    web.files["/x.zip"] = zipped(sid_folder, method, "SID-master/")
    report = fetch(web.url("/x.zip"), tmp_path / "sid")
    assert contents(tmp_path / "sid") == contents(sid_folder)
    assert report.fetched == report.plan.selected == len(contents(sid_folder))
    web.sent.clear()
    again = fetch(web.url("/x.zip"), tmp_path / "sid")
    assert (again.fetched, again.plan.already) == (0, report.fetched)
    assert again.bytes_in == 0


def test_only_the_members_wanted_travel(web: Web, sid_folder: Path, tmp_path: Path) -> None:
    web.files["/x.zip"] = zipped(sid_folder)
    selection = Selection(per_long="darkest", limit=1)
    opened = open_collection(SID, web.url("/x.zip"), selection, QUICK)
    plan = plan_fetch(SID, opened, tmp_path / "sid", selection)
    web.sent.clear()
    report = run_fetch(plan)
    assert report.fetched == 2
    assert web.bytes_sent <= plan.bytes_to_fetch + 100 * report.fetched
    assert len(contents(tmp_path / "sid")) == 2


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ""])
def test_any_source_will_do(sid_folder: Path, tmp_path: Path, suffix: str) -> None:
    source = sid_folder
    if suffix == ".zip":
        source = tmp_path / "sid.zip"
        source.write_bytes(zipped(sid_folder))
    elif suffix:
        kind = "gztar" if suffix == ".tar.gz" else "tar"
        source = Path(shutil.make_archive(str(tmp_path / "sid"), kind, sid_folder))
    fetch(source, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(sid_folder)


def test_smid_comes_into_the_folders_of_its_parts(
    web: Web, smid_folder: Path, tmp_path: Path
) -> None:
    for part in sorted(path.name for path in smid_folder.iterdir() if path.is_dir()):
        web.files[f"/{part}.zip"] = zipped(smid_folder / part)
    fetch([web.url(path) for path in web.files], tmp_path / "smid", definition=SMID)
    found = [entry.frame for entry in scan(SMID, tmp_path / "smid").entries]
    assert found == [entry.frame for entry in scan(SMID, smid_folder).entries]


def test_a_broken_line_costs_few_bytes_twice(web: Web, sid_folder: Path, tmp_path: Path) -> None:
    web.files["/x.zip"] = zipped(sid_folder)
    patient = Transfer(tries=3, timeout=1, pause=0.01, patience=20)
    opened = open_collection(SID, web.url("/x.zip"), EVERYTHING, patient)
    plan = plan_fetch(SID, opened, tmp_path / "sid", EVERYTHING)
    web.sent.clear()
    web.broken, web.every, web.stalls = 4, 5, 1
    report = run_fetch(plan)
    assert not report.failed
    assert contents(tmp_path / "sid") == contents(sid_folder)
    assert web.bytes_sent <= plan.bytes_to_fetch + 500 * report.fetched


def test_a_member_that_comes_damaged_is_fetched_again(
    web: Web, sid_folder: Path, tmp_path: Path
) -> None:
    web.files["/x.zip"] = zipped(sid_folder, zipfile.ZIP_STORED)
    opened = open_collection(SID, web.url("/x.zip"), EVERYTHING, QUICK)
    plan = plan_fetch(SID, opened, tmp_path / "sid", EVERYTHING)
    web.damaged = 1
    assert not run_fetch(plan).failed
    assert contents(tmp_path / "sid") == contents(sid_folder)


def test_a_member_that_is_damaged_there_is_listed_and_the_rest_comes(
    web: Web, sid_folder: Path, tmp_path: Path
) -> None:
    data = bytearray(zipped(sid_folder, zipfile.ZIP_STORED))
    name = next(iter(contents(sid_folder)))
    raw = (sid_folder / name).read_bytes()
    data[data.index(raw) + len(raw) - 1] ^= 1
    web.files["/x.zip"] = bytes(data)
    report = fetch(web.url("/x.zip"), tmp_path / "sid")
    assert [one.name for one in report.failed] == [name]
    assert "CRC" in report.failed[0].reason
    assert set(contents(tmp_path / "sid")) == set(contents(sid_folder)) - {name}


def test_files_that_were_changed_are_found_and_kept(
    web: Web, sid_folder: Path, tmp_path: Path
) -> None:
    web.files["/x.zip"] = zipped(sid_folder)
    out = tmp_path / "sid"
    fetch(web.url("/x.zip"), out)
    first, second, third, *_ = sorted(contents(sid_folder))
    (out / first).write_bytes((out / first).read_bytes()[:-1] + b"x")
    (out / second).write_bytes(b"short")
    os.utime(out / third)  # looks changed, and is not
    with (out / NAME).open("a") as record:
        record.write('{"half a li')
    again = fetch(web.url("/x.zip"), out)
    assert {one.path for one in again.plan.different} == {first, second}
    assert (out / second).read_bytes() == b"short"
    fetch(web.url("/x.zip"), out, replace=True)
    assert contents(out) == contents(sid_folder)
    assert not fetch(web.url("/x.zip"), out).plan.different
    for line in (out / NAME).read_text().splitlines():
        if not line.startswith('{"half'):
            one = json.loads(line)
            assert len(one["sha256"]) == 64


def test_half_a_file_of_another_version_is_begun_anew(
    web: Web, sid_folder: Path, tmp_path: Path
) -> None:
    web.files["/x.zip"] = zipped(sid_folder, zipfile.ZIP_STORED)
    web.etags["/x.zip"] = '"1"'
    out, name = tmp_path / "sid", min(contents(sid_folder))
    part = out / Path(name).parent / f".{Path(name).name}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of another version")
    part.with_name(part.name + ".json").write_text("{}")
    assert not fetch(web.url("/x.zip"), out).failed
    assert contents(out) == contents(sid_folder)


def test_after_a_kill_it_goes_on_where_it_was(web: Web, sid_folder: Path, tmp_path: Path) -> None:
    data = zipped(sid_folder, zipfile.ZIP_STORED)
    web.files["/x.zip"], web.etags["/x.zip"] = data, '"1"'
    web.rate = len(data) / 6
    command = [sys.executable, "-m", "rawkit", "--workspace", str(tmp_path), "fetch", "sid",
               "--source", web.url("/x.zip"), "--connections", "2"]  # fmt: skip
    out, wanted = tmp_path / "data" / "sid", contents(sid_folder)
    for _ in range(3):
        process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)  # fmt: skip
        before = len(web.sent)
        deadline = time.monotonic() + 60
        while len(web.sent) < before + 8 and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name, found in contents(out).items() if out.exists() else ():
            if not Path(name).name.startswith("."):
                assert found == wanted[name]  # never half a file under its name
    web.rate = 0
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    assert contents(out) == wanted


def test_a_server_that_is_gone_says_what_else_there_is(
    web: Web, sid_folder: Path, tmp_path: Path
) -> None:
    web.files["/x.zip"] = zipped(sid_folder)
    opened = open_collection(SID, web.url("/x.zip"), EVERYTHING, QUICK)
    plan = plan_fetch(SID, opened, tmp_path / "sid", EVERYTHING)
    web.refusal = 403
    with pytest.raises(MissingError, match="gave the file before") as caught:
        run_fetch(plan)
    assert "It is also offered at https://storage.googleapis.com" in str(caught.value)
    assert SID.obtain in str(caught.value)


def test_too_little_room_is_said_before_anything_comes(
    web: Web, sid_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.files["/x.zip"] = zipped(sid_folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OutputError, match="GB are free; expected") as caught:
        fetch(web.url("/x.zip"), tmp_path / "sid")
    assert "Make room" in str(caught.value)
    assert not (tmp_path / "sid").exists()


def test_two_at_once_are_refused(sid_folder: Path, tmp_path: Path) -> None:
    with alone(tmp_path / "sid"), pytest.raises(OutputError, match="another process fetches"):
        fetch(sid_folder, tmp_path / "sid")


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_published_checksums_are_compared(
    web: Web, sid_folder: Path, tmp_path: Path, algorithm: str
) -> None:
    from hashlib import new

    wanted = contents(sid_folder)
    lines = [f"{new(algorithm, data).hexdigest()} *./{name}" for name, data in wanted.items()]
    web.files["/sums"] = "\n".join(["# of the files", *lines]).encode()
    web.files["/x.zip"] = zipped(sid_folder)
    offered = {"name": "mirror", "urls": [web.url("/x.zip")], "holds": "all",
               "checksums": web.url("/sums")}  # fmt: skip
    listed = Definition.model_validate({**SID.model_dump(exclude={"places"}), "places": [offered]})
    report = fetch("mirror", tmp_path / "sid", definition=listed)
    assert report.checked == report.fetched == len(wanted)
    web.files["/sums"] = web.files["/sums"].replace(lines[0][:8].encode(), b"0" * 8)
    report = fetch("mirror", tmp_path / "again", definition=listed)
    assert [one.name for one in report.failed] == [next(iter(wanted))]
    assert "as the published list says" in report.failed[0].reason


def test_a_list_of_checksums_that_is_none_is_said() -> None:
    with pytest.raises(UnreadableError, match="line 1 is"):
        Checksums("<html>", "x")
    digest = sha256(b"").hexdigest()
    assert Checksums(f"{digest}  Sony/a.ARW\r\n", "x").of("b", "SID/Sony/a.arw") == (
        "sha256", digest,
    )  # fmt: skip


def test_the_command_says_what_it_would_do_and_does_it(
    web: Web, sid_folder: Path, tmp_path: Path
) -> None:
    web.files["/x.zip"] = zipped(sid_folder)
    arguments = ("fetch", "sid", "--source", web.url("/x.zip"), "--limit", "1", "--json")
    planned = json.loads(run_in(tmp_path, *arguments, "--dry-run").out)
    assert planned["to_fetch"] == 2
    assert not (tmp_path / "data").exists()
    done = json.loads(run_in(tmp_path, *arguments).out)
    assert done["fetched"] == 2
    assert done["bytes_in"] == planned["bytes_to_fetch"]
    text = run_in(tmp_path, "fetch", "sid", "--source", web.url("/x.zip"), "--limit", "1").out
    assert "already there" in text
    first = min((tmp_path / "data" / "sid").rglob("*.ARW"))
    first.write_bytes(b"mine")
    ended = run_in(tmp_path, *arguments)
    assert ended.code == 1
    assert "--replace" in ended.err
    assert first.read_bytes() == b"mine"


def test_python_fetches_as_the_command_does(web: Web, sid_folder: Path, tmp_path: Path) -> None:
    web.files["/x.zip"] = zipped(sid_folder)
    report = rawkit.fetch("sid", source=web.url("/x.zip"), workspace=tmp_path, progress=False)
    assert report.fetched == len(contents(sid_folder))
    assert contents(tmp_path / "data" / "sid") == contents(sid_folder)
