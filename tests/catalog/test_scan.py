"""Scanning: every raw file is either in the catalog or listed with a reason."""

import os
from pathlib import Path

import pytest

from rawkit.catalog import load_definition, scan
from rawkit.errors import MissingError, UsageError
from rawkit.sensor import Exposure
from tests.support.factories import write_noise_dng

FOLDER, SMID, SID, MID = (load_definition(name) for name in ("folder", "smid", "sid", "mid"))


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_a_look_alike_of_mid_is_all_in_the_catalog(mid_folder: Path) -> None:
    catalog = scan(MID, mid_folder)
    raw = [path.relative_to(mid_folder).as_posix() for path in mid_folder.rglob("*.cr2")]
    assert [entry.frame.name for entry in catalog.entries] == sorted(raw)
    assert not catalog.left_out
    for entry in catalog.entries:
        assert entry.frame.model == "Canon EOS 5D Mark IV"
        assert entry.frame.size_bytes == (mid_folder / entry.source).stat().st_size
        iso = entry.frame.exposure.iso
        assert iso is not None
        if entry.role == "short":
            assert f"_{int(iso):05d}_{entry.frame.exposure.seconds:g}_" in entry.frame.name


def test_pictures_beside_the_longs_of_smid_are_no_raw_files(smid_folder: Path) -> None:
    assert list(smid_folder.rglob("half*.png"))
    catalog = scan(SMID, smid_folder)
    assert not catalog.left_out
    assert all(entry.source.endswith(".ARW") for entry in catalog.entries)


def test_raw_files_of_others_are_listed_and_other_files_passed_over(tmp_path: Path) -> None:
    touch(
        tmp_path, "Sony/short/00001_00_0.1s.ARW", "Sony/short/holiday.arw", "b/x.DNG", "notes.txt"
    )
    catalog = scan(SID, tmp_path)
    assert [entry.frame.name for entry in catalog.entries] == ["Sony/short/00001_00_0.1s.ARW"]
    assert [(one.name, one.kind) for one in catalog.left_out] == [
        ("Sony/short/holiday.arw", "foreign"),
        ("b/x.DNG", "foreign"),
    ]


def test_exposures_come_from_the_name_where_exif_has_none(tmp_path: Path) -> None:
    touch(tmp_path, "Sony/short/00001_00_0.04s.ARW")
    (entry,) = scan(SID, tmp_path).entries
    assert entry.frame.exposure == Exposure(0.04, None, None)


def test_exif_wins_over_the_name(tmp_path: Path) -> None:
    path = tmp_path / "Sony/short/00001_00_0.04s.ARW"
    path.parent.mkdir(parents=True)
    write_noise_dng(path, seconds=0.05, iso=200)
    (entry,) = scan(SID, tmp_path).entries
    assert entry.frame.exposure.seconds == pytest.approx(0.05)
    assert entry.frame.exposure.iso == 200


def test_entries_are_sorted_by_name_whatever_the_order_on_disk(tmp_path: Path) -> None:
    names = ["short5/0001/0001.ARW", "short1/0002/0001.ARW", "long/0001/0001.ARW"]
    touch(tmp_path, *names)
    found = [entry.frame.name for entry in scan(SMID, tmp_path).entries]
    assert found == ["long/0001/0001.ARW", "short/0001/0001.ARW", "short/0002/0001.ARW"]


def test_a_frame_that_lies_in_two_folders_is_taken_once(tmp_path: Path) -> None:
    touch(tmp_path, "short1/0001/0001.ARW", "short2/0001/0001.ARW")
    catalog = scan(SMID, tmp_path)
    (entry,) = catalog.entries
    assert (entry.frame.name, entry.source) == ("short/0001/0001.ARW", "short1/0001/0001.ARW")
    (left_out,) = catalog.left_out
    assert (left_out.name, left_out.kind) == ("short2/0001/0001.ARW", "same-name")
    assert "short1/0001/0001.ARW" in left_out.reason


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "a.dng", "._a.dng", ".trash/b.dng")
    assert [entry.source for entry in scan(FOLDER, tmp_path).entries] == ["a.dng"]


def test_loops_of_links_end_and_linked_folders_are_read(tmp_path: Path) -> None:
    touch(tmp_path, "root/a/1.dng", "elsewhere/2.dng")
    (tmp_path / "root/a/loop").symlink_to(tmp_path / "root")
    (tmp_path / "root/b").symlink_to(tmp_path / "elsewhere")
    found = [entry.source for entry in scan(FOLDER, tmp_path / "root").entries]
    assert found == ["a/1.dng", "b/2.dng"]


def test_a_link_to_nothing_is_listed_as_unreadable(tmp_path: Path) -> None:
    touch(tmp_path, "a.dng")
    (tmp_path / "b.dng").symlink_to(tmp_path / "gone.dng")
    catalog = scan(FOLDER, tmp_path)
    assert [entry.source for entry in catalog.entries] == ["a.dng"]
    assert [(one.name, one.kind) for one in catalog.left_out] == [("b.dng", "unreadable")]


def test_a_name_that_is_no_text_is_listed(tmp_path: Path) -> None:
    touch(tmp_path, "a.dng")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.dng", "wb"):  # noqa: PTH123 - a name in bytes
        pass
    catalog = scan(FOLDER, tmp_path)
    assert [entry.source for entry in catalog.entries] == ["a.dng"]
    (left_out,) = catalog.left_out
    assert left_out.kind == "name"
    assert left_out.name == r"caf\udce9.dng"


def test_damaged_and_empty_files_are_in_the_catalog_without_exif(tmp_path: Path) -> None:
    (tmp_path / "text.dng").write_text("no picture")
    touch(tmp_path, "empty.dng")
    catalog = scan(FOLDER, tmp_path)
    assert [entry.frame.exposure for entry in catalog.entries] == [Exposure(None, None, None)] * 2
    assert not catalog.left_out


def test_a_missing_folder_says_how_to_get_the_files(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such folder") as caught:
        scan(SID, tmp_path / "missing")
    assert caught.value.where == str(tmp_path / "missing")
    assert caught.value.fix == SID.obtain.replace("\n", " ")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.dng")
    with pytest.raises(UsageError, match="a file; expected the folder"):
        scan(FOLDER, tmp_path / "a.dng")


def test_a_folder_with_nothing_of_the_collection_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.dng")
    with pytest.raises(MissingError, match="no file of See-in-the-Dark"):
        scan(SID, tmp_path)
