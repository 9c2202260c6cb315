"""Folders, folders of archives, and several sources at once."""

import pickle
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from rawkit.catalog import Selection, load_definition, scan
from rawkit.errors import MissingError, UnreadableError, UsageError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.source import open_source
from rawkit.store import Store
from tests.source.test_archives import write
from tests.support.factories import files_of, write_noise_dng
from tests.support.fixtures_cli import run

SMID, FOLDER = load_definition("smid"), load_definition("folder")


def test_archives_in_a_folder_are_seen_as_unpacked_in_a_folder_of_their_name(
    tmp_path: Path,
) -> None:
    write(tmp_path / "short1.zip", [("0001/a.ARW", b"1"), ("0002/b.ARW", b"22")])
    write(tmp_path / "short2.zip", [("short2/0003/c.ARW", b"333")])
    write(tmp_path / "deep/long.tar", [("0001/d.ARW", b"4444")])
    write(tmp_path / "deep/more.tgz", [("more/e.ARW", b"55555")])
    (tmp_path / "loose.ARW").write_bytes(b"666666")
    source = open_source(tmp_path)
    files = {file.path: file for file in source.files().files}
    assert list(files) == [
        "deep/long/0001/d.ARW",
        "deep/more/e.ARW",
        "loose.ARW",
        "short1/0001/a.ARW",
        "short1/0002/b.ARW",
        "short2/0003/c.ARW",
    ]
    assert {path: len(source.read(file)) for path, file in files.items()} == {
        path: file.size for path, file in files.items()
    }
    assert source.local_path(files["loose.ARW"]) == tmp_path / "loose.ARW"
    assert source.local_path(files["short1/0001/a.ARW"]) is None
    assert [path for path, file in files.items() if source.sequential(file)] == ["deep/more/e.ARW"]
    assert source.describe() == str(tmp_path)


def test_what_lies_loose_and_in_an_archive_is_taken_once_and_said_once(tmp_path: Path) -> None:
    write(tmp_path / "a.zip", [("1.dng", b"zip"), ("2.dng", b"zip")])
    write(tmp_path / "a.tar", [("1.dng", b"tar"), ("3.dng", b"tar")])
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.dng").write_bytes(b"loose")
    source = open_source(tmp_path)
    listing = source.files()
    found = {file.path: source.read(file) for file in listing.files}
    assert found == {"a/1.dng": b"loose", "a/2.dng": b"zip", "a/3.dng": b"tar"}
    assert [(one.path, one.kind) for one in listing.refused] == [
        ("a.tar", "same-name"),
        ("a.zip", "same-name"),
    ]
    assert listing.refused[0].reason == f"1 of its files are taken from {tmp_path}"


def test_a_damaged_archive_in_a_folder_is_listed_and_the_others_are_read(tmp_path: Path) -> None:
    write(tmp_path / "good.zip", [("1.dng", b"1"), ("../2.dng", b"1")])
    (tmp_path / "half.zip").write_bytes((tmp_path / "good.zip").read_bytes()[:60])
    listing = open_source(tmp_path).files()
    assert [file.path for file in listing.files] == ["good/1.dng"]
    assert {(one.path, one.kind) for one in listing.refused} == {
        ("half.zip", "unreadable"),
        ("good.zip: ../2.dng", "name"),
    }


def zip_parts(folder: Path, parts: Path, *, within: bool) -> list[Path]:
    """Zip each folder below `folder` as SMID is delivered, in or without a folder of its name."""
    made = []
    for part in sorted(path for path in folder.iterdir() if path.is_dir()):
        members = [
            (path.relative_to(folder if within else part).as_posix(), path.read_bytes())
            for path in sorted(part.rglob("*"))
            if path.is_file()
        ]
        made.append(write(parts / f"{part.name}.zip", members))
    return made


@pytest.mark.parametrize("within", [False, True])
def test_the_parts_of_smid_side_by_side_are_the_whole_collection(
    smid_folder: Path, tmp_path: Path, *, within: bool
) -> None:
    parts = tmp_path / "parts"
    made = zip_parts(smid_folder, parts, within=within)
    assert len(made) >= 2
    shutil.copytree(smid_folder / "long", parts / "long")  # one part is unpacked, too
    (parts / "long.zip").unlink()
    stores = [tmp_path / f"{name}.zarr" for name in ("folder", "parts")]
    for source, store in zip((smid_folder, parts), stores, strict=True):
        assert not run_ingest(plan_ingest(SMID, source, store, Selection()), workers=0).left_out
    assert files_of(stores[0]) == files_of(stores[1])


@pytest.mark.parametrize("long_first", [False, True])
def test_parts_that_come_one_by_one_are_paired_when_their_longs_are_there(
    smid_folder: Path, tmp_path: Path, *, long_first: bool
) -> None:
    parts = zip_parts(smid_folder, tmp_path / "parts", within=False)
    parts.sort(key=lambda part: (part.stem == "long") != long_first)
    store = tmp_path / "smid.zarr"
    for part in parts:
        report = run_ingest(plan_ingest(SMID, part, store, Selection()), workers=0)
        assert report.added
        assert not report.left_out
    rows = {row.name: row for row in Store(store).rows}
    assert set(rows) == {entry.frame.name for entry in scan(SMID, smid_folder).entries}
    assert {row.source for row in rows.values()} == {
        entry.source for entry in scan(SMID, smid_folder).entries
    }
    longs = {row.pair: row for row in rows.values() if row.role == "long"}
    shorts = [row for row in rows.values() if row.role == "short" and row.pair in longs]
    assert shorts
    for row in shorts:
        group = Store(store).groups[row.group]
        assert group.coordinates["target_index"][row.index] == longs[row.pair].target_index


def test_several_sources_are_one(smid_folder: Path, tmp_path: Path) -> None:
    parts = zip_parts(smid_folder, tmp_path / "parts", within=False)
    whole = scan(SMID, smid_folder)
    for spec in (",".join(str(part) for part in parts), parts, [str(part) for part in parts]):
        catalog = scan(SMID, spec)
        assert [(one.frame, one.source) for one in catalog.entries] == [
            (one.frame, one.source) for one in whole.entries
        ]
        assert str(catalog.root) == ", ".join(str(part) for part in parts)


def test_a_frame_in_two_sources_is_taken_from_the_first(tmp_path: Path) -> None:
    for name, seed in (("b", 1), ("a", 2)):
        (tmp_path / name).mkdir()
        write_noise_dng(tmp_path / name / "1.dng", seed=seed, iso=100 * seed)
    catalog = scan(FOLDER, [tmp_path / "b", tmp_path / "a"])
    (entry,) = catalog.entries
    assert entry.frame.exposure.iso == 100
    assert entry.file is not None
    assert entry.file.origin == str(tmp_path / "b")
    assert [one.kind for one in catalog.left_out] == ["same-name"]


def test_commas_in_the_name_of_a_folder_are_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "a,b"
    folder.mkdir()
    (folder / "1.dng").write_bytes(b"1")
    for spec in (str(folder), [str(folder)], folder):
        assert [file.path for file in open_source(spec).files().files] == ["1.dng"]


def test_sources_that_are_not_there_are_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such folder"):
        open_source(tmp_path / "gone")
    with pytest.raises(MissingError, match="no such file"):
        open_source(tmp_path / "gone.zip")
    with pytest.raises(UsageError, match="an empty source"):
        open_source("")
    with pytest.raises(UsageError, match=r"nowhere:// is unknown"):
        open_source("nowhere://x/y").files()


def test_a_file_that_goes_after_it_was_listed_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "1.dng").write_bytes(b"1")
    source = open_source(tmp_path)
    (file,) = source.files().files
    (tmp_path / "1.dng").unlink()
    with pytest.raises(UnreadableError, match="cannot be read"):
        source.read(file)
    with pytest.raises(UnreadableError, match="cannot be read"):
        source.head(file)


def test_stamps_change_with_the_contents(tmp_path: Path) -> None:
    (tmp_path / "1.dng").write_bytes(b"1")
    write(tmp_path / "x.zip", [("2.dng", b"1"), ("3.dng", b"1")])
    first = [file.stamp for file in open_source(tmp_path).files().files]
    (tmp_path / "1.dng").write_bytes(b"2")
    write(tmp_path / "x.zip", [("2.dng", b"2"), ("3.dng", b"1")])
    second = [file.stamp for file in open_source(tmp_path).files().files]
    changed = [one != other for one, other in zip(first, second, strict=True)]
    assert changed == [True, True, False]


def test_a_folder_of_archives_can_be_pickled(tmp_path: Path) -> None:
    for kind in (".zip", ".tar", ".tar.gz"):
        write(tmp_path / f"x{kind}", [(f"{kind}.dng"[1:], kind.encode())])
    source = open_source([tmp_path, tmp_path / "x.zip"])
    files = source.files().files
    again = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own
    assert [again.read(file) for file in files] == [source.read(file) for file in files]


def test_other_file_systems_are_read_through_fsspec(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    write(tmp_path / "x.zip", [("a.dng", b"in a zip" * 100)])
    memory.pipe_file("/bucket/prefix/x.zip", (tmp_path / "x.zip").read_bytes())
    memory.pipe_file("/bucket/prefix/b.dng", b"loose")
    memory.pipe_file("/bucket/prefix/.c.dng", b"hidden")
    memory.pipe_file("/bucket/prefix2/d.dng", b"elsewhere")
    source = open_source("memory://bucket/prefix/")
    found = {file.path: source.read(file) for file in source.files().files}
    assert found == {"b.dng": b"loose", "x/a.dng": b"in a zip" * 100}
    assert all(file.remote for file in source.files().files)
    lone = open_source("memory://bucket/prefix/x.zip")
    (file,) = lone.files().files
    assert (file.path, file.inside, lone.head(file, 300)[:8]) == ("a.dng", "x", b"in a zip")
    with pytest.raises(MissingError, match="nothing there"):
        open_source("memory://bucket/gone").files()
    with pytest.raises(MissingError, match="not there"):
        open_source("memory://bucket/gone.zip").files()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", absent)
    with pytest.raises(UsageError, match=r"pip install 'rawkit-lowlight\[s3\]'"):
        open_source("s3://bucket/x.zip").files()


def test_the_command_takes_archives_several_sources_and_defaults(
    smid_folder: Path, tmp_path: Path
) -> None:
    parts = zip_parts(smid_folder, tmp_path / "parts", within=False)
    joined = ",".join(str(part) for part in parts)
    repeated = [word for part in parts for word in ("--source", part)]
    outputs = [
        run("--workspace", tmp_path, "ingest", "smid", "--dry-run", "--source", joined),
        run("--workspace", tmp_path, "ingest", "smid", "--dry-run", *repeated),
        run("--workspace", tmp_path, "ingest", "smid", "--dry-run",
            env={"RAWKIT_INGEST_SOURCE": joined}),
    ]  # fmt: skip
    for values in (f'"{joined}"', str([str(part) for part in parts])):
        (tmp_path / "rawkit.toml").write_text(f"[ingest]\nsource = {values}\n")
        outputs.append(run("--workspace", tmp_path, "ingest", "smid", "--dry-run"))
    assert {ended.code for ended in outputs} == {0}
    said = {re.sub(r"(would take +).*", r"\1", ended.out) for ended in outputs}
    assert len(said) == 1
    assert "to fetch over a network" in outputs[0].out


def test_a_zip_of_the_workspace_is_found_without_naming_it(
    smid_folder: Path, tmp_path: Path
) -> None:
    zip_parts(smid_folder, tmp_path / "data/smid", within=False)
    ended = run("--workspace", tmp_path, "ingest", "smid", "--workers", 0, "--json")
    assert ended.code == 0, ended.err
    assert (tmp_path / "stores/smid.zarr").is_dir()
    assert not list((tmp_path / "data/smid").glob("*/"))


def test_zips_written_by_other_programs_have_headers_of_other_lengths(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "x.zip", "w") as archive,
        archive.open(zipfile.ZipInfo("a.dng"), "w", force_zip64=True) as member,
    ):
        member.write(b"stored" * 100)
    source = open_source(tmp_path / "x.zip")
    (file,) = source.files().files
    assert source.read(file) == b"stored" * 100
