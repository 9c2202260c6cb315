"""Zip and tar archives: every member is either listed and read whole, or refused with a reason."""

import io
import struct
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.catalog import Selection, load_definition
from rawkit.errors import UnreadableError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.source import Spill, open_source
from rawkit.source.names import listing_of
from rawkit.source.ranges import LocalRanges
from rawkit.source.tars import TarStream
from rawkit.source.types import SourceFile
from rawkit.source.zips import ZipArchive
from tests.support.factories import files_of

MID = load_definition("mid")
KINDS = [".zip", ".tar", ".tar.gz", ".tgz"]


def noise(count: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(count)


def write_zip(path: Path, members: Sequence[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def write_tar(path: Path, members: Sequence[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def write(path: Path, members: Sequence[tuple[str, bytes]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (write_zip if path.suffix == ".zip" else write_tar)(path, members)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_members_are_listed_by_path_and_read_whole(tmp_path: Path, kind: str) -> None:
    members = [(f"b/{number}.dng", noise(40_000 + number, number)) for number in (3, 1, 2)]
    members += [("./a//x.dng", b""), ("b/.hidden.dng", b"1"), ("__MACOSX/b/._1.dng", b"1")]
    source = open_source(write(tmp_path / f"x{kind}", members))
    listing = source.files()
    assert [file.path for file in listing.files] == ["a/x.dng", "b/1.dng", "b/2.dng", "b/3.dng"]
    assert not listing.refused
    contents = {"a/x.dng": b"", **dict(members)}
    for file in listing.files:
        assert file.size == len(contents[file.path])
        assert source.read(file) == contents[file.path]
        assert source.head(file, 1000) == contents[file.path][: len(source.head(file, 1000))]
        assert len(source.head(file, 1000)) >= min(file.size, 800)
        assert source.local_path(file) is None


@pytest.mark.parametrize("kind", KINDS)
def test_unsafe_names_are_refused_and_listed(tmp_path: Path, kind: str) -> None:
    unsafe = ["../a.dng", "b/../../a.dng", "/etc/a.dng", "c:/a.dng", "b\\a.dng"]
    members = [(name, b"1") for name in (*unsafe, "b/a..dng")]
    listing = open_source(write(tmp_path / f"x{kind}", members)).files()
    assert [file.path for file in listing.files] == ["b/a..dng"]
    assert sorted(one.path for one in listing.refused) == sorted(unsafe)
    assert {one.kind for one in listing.refused} == {"name"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", KINDS)
def test_of_members_with_one_name_the_last_counts(tmp_path: Path, kind: str) -> None:
    members = [("a.dng", b"first"), ("b.dng", b""), ("./a.dng", b"last")]
    source = open_source(write(tmp_path / f"x{kind}", members))
    listing = source.files()
    assert source.read(listing.files[0]) == b"last"
    assert [(one.path, one.kind) for one in listing.refused] == [("a.dng", "same-name")]


@given(
    names=st.lists(
        st.text(st.sampled_from("ab./\\:\0é"), min_size=1, max_size=8), max_size=8, unique=True
    )
)
def test_whatever_the_names_paths_are_unique_and_stay_within(names: list[str]) -> None:
    members = [(name, SourceFile("", 0, "", "x.zip", 0, (at,))) for at, name in enumerate(names)]
    listing = listing_of(members, (), "x")
    paths = [file.path for file in listing.files]
    assert paths == sorted(set(paths))
    for path in paths:
        assert path == Path(path).as_posix()
        assert not Path(path).is_absolute()
        assert not {"..", ".", ""} & set(path.split("/"))


def test_names_in_unicode_and_in_old_code_pages_are_read(tmp_path: Path) -> None:
    write_zip(tmp_path / "x.zip", [("å/é.dng", b"1")])
    assert [file.path for file in open_source(tmp_path / "x.zip").files().files] == ["å/é.dng"]


@pytest.mark.parametrize("cut", [1, 30, 500, 5000])
def test_a_zip_that_is_cut_off_is_damaged(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "x.zip", [("a.dng", noise(10_000))])
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(UnreadableError, match="directory at its end") as caught:
        open_source(path).files()
    assert caught.value.where == str(path)
    assert "fetch it again" in str(caught.value)


@pytest.mark.parametrize("kind", [".tar", ".tar.gz"])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_tar_that_is_cut_off_is_damaged(tmp_path: Path, kind: str, share: float) -> None:
    path = write(tmp_path / f"x{kind}", [(f"{number}.dng", noise(50_000)) for number in range(4)])
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UnreadableError, match="cannot be read to its end"):
        open_source(path).files()


def test_text_is_no_archive(tmp_path: Path) -> None:
    for name in ("x.zip", "x.tar", "x.tgz"):
        (tmp_path / name).write_text("no archive")
        with pytest.raises(UnreadableError):
            open_source(tmp_path / name).files()


def test_flipped_bytes_of_a_member_are_found(tmp_path: Path) -> None:
    path = write(tmp_path / "x.zip", [("a.dng", noise(10_000)), ("b.dng", noise(10_000, 1))])
    source = open_source(path)
    first, second = source.files().files
    data = bytearray(path.read_bytes())
    for at, message in ((5000, "CRC|inflated|bytes instead"), (0, "does not begin at byte 0")):
        flipped = data.copy()
        flipped[at] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(UnreadableError, match=message) as caught:
            source.read(first)
        assert caught.value.where == f"{path}: a.dng"
        assert source.read(second) == noise(10_000, 1)


def test_a_directory_that_lies_about_a_size_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "x.zip", [("a.dng", bytes(1 << 24))])
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 1000)
    path.write_bytes(data)
    source = open_source(path)
    with pytest.raises(UnreadableError, match="1001 bytes instead of 1000"):
        source.read(source.files().files[0])


def test_encrypted_members_and_other_compressions_are_listed_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.dng", b"1")
        archive.writestr("lzma.dng", b"1", zipfile.ZIP_LZMA)
        archive.writestr("secret.dng", b"1")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<H", data, at + 8, 1)
    path.write_bytes(data)
    listing = open_source(path).files()
    assert [file.path for file in listing.files] == ["good.dng"]
    reasons = {one.path: one.reason for one in listing.refused}
    assert "compressed by lzma (method 14)" in reasons["lzma.dng"]
    assert "encrypted" in reasons["secret.dng"]


@dataclass(frozen=True)
class Far:
    """An archive that seems to lie beyond 4 GB of other bytes."""

    data: bytes
    reads: list[tuple[int, int]] = field(default_factory=list)
    where: str = "far.zip"
    gap: int = 5 << 30

    def size(self) -> int:
        """Bytes with those before."""
        return self.gap + len(self.data)

    def read(self, offset: int, count: int) -> bytes:
        """Read zeros before the archive."""
        self.reads.append((offset, count))
        assert count < 1 << 20
        zeros = bytes(max(0, min(count, self.gap - offset)))
        start = max(0, offset - self.gap)
        return zeros + self.data[start : start + count - len(zeros)]


def test_members_beyond_four_gigabytes_are_read() -> None:
    class Shifted(io.BytesIO):
        """Counts positions as if `gap` bytes came before."""

        def tell(self) -> int:
            return super().tell() + Far.gap

        def seek(self, offset: int, whence: int = 0) -> int:
            return super().seek(offset - Far.gap if whence == 0 else offset, whence)

    file = Shifted()
    with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        archive.writestr("a.dng", noise(2000))
        archive.writestr("b.dng", noise(3000, 1))
    far = Far(file.getvalue())
    source = ZipArchive(far)
    files = source.files().files
    assert all(one.place[0] > 1 << 32 for one in files)
    assert [source.read(one) for one in files] == [noise(2000), noise(3000, 1)]


def test_a_long_extra_field_before_the_data_costs_a_second_read() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("a.dng")
        info.extra = struct.pack("<HH", 0x9999, 500) + bytes(500)
        archive.writestr(info, noise(2000))
    data = bytearray(file.getvalue())
    at = data.index(b"PK\x01\x02")  # the directory says nothing of the extra field
    struct.pack_into("<H", data, at + 30, 0)
    del data[at + 46 + 5 : at + 46 + 5 + 504]
    struct.pack_into("<I", data, data.index(b"PK\x05\x06") + 12, 46 + 5)
    far = Far(bytes(data), gap=0)
    source = ZipArchive(far)
    (one,) = source.files().files
    far.reads.clear()
    assert source.read(one) == noise(2000)
    assert len(far.reads) == 2


@dataclass(frozen=True)
class Counted:
    """Counts the bytes that are read of a local file."""

    ranges: LocalRanges
    reads: list[tuple[int, int]] = field(default_factory=list)

    @property
    def where(self) -> str:
        """Path."""
        return self.ranges.where

    def size(self) -> int:
        """Bytes of the file."""
        return self.ranges.size()

    def read(self, offset: int, count: int) -> bytes:
        """Read and note it."""
        self.reads.append((offset, count))
        return self.ranges.read(offset, count)


def test_a_tar_is_streamed_once_to_list_it_and_once_to_read_it(tmp_path: Path) -> None:
    members = [(f"{number}.dng", noise(300_000, number)) for number in (4, 2, 0, 3, 1)]
    path = write(tmp_path / "x.tar.gz", members)
    counted = Counted(LocalRanges(path))
    source = TarStream(counted)
    files = source.files().files
    heads = [source.head(file) for file in files]
    assert sum(count for _, count in counted.reads) == path.stat().st_size
    assert all(
        dict(members)[file.path].startswith(head) for file, head in zip(files, heads, strict=True)
    )
    assert {len(head) for head in heads} == {16 << 10}
    counted.reads.clear()
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    spill = Spill(source, files, waiting)
    most = 0
    for file in files:
        put = spill.path(file)
        assert put is not None
        most = max(most, len(list(waiting.iterdir())))
        assert put.read_bytes() == dict(members)[file.path]
        put.unlink()
    assert sum(count for _, count in counted.reads) == path.stat().st_size
    assert most == 4
    assert not list(waiting.iterdir())


def test_the_members_of_a_local_tar_are_reached_without_what_lies_between(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar", [(f"{number}.dng", noise(200_000)) for number in range(5)])
    source = open_source(path)
    files = source.files().files
    assert not source.sequential(files[0])
    assert Spill(source, files, tmp_path).path(files[0]) is None
    data = path.read_bytes()
    for file in files:
        assert data[file.place[0] : file.place[0] + file.size] == source.read(file)


def test_links_in_a_tar_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        link = tarfile.TarInfo("a.dng")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    listing = open_source(tmp_path / "x.tar").files()
    assert not listing.files
    assert [(one.path, one.reason) for one in listing.refused] == [("a.dng", "a link, no file")]


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_collection_in_a_tar_gives_the_store_of_its_folder(
    mid_folder: Path, tmp_path: Path, kind: str
) -> None:
    paths = sorted((path for path in mid_folder.rglob("*") if path.is_file()), reverse=True)
    members = [(path.relative_to(mid_folder).as_posix(), path.read_bytes()) for path in paths]
    archive = write(tmp_path / f"mid{kind}", members)
    stores = [tmp_path / "folder.zarr", tmp_path / "tar.zarr"]
    for source, store in zip((mid_folder, archive), stores, strict=True):
        report = run_ingest(plan_ingest(MID, source, store, Selection()), workers=0)
        assert not report.left_out
    assert files_of(stores[0]) == files_of(stores[1])
