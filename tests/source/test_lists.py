"""Lists of files: each from its own address, checked, and bad lines and files one by one."""

from __future__ import annotations

import hashlib
import pickle
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition, scan
from rawkit.errors import MissingError, UnreadableError
from rawkit.fetch import plan_fetch, run_fetch
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.source import Transfer, UrlList, open_source
from rawkit.synth import make_collection
from tests.support.factories import files_of
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = Transfer(tries=2, timeout=1, pause=0.01)
ELD = load_definition("eld")


@pytest.fixture
def web() -> Iterator[Web]:
    with serve(Web()) as server:
        yield server


def line(web: Web, name: str, algorithm: str = "sha1", address: str = "") -> str:
    data = web.files[f"/{name}"]
    digits = hashlib.new(algorithm, data).hexdigest()
    return f"{algorithm}:{digits} {len(data)} {address or name} {name}"


@pytest.fixture
def collection(web: Web, tmp_path: Path) -> tuple[Path, Path]:
    """Make a look-alike in a folder, and a list of its files on a server."""
    folder = tmp_path / "eld"
    made = make_collection("eld", folder, scenes=1, size=(64, 96))
    for name in made.names:
        web.files[f"/{name}"] = (folder / name).read_bytes()
    lines = [f"base {web.url('/')}", *(line(web, name) for name in made.names)]
    (tmp_path / "eld.urls").write_text("\n".join(lines))
    return folder, tmp_path / "eld.urls"


def test_a_list_gives_the_same_store_as_a_folder(
    web: Web, collection: tuple[Path, Path], tmp_path: Path
) -> None:
    stores = {}
    for name, source in zip(("folder", "list"), collection, strict=True):
        plan = plan_ingest(ELD, source, tmp_path / f"{name}.zarr", Selection())
        report = run_ingest(plan, workers=0)
        assert report.added == 16
        stores[name] = files_of(plan.store)
    assert stores["folder"] == stores["list"]
    assert web.asked >= 32


def test_a_server_without_ranges_gives_the_same(
    web: Web, collection: tuple[Path, Path], tmp_path: Path
) -> None:
    web.ranges = False
    source = open_source(collection[1], QUICK)
    files = source.files().files
    assert source.head(files[0], 16) == web.files[f"/{files[0].path}"][:16]
    one = Selection(limit=1)
    report = run_fetch(plan_fetch(ELD, source, tmp_path / "to", one), transfer=QUICK)
    assert (report.fetched, report.checked, report.failed) == (2, 2, [])
    web.files[f"/{files[0].path}"] += b"more"
    with pytest.raises(UnreadableError, match="as the list says"):
        source.read(files[0])


def test_what_is_gone_or_another_file_is_left_out_and_the_rest_goes_on(
    web: Web, collection: tuple[Path, Path], tmp_path: Path
) -> None:
    gone, changed, longer = (f"/SonyA7S2/scene-1/IMG_000{number}.ARW" for number in (2, 3, 4))
    del web.files[gone]
    web.files[changed] = web.files[changed][:-1] + b"!"
    web.files[longer] += b"more"
    plan = plan_ingest(ELD, open_source(collection[1], QUICK), tmp_path / "a.zarr", Selection())
    report = run_ingest(plan, workers=0)
    assert report.added == 13
    said = {one.name.rpartition("/")[2]: one for one in report.left_out}
    assert said.keys() == {"IMG_0002.ARW", "IMG_0003.ARW", "IMG_0004.ARW"}
    assert {one.kind for one in said.values()} == {"unreadable"}
    assert "HTTP 404" in said["IMG_0002.ARW"].reason
    assert "its sha1 is" in said["IMG_0003.ARW"].reason
    assert "as the list says" in said["IMG_0004.ARW"].reason


def test_a_fetch_checks_every_file(web: Web, collection: tuple[Path, Path], tmp_path: Path) -> None:
    bad, gone = (f"/SonyA7S2/scene-1/IMG_{number}.ARW" for number in ("0005", "0015"))
    whole, there = web.files[bad], web.files.pop(gone)
    web.files[bad] = whole[:-1] + b"!"
    source = open_source(collection[1], QUICK)
    report = run_fetch(plan_fetch(ELD, source, tmp_path / "to", Selection()), transfer=QUICK)
    assert (report.fetched, report.checked, len(report.failed)) == (14, 14, 2)
    assert "HTTP 404" in report.failed[0].reason
    assert "its sha1 is" in report.failed[1].reason
    web.files |= {bad: whole, gone: there}
    again = run_fetch(plan_fetch(ELD, source, tmp_path / "to", Selection()), transfer=QUICK)
    assert (again.plan.already, again.fetched, again.failed) == (14, 2, [])


def test_a_file_that_comes_damaged_is_fetched_again(web: Web, tmp_path: Path) -> None:
    web.files["/a.dng"] = bytes(range(256)) * 20
    (tmp_path / "a.urls").write_text(f"base {web.url('/')}\n{line(web, 'a.dng')}\n")
    source = open_source(tmp_path / "a.urls", QUICK)
    (file,) = source.files().files
    web.damaged = 1
    assert source.read(file) == web.files["/a.dng"]


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_a_list_on_a_server_names_files_beside_it(web: Web, algorithm: str) -> None:
    web.files |= {"/d/a b.dng": b"first", "/d/c.dng": b"second"}
    text = [
        "# for people",
        line(web, "d/c.dng", algorithm, "c.dng"),
        "",
        line(web, "d/a b.dng", algorithm, "a%20b.dng"),
    ]
    web.files["/d/all.urls"] = "\r\n".join(text).encode()
    source = open_source(web.url("/d/all.urls"), QUICK)
    assert isinstance(source, UrlList)
    files = pickle.loads(pickle.dumps(source.files())).files  # noqa: S301 - our own
    assert [file.path for file in files] == ["d/a b.dng", "d/c.dng"]
    assert [file.remote for file in files] == [True, True]
    assert source.read(files[1]) == b"second"
    assert source.head(files[1], 3) == b"sec"


GOOD = f"md5:{'0' * 32} 5 https://example.org/good.dng good.dng"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("md5:00", "1 columns"),
        ("md5:00 5 https://example.org/a a.dng", "2 digits"),
        (f"crc:{'0' * 32} 5 https://example.org/a a.dng", "no checksum"),
        (f"{'0' * 32} 5 https://example.org/a a.dng", "no checksum"),
        (f"md5:{'x' * 32} 5 https://example.org/a a.dng", "no checksum"),
        (f"md5:{'0' * 32} five https://example.org/a a.dng", "no number of bytes"),
        (f"md5:{'0' * 32} 5 a a.dng", "no address"),
        (f"md5:{'0' * 32} 5 file:///etc/passwd a.dng", "no address"),
        (f"md5:{'0' * 32} 5 https://example.org/a ../a.dng", "leads out"),
        (GOOD, "names it again"),
    ],
)
def test_a_bad_line_is_said_and_the_others_count(tmp_path: Path, bad: str, words: str) -> None:
    path = tmp_path / "a.urls"
    path.write_text(f"{GOOD}\n{bad}\n")
    listing = open_source(path).files()
    assert [file.path for file in listing.files] == ["good.dng"]
    assert len(listing.refused) == 1
    assert words in listing.refused[0].reason
    assert "line 2" in listing.refused[0].reason
    if bad != GOOD:
        path.write_text(bad)
        with pytest.raises(UnreadableError, match="no line of 1 names a file"):
            open_source(path).files()


def test_a_list_that_is_not_there_or_no_text_is_said(web: Web, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="the list is not there"):
        open_source(web.url("/none.urls"), QUICK).files()
    (tmp_path / "a.urls").write_bytes(b"\xff\xfe\0")
    with pytest.raises(UnreadableError, match="no text"):
        open_source(tmp_path / "a.urls").files()
    (tmp_path / "b.urls").write_bytes(b"")
    with pytest.raises(UnreadableError, match="an empty list"):
        scan(ELD, tmp_path / "b.urls")


def test_a_server_that_is_away_ends_the_run(web: Web, tmp_path: Path) -> None:
    (tmp_path / "a.urls").write_text(f"base {web.url('/')}\nmd5:{'0' * 32} 5 a.dng a.dng\n")
    source = open_source(tmp_path / "a.urls", QUICK)
    (file,) = source.files().files
    web.away = True
    with pytest.raises(MissingError):
        source.read(file)
