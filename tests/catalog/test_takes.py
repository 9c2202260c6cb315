"""Folders of CinemaDNG frames as videos: numbers, gaps, rates, and their pictures."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.catalog import Selection, load_definition, scan, scan_with_table
from rawkit.errors import DefinitionError, UsageError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.ingest.repair import repair_store
from rawkit.store import Store
from rawkit.store.verify import verify_store
from rawkit.stream import open_stream
from rawkit.subset import make_subset
from rawkit.subset.raw import copy_raw
from rawkit.workspace import Workspace
from tests.support.factories import local
from tests.support.fixtures_cli import run_in
from tests.support.movies import SIZE, plain_pictures, write_frames, write_movie

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.ingest import IngestReport

VIDEO = load_definition("video")
EVERYTHING = Selection()


def write_truth(folder: Path, count: int, size: tuple[int, int] = SIZE) -> None:
    """Save pictures that tell their number, beside the folder of a video."""
    np.save(folder.with_suffix(".npy"), np.stack(plain_pictures(count, size)))


def ingested(source: Path, store: Path, *, workers: int = 0) -> IngestReport:
    """Ingest all of a folder of videos."""
    return run_ingest(plan_ingest(VIDEO, source, store, EVERYTHING), workers=workers)


def colours(store: Path) -> dict[str, int]:
    """Red of the target of each frame, by its name; of the truth above it is 10 n + 5."""
    opened = Store(store)
    (group,) = opened.groups.values()
    rows = [row for row in group.rows if row.target_index >= 0]
    return {row.name: round(group.read("target", row.target_index)[0].mean()) for row in rows}


def test_a_folder_is_a_video_of_the_frames_that_its_names_number(tmp_path: Path) -> None:
    write_frames(tmp_path / "day 1/take", range(3), frames_a_second=24.0)
    write_frames(tmp_path / "day 2/take", [7, 8])
    catalog = scan(VIDEO, tmp_path)
    assert [(entry.frame.name, entry.scene) for entry in catalog.entries] == [
        *((f"day 1/take/A001_00000{n}.dng", "day 1/take") for n in range(3)),
        *((f"day 2/take/A001_00000{n}.dng", "day 2/take") for n in (7, 8)),
    ]
    assert catalog.frame_rates == {"day 1/take": 24.0}
    assert not catalog.left_out


def test_missing_frames_are_listed_and_end_clips(tmp_path: Path) -> None:
    source = tmp_path / "data"
    write_frames(source / "take", [*range(5), 6, 7, 8, 12, 13])
    write_truth(source / "take", 14)
    report = ingested(source, tmp_path / "stores/video.zarr")
    assert [(one.name, one.kind) for one in report.left_out] == [
        ("take/A001_000005.dng", "missing-frame"),
        ("take/A001_000009.dng", "missing-frame"),
    ]
    assert "frames 9 to 11 are not there" in report.left_out[1].reason
    make_subset(Workspace(tmp_path), [tmp_path / "stores/video.zarr"], fraction=1.0)
    stream = open_stream(tmp_path, clip=3, crop=32, batch_size=8)
    batches = stream.batches()
    begins = {origin.frame[-10:-4] for _ in range(8) for origin in next(batches).origins}
    batches.close()
    assert begins == {"000000", "000001", "000002", "000006"}
    with pytest.raises(UsageError, match="longest run of neighbours among 10 frames has 5"):
        open_stream(tmp_path, clip=6, crop=32)


@pytest.mark.parametrize("movie", [False, True])
@pytest.mark.parametrize("numbers", [(0, 1, 3), (1, 2, 4), (50, 51, 53)])
def test_pictures_belong_to_the_frames_of_their_numbers(
    tmp_path: Path, numbers: tuple[int, ...], *, movie: bool
) -> None:
    write_frames(tmp_path / "data/take", numbers)
    if movie:
        write_movie(tmp_path / "data/take.mp4", plain_pictures(4))
    else:
        write_truth(tmp_path / "data/take", 4)
    report = ingested(tmp_path / "data", tmp_path / "s.zarr")
    assert (report.added, report.targets) == (3, 3)
    assert list(colours(tmp_path / "s.zarr").values()) == pytest.approx([5, 15, 35], abs=2)


def test_frames_that_are_missing_at_the_end_are_counted_from_the_beginning(tmp_path: Path) -> None:
    write_frames(tmp_path / "data/a", [1, 2])
    write_truth(tmp_path / "data/a", 5)
    ingested(tmp_path / "data", tmp_path / "s.zarr")
    assert list(colours(tmp_path / "s.zarr").values()) == [5, 15]


@pytest.mark.parametrize(
    ("count", "size", "said"),
    [
        (3, SIZE, "3 pictures for frames 50 to 53"),
        (5, SIZE, "5 pictures for frames 50 to 53"),
        (4, (32, 48), "a picture of 48x32 for a mosaic of 96x64"),
    ],
)
def test_pictures_that_do_not_fit_keep_their_video_out(
    tmp_path: Path, count: int, size: tuple[int, int], said: str
) -> None:
    write_frames(tmp_path / "data/bad", [50, 51, 52, 53])
    write_truth(tmp_path / "data/bad", count, size)
    write_frames(tmp_path / "data/good", [7, 8])
    report = ingested(tmp_path / "data", tmp_path / "s.zarr")
    assert {row.scene for row in Store(tmp_path / "s.zarr").rows} == {"good"}
    assert all(one.kind == "corrupt" and said in one.reason for one in report.left_out)
    assert report.left_out


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.full((2, *SIZE, 3), np.nan, np.float32), "an array of float32"),
        (np.ones((2, *SIZE), np.uint8), "an array of shape"),
    ],
)
def test_arrays_of_another_kind_are_refused(
    tmp_path: Path, data: np.ndarray[tuple[int, ...], np.dtype[np.generic]], said: str
) -> None:
    write_frames(tmp_path / "take", [0, 1])
    np.save(tmp_path / "take.npy", data)
    (left_out,) = scan(VIDEO, tmp_path).left_out
    assert said in left_out.reason
    assert "its 2 frames are left out" in left_out.reason


def test_an_array_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    write_frames(tmp_path / "take", [0, 1])
    write_truth(tmp_path / "take", 2)
    path = tmp_path / "take.npy"
    path.write_bytes(path.read_bytes()[:-10])
    catalog = scan(VIDEO, tmp_path)
    assert [one.kind for one in catalog.left_out] == ["truncated"]
    assert not catalog.entries


def test_frames_of_differing_sizes_are_in_no_clip_together(tmp_path: Path) -> None:
    source = tmp_path / "data"
    write_frames(source / "take", range(4))
    write_frames(source / "take", range(4, 7), size=(96, 96))
    report = ingested(source, tmp_path / "stores/video.zarr")
    assert report.added == 7
    store = Store(tmp_path / "stores/video.zarr")
    assert sorted(len(group.rows) for group in store.groups.values()) == [3, 4]


def test_workers_get_pictures_of_movies_and_of_compressed_arrays(tmp_path: Path) -> None:
    write_frames(tmp_path / "raw/a", range(4))
    write_movie(tmp_path / "raw/a.mp4", plain_pictures(4))
    write_frames(tmp_path / "raw/b", range(10, 13))
    write_truth(tmp_path / "raw/b", 3)
    packed = tmp_path / "videos.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((tmp_path / "raw").rglob("*.*")):
            archive.write(path, path.relative_to(tmp_path / "raw"))
    report = ingested(packed, tmp_path / "s.zarr", workers=1)
    assert (report.added, report.targets) == (7, 7)
    expected = [5, 15, 25, 35, 5, 15, 25]
    assert list(colours(tmp_path / "s.zarr").values()) == pytest.approx(expected, abs=2)


def test_targets_that_are_made_anew_come_from_the_pictures(tmp_path: Path) -> None:
    source, path = tmp_path / "data/video", tmp_path / "stores/video.zarr"
    write_frames(source / "take", range(3))
    write_movie(source / "take.mp4", plain_pictures(3))
    ingested(source, path)
    before = colours(path)
    (group,) = Store(path).groups.values()
    local(group.shard("target", 1)).unlink()
    assert not repair_store(path, verify_store(path)[0], scan(VIDEO, source)).left
    assert colours(path) == before


def test_rates_come_from_the_files_or_from_the_option(tmp_path: Path) -> None:
    write_frames(tmp_path / "data/said", range(2), frames_a_second=24000 / 1001)
    write_frames(tmp_path / "data/unsaid", range(10, 12))
    words = ("ingest", "video", "--source", tmp_path / "data", "--workers", "0", "--json")
    first = json.loads(run_in(tmp_path, *words).out)
    assert first["frame_rates"] == pytest.approx({"said": 23.976}, abs=1e-3)
    write_frames(tmp_path / "data/later", range(20, 22))
    again = json.loads(run_in(tmp_path, *words, "--fps", "30").out)
    expected = {"later": 30.0, "said": pytest.approx(23.976, abs=1e-3), "unsaid": 30.0}
    assert again["frame_rates"] == expected  # the table of the last scan knows them
    assert Store(tmp_path / "stores/video.zarr").frame_rates == expected


def test_a_rate_for_photographs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--fps"):
        plan_ingest(load_definition("sid"), tmp_path, tmp_path / "s.zarr", EVERYTHING, fps=25.0)


def test_a_table_remembers_rates(tmp_path: Path) -> None:
    write_frames(tmp_path / "data/take", range(2), frames_a_second=25.0)
    for _ in range(2):
        found = scan_with_table(VIDEO, tmp_path / "data", tmp_path / "t.parquet")
        assert found.catalog.frame_rates == {"take": 25.0}
    assert found.catalog.opened == 0


def test_a_rule_is_of_videos_or_of_their_frames(tmp_path: Path) -> None:
    path = tmp_path / "both.toml"
    path.write_text(
        'name = "both"\ntitle = "b"\n[[files]]\nrole = "short"\npattern = "a"\nscene = "s"\n'
        'frames = {}\nvideo = { mosaic = "RGGB" }\n[split]\nby = "hash"\n'
    )
    with pytest.raises(DefinitionError, match="video and frames in one rule"):
        load_definition(str(path))


@pytest.mark.parametrize("movie", [False, True])
def test_a_subset_takes_frames_and_their_pictures_along(tmp_path: Path, *, movie: bool) -> None:
    source = tmp_path / "data/video"
    write_frames(source / "take", range(3))
    if movie:
        write_movie(source / "take.mp4", plain_pictures(3))
    else:
        write_truth(source / "take", 3)
    ingested(source, tmp_path / "stores/video.zarr")
    workspace = Workspace(tmp_path)
    subset, *_ = make_subset(workspace, [tmp_path / "stores/video.zarr"], fraction=1.0)
    copied = copy_raw(subset, workspace, tmp_path / "copy")
    assert not copied.missing
    assert None not in {file.size for file in copied.files}
    names = {str(path.relative_to(source)) for path in source.rglob("*.*")}
    there = tmp_path / "copy/video"
    assert {str(path.relative_to(there)) for path in there.rglob("*.*")} == names
