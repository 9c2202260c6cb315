"""Ingest: bit for bit, resumable at any moment, and the same bytes every time."""

import multiprocessing
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import rawpy
from numpy.typing import NDArray

from rawkit.catalog import Definition, Selection, load_definition
from rawkit.catalog.types import LeftOut
from rawkit.errors import CorruptError, SelectionError, StoreError
from rawkit.ingest import IngestReport, plan_ingest, run_ingest
from rawkit.ingest.frame import prepare_frame
from rawkit.ingest.jobs import job_of
from rawkit.progress import SILENT, Advance, Progress
from rawkit.sensor import RawFile, RenderParameters, decode, pack
from rawkit.store import FrameRow, Store
from rawkit.store.locks.lock import lock
from rawkit.synth.dng import DngMeta, encode_linear_dng
from tests.support.factories import files_of, local, noise_mosaic, write_noise_dng
from tests.support.fixtures_killed import killed_after_its_last_commit

FOLDER, SMID, SID, MID = (load_definition(name) for name in ("folder", "smid", "sid", "mid"))
EVERYTHING = Selection()


def ingest(
    definition: Definition,
    source: Path,
    store: Path,
    selection: Selection = EVERYTHING,
    *,
    workers: int = 0,
    progress: Progress = SILENT,
) -> IngestReport:
    plan = plan_ingest(definition, source, store, selection, progress)
    return run_ingest(plan, workers=workers, progress=progress)


class AfterFrames:
    """A listener that does something once so many frames are in."""

    def __init__(self, frames: int, action: Callable[[], None]) -> None:
        self._left, self._action = frames, action

    @contextmanager
    def stage(self, label: str, total: int | None, unit: str) -> Iterator[Advance]:  # noqa: ARG002 - the protocol's
        """Listen to the frames alone."""
        yield self._advance if label == "Ingesting" else _ignore

    def _advance(self, done: int = 1, note: str = "") -> None:  # noqa: ARG002 - the protocol's
        self._left -= done
        if self._left == 0:
            self._action()


def _ignore(done: int = 1, note: str = "") -> None:
    """Drop the news."""


def interrupt() -> None:
    raise KeyboardInterrupt


def stored(store: Path) -> dict[str, FrameRow]:
    return {row.name: row for row in Store(store).rows}


def planes(store: Path, row: FrameRow) -> NDArray[np.generic]:
    return Store(store).groups[row.group].read("packed", row.index)


def visible(path: Path) -> tuple[NDArray[np.uint16], tuple[int, int]]:
    """Visible mosaic of LibRaw, and row and column of its first red pixel."""
    with rawpy.imread(str(path)) as raw:
        colours = raw.raw_colors_visible
        red = np.argwhere(colours[:2, :2] == 0)[0]
        return raw.raw_image_visible.copy(), (int(red[0]), int(red[1]))


def target_of(path: Path, row: FrameRow, threshold: float) -> NDArray[np.generic]:
    """Render with LibRaw and cut to the area that the store holds, shape (3, H, W)."""
    with rawpy.imread(str(path)) as raw:
        picture = raw.postprocess(
            use_camera_wb=True,
            no_auto_bright=True,
            output_bps=16,
            user_flip=0,
            adjust_maximum_thr=threshold,
        )
    top, left = row.crop_top, row.crop_left
    height = (row.visible_height - top) // 2 * 2
    width = (row.visible_width - left) // 2 * 2
    return picture[top : top + height, left : left + width].transpose(2, 0, 1)


@pytest.fixture(scope="module")
def real_store(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> IngestReport:
    """All real camera files as a folder of one's own."""
    return ingest(FOLDER, real_data, tmp_path_factory.mktemp("real") / "folder.zarr")


def test_six_real_files_go_in_and_two_are_listed(real_store: IngestReport) -> None:
    assert real_store.added == 6
    assert {one.name: one.kind for one in real_store.left_out} == {
        "broken/JPEG_named_canon_350d.cr2": "not-raw",
        "broken/SONY_SLT-A55V_truncated.ARW": "truncated",
    }
    assert not real_store.interrupted


def test_the_planes_of_real_files_are_the_mosaic_of_libraw_bit_for_bit(
    real_store: IngestReport, real_data: Path
) -> None:
    store = local(real_store.plan.store)
    for name, row in stored(store).items():
        pixels, phase = visible(real_data / name)
        assert (row.crop_top, row.crop_left) == phase
        np.testing.assert_array_equal(planes(store, row), pack(pixels, phase))


def test_libraw_tells_the_exposure_where_exif_does_not(real_store: IngestReport) -> None:
    rows = stored(local(real_store.plan.store))
    d30 = rows["CANON_EOS_D30_5s.CRW"]
    assert d30.iso == 100
    assert d30.exposure_time == pytest.approx(4.967, rel=1e-3)
    assert d30.model == "Canon EOS D30"
    dc120 = rows["KODAK_DC120_P003911_compressed.KDC"]
    assert dc120.iso == 160
    assert dc120.exposure_time == pytest.approx(0.00376)
    assert rows["Blackmagic_BMPCC_lowlight_GBRG.dng"].iso is None


def test_a_real_long_is_rendered_unless_its_pixels_are_not_square(
    real_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "longs.toml").write_text(
        "name = 'longs'\ntitle = 'Longs'\n[[files]]\nrole = 'long'\n"
        "pattern = '(?P<stem>.+)\\.kdc'\nscene = '{stem}'\n[split]\nby = 'hash'\n"
    )
    source = tmp_path / "source"
    source.mkdir()
    names = ("KODAK_DC120_P003911_compressed.KDC", "RAW_KODAK_DC50.KDC")
    for name in names:
        (source / name).symlink_to(real_data / name)
    store = tmp_path / "s.zarr"
    report = ingest(load_definition(str(tmp_path / "longs.toml")), source, store)
    assert (report.added, report.targets) == (2, 1)
    (note,) = report.notes
    assert note.name == names[0]
    assert "pixels of aspect 1.535" in note.reason
    dc120, dc50 = (stored(store)[name] for name in names)
    assert (dc120.target_index, dc120.target_note) == (-1, note.reason)
    assert (dc50.target_index, dc50.target_note) == (0, None)
    with rawpy.imread(str(real_data / names[1])) as raw:
        picture = raw.postprocess(
            use_camera_wb=False, no_auto_bright=True, output_bps=16, user_flip=0,
            adjust_maximum_thr=0,
        )  # fmt: skip
    found = Store(store).groups[dc50.group].read("target", 0)
    np.testing.assert_array_equal(found, picture[:, 1:-1].transpose(2, 0, 1))


LOW_ISO = Selection(isos=(100.0, 200.0))
ISO_400 = Selection(isos=(400.0,))


@pytest.fixture(scope="module")
def mid_store(mid_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ingest the look-alike of MID: ISO 100 and 200 first, then 400."""
    store = tmp_path_factory.mktemp("stores") / "mid.zarr"
    report = ingest(MID, mid_folder, store, LOW_ISO)
    assert (report.added, report.targets) == (8 + 2, 2)
    rows = Store(store).rows
    assert {row.iso for row in rows if row.role == "short"} == {100, 200}
    report = ingest(MID, mid_folder, store, ISO_400)
    assert (report.added, report.targets) == (4, 0)
    return store


def test_the_black_level_of_mid_depends_on_the_iso(mid_store: Path) -> None:
    for row in Store(mid_store).rows:
        assert row.iso is not None
        assert set(row.black_level) == {512.0 if row.iso < 400 else 2048.0}


def test_the_planes_and_targets_of_mid_are_those_of_libraw(
    mid_store: Path, mid_folder: Path
) -> None:
    for row in Store(mid_store).rows:
        pixels, phase = visible(mid_folder / row.source)
        np.testing.assert_array_equal(planes(mid_store, row), pack(pixels, phase))
        if row.role == "long":
            found = Store(mid_store).groups[row.group].read("target", row.target_index)
            assert found.shape[1:] == (2 * pixels.shape[0] // 2, 2 * pixels.shape[1] // 2)
            np.testing.assert_array_equal(found, target_of(mid_folder / row.source, row, 0))


def test_every_short_of_mid_points_at_the_target_of_its_own_view(mid_store: Path) -> None:
    (group,) = Store(mid_store).groups.values()
    found = group.coordinates
    views = {row.target_index: row.view for row in group.rows if row.role == "long"}
    assert len(views) == 2
    for row in group.rows:
        assert views[int(found["target_index"][row.index])] == row.view
        long = next(one for one in group.rows if one.role == "long" and one.view == row.view)
        assert long.exposure_time
        assert row.exposure_time
        assert found["exposure_ratio"][row.index] == pytest.approx(
            long.exposure_time / row.exposure_time
        )


def test_the_targets_of_sid_follow_its_published_protocol(sid_folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "sid.zarr"
    ingest(SID, sid_folder, store)
    longs = [row for row in Store(store).rows if row.role == "long"]
    assert len(longs) == 3
    for row in longs:
        found = Store(store).groups[row.group].read("target", row.target_index)
        np.testing.assert_array_equal(found, target_of(sid_folder / row.source, row, 0.75))
    assert {row.split for row in longs} == {"train", "val", "test"}


def test_running_again_adds_nothing_and_leaves_every_byte(
    mid_store: Path, mid_folder: Path
) -> None:
    before = files_of(mid_store)
    report = ingest(MID, mid_folder, mid_store)
    assert (report.added, report.plan.already, report.plan.wanted) == (0, 14, ())
    assert files_of(mid_store) == before
    assert [path.name for path in mid_store.parent.iterdir()] == ["mid.zarr"]


def test_adding_an_iso_leaves_the_shards_there_were(mid_folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "mid.zarr"
    ingest(MID, mid_folder, store, LOW_ISO)
    before = {
        name: digest
        for name, digest in files_of(store).items()
        if "/packed/c/" in name or "/target/c/" in name
    }
    assert len(before) == 10 + 2
    ingest(MID, mid_folder, store, ISO_400)
    assert before.items() <= files_of(store).items()


def test_the_same_commands_give_the_same_bytes_in_threads_and_in_processes(
    mid_store: Path, mid_folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "elsewhere" / "mid.zarr"
    ingest(MID, mid_folder, store, LOW_ISO, workers=2)
    ingest(MID, mid_folder, store, ISO_400, workers=0)
    assert files_of(store) == files_of(mid_store)


def test_a_worker_that_is_killed_costs_no_frame(mid_folder: Path, tmp_path: Path) -> None:
    whole, store = tmp_path / "whole.zarr", tmp_path / "mid.zarr"
    ingest(MID, mid_folder, whole)

    def kill_a_worker() -> None:
        multiprocessing.active_children()[0].kill()

    report = ingest(MID, mid_folder, store, workers=2, progress=AfterFrames(1, kill_a_worker))
    assert (report.added, report.left_out) == (14, [])
    assert files_of(store) == files_of(whole)


@pytest.mark.parametrize("frames", [1, 5, 13])
def test_an_interrupted_run_keeps_what_is_done_and_the_next_one_completes_it(
    mid_folder: Path, tmp_path: Path, frames: int
) -> None:
    whole, store = tmp_path / "whole.zarr", tmp_path / "mid.zarr"
    ingest(MID, mid_folder, whole)
    report = ingest(MID, mid_folder, store, progress=AfterFrames(frames, interrupt))
    assert report.interrupted
    assert report.added == len(Store(store).rows) == frames
    report = ingest(MID, mid_folder, store)
    assert (report.added, report.plan.already) == (14 - frames, frames)
    assert files_of(store) == files_of(whole)
    assert {path.name for path in tmp_path.iterdir()} == {"whole.zarr", "mid.zarr"}


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from rawkit.ingest import run
from tests.ingest.test_ingest import MID, AfterFrames, ingest
run.COMMIT_FRAMES = 3
kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
ingest(MID, Path(sys.argv[2]), Path(sys.argv[3]), progress=AfterFrames(int(sys.argv[4]), kill))
"""


@pytest.mark.parametrize(("frames", "committed"), [(2, 0), (8, 6)])
def test_a_killed_run_loses_only_what_was_not_committed_and_is_completed(
    mid_folder: Path, tmp_path: Path, frames: int, committed: int
) -> None:
    whole, store = tmp_path / "whole.zarr", tmp_path / "mid.zarr"
    ingest(MID, mid_folder, whole)
    root = str(Path(__file__).parents[2])
    run = [sys.executable, "-c", KILLED, root, str(mid_folder), str(store), str(frames)]
    assert subprocess.run(run, check=False).returncode == -signal.SIGKILL
    assert (tmp_path / "mid.zarr.lock").exists()
    report = ingest(MID, mid_folder, store)
    assert (report.added, report.plan.already) == (14 - committed, committed)
    assert files_of(store) == files_of(whole)
    assert {path.name for path in tmp_path.iterdir()} == {"whole.zarr", "mid.zarr"}


INGEST_MID = """
from tests.ingest.test_ingest import MID, ingest
ingest(MID, Path(sys.argv[2]), Path(sys.argv[3]))
"""


def test_a_run_killed_after_its_last_commit_leaves_nothing_behind_once_it_is_repeated(
    mid_folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "mid.zarr"
    assert killed_after_its_last_commit(INGEST_MID, mid_folder, store) == -signal.SIGKILL
    before = files_of(store)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"mid.zarr", "mid.zarr.lock", "mid.zarr.part"}
    with lock(tmp_path / "mid.zarr.lock"):  # of a writer that lives
        assert ingest(MID, mid_folder, store).plan.already == 14
        assert {path.name for path in tmp_path.iterdir()} == left
    (tmp_path / "mid.zarr.lock").write_text("of a process that has died")
    assert ingest(MID, mid_folder, store).plan.already == 14
    assert files_of(store) == before
    assert {path.name for path in tmp_path.iterdir()} == {"mid.zarr"}


def test_shorts_of_smid_that_come_before_their_longs_are_paired_later(
    smid_folder: Path, tmp_path: Path
) -> None:
    source, store = tmp_path / "smid", tmp_path / "smid.zarr"
    shutil.copytree(smid_folder / "short1", source / "short1")
    report = ingest(SMID, source, store)
    assert report.plan.pairs == 0
    (group,) = Store(store).groups.values()
    assert set(group.coordinates["target_index"].tolist()) == {-1}
    shutil.copytree(smid_folder / "long", source / "long")
    report = ingest(SMID, source, store)
    assert (report.added, report.targets) == (2, 2)
    (group,) = Store(store).groups.values()
    indexes = group.coordinates["target_index"]
    for row in group.rows:
        expected = {"0001": 0, "0002": 1}.get(row.scene, -1)
        assert indexes[row.index] == expected


def test_frames_of_smid_with_the_same_pixels_are_stored_once(
    smid_folder: Path, tmp_path: Path
) -> None:
    source, store = tmp_path / "smid", tmp_path / "smid.zarr"
    shutil.copytree(smid_folder, source)
    baseline = ingest(SMID, source, tmp_path / "baseline.zarr")
    copies = [source / "short1" / "0001" / f"900{number}.ARW" for number in range(2)]
    for copy in copies:
        shutil.copy(source / "short1" / "0001" / "0001.ARW", copy)
    report = ingest(SMID, source, store)
    assert report.added == baseline.added + 2
    assert report.duplicates == baseline.duplicates + 2
    rows = stored(store)
    for copy in copies:
        row = rows[f"short/0001/{copy.name}"]
        assert row.duplicate_of == "short/0001/0001.ARW"
        assert row.index == rows["short/0001/0001.ARW"].index
    (group,) = Store(store).groups.values()
    assert group.packed.count == baseline.added - baseline.duplicates


def test_bad_files_leave_no_holes_and_are_tried_again(tmp_path: Path) -> None:
    source, store = tmp_path / "photos", tmp_path / "folder.zarr"
    source.mkdir()
    for number in range(4):
        write_noise_dng(source / f"{number}.dng", seed=number)
    whole = (source / "1.dng").read_bytes()
    (source / "1.dng").write_bytes(whole[:-1000])
    report = ingest(FOLDER, source, store)
    assert [(one.name, one.kind) for one in report.left_out] == [("1.dng", "truncated")]
    assert [(row.name, row.index) for row in Store(store).rows] == [
        ("0.dng", 0), ("2.dng", 1), ("3.dng", 2),
    ]  # fmt: skip
    (source / "1.dng").write_bytes(whole)
    report = ingest(FOLDER, source, store)
    assert (report.added, report.left_out) == (1, [])
    assert stored(store)["1.dng"].index == 3


def test_stores_refuse_linear_files_and_record_how_a_doubtful_balance_was_decided(
    tmp_path: Path,
) -> None:
    source, store = tmp_path / "photos", tmp_path / "folder.zarr"
    source.mkdir()
    meta = DngMeta("Rawkit", "Test", black_level=64.0)  # as-shot all ones
    channels = noise_mosaic((64, 3 * 96)).reshape(64, 96, 3)
    (source / "linear.dng").write_bytes(encode_linear_dng(channels, meta))
    write_noise_dng(source / "ones.dng", as_shot_neutral=(1.0, 1.0, 1.0))
    report = ingest(FOLDER, source, store)
    (refused,) = report.left_out
    assert (refused.name, refused.kind) == ("linear.dng", "unsupported-mosaic")
    assert "every pixel has all colours" in refused.reason
    assert "`rawkit restore` takes it" in refused.reason
    found = decode(source / "ones.dng").white_balance
    row = stored(store)["ones.dng"]
    assert (row.white_balance, row.white_balance_source) == (found.multipliers, found.source)
    assert "as-shot all ones" in row.white_balance_source


def test_where_every_file_is_bad_no_store_appears(tmp_path: Path) -> None:
    source, store = tmp_path / "photos", tmp_path / "folder.zarr"
    source.mkdir()
    (source / "a.dng").write_text("no picture")
    report = ingest(FOLDER, source, store)
    assert (report.added, len(report.left_out)) == (0, 1)
    assert not store.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "folder.quarantine.jsonl"}


def test_a_plan_writes_nothing(mid_folder: Path, tmp_path: Path) -> None:
    plan = plan_ingest(MID, mid_folder, tmp_path / "mid.zarr", LOW_ISO)
    assert (len(plan.wanted), plan.pairs, plan.unpaired, plan.scenes) == (10, 8, 0, 1)
    assert plan.filtered == {"iso": 4}
    assert plan.bytes_in == sum((mid_folder / one.source).stat().st_size for one in plan.wanted)
    assert not list(tmp_path.iterdir())


def test_a_selection_of_nothing_writes_nothing(mid_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="ISO 100, 200, 400"):
        ingest(MID, mid_folder, tmp_path / "mid.zarr", Selection(isos=(50.0,)))
    assert not list(tmp_path.iterdir())


def test_a_store_with_targets_of_another_rendering_is_left_alone(
    mid_folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "mid.zarr"
    ingest(MID, mid_folder, store, LOW_ISO)
    before = files_of(store)
    other = MID.model_copy(update={"target": SID.target})
    with pytest.raises(StoreError, match="targets rendered with"):
        ingest(other, mid_folder, store)
    assert files_of(store) == before


def test_a_store_of_version_1_gets_frames_in_its_own_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, store = tmp_path / "raw", tmp_path / "s.zarr"
    raw.mkdir()
    write_noise_dng(raw / "a.dng")
    with monkeypatch.context() as patch:
        patch.setattr("rawkit.store.writer.VERSION", 1)
        assert ingest(FOLDER, raw, store).added == 1
    (raw / "b.dng").write_bytes((raw / "a.dng").read_bytes())
    write_noise_dng(raw / "c.dng", seed=1)
    report = ingest(FOLDER, raw, store)
    assert (report.added, report.duplicates) == (2, 1)
    assert Store(store).about.version == 1
    for row in Store(store).rows:
        planes = Store(store).groups[row.group].read("packed", row.index)
        assert row.pixel_hash == f"sha256:{sha256(planes.tobytes()).hexdigest()}"


def test_a_long_that_cannot_be_rendered_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise CorruptError("LibRaw cannot decode it", where="a.dng")

    (tmp_path / "raw").mkdir()
    write_noise_dng(tmp_path / "raw" / "a.dng")
    plan = plan_ingest(FOLDER, tmp_path / "raw", tmp_path / "s.zarr", EVERYTHING)
    (entry,) = plan.wanted
    job = job_of(
        plan.catalog, replace(entry, role="long"), 0, tmp_path, {}, rendering=RenderParameters()
    )
    monkeypatch.setattr(RawFile, "render", fail)
    left_out = prepare_frame(job)
    assert isinstance(left_out, LeftOut)
    assert left_out.kind == "corrupt"
    assert not list(tmp_path.glob("0*"))
