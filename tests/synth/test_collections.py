"""Look-alikes of whole collections: layout, levels, colours, runs that are repeated."""

from __future__ import annotations

import errno
import hashlib
import io
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import exifread
import numpy as np
import pytest
import rawpy

from rawkit.errors import OutputError, RawkitError, UsageError
from rawkit.synth import CAMERAS, NOTE_NAME, make_collection, scene_truth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.synth import SynthReport

SMALL = (64, 96)
COLLECTIONS = ("mid", "sid", "smid")
"""Those that this file looks at one by one; the others are in test_denoising.py."""
SID_NAME = re.compile(r"Sony/(short|long)/([012]\d{4})_(\d\d)_([\d.]+)s\.ARW")
MID_SHORT = re.compile(
    r"(Indoor|Outdoor)/pair(\d+)/(\d{5})/([^/]{8}_)(\d{5})_([\d.]+)_(Indoor|Outdoor)\.cr2"
)
MID_LONG = re.compile(r"(Indoor|Outdoor)/pair(\d+)/([^/]{8}_)[^/]*\.cr2")
SMID_NAME = re.compile(r"(short1|long)/(M?\d{4})/(\d{4}\.ARW|half0001\.png)")


class Levels(NamedTuple):
    """What LibRaw says of a file."""

    black: int
    white: int
    margins: tuple[int, int]
    visible: NDArray[np.uint16]
    pattern: list[list[int]]


def libraw(path: Path) -> Levels:
    with rawpy.imread(str(path)) as raw:
        assert raw.raw_pattern is not None
        (black,) = set(raw.black_level_per_channel)
        return Levels(
            black,
            raw.white_level,
            (raw.sizes.top_margin, raw.sizes.left_margin),
            raw.raw_image_visible.copy(),
            raw.raw_pattern.tolist(),
        )


def digests(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SynthReport]:
    """One small look-alike of each collection."""
    root = tmp_path_factory.mktemp("synth")
    return {
        name: make_collection(name, root / name, scenes=scenes, size=SMALL, seed=3)
        for name, scenes in (("sid", 5), ("mid", 2), ("smid", 2))
    }


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_file_is_there_and_accounted_for(
    made: dict[str, SynthReport], collection: str
) -> None:
    report = made[collection]
    files = digests(report.directory)
    assert set(files) == {*report.names, NOTE_NAME}
    assert len(report.names) == len(set(report.names)) == report.written
    assert report.kept == 0
    sizes = sum((report.directory / name).stat().st_size for name in report.names)
    assert report.bytes_written == sizes
    note = (report.directory / NOTE_NAME).read_text(encoding="utf-8")
    assert "fabricated" in note
    assert f"- {collection}: seed 3" in note


def test_sid_names_splits_and_ratios(made: dict[str, SynthReport]) -> None:
    report = made["sid"]
    parts = [SID_NAME.fullmatch(name) for name in report.names]
    assert all(parts)
    found = [match.groups() for match in parts if match]
    assert Counter(scene[0] for scene in report.scenes) == {"0": 3, "1": 1, "2": 1}
    longs = {scene: seconds for role, scene, _, seconds in found if role == "long"}
    assert set(longs) == set(report.scenes)
    assert set(longs.values()) == {"10", "30"}
    shorts = {(scene, burst, s) for role, scene, burst, s in found if role == "short"}
    assert {s for scene, burst, s in shorts if (scene, burst) == ("00001", "01")} == {
        "0.1",
        "0.04",
        "0.033",
    }
    assert {s for scene, _, s in shorts if longs[scene] == "30"} == {"0.1"}


@pytest.mark.parametrize(("scenes", "splits"), [(1, "0"), (2, "01"), (3, "012"), (20, "012")])
def test_sid_has_every_split_from_three_scenes_on(tmp_path: Path, scenes: int, splits: str) -> None:
    report = make_collection("sid", tmp_path, scenes=scenes, dry_run=True)
    assert len(report.scenes) == scenes
    assert {scene[0] for scene in report.scenes} == set(splits)
    assert not list(tmp_path.iterdir())


def test_mid_names_and_views(made: dict[str, SynthReport]) -> None:
    names = made["mid"].names
    shorts = [match for match in map(MID_SHORT.fullmatch, names) if match]
    longs = [match for match in map(MID_LONG.fullmatch, names) if match]
    assert len(names) == len(shorts) + len(longs) == 2 * 98
    assert len(longs) == 4
    prefixes: dict[tuple[str, ...], set[str]] = {}
    for match in shorts:
        assert match[1] == match[7]
        prefixes.setdefault(match.group(1, 2, 3), set()).add(match[4])
    assert all(len(found) == 1 for found in prefixes.values())
    assert {prefix for found in prefixes.values() for prefix in found} == {m[3] for m in longs}
    assert {int(match[5]) for match in shorts} == {100 * 2**stop for stop in range(8)}
    indoor = {float(match[6]) for match in shorts if match[1] == "Indoor"}
    outdoor = {float(match[6]) for match in shorts if match[1] == "Outdoor"}
    assert indoor == {0.01, 0.02, 0.05, 0.1, 0.3, 1.0}
    assert outdoor == {0.005, 0.01, 0.025, 0.05, 0.17, 0.5}


def test_mid_shutters_change_after_seventeen_indoor_pairs(tmp_path: Path) -> None:
    names = make_collection("mid", tmp_path, scenes=36, dry_run=True).names
    shutters: dict[tuple[str, int], set[str]] = {}
    for match in filter(None, map(MID_SHORT.fullmatch, names)):
        shutters.setdefault((match[1], int(match[2])), set()).add(match[6])
    assert "0.3" in shutters["Indoor", 17]
    assert "0.17" in shutters["Indoor", 18]
    assert "0.17" in shutters["Outdoor", 1]


def test_smid_names_duplicates_and_copies(made: dict[str, SynthReport]) -> None:
    report = made["smid"]
    assert all(SMID_NAME.fullmatch(name) for name in report.names)
    assert report.scenes == ("0001", "0002", "M0000")
    assert not any(name.startswith("long/M") for name in report.names)
    files = digests(report.directory)
    frames = [files[f"short1/0001/{number:04d}.ARW"] for number in range(1, 7)]
    assert frames[3] == frames[2]
    assert len(set(frames)) == 5
    copy = cv2.imread(str(report.directory / "long/0001/half0001.png"))
    assert copy is not None
    assert copy.shape == (SMALL[0] // 2, SMALL[1] // 2, 3)
    moved = [scene_truth("smid", f"short1/M0000/000{n}.ARW", size=SMALL, seed=3) for n in (1, 6)]
    assert np.abs(moved[0] - moved[1]).mean() > 0.005


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_exif_agrees_with_the_camera_and_the_name(
    made: dict[str, SynthReport], collection: str
) -> None:
    report, camera = made[collection], CAMERAS[collection]
    for name in report.names[:: max(1, len(report.names) // 12)]:
        if name.endswith(".png"):
            continue
        data = (report.directory / name).read_bytes()
        tags = exifread.process_file(io.BytesIO(data), details=False)
        assert str(tags["Image Make"]) == camera.make
        assert str(tags["Image Model"]) == camera.model
        seconds = float(tags["EXIF ExposureTime"].values[0])
        if match := SID_NAME.fullmatch(name):
            assert seconds == pytest.approx(float(match[4]), abs=5e-4)
        if match := MID_SHORT.fullmatch(name):
            assert seconds == pytest.approx(float(match[6]))
            assert tags["EXIF ISOSpeedRatings"].values == [int(match[5])]


def test_mid_black_level_follows_the_iso(made: dict[str, SynthReport]) -> None:
    report = made["mid"]
    for match in filter(None, map(MID_SHORT.fullmatch, report.names)):
        if match[1] != "Indoor" or match[6] != "0.01":
            continue
        levels = libraw(report.directory / match[0])
        low = int(match[5]) < 400
        assert levels.black == (512 if low else 2048)
        assert levels.white == (15000 if low else 16383)
        assert levels.margins == (2, 2)
        assert levels.visible.shape == SMALL
        assert levels.pattern == [[0, 1], [3, 2]]


def test_mid_borders_hold_black(made: dict[str, SynthReport]) -> None:
    path = made["mid"].directory / "Indoor/pair1/00001/IMG_0001_00400_1_Indoor.cr2"
    with rawpy.imread(str(path)) as raw:
        whole = raw.raw_image.astype(float)
    assert whole[:2].mean() == pytest.approx(2048, abs=6)
    assert whole[:, :2].mean() == pytest.approx(2048, abs=6)


def test_sid_shorts_are_dark_and_longs_well_exposed(made: dict[str, SynthReport]) -> None:
    report = made["sid"]
    for name in report.names:
        levels = libraw(report.directory / name)
        assert (levels.black, levels.white) == (512, 16383)
        signal = float(np.median(levels.visible)) - 512
        if "/long/" in name:
            assert 1000 < signal < 6000
        else:
            assert 2 < signal < 60


@pytest.mark.parametrize(
    ("collection", "name"),
    [
        ("sid", "Sony/long/00001_00_10s.ARW"),
        ("sid", "Sony/long/10001_00_10s.ARW"),
        ("mid", "Indoor/pair1/IMG_0002_GT_Indoor.cr2"),
        ("mid", "Outdoor/pair1/IMG_5001_GT_Outdoor.cr2"),
        ("smid", "long/0001/0001.ARW"),
    ],
)
def test_libraw_renders_the_truth(tmp_path: Path, collection: str, name: str) -> None:
    size = (192, 288)
    make_collection(collection, tmp_path, scenes=3, size=size, isos=[100], shutters=[0.01], shots=1)
    with rawpy.imread(str(tmp_path / name)) as raw:
        rendered = raw.postprocess(
            use_camera_wb=True,
            no_auto_bright=True,
            output_bps=16,
            user_flip=0,
            adjust_maximum_thr=0,
        )
    linear = scene_truth(collection, name, size=size).astype(np.float64)
    truth = np.where(linear < 0.018, 4.5 * linear, 1.099 * linear**0.45 - 0.099)
    error = rendered / 65535 - truth
    assert np.abs(error).mean() < 0.03
    steepness = cv2.blur(np.abs(cv2.Laplacian(truth, cv2.CV_64F)).max(axis=2), (5, 5))
    smooth = error[steepness < np.quantile(steepness, 0.4)]
    assert np.abs(smooth).mean() < 0.012
    assert np.abs(smooth.mean(axis=0)).max() < 0.004


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, collection: str) -> None:
    runs = [
        make_collection(collection, tmp_path / run, scenes=1, size=SMALL, seed=seed, isos=[400])
        for run, seed in (("a", 5), ("b", 5), ("c", 6))
    ]
    first, second, third = (digests(report.directory) for report in runs)
    assert first == second
    assert set(first) == set(third)
    assert all(first[name] != third[name] for name in first)


def test_a_second_run_keeps_what_is_there(tmp_path: Path) -> None:
    first = make_collection("sid", tmp_path, scenes=2, size=SMALL)
    before = digests(tmp_path)
    (tmp_path / first.names[0]).unlink()
    (tmp_path / first.names[1]).write_bytes(b"cut off")
    stamp = (tmp_path / first.names[2]).stat().st_mtime_ns
    seen: list[tuple[int, int]] = []
    planned = make_collection("sid", tmp_path, scenes=2, size=SMALL, dry_run=True)
    again = make_collection(
        "sid",
        tmp_path,
        scenes=2,
        size=SMALL,
        progress=lambda done, total: seen.append((done, total)),
    )
    total = len(first.names)
    assert (again.written, again.kept) == (planned.written, planned.kept) == (2, total - 2)
    assert planned.bytes_written == again.bytes_written
    assert seen == [(total - 1, total), (total, total)]
    assert digests(tmp_path) == before
    assert (tmp_path / first.names[2]).stat().st_mtime_ns == stamp


def test_more_scenes_add_to_what_is_there(tmp_path: Path) -> None:
    few = make_collection("smid", tmp_path, scenes=1, size=SMALL, shots=2)
    before = digests(tmp_path)
    more = make_collection("smid", tmp_path, scenes=2, size=SMALL, shots=2)
    assert more.kept == len(few.names)
    after = digests(tmp_path)
    assert {name: after[name] for name in few.names} == {name: before[name] for name in few.names}


def test_another_seed_replaces_every_file(tmp_path: Path) -> None:
    make_collection("smid", tmp_path, scenes=1, size=SMALL, shots=1)
    before = digests(tmp_path)
    report = make_collection("smid", tmp_path, scenes=1, size=SMALL, shots=1, seed=1)
    assert report.kept == 0
    after = digests(tmp_path)
    assert all(after[name] != before[name] for name in before)


def test_two_collections_in_one_folder_both_stay_in_the_note(tmp_path: Path) -> None:
    make_collection("sid", tmp_path, scenes=1, size=SMALL, shots=1)
    make_collection("smid", tmp_path, scenes=1, size=SMALL, shots=1)
    note = (tmp_path / NOTE_NAME).read_text(encoding="utf-8")
    assert "- sid: " in note
    assert "- smid: " in note


def test_odd_sizes_keep_their_phase(tmp_path: Path) -> None:
    report = make_collection("mid", tmp_path, scenes=1, size=(101, 133), isos=[800], shutters=[0.1])
    assert len(report.names) == 4
    levels = libraw(tmp_path / report.names[1])
    assert levels.visible.shape == (101, 133)
    assert levels.pattern == [[0, 1], [3, 2]]


@pytest.mark.parametrize(
    ("collection", "arguments", "words"),
    [
        ("sidd", {}, "recrvd, sid, smid"),
        ("sid", {"size": (63, 96)}, "at least 64"),
        ("sid", {"scenes": 0}, "0 scenes"),
        ("smid", {"shots": 0}, "0 shots"),
        ("mid", {"shots": 2}, "one frame for each ISO"),
        ("mid", {"scenes": 5000}, "at most 4000"),
        ("sid", {"isos": []}, "at least one"),
        ("sid", {"shutters": [0.1, -1.0]}, "all above 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    tmp_path: Path, collection: str, arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        make_collection(collection, tmp_path, **arguments)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_unknown_names_have_no_truth() -> None:
    with pytest.raises(UsageError, match="no name of a file of sid"):
        scene_truth("sid", "Sony/long/10s.ARW")
    with pytest.raises(UsageError, match="recrvd, sid, smid"):
        scene_truth("sidd", "Sony/long/00001_00_10s.ARW")


def test_true_photographs_are_never_mixed_with_fabricated_ones(tmp_path: Path) -> None:
    photograph = tmp_path / "Sony" / "long" / "00001_00_10s.ARW"
    photograph.parent.mkdir(parents=True)
    photograph.write_bytes(b"irreplaceable")
    with pytest.raises(UsageError, match="may hold true photographs"):
        make_collection("sid", tmp_path, scenes=1, size=SMALL)
    assert photograph.read_bytes() == b"irreplaceable"


def test_folders_that_cannot_be_written_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(OutputError, match="is a file"):
        make_collection("sid", file, scenes=1, size=SMALL)
    with pytest.raises(OutputError, match=r"cannot be written.*choose another folder"):
        make_collection("sid", file / "below", scenes=1, size=SMALL)

    def read_only(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", read_only)
    with pytest.raises(OutputError, match=r"Read-only file system\. Choose a folder"):
        make_collection("sid", tmp_path / "sealed", scenes=1, size=SMALL)


def test_a_disk_too_small_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage(1000))
    with pytest.raises(OutputError, match="MB free"):
        make_collection("sid", tmp_path, scenes=1, size=SMALL)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_leaves_whole_files_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace
    written: list[Path] = []

    def nearly_full(self: Path, target: Path) -> Path:
        if len(written) >= 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(target)
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", nearly_full)
        with pytest.raises(RawkitError, match=r"No space left.*the next run goes on"):
            make_collection("sid", tmp_path, scenes=1, size=SMALL)
    assert len(digests(tmp_path)) == 3
    report = make_collection("sid", tmp_path, scenes=1, size=SMALL)
    assert report.kept == 2
    assert set(digests(tmp_path)) == {*report.names, NOTE_NAME}


def test_another_camera_sees_the_same_scenes(tmp_path: Path) -> None:
    wishes = {"scenes": 1, "size": (96, 128), "shots": 1, "shutters": [0.1]}
    other = replace(CAMERAS["sid"], model="Other", neutral=(0.8, 1.0, 0.4))
    reports = [
        make_collection("sid", tmp_path / "own", **wishes),  # type: ignore[arg-type] # by name
        make_collection("sid", tmp_path / "other", camera=other, **wishes),  # type: ignore[arg-type] # by name
    ]
    assert reports[0].names == reports[1].names
    assert "Other" in (tmp_path / "other" / NOTE_NAME).read_text()
    pictures = []
    for report in reports:
        long = next(name for name in report.names if "long/" in name)
        with rawpy.imread(str(report.directory / long)) as raw:
            balance = np.array(raw.camera_whitebalance[:3])
            pictures.append(
                (balance / balance[1], raw.postprocess(use_camera_wb=True, no_auto_bright=True))
            )
    (first, one), (second, another) = pictures
    assert first == pytest.approx(1 / np.array(CAMERAS["sid"].neutral), rel=1e-3)
    assert second == pytest.approx([1 / 0.8, 1, 1 / 0.4], rel=1e-3)
    assert np.abs(one.astype(float) - another).mean() < 8
