"""Archives in parts are one archive, wherever they lie and whichever part is named."""

from __future__ import annotations

import pickle
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.catalog import Selection, load_definition, scan
from rawkit.errors import MissingError, UnreadableError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.source import LocalRanges, Transfer, open_source
from rawkit.source.split import JoinedRanges, grouped, part_of
from tests.support.factories import files_of
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from pathlib import Path

SID = load_definition("sid")
QUICK = Transfer(tries=2, timeout=2, pause=0.01)


def zipped(folder: Path, above: str = "") -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{above}{path.relative_to(folder)}")
    return packed.getvalue()


def names(mark: str, count: int) -> list[str]:
    if mark == "letters":
        return [f"SonyParta{'abcdefgh'[number]}" for number in range(count)]
    if mark == "digits":
        return [f"SonyPart{number:02d}" for number in range(1, count + 1)]
    if mark == "from zero":
        return [f"Sony.zip.part{number}" for number in range(count)]
    return [f"Sony.zip.{number:03d}" for number in range(1, count + 1)]


def cut(data: bytes, count: int) -> list[bytes]:
    step = -(-len(data) // count)
    return [data[at : at + step] for at in range(0, len(data), step)]


MARKS = ["7z", "letters", "digits", "from zero"]


@pytest.mark.parametrize("mark", MARKS)
def test_parts_are_found_from_their_folder_and_from_any_of_them(
    sid_folder: Path, tmp_path: Path, mark: str
) -> None:
    parts = cut(zipped(sid_folder), 4)
    for name, data in zip(names(mark, 4), parts, strict=True):
        (tmp_path / name).write_bytes(data)
    wanted = [entry.frame for entry in scan(SID, sid_folder).entries]
    for source in (tmp_path, *(tmp_path / name for name in names(mark, 4))):
        assert [entry.frame for entry in scan(SID, source).entries] == wanted


@pytest.mark.parametrize("above", ["SID-master/", "a/b/dataset/"])
def test_other_folders_above_the_layout_do_not_matter(
    sid_folder: Path, tmp_path: Path, above: str
) -> None:
    wanted = [entry.frame for entry in scan(SID, sid_folder).entries]
    below = tmp_path / "downloads" / "today"
    below.mkdir(parents=True)
    for name, data in zip(names("7z", 2), cut(zipped(sid_folder, above), 2), strict=True):
        (below / name).write_bytes(data)
    assert [entry.frame for entry in scan(SID, tmp_path).entries] == wanted


@pytest.mark.parametrize("mark", MARKS)
def test_parts_on_a_web_server_are_found_from_any_of_them(sid_folder: Path, mark: str) -> None:
    parts = dict(zip(names(mark, 4), cut(zipped(sid_folder), 4), strict=True))
    wanted = [entry.frame for entry in scan(SID, sid_folder).entries]
    with serve(Web(files={f"/{name}": data for name, data in parts.items()})) as web:
        for name in (names(mark, 4)[0], names(mark, 4)[2]):
            source = open_source(web.url(f"/{name}?token=1"), QUICK)
            assert [entry.frame for entry in scan(SID, source).entries] == wanted
        urls = ",".join(web.url(f"/{name}") for name in parts)
        assert [entry.frame for entry in scan(SID, open_source(urls, QUICK)).entries] == wanted


def test_a_store_from_parts_is_that_of_the_folder(sid_folder: Path, tmp_path: Path) -> None:
    for name, data in zip(names("7z", 3), cut(zipped(sid_folder), 3), strict=True):
        (tmp_path / name).write_bytes(data)
    for name, source in (("folder", sid_folder), ("parts", tmp_path / "Sony.zip.002")):
        run_ingest(
            plan_ingest(SID, source, tmp_path / "stores" / f"{name}.zarr", Selection()), workers=0
        )
    stores = [files_of(tmp_path / "stores" / f"{name}.zarr") for name in ("folder", "parts")]
    assert stores[0] == stores[1]


@pytest.mark.parametrize("web_too", [False, True])
def test_a_part_that_is_missing_is_said(
    sid_folder: Path,
    tmp_path: Path,
    web_too: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    parts = dict(zip(names("7z", 4), cut(zipped(sid_folder), 4), strict=True))
    del parts["Sony.zip.003"]
    message = r"Sony\.zip\.003 is missing between \.002 and \.004"
    if web_too:
        with serve(Web(files={f"/{name}": data for name, data in parts.items()})) as web:
            source = open_source(web.url("/Sony.zip.001"), QUICK)
            with pytest.raises(MissingError, match=message):
                source.files()
        return
    for name, data in parts.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(MissingError, match=message):
        open_source(tmp_path / "Sony.zip.004")
    (refused,) = open_source(tmp_path).files().refused
    assert "is missing between" in refused.reason


def test_the_first_part_missing_is_said(tmp_path: Path, sid_folder: Path) -> None:
    for name, data in list(zip(names("7z", 3), cut(zipped(sid_folder), 3), strict=True))[1:]:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(MissingError, match=r"Sony\.zip\.001 is missing before \.002"):
        open_source(tmp_path / "Sony.zip.002")


def test_the_last_part_missing_is_thought_of(tmp_path: Path, sid_folder: Path) -> None:
    for name, data in list(zip(names("7z", 3), cut(zipped(sid_folder), 3), strict=True))[:2]:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UnreadableError, match="the last may be missing"):
        open_source(tmp_path / "Sony.zip.001").files()


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("Sony.zip.001", "Sony.zip"),
        ("a/Sony.ZIP.aa", "a/Sony.ZIP"),
        ("Sony.tar.gz.part02", "Sony.tar.gz"),
        ("SonyPartaa", "Sony"),
        ("Sony_part_3", "Sony"),
        ("https://x.org/d/Sony.zip.001?key=2", "https://x.org/d/Sony.zip"),
        ("Sony.zip", None),
        ("Sony.tar.gz", None),
        ("00001_00_0.1s.ARW", None),
        ("part01.dng", None),
        ("https://x.org/", None),
    ],
)
def test_what_is_a_part(name: str, base: str | None) -> None:
    found = part_of(name)
    assert (found and found.base) == base


def test_a_name_that_only_looks_like_a_part_is_a_file() -> None:
    assert grouped(["x.tar.xz", "x.zip.md", "notes.txt", "y.zip.003"]) == {}
    assert grouped(["x.zip.002", "x.zip.001"]) == {"x.zip.001": ["x.zip.001", "x.zip.002"]}


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=6), st.data())
def test_any_piece_of_joined_parts_is_that_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("joined")
    paths = [folder / f"x.zip.{number:03d}" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        path.write_bytes(part)
    whole = b"".join(parts)
    joined = JoinedRanges(tuple(LocalRanges(path) for path in paths))
    joined = pickle.loads(pickle.dumps(joined))  # noqa: S301 - our own
    offset = data.draw(st.integers(0, len(whole)))
    count = data.draw(st.integers(0, len(whole) + 3))
    assert joined.read(offset, count) == whole[offset : offset + count]
    assert joined.size() == len(whole)


def test_volumes_of_a_zip_are_refused_with_the_way_out(tmp_path: Path) -> None:
    data = BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.dng", b"x" * 100)
    packed = bytearray(data.getvalue())
    at = packed.index(b"PK\x01\x02")
    packed[at + 34 : at + 36] = b"\x01\x00"  # the volume that the member begins in
    (tmp_path / "x.zip").write_bytes(packed)
    with pytest.raises(UnreadableError, match="last of several volumes") as caught:
        open_source(tmp_path / "x.zip").files()
    assert "zip -s 0" in str(caught.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_in_an_archive_is_read_if_it_is_stored(
    sid_folder: Path, tmp_path: Path, method: int
) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w", method) as outer:
        outer.writestr("SID-main/parts/Sony.zip", zipped(sid_folder))
        outer.writestr("SID-main/readme.txt", "text")
    listing = open_source(tmp_path / "all.zip").files()
    if method == zipfile.ZIP_DEFLATED:
        assert [one.kind for one in listing.refused] == ["unsupported-archive"]
        return
    assert not listing.refused
    wanted = [entry.frame for entry in scan(SID, sid_folder).entries]
    found = scan(SID, tmp_path / "all.zip")
    assert [entry.frame for entry in found.entries] == wanted
    assert found.source is not None
    first = found.entries[0]
    assert first.file is not None
    assert found.source.read(first.file) == (sid_folder / first.frame.name).read_bytes()
