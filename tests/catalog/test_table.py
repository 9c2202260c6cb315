"""The table of a collection: what has not changed is not opened again, and nothing else differs."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rawkit.catalog import Catalog, load_definition, scan
from rawkit.catalog.scan import file_key
from rawkit.catalog.table import SCHEMA, known_exif, read_table, scan_with_table
from rawkit.errors import OutputError
from rawkit.workspace import Workspace
from tests.source.test_archives import write
from tests.support.factories import write_noise_dng

if TYPE_CHECKING:
    from rawkit.sensor.exif import Exif

FOLDER, MID, SID, SMID = (load_definition(name) for name in ("folder", "mid", "sid", "smid"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often each file's EXIF is read, by the path that was opened."""
    counts: Counter[str] = Counter()
    real = Path.open

    def count(self: Path, *args: object, **kwargs: object) -> object:
        if self.suffix.lower() in {".dng", ".arw", ".cr2"}:
            counts[self.name] += 1
        return real(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", count)
    return counts


def write_raw(path: Path, **changes: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_noise_dng(path, **changes)


def same(one: Catalog, other: Catalog) -> bool:
    """Tell whether two scans of one source found the same."""
    return (one.entries, one.left_out) == (other.entries, other.left_out)


@pytest.fixture(scope="module")
def mid(mid_folder: Path) -> tuple[Catalog, dict[object, Exif]]:
    fresh = scan(MID, mid_folder)
    known = {file_key(one.file): one.exif for one in fresh.entries if one.file and one.exif}
    assert len(known) == len(fresh.entries) == fresh.opened
    return fresh, known  # type: ignore[return-value] # every file of a folder has a stamp


@given(data=st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_scan_that_remembers_any_part_equals_a_fresh_one(
    mid: tuple[Catalog, dict[object, Exif]], mid_folder: Path, data: st.DataObject
) -> None:
    fresh, known = mid
    some = data.draw(st.sets(st.sampled_from(sorted(known, key=repr))))
    again = scan(MID, mid_folder, known={key: known[key] for key in some})  # type: ignore[misc]
    assert same(again, fresh)
    assert again.opened == len(known) - len(some)


def test_what_has_not_changed_is_not_opened_again(
    mid_folder: Path, tmp_path: Path, opened: Counter[str]
) -> None:
    path = Workspace(tmp_path).catalog("mid")
    first = scan_with_table(MID, mid_folder, path)
    assert (first.new, first.changed, first.unchanged, first.gone) == (14, 0, 0, 0)
    assert sum(opened.values()) == first.catalog.opened == 14
    opened.clear()
    data = path.read_bytes()
    second = scan_with_table(MID, mid_folder, path)
    assert (second.new, second.changed, second.unchanged, second.gone) == (0, 0, 14, 0)
    assert (sum(opened.values()), second.catalog.opened) == (0, 0)
    assert same(first.catalog, second.catalog)
    assert path.read_bytes() == data


def test_new_changed_and_gone_files_are_counted_and_only_those_opened(
    tmp_path: Path, opened: Counter[str]
) -> None:
    root, path = tmp_path / "raw", tmp_path / "catalogs" / "folder.parquet"
    root.mkdir()
    for name in "abc":
        write_raw(root / f"{name}.dng", iso=100)
    scan_with_table(FOLDER, root, path)
    (root / "a.dng").unlink()
    write_raw(root / "b.dng", iso=200)
    os.utime(root / "b.dng", ns=(1, 1))
    write_raw(root / "d.dng", iso=400)
    opened.clear()
    found = scan_with_table(FOLDER, root, path)
    assert (found.new, found.changed, found.unchanged, found.gone) == (1, 1, 1, 1)
    assert dict(opened) == {"b.dng": 1, "d.dng": 1}
    assert [one.frame.exposure.iso for one in found.catalog.entries] == [200, 100, 400]
    table = pq.read_table(path)
    assert table.schema.names == SCHEMA.names
    assert table["name"].to_pylist() == ["b.dng", "c.dng", "d.dng"]
    assert table["iso"].to_pylist() == [200, 100, 400]


def test_the_same_folder_is_known_again_by_another_way_to_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_raw(tmp_path / "a.dng")
    (tmp_path / "b").mkdir()
    path = tmp_path / "t.parquet"
    scan_with_table(FOLDER, tmp_path, path)
    monkeypatch.chdir(tmp_path / "b")
    assert scan_with_table(FOLDER, Path(".."), path).catalog.opened == 0


def test_parts_that_come_one_by_one_are_all_remembered(smid_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "smid.parquet"
    parts = []
    for part in sorted(one for one in smid_folder.iterdir() if one.is_dir()):
        members = [
            (one.relative_to(smid_folder).as_posix(), one.read_bytes())
            for one in sorted(part.rglob("*.ARW"))
        ]
        parts.append(write(tmp_path / f"{part.name}.zip", members))
    for part in parts:
        found = scan_with_table(SMID, part, path)
        assert found.catalog.opened == found.new > 0
        assert found.gone == 0
    whole = scan_with_table(SMID, parts, path)
    assert whole.catalog.opened == 0
    assert whole.unchanged == len(whole.catalog.entries)
    parts[0].unlink()
    assert scan_with_table(SMID, parts[1:], path).gone > 0
    assert not scan_with_table(SMID, parts[1:], path).gone


def test_a_definition_that_changes_is_used_without_opening_files(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw" / "a.dng", make="X")
    path = tmp_path / "t.parquet"
    scan_with_table(FOLDER, tmp_path / "raw", path)
    rule = FOLDER.files[0].model_copy(update={"scene": "all", "role": "long"})
    found = scan_with_table(
        FOLDER.model_copy(update={"files": (rule,)}), tmp_path / "raw", path
    ).catalog
    assert found.opened == 0
    assert [(one.scene, one.role, one.frame.make) for one in found.entries] == [
        ("all", "long", "X")
    ]


def test_exposures_of_names_are_not_remembered_as_exif(tmp_path: Path) -> None:
    (tmp_path / "Sony/short").mkdir(parents=True)
    (tmp_path / "Sony/short/00001_00_0.04s.ARW").touch()
    path = tmp_path / "t.parquet"
    for _ in range(2):
        (entry,) = scan_with_table(SID, tmp_path, path).catalog.entries
        assert entry.frame.exposure.seconds == 0.04
    assert pq.read_table(path)["seconds"].to_pylist() == [None]


def test_without_save_the_table_is_read_and_not_written(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw" / "a.dng")
    path = tmp_path / "catalogs" / "folder.parquet"
    scan_with_table(FOLDER, tmp_path / "raw", path, save=False)
    assert not path.parent.exists()
    scan_with_table(FOLDER, tmp_path / "raw", path)
    data = path.read_bytes()
    write_raw(tmp_path / "raw" / "b.dng")
    assert scan_with_table(FOLDER, tmp_path / "raw", path, save=False).catalog.opened == 1
    assert path.read_bytes() == data


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "foreign", "other columns", "folder"])
def test_a_table_that_cannot_be_used_is_made_anew_with_a_warning(
    tmp_path: Path, damage: str
) -> None:
    write_raw(tmp_path / "raw" / "a.dng")
    path = tmp_path / "t.parquet"
    scan_with_table(FOLDER, tmp_path / "raw", path)
    good = path.read_bytes()
    if damage == "folder":
        path.unlink()
        path.mkdir()
        with pytest.raises(OutputError):
            scan_with_table(FOLDER, tmp_path / "raw", path)
        return
    if damage in {"foreign", "other columns"}:
        table = pq.read_table(path) if damage == "foreign" else pa.table({"a": [1]})
        pq.write_table(table.replace_schema_metadata({}), path)
    else:
        path.write_bytes({"empty": b"", "text": b"Dear diary", "cut": good[:-20]}[damage])
    found = scan_with_table(FOLDER, tmp_path / "raw", path)
    assert str(path) in found.warning
    assert "\n" not in found.warning
    assert (found.new, found.catalog.opened) == (1, 1)
    assert path.read_bytes() == good
    assert scan_with_table(FOLDER, tmp_path / "raw", path).warning == ""


def test_a_flipped_byte_never_changes_what_is_remembered(mid_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    scan_with_table(MID, mid_folder, path)
    good, data = known_exif(read_table(path)[0]), path.read_bytes()
    numbers = random.Random(0)  # noqa: S311 - any flips do
    noticed = 0
    for at in numbers.sample(range(len(data)), 150):
        flipped = bytearray(data)
        flipped[at] ^= 1 << numbers.randrange(8)
        path.write_bytes(flipped)
        columns, warning = read_table(path)
        assert warning or known_exif(columns) == good
        noticed += bool(warning)
    assert noticed > 75


def test_texts_that_cannot_be_stored_are_read_again(mid_folder: Path, tmp_path: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    shutil.copytree(mid_folder, root)
    path = tmp_path / "t.parquet"
    for _ in range(2):
        assert scan_with_table(MID, root, path).catalog.opened == 14


def test_a_file_whose_source_tells_no_stamp_is_opened_each_time(mid_folder: Path) -> None:
    file = scan(MID, mid_folder).entries[0].file
    assert file is not None
    assert file_key(file) is not None
    assert file_key(replace(file, stamp="")) is None
