"""Archives on a web server: only what is wanted travels, and servers may misbehave."""

import pickle
import time
import zipfile
from collections.abc import Iterator
from email.message import Message
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from rawkit.catalog import Selection, load_definition, scan
from rawkit.errors import MissingError, UnreadableError, UsageError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.source import HEAD_BYTES, Transfer, open_source
from rawkit.source.connections import CONNECTIONS, Answer
from rawkit.source.transfer import TransferError
from tests.support.factories import files_of, noise_mosaic
from tests.support.fixtures_web import Web, serve

MID = load_definition("mid")
QUICK = Transfer(tries=3, timeout=0.3, pause=0.01)


@pytest.fixture
def web() -> Iterator[Web]:
    with serve(Web()) as server:
        yield server


def noise(count: int, seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(count)


def big_zip(method: int, members: int = 6, size: int = 1_200_000) -> tuple[bytes, dict[str, bytes]]:
    """Members above 1 MB of 14 bit noise, as raw files have, which deflate shrinks a little."""
    contents = {
        f"scene/{number}.dng": noise_mosaic((1, size // 2), seed=number, high=1 << 14).tobytes()
        for number in range(members)
    }
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return packed.getvalue(), contents


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_of_a_zip_cost_little_more_than_their_compressed_bytes(
    web: Web, method: int
) -> None:
    web.files["/x.zip"], contents = big_zip(method)
    source = open_source(web.url("/x.zip"))
    files = source.files().files
    directory = web.bytes_sent
    assert directory <= 70_000
    assert [file.path for file in files] == sorted(contents)
    web.sent.clear()
    chosen = files[1::2]
    for file in chosen:
        assert source.read(file) == contents[file.path]
    compressed = sum(file.stored for file in chosen)
    assert web.bytes_sent <= 1.05 * compressed
    assert web.bytes_sent <= compressed + 200 * len(chosen)
    assert len(web.sent) == len(chosen)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_head_of_a_member_costs_no_more_than_it_holds(web: Web, method: int) -> None:
    web.files["/x.zip"], contents = big_zip(method, members=2)
    source = open_source(web.url("/x.zip"))
    files = source.files().files
    web.sent.clear()
    head = source.head(files[1])
    assert web.bytes_sent <= HEAD_BYTES
    assert len(head) > HEAD_BYTES - 200
    assert contents[files[1].path].startswith(head)


def zipped(folder: Path, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def test_a_collection_gives_the_same_store_from_a_folder_a_zip_and_the_web(
    web: Web, mid_folder: Path, tmp_path: Path
) -> None:
    web.files["/mid.zip"] = zipped(mid_folder)
    (tmp_path / "mid.zip").write_bytes(web.files["/mid.zip"])
    sources: dict[str, str | Path] = {
        "folder": mid_folder,
        "zip": tmp_path / "mid.zip",
        "web": web.url("/mid.zip?token=1"),
    }
    stores = {}
    for name, source in sources.items():
        plan = plan_ingest(MID, source, tmp_path / f"{name}.zarr", Selection())
        run_ingest(plan, workers=1 if name == "web" else 0)
        stores[name] = files_of(plan.store)
    assert stores["folder"] == stores["zip"] == stores["web"]


def test_a_selection_fetches_exif_of_all_and_the_bytes_of_some(
    web: Web, mid_folder: Path, tmp_path: Path
) -> None:
    web.files["/mid.zip"] = zipped(mid_folder)
    plan = plan_ingest(MID, web.url("/mid.zip"), tmp_path / "mid.zarr", Selection(scenes=("*",)))
    exif = len(plan.catalog.entries) * HEAD_BYTES
    assert web.bytes_sent <= exif + 70_000
    assert plan.bytes_to_fetch < plan.bytes_in
    web.sent.clear()
    report = run_ingest(plan, workers=0)
    assert report.added == len(plan.wanted)
    assert web.bytes_sent <= plan.bytes_to_fetch + 400 * len(plan.wanted)


def test_exif_that_lies_further_in_costs_the_first_64_kb_at_most(
    web: Web, mid_folder: Path
) -> None:
    plain = next(mid_folder.rglob("*.cr2")).read_bytes()
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("Indoor/pair1/00001/IMG_1234_00100_0.01_Indoor.cr2", plain)
        archive.writestr("Indoor/pair1/IMG_1234_long.cr2", noise(200_000, 0))
    web.files["/x.zip"] = packed.getvalue()
    scan(MID, web.url("/x.zip"))
    by_offset = {}
    with zipfile.ZipFile(packed) as archive:
        for info in archive.infolist():
            by_offset[info.filename] = sum(
                count for _, start, count in web.sent if start == info.header_offset and count > 1
            )
    assert sorted(by_offset.values()) == [HEAD_BYTES // 4, HEAD_BYTES]


def test_a_server_that_fails_twice_is_asked_again(web: Web) -> None:
    web.files["/x.zip"], contents = big_zip(zipfile.ZIP_STORED, members=1, size=2000)
    source = open_source(web.url("/x.zip"), QUICK)
    web.failures = 2
    (file,) = source.files().files
    web.broken = 2
    assert source.read(file) == contents[file.path]
    assert len(web.sent) == 2 + 3


def test_pauses_grow_and_may_be_lengthened_at_random(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    web.failures = 10
    for jitter in (None, np.random.default_rng(0)):
        patient = Transfer(tries=4, timeout=1, pause=1.0, jitter=jitter)
        with pytest.raises(MissingError, match=r"503.*in each of 4 tries"):
            open_source(web.url("/x.zip"), patient).files()
    assert pauses[:3] == [1, 2, 4]
    for pause, least in zip(pauses[3:], (1, 2, 4), strict=True):
        assert least < pause < 1.5 * least


def test_a_member_that_comes_damaged_is_fetched_again(web: Web) -> None:
    web.files["/x.zip"], contents = big_zip(zipfile.ZIP_STORED, members=1, size=80_000)
    source = open_source(web.url("/x.zip"))
    (file,) = source.files().files
    web.damaged = 1
    assert source.read(file) == contents[file.path]
    web.damaged = 2
    with pytest.raises(UnreadableError, match="has the CRC"):
        source.read(file)


def test_a_server_that_never_answers_is_given_up(web: Web) -> None:
    web.silent = True
    begun = time.monotonic()
    with pytest.raises(MissingError, match=r"timed out.*in each of 3 tries") as caught:
        open_source(web.url("/x.zip"), QUICK).files()
    assert time.monotonic() - begun < 5
    assert caught.value.where == web.url("/x.zip")
    assert "goes on where this one ends" in str(caught.value)


def test_a_server_without_ranges_is_refused_with_the_way_out(web: Web) -> None:
    web.ranges = False
    web.files["/x.zip"] = noise(1 << 20, 0)
    with pytest.raises(UsageError, match="does not support range requests") as caught:
        open_source(web.url("/x.zip")).files()
    assert "--source FILE" in str(caught.value)


def test_an_archive_that_is_not_there_is_missing_at_once(web: Web) -> None:
    with pytest.raises(MissingError, match="404") as caught:
        scan(MID, web.url("/gone.zip"))
    assert caught.value.fix == MID.obtain.replace("\n", " ")


def test_a_server_that_is_not_there_is_missing() -> None:
    with pytest.raises(MissingError, match="cannot be reached"):
        open_source("http://127.0.0.1:9/x.zip", QUICK).files()


@pytest.mark.parametrize("path", ["", "/", "/folder/"])
def test_a_folder_of_a_web_server_is_refused(web: Web, path: str) -> None:
    with pytest.raises(UsageError, match="cannot be listed"):
        open_source(web.url(path))


def test_a_page_in_the_place_of_an_archive_is_no_archive(web: Web) -> None:
    web.files["/download"] = b"<html>log in</html>" * 100
    with pytest.raises(UnreadableError, match="directory at its end cannot be read"):
        open_source(web.url("/download")).files()
    web.files["/empty.zip"] = b""
    with pytest.raises(UnreadableError, match="expected a whole zip archive"):
        open_source(web.url("/empty.zip")).files()


def test_a_network_that_is_lost_ends_the_run_and_the_next_one_goes_on(
    web: Web, mid_folder: Path, tmp_path: Path
) -> None:
    web.files["/mid.zip"] = zipped(mid_folder)
    store, whole = tmp_path / "mid.zarr", tmp_path / "whole.zarr"
    source = open_source(web.url("/mid.zip"), QUICK)
    plan = plan_ingest(MID, source, store, Selection())
    web.failures = 1000
    with pytest.raises(MissingError, match="503"):
        run_ingest(plan, workers=0)
    web.failures = 0
    run_ingest(plan_ingest(MID, source, store, Selection()), workers=0)
    run_ingest(plan_ingest(MID, mid_folder, whole, Selection()), workers=0)
    assert files_of(store) == files_of(whole)


def test_a_source_that_was_listed_can_be_pickled(web: Web) -> None:
    web.files["/x.zip"], contents = big_zip(zipfile.ZIP_STORED, members=1, size=2000)
    source = open_source([web.url("/x.zip"), web.url("/x.zip?again")])
    files = source.files().files
    pickled = pickle.dumps((source, files))
    again, same = pickle.loads(pickled)  # noqa: S301 - our own
    assert same == files
    assert [again.read(file) for file in same] == [contents["scene/0.dng"]] * 2


def test_one_connection_serves_many_requests(web: Web) -> None:
    CONNECTIONS.close()
    web.files["/x.zip"], contents = big_zip(zipfile.ZIP_STORED, members=6, size=80_000)
    source = open_source(web.url("/x.zip"))
    for file in source.files().files:
        assert source.read(file) == contents[file.path]
    assert len(web.sent) >= 8
    assert web.connections == 1


def test_a_kept_connection_that_was_closed_costs_no_try(web: Web) -> None:
    web.files["/x.zip"], contents = big_zip(zipfile.ZIP_STORED, members=4, size=80_000)
    web.hang_up = True
    source = open_source(web.url("/x.zip"), Transfer(tries=1))
    for file in source.files().files:
        assert source.read(file) == contents[file.path]


def test_a_connection_that_is_reset_half_way_is_made_again(web: Web) -> None:
    web.files["/x.zip"], contents = big_zip(zipfile.ZIP_STORED, members=1, size=2_000_000)
    source = open_source(web.url("/x.zip"), QUICK)
    (file,) = source.files().files
    web.reset = 2
    assert source.read(file) == contents[file.path]
    web.reset = 50  # until no try brings anything worth mentioning
    with pytest.raises(MissingError, match=r"broke off.*in each of 3 tries"):
        source.read(file)


def test_a_server_that_sends_byte_by_byte_is_given_up(web: Web) -> None:
    web.files["/x.zip"] = noise(10_000, 0)
    web.trickle = 0.05
    begun = time.monotonic()
    with pytest.raises(MissingError, match=r"timed out.*in each of 3 tries"):
        open_source(web.url("/x.zip"), QUICK).files()
    assert time.monotonic() - begun < 10


def test_an_answer_that_comes_too_slowly_is_given_up() -> None:
    body = Drip(b"x" * 1000, 0.02)
    with pytest.raises(TransferError, match="bytes a second"):
        Answer(body, 0.2).read(1000)  # type: ignore[arg-type] # as much of one as it needs
    assert body.at < 100


class Drip:
    """A body that comes byte by byte."""

    status, reason, headers = 206, "", Message()

    def __init__(self, body: bytes, pause: float) -> None:
        self.body, self.pause, self.at = body, pause, 0

    def read1(self, _: int) -> bytes:
        """Return the next byte."""
        time.sleep(self.pause)
        self.at += 1
        return self.body[self.at - 1 : self.at]


@pytest.mark.parametrize("etag", ['"one"', 'W/"one"', ""])
def test_a_file_that_changes_while_it_is_read_is_an_error_that_says_so(web: Web, etag: str) -> None:
    web.files["/x.zip"], _ = big_zip(zipfile.ZIP_STORED, members=2, size=80_000)
    web.etags["/x.zip"] = etag
    source = open_source(web.url("/x.zip"))
    source, files = pickle.loads(pickle.dumps((source, source.files().files)))  # noqa: S301 - our own
    source.read(files[0])
    web.files["/x.zip"], _ = big_zip(zipfile.ZIP_STORED, members=2, size=80_002)
    web.etags["/x.zip"] = etag.replace("one", "two")
    with pytest.raises(MissingError, match="another file now than when it was listed") as caught:
        source.read(files[1])
    assert "lists the archive anew" in str(caught.value)
    again = open_source(web.url("/x.zip"))
    assert len(again.files().files) == 2
    source.files()  # what is there now counts from then on
    source.read(source.files().files[1])


def test_redirects_are_followed_and_circles_end(web: Web) -> None:
    web.files["/x.zip"], contents = big_zip(zipfile.ZIP_STORED, members=1, size=2000)
    web.redirects = {"/latest": "/x.zip", "/a": "/b", "/b": web.url("/a"), "/f": "ftp://x/y"}
    source = open_source(web.url("/latest"))
    (file,) = source.files().files
    assert source.read(file) == contents[file.path]
    with pytest.raises(MissingError, match="redirects more than 5 times"):
        open_source(web.url("/a"), QUICK).files()
    with pytest.raises(MissingError, match="redirects to ftp://x/y"):
        open_source(web.url("/f"), QUICK).files()


def test_a_proxy_of_the_environment_is_used(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files["http://archive.example/x.zip"], contents = big_zip(zipfile.ZIP_STORED, 1, 2000)
    monkeypatch.setenv("http_proxy", web.url(""))
    monkeypatch.delenv("no_proxy", raising=False)
    source = open_source("http://archive.example/x.zip")
    (file,) = source.files().files
    assert source.read(file) == contents[file.path]
