"""What is named becomes a list of mosaics whose pictures cannot collide."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.catalog import Selection
from rawkit.errors import MissingError, SelectionError, UnreadableError, UsageError
from rawkit.restore import (
    Brightness,
    Item,
    LocalRaw,
    Output,
    find_inputs,
    frames_of_stores,
    frames_of_subset,
    planned,
)
from rawkit.restore.inputs import named
from rawkit.restore.spilling import spilled
from rawkit.sensor import amplification_base, decode
from rawkit.store import Store
from rawkit.subset import load_subset
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def names(specs: Iterable[str | Path]) -> list[str]:
    return [item.name for item in find_inputs(specs).items]


def test_a_folder_stands_for_the_raw_files_in_it_and_below(tmp_path: Path) -> None:
    touch(tmp_path, "b.DNG", "a.arw", "notes.txt", "c.jpg", "deep/er/a.arw", ".hidden/x.arw")
    assert names([tmp_path]) == ["a", "b", "deep/er/a"]


def test_files_are_taken_whatever_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt", "x.arw")
    assert names([tmp_path / "notes.txt", str(tmp_path / "x.arw")]) == ["notes", "x"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.arw", ["a", "b"]),
        ("**/*.arw", ["a", "b", "deep/a", "deep/er/c"]),
        ("deep/**", ["a", "er/c"]),
        ("d*/[ab].arw", ["deep/a"]),
        ("?.*", ["a", "b"]),
    ],
)
def test_patterns_keep_the_path_below_their_fixed_beginning(
    tmp_path: Path, pattern: str, expected: list[str]
) -> None:
    touch(tmp_path, "a.arw", "b.arw", "n.txt", "deep/a.arw", "deep/er/c.arw", "deep/d.txt")
    assert names([f"{tmp_path}/{pattern}"]) == expected


def test_a_file_with_wild_characters_in_its_name_is_that_file(tmp_path: Path) -> None:
    touch(tmp_path, "a[1].arw", "a1.arw")
    assert names([tmp_path / "a[1].arw"]) == ["a[1]"]


def test_what_is_named_twice_is_taken_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.arw", "b.arw")
    (tmp_path / "link.arw").symlink_to(tmp_path / "a.arw")
    specs: list[str | Path] = [
        tmp_path / "a.arw",
        tmp_path,
        f"{tmp_path}/*.arw",
        tmp_path / "link.arw",
    ]
    assert names(specs) == ["a", "b"]


def test_files_of_one_stem_keep_their_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "a.arw", "a.dng", "b.arw")
    assert names([tmp_path]) == ["a.arw", "a.dng", "b"]


def test_two_files_of_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    touch(tmp_path, "one/a.arw", "two/a.arw")
    with pytest.raises(UsageError, match=r"a\.arw.*one/a\.arw and .*two/a\.arw"):
        find_inputs([tmp_path / "one", tmp_path / "two"])
    assert names([tmp_path]) == ["one/a", "two/a"]


paths = st.lists(
    st.builds(
        lambda folders, stem, suffix: "/".join([*folders, stem + suffix]),
        st.lists(st.sampled_from(["x", "y.arw"]), max_size=2),
        st.sampled_from(["a", "a_m1", "a_m5", "a.plain", "a.arw", "manifest"]),
        st.sampled_from([".arw", ".dng", ".png"]),
    ),
    unique=True,
    max_size=8,
)


@given(
    paths,
    st.sampled_from([(), (1.0,), (1.0, 5.0), (0.5, 1.0, 8.0)]),
    st.booleans(),
)
def test_no_two_pictures_share_a_file_or_it_is_said_before(
    found: list[str],
    multiples: tuple[float, ...],
    compare: bool,  # noqa: FBT001 - drawn
) -> None:
    output = Output(Path("out"), brightness=Brightness("auto", multiples), compare=compare)
    try:
        items = named([(LocalRaw(Path(path)), path) for path in found])
        plan = planned(items, output)
    except UsageError:
        return
    written = [path for files in plan.values() for path in files]
    assert len(written) == len(set(written))
    assert len(written) == len(found) * max(1, len(multiples)) * (1 + compare)


def test_pictures_that_meet_by_their_m_are_refused() -> None:
    items = [Item(LocalRaw(Path(name)), PurePosixPath(name).stem) for name in ("a", "a_m1")]
    assert planned(items, Output(Path("out"), brightness=Brightness("auto", (1, 5))))
    plain = [Item(LocalRaw(Path(name)), name) for name in ("a", "a.plain")]
    with pytest.raises(UsageError, match=r"two pictures called a\.plain\.png"):
        planned(plain, Output(Path("out"), compare=True))


def zip_of(*members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in members:
            archive.writestr(member, member)
    return buffer.getvalue()


def tar_of(*members: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member in members:
            info = tarfile.TarInfo(member)
            info.size = len(member)
            archive.addfile(info, io.BytesIO(member.encode()))
    return buffer.getvalue()


def test_members_of_archives_keep_their_paths(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of("x/1.arw", "1.arw", "readme.txt"))
    (tmp_path / "b.tgz").write_bytes(tar_of("y/2.arw", "2.arw"))
    found = find_inputs([tmp_path / "a.zip", tmp_path / "b.tgz"]).items
    assert [item.name for item in found] == ["1", "x/1", "2", "y/2"]
    with spilled(found) as ready:
        contents = [item.what.contents() for item in ready]  # type: ignore[union-attr]
    assert contents == [b"1.arw", b"x/1.arw", b"2.arw", b"y/2.arw"]


def test_archives_in_a_folder_are_folders_too(tmp_path: Path) -> None:
    touch(tmp_path, "a.arw")
    (tmp_path / "more.zip").write_bytes(zip_of("a.arw"))
    (tmp_path / "cut.zip").write_bytes(zip_of("b.arw")[:-30])
    found = find_inputs([tmp_path])
    assert [item.name for item in found.items] == ["a", "more/a"]
    assert [one.path for one in found.refused] == ["cut.zip"]


def test_raw_files_and_archives_of_web_servers(tmp_path: Path) -> None:
    touch(tmp_path, "z.arw")
    web = Web({"/x/a%20b.arw": b"raw", "/all.zip": zip_of("in/c.arw")})
    with serve(web):
        urls = [web.url("/x/a%20b.arw"), web.url("/all.zip"), web.url("/gone.arw")]
        found = find_inputs([*urls, tmp_path / "z.arw"]).items
        assert [item.name for item in found] == ["a b", "in/c", "gone", "z"]
        assert found[0].what.contents() == b"raw"  # type: ignore[union-attr]
        assert found[1].what.contents() == b"in/c.arw"  # type: ignore[union-attr]
        with pytest.raises(UnreadableError, match="404"):
            found[2].what.contents()  # type: ignore[union-attr]


@pytest.mark.parametrize("spec", ["gone.arw", "*.arw", "empty", "empty.zip"])
def test_what_is_not_there_or_holds_nothing_is_named(tmp_path: Path, spec: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.zip").write_bytes(zip_of("readme.txt"))
    with pytest.raises(MissingError) as caught:
        find_inputs([f"{tmp_path}/{spec}"])
    assert caught.value.where is not None
    assert spec in caught.value.where


def test_stored_frames_are_the_dark_ones_with_their_ratio(sid_workspace: Workspace) -> None:
    store = Store(sid_workspace.store("sid"))
    frames = frames_of_stores([store], Selection(), several=False)
    shorts = sorted(row.name for row in store.rows if row.role == "short")
    assert [frame.row.name for frame in frames] == shorts
    assert all(frame.gain_ratio and frame.gain_ratio > 50 for frame in frames)
    few = frames_of_stores([store], Selection(splits=("test",)), several=True)
    assert {frame.row.split for frame in few} == {"test"}
    assert all(frame.name.startswith("sid/") for frame in few)
    longs = frames_of_stores([store], Selection(role="long"), several=False)
    assert {frame.row.role for frame in longs} == {"long"}
    with pytest.raises(SelectionError):
        frames_of_stores([store], Selection(isos=(7.0,)), several=False)


def test_frames_of_a_subset_by_split(sid_workspace: Workspace) -> None:
    subset = load_subset(sid_workspace.subset("f1"))
    frames = frames_of_subset(subset, sid_workspace, ("val",))
    assert {frame.row.split for frame in frames} == {"val"}
    everything = frames_of_subset(subset, sid_workspace)
    assert {frame.row.split for frame in everything} == {"train", "val", "test"}


def test_a_stored_frame_is_the_mosaic_of_its_raw_file(
    sid_workspace: Workspace, sid_folder: Path
) -> None:
    store = Store(sid_workspace.store("sid"))
    frame = frames_of_stores([store], Selection(limit=1), several=False)[0]
    image = frame.image()
    raw = decode(sid_folder / frame.row.source)
    top, left = frame.row.crop_top, frame.row.crop_left
    height, width = image.pixels.shape
    expected = raw.pixels[top : top + height, left : left + width]
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.mosaic.phase == (0, 0)
    assert image.mosaic.black_level == raw.mosaic.black_level
    assert frame.row.amplification_base == pytest.approx(amplification_base(raw))
