"""Files whose ending says nothing: raw ones are taken by their content, others are named."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Matcher, has_raw_suffix, known_collections, load_definition, scan
from rawkit.errors import MissingError
from rawkit.restore import find_inputs
from rawkit.sensor import Kind, is_raw, kind_of
from tests.support.factories import write_noise_dng

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

BESIDE = ("a.jpg", "a.JPEG", "b.png", "c.xmp", "notes.txt", "readme.md", "d.heic", "list.csv")
"""What lies beside raw files: not a word is said of these."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder of raw files under all kinds of names, and of others."""
    made = tmp_path / "photos"
    (made / "below").mkdir(parents=True)
    for number, name in enumerate(("one.dng", "two.gpr", "three.foo", "below/four", "five.tif")):
        write_noise_dng(tmp_path / "x.dng", seed=number)
        shutil.move(tmp_path / "x.dng", made / name)
    for name in BESIDE:
        (made / name).write_bytes(b"\xff\xd8\xff\xe0 something")
    (made / "recording.bin").write_bytes(bytes(5000))
    (made / "nothing").touch()
    return made


RAW = ["below/four", "five.tif", "one.dng", "three.foo", "two.gpr"]
REASON = "neither its ending nor its first bytes are those of raw files"


def test_ingest_takes_raw_content_and_says_what_it_leaves(folder: Path) -> None:
    found = scan(load_definition("folder"), folder)
    assert [entry.frame.name for entry in found.entries] == RAW
    assert all(entry.frame.model == "Test" for entry in found.entries)
    assert [(one.name, one.kind, one.reason) for one in found.left_out] == [
        ("nothing", "not-raw", REASON), ("recording.bin", "not-raw", REASON)
    ]  # fmt: skip


def test_restore_takes_the_same(folder: Path) -> None:
    found = find_inputs([folder])
    assert sorted(item.name for item in found.items) == [
        "below/four", "five", "one", "three", "two"
    ]  # fmt: skip
    assert [(one.path, one.kind) for one in found.refused] == [
        ("nothing", "not-raw"), ("recording.bin", "not-raw")
    ]  # fmt: skip
    by_pattern = find_inputs([str(folder / "*")])
    assert sorted(item.name for item in by_pattern.items) == ["five", "one", "three", "two"]


def test_members_of_archives_are_looked_at_too(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    found = scan(load_definition("folder"), tmp_path / "a.zip")
    assert sorted(entry.frame.name for entry in found.entries) == RAW
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(folder / "one.dng", "one.dng")
        tar.add(folder / "three.foo", "three.foo")
    streamed = scan(load_definition("folder"), tmp_path / "a.tar.gz")
    assert [entry.frame.name for entry in streamed.entries] == ["one.dng"]
    assert [(one.name, one.kind) for one in streamed.left_out] == [("three.foo", "not-looked-at")]


def test_many_files_of_one_ending_are_one_line(folder: Path) -> None:
    for number in range(40):
        (folder / f"{number:02}.bin").write_bytes(b"x" * number)
    found = scan(load_definition("folder"), folder)
    assert [one.name for one in found.left_out] == ["nothing", "00.bin and 40 more .bin"]


def test_texts_without_an_ending_are_passed_over(folder: Path) -> None:
    for name, text in (("LICENSE", "MIT License\n\nCopyright (c) 2020 Zoë"), ("README", "ü" * 400)):
        (folder / name).write_text(text, "utf-8")
    (folder / "half").write_bytes(b"\xc3" * 300)
    found = scan(load_definition("folder"), folder)
    assert {one.name for one in found.left_out} == {"recording.bin", "half", "nothing"}


def test_only_the_first_bytes_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = list[str]()

    def seen(file: BinaryIO) -> Kind:
        looked.append(file.name)
        return kind_of(file)

    monkeypatch.setattr("rawkit.catalog.content.kind_of", seen)
    with (folder / "huge.vol").open("wb") as file:
        file.truncate(50 << 30)
    scan(load_definition("folder"), folder)
    assert {name.rpartition("/")[2] for name in looked} == {
        "three.foo", "four", "five.tif", "recording.bin", "nothing", "huge.vol"
    }  # fmt: skip


def test_real_files_are_known_without_their_endings(real_data: Path) -> None:
    for path in sorted(real_data.iterdir()):
        if path.is_file():
            with path.open("rb") as file:
                assert is_raw(file) == has_raw_suffix(path.name), path.name


def test_a_folder_without_raw_files_says_so_in_words(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(MissingError) as caught:
        scan(load_definition("folder"), tmp_path)
    said = str(caught.value)
    assert "no raw file; expected raw files of any make, names such as IMG_0001.CR2" in said
    assert "There are notes.txt. Put raw files into data/folder" in said
    assert "?P" not in said
    assert "no file of Raw files" not in said


def test_other_collections_say_names_not_patterns(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(
        MissingError, match=r"names such as Sony/short/00001_00_0\.1s\.ARW"
    ) as found:
        scan(load_definition("sid"), tmp_path)
    assert "?:" not in str(found.value)


@pytest.mark.parametrize("name", known_collections())
def test_every_example_is_a_name_that_its_rule_takes(name: str) -> None:
    definition = load_definition(name)
    for rule in definition.files:
        assert rule.example, rule.pattern
        match = Matcher(definition.model_copy(update={"files": (rule,)})).match(rule.example)
        assert match is not None, rule.example
        assert match.role == rule.role
