"""A raw video to a finished one: end to end, gone on with, and never half written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from rawkit.errors import CorruptError, OutputError, RawFileError, UsageError
from rawkit.pictures import PictureFormat
from rawkit.restore import Brightness, decode_single, restore_single
from rawkit.sensor import Levels
from rawkit.video import VideoOutput, find_footage, plan_restoration, restore_video
from rawkit.video import run as run_module
from rawkit.video.codecs import decoded
from rawkit.video.parts import SEGMENT_FRAMES, Parts, segments_of, span_of
from rawkit.video.sheet import pictures_of
from rawkit.video.tones import finished
from tests.support.videos import CLIPS, packed_frames, restorer_of, save_frames, write_take

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.restore import Restorer
    from rawkit.video import VideoReport

LEVELS = Levels(200, 16383)
pytestmark = pytest.mark.usefixtures("one_torch_thread")
LONG = 2 * SEGMENT_FRAMES + 3


@pytest.fixture(scope="module")
def restorer() -> Restorer:
    """Return a network of single frames."""
    return restorer_of("lamba2021")


@pytest.fixture(scope="module")
def clips() -> Restorer:
    """Return a network of clips."""
    return restorer_of(CLIPS)


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a video of three segments."""
    return save_frames(tmp_path_factory.mktemp("long") / "a.npy", packed_frames(LONG, (32, 48)))


def restored(source: Path, target: Path, restorer: Restorer, **options: Any) -> VideoReport:
    """Restore a video."""
    levels = LEVELS if source.suffix == ".npy" else None
    return restore_video(
        find_footage(source, levels=levels),
        VideoOutput(target, **options),
        restorer,
    )


def test_every_kind_of_output_shows_the_same_frames(tmp_path: Path, restorer: Restorer) -> None:
    source = save_frames(tmp_path / "a.npy", packed_frames(5, (64, 96)))
    report = restored(source, tmp_path / "out.npy", restorer)
    frames = np.load(tmp_path / "out.npy")
    assert (report.frames, report.size, report.begun_at) == (5, (64, 96), 0)
    assert frames.shape == (5, 64, 96, 3)
    assert frames.dtype == np.uint8
    restored(source, tmp_path / "out.mp4", restorer, quality=1)
    shown = np.stack(list(decoded(tmp_path / "out.mp4")))
    # Chroma has a quarter of the pixels, and a random network's colours are as fine as noise.
    luma = np.array([0.2126, 0.7152, 0.0722])
    assert np.abs(shown @ luma - frames @ luma).mean() < 8
    for kind in ("png", "tiff"):
        folder = tmp_path / kind
        restored(source, folder, restorer, format=PictureFormat(kind, 16))
        files = sorted(folder.iterdir())
        assert [one.stem for one in files] == [f"{number:06d}" for number in range(5)]
        wide = [np.asarray(cv2.imread(str(one), cv2.IMREAD_UNCHANGED))[..., ::-1] for one in files]
        assert wide[0].dtype == np.uint16
        assert np.abs(np.stack(wide) / 257 - frames).max() <= 0.51
    restored(source, tmp_path / "f.npy", restorer, floats=True)
    floats = np.load(tmp_path / "f.npy")
    assert floats.dtype == np.float32
    assert np.abs(floats * 255 - frames).max() <= 0.51
    assert [one.name for one in tmp_path.iterdir() if ".parts" in one.name] == []


def test_a_frame_is_restored_as_a_photograph_is(tmp_path: Path, restorer: Restorer) -> None:
    frames = packed_frames(3, (64, 96))
    source = save_frames(tmp_path / "a.npy", frames)
    restored(source, tmp_path / "o.npy", restorer, radius=0)
    image = find_footage(source, levels=LEVELS).frame(1).image
    alone = restore_single(decode_single(image), restorer)
    assert np.array_equal(np.load(tmp_path / "o.npy")[1], finished(alone, 8, "bt709"))


def test_frames_of_a_folder_have_the_colours_of_the_sensor(
    tmp_path: Path, restorer: Restorer
) -> None:
    write_take(tmp_path / "take", packed_frames(4, (64, 96)), fps=24000 / 1001)
    known = replace(restorer, neutral=(0.5, 1.0, 0.6))
    report = restored(tmp_path / "take", tmp_path / "a.mp4", known, colour="sensor", compare=True)
    assert report.colour == "sensor"
    assert report.fps == pytest.approx(23.976, abs=0.001)
    both = list(decoded(tmp_path / "a.compare.mp4"))
    assert len(both) == 4
    assert both[0].shape == (64, 192, 3)


@pytest.mark.parametrize("network", ["restorer", "clips"])
def test_a_killed_run_is_gone_on_with_and_gives_the_same_bytes(
    network: str, long_video: Path, tmp_path: Path, request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    chosen = request.getfixturevalue(network)
    options = {} if network == "restorer" else {"pieces": (8, 128), "overlap": (3, 16)}
    for target in ("a.mp4", "a.npy", "a"):
        restored(long_video, tmp_path / "whole" / target, chosen, **options)
    for target, killed in (("a.mp4", 50), ("a.npy", 40), ("a", 66)):
        write = run_module.SegmentWriter.write

        def dying(self: object, pictures: object, killed: int = killed) -> None:
            if self._next == killed:  # type: ignore[attr-defined]
                raise KeyboardInterrupt
            write(self, pictures)  # type: ignore[arg-type]  # noqa: B023

        path = tmp_path / target
        with monkeypatch.context() as patch:
            patch.setattr(run_module.SegmentWriter, "write", dying)
            with pytest.raises(KeyboardInterrupt):
                restored(long_video, path, chosen, **options)
        assert not path.is_file()
        report = restored(long_video, path, chosen, **options)
        assert report.begun_at == killed // SEGMENT_FRAMES * SEGMENT_FRAMES > 0
        whole = tmp_path / "whole" / target
        for one in [path] if path.is_file() else sorted(path.iterdir()):
            same = whole if path.is_file() else whole / one.name
            assert one.read_bytes() == same.read_bytes()
        assert len(list(pictures_of(path))) == LONG


def test_segments_of_other_settings_are_dropped(
    long_video: Path, tmp_path: Path, restorer: Restorer
) -> None:
    target = tmp_path / "a.npy"
    restored(long_video, target, restorer)
    parts = Parts.beside(target)
    assert parts.open("other settings") is False
    (parts.folder / "000000.raw").write_bytes(b"of the other settings")
    report = restored(long_video, target, restorer)
    assert report.begun_at == 0
    assert not parts.folder.exists()


def test_a_folder_that_is_not_ours_is_left_alone(
    long_video: Path, tmp_path: Path, restorer: Restorer
) -> None:
    stranger = tmp_path / "a.npy.parts" / "thesis.txt"
    stranger.parent.mkdir()
    stranger.write_text("years of work")
    with pytest.raises(UsageError, match="a folder that is not of a video in work"):
        restored(long_video, tmp_path / "a.npy", restorer)
    assert stranger.read_text() == "years of work"


def test_what_is_in_the_way_is_said(long_video: Path, tmp_path: Path, restorer: Restorer) -> None:
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(OutputError, match=r"a\.mp4: a folder; expected a video"):
        restored(long_video, tmp_path / "a.mp4", restorer)
    (tmp_path / "frames").touch()
    with pytest.raises(OutputError, match="a file; expected a folder of frames"):
        restored(long_video, tmp_path / "frames", restorer)


def test_pictures_of_a_longer_video_are_dropped(tmp_path: Path, restorer: Restorer) -> None:
    frames = packed_frames(5, (32, 48))
    restored(save_frames(tmp_path / "a.npy", frames), tmp_path / "out", restorer)
    assert len(list((tmp_path / "out").iterdir())) == 5
    restored(save_frames(tmp_path / "a.npy", frames[:2]), tmp_path / "out", restorer)
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_missing_and_damaged_frames_end_it_or_are_held(tmp_path: Path, restorer: Restorer) -> None:
    take = tmp_path / "take"
    paths = write_take(take, packed_frames(5, (32, 48)))
    paths[1].unlink()
    paths[3].write_bytes(paths[3].read_bytes()[:900])
    target = tmp_path / "a.npy"
    with pytest.raises(CorruptError, match=r"1 of 5 frames are missing: 1; .*--hold"):
        restored(take, target, restorer)
    assert not target.exists()
    report = restored(take, target, restorer, hold=True, radius=0)
    assert report.held[0].kind == "corrupt"
    assert [one.number for one in report.held] == [1, 3]
    frames = np.load(target)
    assert np.array_equal(frames[1], frames[0])
    assert np.array_equal(frames[3], frames[2])
    assert not np.array_equal(frames[4], frames[2])


def test_a_damaged_frame_in_the_middle_leaves_no_video(tmp_path: Path, restorer: Restorer) -> None:
    take = tmp_path / "take"
    paths = write_take(take, packed_frames(5, (32, 48)))
    paths[3].write_bytes(paths[3].read_bytes()[:900])
    with pytest.raises(RawFileError, match=r"000010\.dng"):
        restored(take, tmp_path / "a.mp4", restorer)
    assert not (tmp_path / "a.mp4").exists()


def test_nan_in_the_middle_is_named(tmp_path: Path, restorer: Restorer) -> None:
    frames = packed_frames(4, (32, 48)).astype(np.float32) / 65535
    frames[2, 3, 3, 1] = np.nan
    source = save_frames(tmp_path / "a.npy", frames)
    with pytest.raises(CorruptError, match=r"frame 2: 1 of 1536 values that are no numbers"):
        restored(source, tmp_path / "o.npy", restorer)


def test_a_video_shorter_than_a_clip_is_restored(tmp_path: Path, clips: Restorer) -> None:
    source = save_frames(tmp_path / "a.npy", packed_frames(2, (32, 48)))
    assert restored(source, tmp_path / "o.npy", clips).frames == 2
    assert np.load(tmp_path / "o.npy").std() > 0


def test_the_plan_says_pieces_and_memory(long_video: Path, tmp_path: Path, clips: Restorer) -> None:
    output = VideoOutput(tmp_path / "a.mp4", max_ram=1_500_000_000)
    plan = plan_restoration(find_footage(long_video, levels=LEVELS), output, clips)
    assert plan.pieces.startswith("3x1x1 of ")
    assert "blending" in plan.memory.text()
    tight = replace(output, max_ram=300_000_000)
    with pytest.raises(UsageError, match=r"Allow it 0\.\d\dGB"):
        plan_restoration(find_footage(long_video, levels=LEVELS), tight, clips)


def test_flicker_of_brightness_is_gone(tmp_path: Path, restorer: Restorer) -> None:
    # Every second frame is a little darker: as light bulbs and estimates are.
    frames = np.repeat(packed_frames(1, (32, 48)), 30, axis=0).astype(float)
    frames[1::2] = 200 + (frames[1::2] - 200) * 0.9
    source = save_frames(tmp_path / "a.npy", frames.astype(np.uint16))
    report = restored(source, tmp_path / "o.npy", restorer)
    alone, steady = (np.abs(np.diff(np.log(one))).mean()
                     for one in (report.alone, report.amplification))  # fmt: skip
    assert alone > 0.02
    assert steady < alone / 20
    each = restored(source, tmp_path / "e.npy", restorer, radius=0)
    assert each.alone == each.amplification


def test_requests_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"brightness": Brightness("auto", (1.0, 5.0))}, "2 brightnesses"),
        ({"fps": 0.0}, "0 frames a second"),
        ({"codec": "hevc"}, "codec 'hevc'"),
        ({"quality": 52}, "quality 52 of h264"),
        ({"radius": -1}, "a window of -1"),
        ({"floats": True}, "32 bits"),
    ]
    for options, said in refused:
        with pytest.raises(UsageError, match=said):
            VideoOutput(tmp_path / "a.mp4", **options)
    with pytest.raises(UsageError, match="frames as jpeg"):
        VideoOutput(tmp_path / "frames", format=PictureFormat("jpeg"))


def test_segments_cover_a_video() -> None:
    for count in (1, SEGMENT_FRAMES, SEGMENT_FRAMES + 1, 1000):
        covered = [n for number in range(segments_of(count)) for n in span_of(number, count)]
        assert covered == list(range(count))
