"""Servers as they are: each fault is passed over, waited for with a word, or said clearly."""

from __future__ import annotations

import logging
import threading
import time
import zipfile
from email.utils import formatdate
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.bars import TerminalProgress
from rawkit.catalog import Selection, load_definition
from rawkit.errors import MissingError, UsageError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.source import Transfer, open_source
from rawkit.source.connections import CONNECTIONS
from rawkit.store import Store
from tests.support.certificates import certificate
from tests.support.factories import files_of
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MID = load_definition("mid")
QUICK = Transfer(tries=3, timeout=0.3, pause=0.01)
PATIENT = Transfer(tries=2, timeout=0.5, pause=0.02, patience=20)


@pytest.fixture
def web() -> Iterator[Web]:
    with serve(Web()) as server:
        yield server


def archive(size: int = 300_000, members: int = 3) -> tuple[bytes, dict[str, bytes]]:
    contents = {
        f"a/{number}.dng": np.random.default_rng(number).bytes(size) for number in range(members)
    }
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, data in contents.items():
            opened.writestr(name, data)
    return packed.getvalue(), contents


def zipped(folder: Path) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(folder.rglob("*")):
            opened.write(path, path.relative_to(folder))
    return packed.getvalue()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_to_another_host_are_followed_for_each_piece(web: Web, status: int) -> None:
    data, contents = archive()
    with serve(Web(files={"/real.zip": data}, etags={"/real.zip": '"1"'})) as other:
        web.status_of_redirects = status
        web.redirects["/x.zip"] = f"http://localhost:{other.port}/real.zip"
        source = open_source(web.url("/x.zip"), QUICK)
        files = source.files().files
        assert [source.read(file) for file in files] == list(contents.values())
        assert not web.bytes_sent


def test_refusals_now_and_then_are_passed_over(web: Web) -> None:
    web.files["/x.zip"], contents = archive()
    web.every = 2
    source = open_source(web.url("/x.zip"), QUICK)
    files = source.files().files
    assert [source.read(file) for file in files] == list(contents.values())


@pytest.mark.parametrize("asked", ["1", "date", "soon", "-5", "99999"])
def test_the_pause_a_server_asks_for_is_kept(
    web: Web, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    web.files["/x.zip"], _ = archive()
    in_a_second = formatdate(time.time() + 1, usegmt=True)
    web.failures, web.retry_after = 1, in_a_second if asked == "date" else asked
    open_source(web.url("/x.zip"), QUICK).files()
    assert len(pauses) == 1
    assert pauses[0] == pytest.approx({"1": 1, "soon": 0.01, "-5": 0.01, "99999": 60}.get(asked, 1),
                                      abs=1.1 if asked == "date" else 1e-9)  # fmt: skip


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 504])
def test_statuses_that_pass_are_tried_again(web: Web, status: int) -> None:
    web.files["/x.zip"], contents = archive()
    source = open_source(web.url("/x.zip"), QUICK)
    (first, *_) = source.files().files
    web.statuses = [status, status]
    assert source.read(first) == contents[first.path]


def test_a_connection_cut_in_the_middle_costs_only_the_rest(web: Web) -> None:
    web.files["/x.zip"], contents = archive(4_000_000, members=1)
    source = open_source(web.url("/x.zip"), QUICK)
    (file,) = source.files().files
    web.sent.clear()
    web.broken = 5  # more than there are tries: what has come counts
    assert source.read(file) == contents[file.path]
    assert web.bytes_sent <= len(contents[file.path]) + 2000


def test_an_answer_that_stalls_is_given_up_and_gone_on_with(web: Web) -> None:
    web.files["/x.zip"], contents = archive(2_000_000, members=1)
    source = open_source(web.url("/x.zip"), QUICK)
    (file,) = source.files().files
    web.stalls = 2
    begun = time.monotonic()
    assert source.read(file) == contents[file.path]
    assert time.monotonic() - begun < 5


def test_bytes_from_another_place_are_not_taken(web: Web) -> None:
    web.files["/x.zip"], contents = archive()
    source = open_source(web.url("/x.zip"), QUICK)
    files = source.files().files
    web.shifted = 2
    assert source.read(files[1]) == contents[files[1].path]
    web.shifted = 3
    with pytest.raises(MissingError, match=r"bytes from .* instead of"):
        source.read(files[1])


@pytest.mark.parametrize("begun", [False, True])
def test_a_login_page_is_no_archive_and_said_to_be_one(
    web: Web,
    begun: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    web.files["/x.zip"], _ = archive()
    web.files["/login"] = b"<html>who are you?</html>"
    web.kinds["/login"] = "text/html; charset=utf-8"
    source = open_source(web.url("/x.zip"), QUICK)
    files = source.files().files if begun else ()
    web.redirects["/x.zip"] = "/login?next=x.zip"
    with pytest.raises(MissingError, match="web page, after it led to") as caught:
        source.read(files[0]) if begun else source.files()
    assert "login" in str(caught.value)
    assert "--source FILE" in str(caught.value)


def test_packed_answers_are_refused(web: Web) -> None:
    web.files["/x.zip"], _ = archive()
    web.packed = True
    with pytest.raises(MissingError, match="packs its answers"):
        open_source(web.url("/x.zip"), QUICK).files()


def test_a_certificate_that_has_expired_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, context = certificate(tmp_path, days=-1)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    CONNECTIONS.close()
    with serve(Web(tls=context)) as web:
        begun = time.monotonic()
        with pytest.raises(MissingError, match="certificate has expired") as caught:
            open_source(web.url("/x.zip")).files()
        assert time.monotonic() - begun < 3
    assert "clock" in str(caught.value)


def test_a_certificate_that_is_trusted_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, context = certificate(tmp_path, days=1)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    data, contents = archive()
    with serve(Web(files={"/x.zip": data}, tls=context)) as web:
        source = open_source(web.url("/x.zip"), QUICK)
        files = source.files().files
        assert source.read(files[0]) == contents[files[0].path]
        CONNECTIONS.close()


@pytest.mark.parametrize("etag", ["", '"1"', 'W/"1"'])
def test_a_file_that_changes_is_noticed_by_tag_or_date(web: Web, etag: str) -> None:
    data, _ = archive()
    web.files["/x.zip"], web.etags["/x.zip"] = data, etag
    web.modified["/x.zip"] = formatdate(1e9, usegmt=True)
    source = open_source(web.url("/x.zip"), QUICK)
    files = source.files().files
    web.files["/x.zip"] = data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]
    web.etags["/x.zip"] = etag.replace("1", "2")
    web.modified["/x.zip"] = formatdate(2e9, usegmt=True)
    with pytest.raises(MissingError, match="another file now"):
        source.read(files[0])


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_link_that_expires_is_said_to_have_been_there(web: Web, status: int) -> None:
    web.files["/x.zip"], _ = archive()
    source = open_source(web.url("/x.zip"), QUICK)
    files = source.files().files
    web.refusal = status
    with pytest.raises(MissingError, match=f"HTTP {status}.*gave the file before") as caught:
        source.read(files[0])
    assert "expired" in str(caught.value)


def test_a_server_that_knows_no_ranges_any_more_is_tried_again(web: Web) -> None:
    web.files["/x.zip"], _ = archive()
    web.etags["/x.zip"] = '"1"'
    source = open_source(web.url("/x.zip"), QUICK)
    files = source.files().files
    web.ranges = False
    with pytest.raises(MissingError, match="whole file where a piece was asked for"):
        source.read(files[0])
    with pytest.raises(UsageError, match="does not support range requests"):
        open_source(web.url("/x.zip"), QUICK).files()


def test_a_server_that_is_away_is_waited_for_with_a_word(
    web: Web, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rawkit.source.transfer._QUIET", 0.2)
    web.files["/x.zip"], contents = archive()
    source = open_source(web.url("/x.zip"), PATIENT)
    files = source.files().files
    web.away = True
    threading.Timer(1.5, lambda: setattr(web, "away", False)).start()
    with caplog.at_level(logging.WARNING, "rawkit.source"):
        assert source.read(files[0]) == contents[files[0].path]
    first, *_, last = [record.getMessage() for record in caplog.records]
    assert "has not answered for" in first
    assert "trying again until" in first
    assert "answers again after" in last


def test_a_server_that_is_started_again_is_found_again() -> None:
    data, contents = archive()
    served = Web(files={"/x.zip": data}, hang_up=True)
    with serve(served):
        source = open_source(served.url("/x.zip"), PATIENT)
        files = source.files().files
    again = Web(files={"/x.zip": data}, port=served.port)
    started = threading.Event()

    def start() -> None:
        with serve(again):
            started.set()
            again.released.wait(10)

    timer = threading.Timer(1.0, start)
    timer.start()
    try:
        assert (
            source.read(files[0]) == contents[files[0].path]
        )  # until then connections are refused
    finally:
        started.wait(5)
        again.released.set()
        timer.join()
    assert again.sent


def test_a_server_that_is_gone_for_good_ends_the_wait(web: Web) -> None:
    web.files["/x.zip"], _ = archive()
    source = open_source(web.url("/x.zip"), Transfer(tries=2, pause=0.01, timeout=1, patience=1))
    files = source.files().files
    web.away = True
    begun = time.monotonic()
    with pytest.raises(MissingError, match=r"in \d+ tries over 1 s"):
        source.read(files[0])
    assert 0.9 < time.monotonic() - begun < 5


def test_the_word_is_shown_beside_the_bar(
    web: Web, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rawkit.source.transfer._QUIET", 0.1)
    web.files["/x.zip"], _ = archive()
    source = open_source(web.url("/x.zip"), Transfer(tries=2, pause=0.05, timeout=1, patience=0.5))
    files = source.files().files
    web.away = True
    with (
        pytest.raises(MissingError),
        TerminalProgress().stage("Outer", 1, "x"),
        TerminalProgress().stage("Inner", 1, "x"),
    ):
        source.read(files[0])
    assert capsys.readouterr().err.count("has not answered for") == 1
    assert not logging.getLogger("rawkit.source").handlers


def test_an_ingest_from_an_odd_server_makes_the_same_store(
    web: Web, mid_folder: Path, tmp_path: Path
) -> None:
    whole = plan_ingest(MID, mid_folder, tmp_path / "whole.zarr", Selection())
    run_ingest(whole, workers=0)
    with serve(Web(files={"/mid.zip": zipped(mid_folder)}, etags={"/mid.zip": '"7"'})) as odd:
        web.status_of_redirects = 307
        web.redirects["/mid.zip"] = f"http://localhost:{odd.port}/mid.zip"
        odd.every, odd.retry_after, odd.rate = 3, "0", 20_000_000
        source = open_source(web.url("/mid.zip"), PATIENT)
        plan = plan_ingest(MID, source, tmp_path / "odd.zarr", Selection())
        odd.broken, odd.stalls, odd.reset, odd.damaged = 3, 1, 2, 1
        away = threading.Timer(0.3, lambda: setattr(odd, "away", True))
        back = threading.Timer(1.5, lambda: setattr(odd, "away", False))
        away.start()
        back.start()
        report = run_ingest(plan, workers=1)
        away.join()
        back.join()
    assert not report.left_out
    assert files_of(tmp_path / "odd.zarr") == files_of(tmp_path / "whole.zarr")


def test_what_was_committed_stands_when_the_server_is_gone_for_good(
    web: Web, mid_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rawkit.ingest.run.COMMIT_FRAMES", 1)
    web.files["/mid.zip"] = zipped(mid_folder)
    short = Transfer(tries=2, pause=0.01, timeout=0.5, patience=0.5)
    source = open_source(web.url("/mid.zip"), short)
    store = tmp_path / "mid.zarr"
    plan = plan_ingest(MID, source, store, Selection())
    web.most = len(web.sent) + 8
    with pytest.raises(MissingError, match="tries"):
        run_ingest(plan, workers=0)
    assert 0 < len(Store(store).rows) < len(plan.wanted)
