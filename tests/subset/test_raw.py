"""The raw files of a subset, in the layout of their collection."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection
from rawkit.errors import MissingError, OutputError, UsageError
from rawkit.store import Store
from rawkit.subset import make_subset
from rawkit.subset.archive import check_names, new_zip
from rawkit.subset.raw import copy_raw, raw_files
from rawkit.subset.shards import Needs
from tests.support.factories import files_of

if TYPE_CHECKING:
    from rawkit.store import FrameRow
    from rawkit.subset import Subset, SubsetFrame
    from rawkit.workspace import Workspace

pytest_plugins = ("tests.support.fixtures_workspace",)


@pytest.fixture
def subset(sid_workspace: Workspace) -> Subset:
    """Return a subset of some of the small SID's dark frames, with their longs."""
    return make_subset(
        sid_workspace, sid_workspace.stores(), fraction=1.0, name="raw",
        selection=Selection(where="ratio > 200"), save=False,
    )[0]  # fmt: skip


def expected(subset: Subset, workspace: Workspace) -> set[str]:
    rows = {row.name: row for row in Store(workspace.store("sid")).rows}
    return {f"sid/{rows[frame.name].source}" for frame in subset.frames}


def test_a_folder_gets_the_files_in_their_layout(
    subset: Subset, sid_workspace: Workspace, sid_folder: Path, tmp_path: Path
) -> None:
    wanted = expected(subset, sid_workspace)
    listed = raw_files(subset, sid_workspace)
    assert [file.path for file in listed] == sorted(wanted)
    assert 0 < len(wanted) < 12
    done = copy_raw(subset, sid_workspace, tmp_path / "raw", source=sid_folder)
    assert (done.copied, done.kept, done.missing) == (len(wanted), 0, ())
    copied = files_of(tmp_path / "raw")
    assert set(copied) == wanted
    originals = files_of(sid_folder)
    assert all(originals[path.removeprefix("sid/")] == digest for path, digest in copied.items())
    assert not (tmp_path / "raw.lock").exists()


def test_files_that_are_there_are_kept_and_damaged_ones_replaced(
    subset: Subset, sid_workspace: Workspace, sid_folder: Path, tmp_path: Path
) -> None:
    copy_raw(subset, sid_workspace, tmp_path / "raw", source=sid_folder)
    before = files_of(tmp_path / "raw")
    first, second = sorted((tmp_path / "raw").rglob("*.ARW"))[:2]
    first.unlink()
    second.write_bytes(b"cut")
    done = copy_raw(subset, sid_workspace, tmp_path / "raw", source=sid_folder)
    assert (done.copied, done.kept) == (2, len(before) - 2)
    assert files_of(tmp_path / "raw") == before


def test_a_zip_appears_whole_or_not_at_all(
    subset: Subset, sid_workspace: Workspace, sid_folder: Path, tmp_path: Path
) -> None:
    copy_raw(subset, sid_workspace, tmp_path / "raw", source=sid_folder)
    path = tmp_path / "raw.zip"
    copy_raw(subset, sid_workspace, path, source=sid_folder)
    first = path.read_bytes()
    assert copy_raw(subset, sid_workspace, path, source=sid_folder).copied == 0
    shutil.unpack_archive(path, tmp_path / "unpacked")
    assert files_of(tmp_path / "unpacked") == files_of(tmp_path / "raw")
    path.unlink()
    copy_raw(subset, sid_workspace, path, source=sid_folder)
    assert path.read_bytes() == first
    path.write_bytes(b"dear diary")
    with pytest.raises(OutputError, match="something else is there"):
        copy_raw(subset, sid_workspace, path, source=sid_folder)


def test_a_zip_goes_on_where_a_killed_run_was(
    subset: Subset, sid_workspace: Workspace, sid_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "raw.zip"
    total = copy_raw(subset, sid_workspace, path, source=sid_folder).copied
    whole = path.read_bytes()
    path.rename(tmp_path / "raw.zip.part")
    os.truncate(tmp_path / "raw.zip.part", len(whole) // 2)
    done = copy_raw(subset, sid_workspace, path, source=sid_folder)
    assert 0 < done.copied < total
    assert done.kept == total - done.copied
    assert path.read_bytes() == whole


def test_members_with_other_letters_go_on_too(tmp_path: Path) -> None:
    path, names = tmp_path / "a.zip", ["büro/1.dng", "büro/2.dng", "plain/3.dng"]

    def fill(*, fail: bool = False) -> list[str]:
        added = []
        with new_zip(path, names, lambda _, __: True, lambda found: check_names(found, names)) as z:
            for name in names:
                if fail and name == names[2]:
                    raise KeyboardInterrupt
                if not z.has(name):
                    z.add(name, name.encode())
                    added.append(name)
        return added

    assert fill() == names
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(KeyboardInterrupt):
        fill(fail=True)
    assert not path.exists()
    assert fill() == names[2:]
    assert path.read_bytes() == whole


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_files_come_out_of_archives(
    subset: Subset, sid_workspace: Workspace, sid_folder: Path, tmp_path: Path, kind: str
) -> None:
    archive = tmp_path / f"sid.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as packed:
            for path in sorted(sid_folder.rglob("*.ARW")):
                packed.write(path, path.relative_to(sid_folder))
    else:
        with tarfile.open(archive, "w:gz") as packed_tar:
            packed_tar.add(sid_folder, ".")
    copy_raw(subset, sid_workspace, tmp_path / "plain", source=sid_folder)
    copy_raw(subset, sid_workspace, tmp_path / "raw", source=archive)
    assert files_of(tmp_path / "raw") == files_of(tmp_path / "plain")
    copy_raw(subset, sid_workspace, tmp_path / "raw.zip", source=archive)


def test_missing_and_changed_files_are_listed_and_the_rest_copied(
    subset: Subset, sid_workspace: Workspace, sid_folder: Path, tmp_path: Path
) -> None:
    copy_raw(subset, sid_workspace, tmp_path / "source", source=sid_folder)
    gone, changed = sorted((tmp_path / "source").rglob("*.ARW"))[:2]
    gone.unlink()
    changed.write_bytes(changed.read_bytes() + b"x")
    done = copy_raw(subset, sid_workspace, tmp_path / "raw", source=tmp_path / "source" / "sid")
    reasons = {Path(name).name: why for name, why in done.missing}
    assert set(reasons) == {gone.name, changed.name}
    assert "is not in" in reasons[gone.name]
    assert f"{changed.stat().st_size} bytes" in reasons[changed.name]
    assert done.copied == len(raw_files(subset, sid_workspace)) - 2
    with pytest.raises(MissingError, match="2 of"):
        copy_raw(
            subset, sid_workspace, tmp_path / "raw.zip", source=tmp_path / "source" / "sid"
        )  # fmt: skip
    assert not list(tmp_path.glob("raw.zip*"))


def test_the_data_folder_is_where_they_are_looked_for(
    subset: Subset, sid_workspace: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(MissingError) as caught:
        copy_raw(subset, sid_workspace, tmp_path / "raw")
    assert str(sid_workspace.data("sid")) in str(caught.value)


def test_paths_that_would_leave_the_folder_are_refused(
    subset: Subset, sid_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Needs.row_of

    def elsewhere(self: Needs, frame: SubsetFrame) -> FrameRow:
        return replace(real(self, frame), source="../../up.ARW")

    monkeypatch.setattr(Needs, "row_of", elsewhere)
    with pytest.raises(UsageError, match="a raw file at"):
        raw_files(subset, sid_workspace)
