"""Videos of packed frames: read one by one, paired with their pictures, hostile ones refused."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rawkit.catalog import Selection, load_definition, scan
from rawkit.errors import DefinitionError, RawFileError, UsageError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.ingest.quarantine import read_quarantine
from rawkit.ingest.repair import repair_store
from rawkit.sensor import Levels, image_of_packed, pack
from rawkit.source import Inflated, Listing, open_npy_video, open_source
from rawkit.source.folders import LocalFolder
from rawkit.source.ranges import LocalRanges
from rawkit.store import Store
from rawkit.store.verify import verify_store
from rawkit.subset import make_subset
from rawkit.subset.raw import copy_raw, planned_raw, raw_files
from rawkit.synth import make_videos
from rawkit.train import Trainer, TrainSettings
from rawkit.train.runs import open_data
from rawkit.workspace import Workspace
from tests.support.factories import files_of
from tests.support.fixtures_cli import run_in
from tests.support.fixtures_web import Web, serve

MOVING = load_definition("moving-objects")
FRAMES = 3
SIZE = (128, 192)
EVERYTHING = Selection()


@dataclass
class Spy:
    """Counts what is read of a file."""

    inner: LocalRanges
    reads: list[tuple[int, int]] = field(default_factory=list)

    @property
    def where(self) -> str:
        """Path."""
        return self.inner.where

    def size(self) -> int:
        """Bytes."""
        return self.inner.size()

    def read(self, offset: int, count: int) -> bytes:
        """Read and note it."""
        self.reads.append((offset, count))
        return self.inner.read(offset, count)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos of three frames, one of each split."""
    folder = tmp_path_factory.mktemp("videos")
    make_videos(folder, scenes=3, frames=FRAMES, size=SIZE)
    return folder


def npy(array: np.ndarray[Any, Any], *, pickled: bool = False) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=pickled)
    return file.getvalue()


def dark(frames: int = 2, shape: tuple[int, int] = (16, 24), seed: int = 0) -> bytes:
    numbers = np.random.default_rng(seed)
    return npy(numbers.integers(0, 900, (frames, *shape, 4), dtype=np.uint16))


def put(folder: Path, name: str, data: bytes) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def test_every_frame_is_an_entry_with_its_video_as_the_scene(videos: Path) -> None:
    catalog = scan(MOVING, videos)
    assert not catalog.left_out
    assert [entry.frame.name for entry in catalog.entries] == [
        f"{part}/dark/{number:04d}.npy#{frame:04d}"
        for part, number in (("test", 3), ("train", 1), ("val", 2))
        for frame in range(FRAMES)
    ]
    for entry in catalog.entries:
        assert entry.split == entry.frame.name.partition("/")[0]
        assert entry.scene == Path(entry.frame.name).name[:4]
        assert (entry.frame.model, entry.frame.exposure.iso) == (None, None)
        assert entry.frame.size_bytes == SIZE[0] * SIZE[1] * 2


def test_planes_and_pictures_are_those_of_the_files(videos: Path, tmp_path: Path) -> None:
    store = tmp_path / "moving-objects.zarr"
    report = run_ingest(plan_ingest(MOVING, videos, store, EVERYTHING), workers=0)
    assert (report.added, report.targets, report.left_out) == (9, 9, [])
    opened = Store(store)
    (group,) = opened.groups.values()
    # A GBRG mosaic has red at (1, 0): the first row is dropped, and the last one of its cell.
    assert (group.packed.height, group.packed.width) == (SIZE[0] // 2 - 1, SIZE[1] // 2)
    for row in group.rows:
        path, _, number = row.name.partition("#")
        frame = np.load(videos / path)[int(number)]
        red, second = frame[:-1, :, 2], frame[:-1, :, 3]
        first, blue = frame[1:, :, 0], frame[1:, :, 1]
        planes = np.stack([red, second, blue, first])
        assert np.array_equal(group.read("packed", row.index), planes)
        picture = np.load(videos / path.replace("/dark/", "/truth/"))[int(number)]
        target = group.read("target", row.target_index)
        assert np.array_equal(target, picture[1:-1].transpose(2, 0, 1))
        assert (row.black_level, row.white_level) == ((0.0,) * 4, 65535.0)
        assert row.level_source.startswith("definition: assumed")
        assert (row.iso, row.exposure_time, row.model) == (None, None, None)
        assert (row.white_balance_source, row.white_balance) == ("unknown", (1.0,) * 4)
    assert np.isnan(group.coordinates["exposure_ratio"]).all()
    assert sorted(group.coordinates["target_index"]) == list(range(9))
    assert opened.about.rendering == {
        "bits": 8, "given": True, "tone_curve": "sRGB", "primaries": "sRGB",
    }  # fmt: skip


def test_from_ingest_to_training(videos: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    store = workspace.store("moving-objects")
    run_ingest(plan_ingest(MOVING, videos, store, EVERYTHING), workers=0)
    assert verify_store(store)[0] == []
    subset, _ = make_subset(workspace, [store], fraction=1.0)
    assert [len(subset.pairs(split)) for split in ("train", "val", "test")] == [FRAMES] * 3
    moving = Selection(where="kind == 'moving' and scene != '0003'")
    chosen, _ = make_subset(workspace, [store], fraction=1.0, name="some", selection=moving)
    assert {frame.split for frame in chosen.frames} == {"train", "val"}
    settings = TrainSettings(
        subset.name, steps=2, crop=32, batch_size=2, ms_ssim_weight=0, live_windows=8
    )
    report = Trainer(settings, open_data(subset, workspace), tmp_path / "run").run()
    assert report.steps == 2


@pytest.mark.parametrize("place", ["folder", "deflated", "tar.gz"])
@pytest.mark.parametrize("goal", ["raw", "raw.zip"])
def test_a_subset_takes_the_files_of_its_videos_along(
    videos: Path, tmp_path: Path, place: str, goal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rawkit.subset.raw._LARGE", 1000)
    monkeypatch.setattr("rawkit.subset.raw._PIECE", 10_007)
    workspace = Workspace(tmp_path)
    store = workspace.store("moving-objects")
    run_ingest(plan_ingest(MOVING, videos, store, EVERYTHING), workers=0)
    chosen = Selection(where="scene != '0003'")
    subset, _ = make_subset(workspace, [store], fraction=1.0, name="some", selection=chosen)
    source = videos
    if place == "deflated":
        source = deflated(videos, tmp_path / "videos.zip")
    elif place == "tar.gz":
        source = tmp_path / "videos.tar.gz"
        with tarfile.open(source, "w:gz") as tar:
            for part in videos.iterdir():
                tar.add(part, part.name)
    files = raw_files(subset, workspace)
    names = {
        f"moving-objects/{part}/{kind}/{number}.npy"
        for part, number in (("train", "0001"), ("val", "0002"))
        for kind in ("dark", "truth")
    }
    assert {file.path for file in files} == names
    planned = planned_raw(files, workspace, source)
    original = {name: (videos / name.partition("/")[2]).read_bytes() for name in names}
    assert {file.path: file.size for file in planned} == {k: len(v) for k, v in original.items()}
    done = copy_raw(subset, workspace, tmp_path / goal, source=source)
    assert (done.copied, done.kept, done.missing) == (4, 0, ())
    if goal == "raw":
        copied = {name: (tmp_path / goal / name).read_bytes() for name in names}
        assert set(files_of(tmp_path / goal)) == names
    else:
        with zipfile.ZipFile(tmp_path / goal) as packed:
            copied = {name: packed.read(name) for name in packed.namelist()}
    assert copied == original
    again = copy_raw(subset, workspace, tmp_path / goal, source=source)
    assert (again.copied, again.kept) == (0, 4)


@pytest.mark.parametrize("goal", ["raw", "raw.zip"])
def test_copying_lists_the_source_of_videos_once(
    videos: Path, tmp_path: Path, goal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    store = workspace.store("moving-objects")
    run_ingest(plan_ingest(MOVING, videos, store, EVERYTHING), workers=0)
    plain, listed = LocalFolder.files, []

    def noted(self: LocalFolder, *rest: Any) -> Listing:
        listed.append(self.root)
        return plain(self, *rest)

    monkeypatch.setattr(LocalFolder, "files", noted)
    ended = run_in(tmp_path, "subset", "--copy-raw", tmp_path / goal, "--source", videos, "--json")
    assert listed == [videos]
    sizes = [path.stat().st_size for path in videos.rglob("*.npy")]
    told = json.loads(ended.out)["raw"]
    assert (told["files"], told["bytes"], told["copied"]) == (len(sizes), sum(sizes), len(sizes))
    again = run_in(tmp_path, "subset", "--copy-raw", tmp_path / goal, "--source", videos, "--json")
    told = json.loads(again.out)["raw"]
    assert (told["files"], told["bytes"], told["copied"]) == (len(sizes), sum(sizes), 0)


def test_pictures_that_a_video_never_had_are_not_missed(tmp_path: Path) -> None:
    put(tmp_path, "data/moving-objects/train/dark/a.npy", dark())
    put(tmp_path, "data/moving-objects/train/dark/b.npy", dark(seed=1))
    put(tmp_path, "data/moving-objects/train/truth/b.npy", npy(np.ones((2, 32, 48, 3), np.uint8)))
    workspace = Workspace(tmp_path)
    store = workspace.store("moving-objects")
    run_ingest(plan_ingest(MOVING, workspace.data("moving-objects"), store, EVERYTHING), workers=0)
    subset, _ = make_subset(workspace, [store], fraction=1.0)
    files = raw_files(subset, workspace)
    copied = copy_raw(subset, workspace, tmp_path / "raw")
    assert (copied.copied, copied.missing) == (len(files) - sum(f.optional for f in files), ())
    (tmp_path / "data/moving-objects/train/truth/b.npy").unlink()
    missing = copy_raw(subset, workspace, tmp_path / "other").missing
    assert [name for name, _ in missing] == ["moving-objects/train/truth/b.npy"]


def test_damaged_shards_are_made_anew_from_their_frames(videos: Path, tmp_path: Path) -> None:
    store = tmp_path / "moving-objects.zarr"
    run_ingest(plan_ingest(MOVING, videos, store, EVERYTHING), workers=0)
    before = files_of(store)
    for array in ("packed", "target"):
        shard = next(store.glob(f"*/*/{array}/c/4/0/0/0"))
        shard.write_bytes(shard.read_bytes()[:-9])
    damage, _ = verify_store(store)
    assert len(damage) == 2
    assert not repair_store(store, damage, scan(MOVING, videos)).left
    assert files_of(store) == before


def test_a_frame_costs_its_own_bytes_alone(videos: Path) -> None:
    path = videos / "train/dark/0001.npy"
    spy = Spy(LocalRanges(path))
    video = open_npy_video(spy, channels=4, dtype="uint16")
    spy.reads.clear()
    frame = video.frame(2)
    assert np.array_equal(frame, np.load(path)[2])
    assert spy.reads == [(128 + 2 * frame.nbytes, frame.nbytes)]


@pytest.mark.parametrize(
    "place", ["folder", "stored zip", "tar", "web", "deflated", "deflated web"]
)
def test_frames_come_from_wherever_pieces_can_be_read(
    videos: Path, tmp_path: Path, place: str
) -> None:
    expected = tmp_path / "folder.zarr"
    run_ingest(plan_ingest(MOVING, videos, expected, EVERYTHING), workers=0)
    archive = tmp_path / "videos.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for path in sorted(videos.rglob("*.npy")):
            packed.write(path, path.relative_to(videos))
    with serve(Web()) as web:
        web.files["/videos.zip"] = archive.read_bytes()
        small = deflated(videos, tmp_path / "small.zip")
        web.files["/small.zip"] = small.read_bytes()
        sources: dict[str, str | Path] = {
            "folder": videos, "stored zip": archive, "web": web.url("/videos.zip"),
            "tar": tmp_path / "videos.tar", "deflated": small,
            "deflated web": web.url("/small.zip"),
        }  # fmt: skip
        if place == "tar":
            with tarfile.open(sources["tar"], "w") as tar:
                tar.add(videos, "videos")
        store = tmp_path / "there.zarr"
        plan = plan_ingest(MOVING, sources[place], store, EVERYTHING)
        web.sent.clear()
        run_ingest(plan, workers=0)
        if place == "web":
            assert plan.bytes_to_fetch == sum(
                SIZE[0] * SIZE[1] * (2 + 3) for _ in plan.wanted
            )  # fmt: skip
            assert web.bytes_sent == plan.bytes_to_fetch
        if place == "deflated web":
            assert web.bytes_sent <= 1.05 * small.stat().st_size
            assert plan.bytes_to_fetch == pytest.approx(small.stat().st_size, rel=0.05)
    names = [path for path in files_of(expected) if path.endswith("/0/0/0")]
    assert names
    assert {k: files_of(store)[k] for k in names} == {k: files_of(expected)[k] for k in names}


def test_a_video_in_an_archive_that_is_streamed_is_refused_with_the_way_out(
    videos: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "videos.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(videos, "videos")
    report = run_ingest(
        plan_ingest(MOVING, archive, tmp_path / "s.zarr", EVERYTHING), workers=0
    )  # fmt: skip
    assert [one.kind for one in report.left_out] == ["unreadable"] * 3
    assert "Unpack the archive" in report.left_out[0].reason


def deflated(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*.npy")):
            packed.write(path, path.relative_to(folder))
    return archive


def inflated(archive: Path, name: str) -> Inflated:
    source = open_source(archive)
    (file,) = [one for one in source.files().files if one.path.endswith(name)]
    ranges = source.ranges_of(file)
    assert isinstance(ranges, Inflated)
    return ranges


@given(
    reads=st.lists(st.tuples(st.integers(0, 5100), st.integers(0, 900)), max_size=12),
    seed=st.integers(0, 3),
)
def test_any_piece_of_a_compressed_member_in_any_order(
    reads: list[tuple[int, int]], seed: int
) -> None:
    numbers = np.random.default_rng(seed)
    contents = numbers.integers(0, 5, 5000, dtype=np.uint8).tobytes()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.npy", contents)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.zip").write_bytes(file.getvalue())
        ranges = inflated(Path(folder) / "a.zip", "a.npy")
        assert ranges.size() == len(contents)
        for number, (offset, count) in enumerate(reads):
            if number % 4 == 3:
                ranges.rest()
            assert ranges.read(offset, count) == contents[offset : offset + count]


def test_reading_forwards_inflates_a_member_once(videos: Path, tmp_path: Path) -> None:
    archive = deflated(videos, tmp_path / "videos.zip")
    direct = inflated(archive, "train/dark/0001.npy")
    reads: list[int] = []

    class Counting:
        where = "here"

        def size(self) -> int:
            return direct.ranges.size()

        def read(self, offset: int, count: int) -> bytes:
            reads.append(count)
            return direct.ranges.read(offset, count)

    video = open_npy_video(replace(direct, ranges=Counting()), channels=4, dtype="uint16")
    reads.clear()
    for number in range(FRAMES):
        expected = np.load(videos / "train/dark/0001.npy")[number]
        assert np.array_equal(video.frame(number), expected)
    assert sum(reads) <= direct.compressed


@pytest.mark.parametrize("at", [0.02, 0.5, 0.98])
def test_a_damaged_compressed_video_costs_its_frames(
    videos: Path, tmp_path: Path, at: float
) -> None:
    archive = deflated(videos, tmp_path / "videos.zip")
    member = inflated(archive, "train/dark/0001.npy")
    data = bytearray(archive.read_bytes())
    data[member.start + int(member.compressed * at)] ^= 0x55
    archive.write_bytes(data)
    plan = plan_ingest(MOVING, archive, tmp_path / "s.zarr", EVERYTHING)
    report = run_ingest(plan, workers=0)
    assert report.left_out
    for bad in report.left_out:
        assert bad.name.startswith("train/dark/0001.npy")
        assert "The archive is damaged" in bad.reason or "the member" in bad.reason
    assert report.added >= 2 * FRAMES
    assert verify_store(tmp_path / "s.zarr")[0] == []


def test_workers_get_frames_of_compressed_videos(videos: Path, tmp_path: Path) -> None:
    archive = deflated(videos, tmp_path / "videos.zip")
    run_ingest(plan_ingest(MOVING, videos, tmp_path / "a.zarr", EVERYTHING), workers=0)
    run_ingest(plan_ingest(MOVING, archive, tmp_path / "b.zarr", EVERYTHING), workers=1)
    assert files_of(tmp_path / "a.zarr") == files_of(tmp_path / "b.zarr")
    shard = next((tmp_path / "b.zarr").glob("*/*/target/c/4/0/0/0"))
    shard.unlink()
    damage, _ = verify_store(tmp_path / "b.zarr")
    assert not repair_store(tmp_path / "b.zarr", damage, scan(MOVING, archive)).left
    assert files_of(tmp_path / "a.zarr") == files_of(tmp_path / "b.zarr")


class Bomb:
    """Ends the test if it is ever unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("unpickled",))


HOSTILE = {
    "objects": (npy(np.array([[[[Bomb()] * 4]]], object), pickled=True), "unsupported-mosaic"),
    "pickle": (pickle.dumps(Bomb()), "not-raw"),
    "text": (b"Dear diary", "not-raw"),
    "empty": (b"", "not-raw"),
    "three channels": (npy(np.ones((2, 8, 8, 3), np.uint16)), "unsupported-mosaic"),
    "floats": (npy(np.ones((2, 8, 8, 4), np.float32)), "unsupported-mosaic"),
    "fields": (npy(np.ones((2, 8, 8, 4), [("a", "<u2")])), "unsupported-mosaic"),
    "flat": (npy(np.ones((8, 8, 4), np.uint16)), "unsupported-mosaic"),
    "no frames": (npy(np.ones((0, 8, 8, 4), np.uint16)), "unsupported-mosaic"),
    "no rows": (npy(np.ones((9, 0, 8, 4), np.uint16)), "unsupported-mosaic"),
    "fortran": (npy(np.asfortranarray(np.ones((2, 8, 8, 4), np.uint16))), "unsupported-mosaic"),
    "cut": (dark()[:-1], "truncated"),
    "cut header": (dark()[:50], "corrupt"),
    "code": (dark()[:10] + b"__import__('os').abort()".ljust(118) + dark()[128:], "corrupt"),
    "version": (b"\x93NUMPY\x09\x00" + dark()[8:], "corrupt"),
    "huge": (dark().replace(b"(2, 16, 24, 4)", b"(99999999, 99, 99, 4)")[:400], "truncated"),
    "negative": (dark().replace(b"(2, 16", b"(-2, 16"), "unsupported-mosaic"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_quarantined_with_its_reason(tmp_path: Path, name: str) -> None:
    data, kind = HOSTILE[name]
    put(tmp_path, "raw/train/dark/bad.npy", data)
    put(tmp_path, "raw/train/dark/good.npy", dark(seed=1))
    store = tmp_path / "s.zarr"
    report = run_ingest(plan_ingest(MOVING, tmp_path / "raw", store, EVERYTHING), workers=0)
    (bad,) = report.left_out
    assert (bad.name, bad.kind) == ("train/dark/bad.npy", kind), bad
    assert "\n" not in bad.reason
    assert report.added == 2
    assert read_quarantine(store)["train/dark/bad.npy"].kind == kind
    again = plan_ingest(MOVING, tmp_path / "raw", store, EVERYTHING)
    assert (again.wanted, [one.kind for one in again.quarantined]) == ((), ["quarantined"])


def test_a_file_that_shrinks_after_the_scan_and_a_blank_frame_cost_themselves(
    tmp_path: Path,
) -> None:
    frames = np.random.default_rng(0).integers(0, 900, (3, 16, 24, 4), dtype=np.uint16)
    frames[1] = 7
    put(tmp_path, "raw/val/dark/a.npy", npy(frames))
    plan = plan_ingest(MOVING, tmp_path / "raw", tmp_path / "s.zarr", EVERYTHING)
    put(tmp_path, "raw/val/dark/a.npy", npy(frames)[:-1])
    report = run_ingest(plan, workers=0)
    assert {one.name[-5:]: one.kind for one in report.left_out} == {
        "#0001": "blank",
        "#0002": "truncated",
    }
    assert report.added == 1


@pytest.mark.parametrize(
    ("name", "data", "kind", "said"),
    [
        ("truth/a.mp4", b"movie", "corrupt", "a movie that cannot be decoded"),
        ("truth/a.npy", npy(np.ones((2, 32, 48, 4), np.uint8)), "unsupported-mosaic", "(frames"),
        ("truth/a.npy", npy(np.ones((1, 32, 48, 3), np.uint8)), "corrupt", "(2, 32, 48, 3)"),
        ("truth/a.npy", npy(np.ones((2, 16, 24, 3), np.uint8)), "corrupt", "twice the size"),
        ("truth/a.npy", b"", "not-raw", "not a NumPy file"),
    ],
)
def test_a_ground_truth_that_cannot_be_used_keeps_its_video_out(
    tmp_path: Path, name: str, data: bytes, kind: str, said: str
) -> None:
    put(tmp_path, "raw/train/dark/a.npy", dark())
    put(tmp_path, f"raw/train/{name}", data)
    put(tmp_path, "raw/train/dark/alone.npy", dark(seed=1))
    plan = plan_ingest(MOVING, tmp_path / "raw", tmp_path / "s.zarr", EVERYTHING)
    assert (plan.pairs, plan.unpaired) == (0, 3)
    (bad,) = run_ingest(plan, workers=0).left_out
    assert (bad.name, bad.kind) == ("train/dark/a.npy", kind)
    assert said in bad.reason
    if kind == "unsupported-mosaic" and name.endswith("mp4"):
        assert "numpy.save as train/truth/a.npy" in bad.reason


def test_pictures_are_given_with_8_bits_or_left_away(videos: Path, tmp_path: Path) -> None:
    plan = plan_ingest(MOVING, videos, tmp_path / "a.zarr", EVERYTHING, targets=16)
    with pytest.raises(UsageError, match="given pictures of 16 bits"):
        run_ingest(plan, workers=0)
    plan = plan_ingest(MOVING, videos, tmp_path / "b.zarr", EVERYTHING, targets=0)
    assert run_ingest(plan, workers=0).targets == 0


MOSAICS = ["RGGB", "GRBG", "GBRG", "BGGR"]


@given(arrays(np.uint16, st.tuples(st.integers(2, 5), st.integers(2, 5), st.just(4))), st.data())
def test_channels_go_to_their_planes_whatever_the_mosaic(
    frame: np.ndarray[Any, np.dtype[np.uint16]], data: st.DataObject
) -> None:
    mosaic = data.draw(st.sampled_from(MOSAICS))
    frame[0, 0, 0] = frame.max() ^ 1  # two values at least
    try:
        image = image_of_packed(frame, mosaic, Levels(0, 65535), where="here")
    except RawFileError:
        assert frame.min() == frame.max()
        return
    assert image.mosaic.pattern_text == mosaic
    whole = pack(image.pixels, image.mosaic.phase)
    top, left = image.mosaic.phase
    for plane, (dy, dx) in enumerate(((0, 0), (0, 1), (1, 1), (1, 0))):
        for y in range(whole.shape[1]):
            for x in range(whole.shape[2]):
                row, column = top + 2 * y + dy, left + 2 * x + dx
                channel = 2 * (row % 2) + column % 2
                assert mosaic[channel] == "RGBG"[plane]
                assert whole[plane, y, x] == frame[row // 2, column // 2, channel]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('mosaic = "GBRG"', 'mosaic = "XYZW"', "files.0.video.mosaic"),
        ("{part}/truth/{video}", "{part}/truth/{nothing}", "video.truth uses {nothing}"),
        ("white = 65535", "", "add [[levels]] with black, white and reason"),
        ("given = true", "", "bits = 8 and given = true"),
        ("bits = 8", "bits = 16", "bits = 8 and given = true"),
    ],
)
def test_a_definition_of_videos_that_is_wrong_names_what_is_missing(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    shipped = Path(__file__).parents[2] / "catalogs" / "moving-objects.toml"
    text = shipped.read_text().replace(old, new)
    assert text != shipped.read_text()
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(DefinitionError) as caught:
        load_definition(str(tmp_path / "own.toml"))
    assert said in str(caught.value)


def test_a_look_alike_is_the_same_again_and_has_every_split(tmp_path: Path) -> None:
    first = make_videos(tmp_path / "a", scenes=3, frames=2, size=(64, 96))
    make_videos(tmp_path / "b", scenes=3, frames=2, size=(64, 96))
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert {name.partition("/")[0] for name in first.names} == {"train", "val", "test"}
    sizes = sum((tmp_path / "a" / name).stat().st_size for name in first.names)
    assert first.bytes_written == sizes
    again = make_videos(tmp_path / "a", scenes=3, frames=2, size=(64, 96))
    assert (again.written, again.kept) == (0, 6)
    moving = np.load(tmp_path / "a/train/truth/0001.npy")
    assert not np.array_equal(moving[0], moving[1])
    with pytest.raises(UsageError, match="even sides"):
        make_videos(tmp_path / "c", size=(65, 96))


def test_synth_makes_videos_and_refuses_an_iso_for_them(tmp_path: Path) -> None:
    arguments = ("synth", "moving-objects", tmp_path / "m", "--size", "96x64", "--scenes", 1)
    assert run_in(tmp_path, *arguments, "--frames", 1).code == 0
    assert len(list((tmp_path / "m").rglob("*.npy"))) == 2
    ended = run_in(tmp_path, *arguments, "--iso", 100)
    assert ended.code == 2
    assert "takes no --iso" in ended.err


def test_a_source_of_videos_can_be_pickled(videos: Path) -> None:
    catalog = scan(MOVING, open_source(videos))
    (again,) = pickle.loads(pickle.dumps([catalog.entries[0]]))  # noqa: S301 - our own
    assert again == catalog.entries[0]
