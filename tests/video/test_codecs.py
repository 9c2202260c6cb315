"""Compressed video: true colours, tags, odd sizes, joined segments, and clear errors."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest

from rawkit.errors import OutputError, UnreadableError, UsageError
from rawkit.video.codecs import (
    CODECS,
    Encoder,
    decoded,
    join,
    rate_in,
    rate_of,
    require_codec,
    stored_size,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.video.codecs import Codec

COLOURS = ((200, 60, 40), (40, 180, 70), (50, 70, 200), (128, 128, 128), (16, 16, 16))


def flat_frames(count: int, size: tuple[int, int] = (64, 160)) -> list[NDArray[np.uint8]]:
    """Bars of colour, each wide enough to have a middle without its neighbours' chroma."""
    frame = np.zeros((*size, 3), np.uint8)
    width = size[1] // len(COLOURS)
    for number, colour in enumerate(COLOURS):
        frame[:, number * width : (number + 1) * width] = colour
    return [frame] * count


def write(path: Path, frames: list[NDArray[np.uint8]], codec: Codec, fps: float = 25) -> Path:
    """Encode frames, at the best quality."""
    size = frames[0].shape[0], frames[0].shape[1]
    encoder = Encoder(path, size, fps, codec, 4)
    for frame in frames:
        wide = frame if codec.given_bits == 8 else frame.astype(np.uint16) * 257
        encoder.write(wide)
    encoder.close()
    return path


@pytest.mark.parametrize("name", sorted(CODECS))
def test_colours_come_back_by_the_matrix_that_the_tags_name(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", flat_frames(4), require_codec(name))
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        tags = context.color_primaries, context.color_trc, context.colorspace, context.color_range
        assert tags == (1, 13, 1, 1)
        frame = next(container.decode(video=0))
        # As FFmpeg's own programs convert, which go by the tags: BT.601 would be 13 off for red.
        shown = frame.to_ndarray(format="rgb24")
    for number, colour in enumerate(COLOURS):
        middle = shown[32, 32 * number + 16].astype(int)
        assert np.abs(middle - colour).max() <= 4, (middle, colour)


@pytest.mark.parametrize("name", sorted(CODECS))
def test_joined_segments_are_one_video_and_always_the_same_bytes(name: str, tmp_path: Path) -> None:
    codec, rng = require_codec(name), np.random.default_rng(0)
    small = rng.integers(0, 255, (5, 9, 3), dtype=np.uint8)
    base = cv2.resize(small, (128, 64)).astype(np.uint8)
    frames = [np.roll(base, 2 * number, 1) for number in range(20)]
    parts = [
        write(tmp_path / f"{n}.mp4", frames[a:b], codec, 30000 / 1001)
        for n, (a, b) in enumerate([(0, 8), (8, 16), (16, 20)])
    ]
    made = []
    for whole in (tmp_path / "x.mp4", tmp_path / "y.mp4"):
        with whole.open("w+b") as file:
            join(parts, file, "a comment")
        made.append(whole.read_bytes())
    assert made[0] == made[1]
    assert made[0].index(b"moov") < made[0].index(b"mdat")  # plays before it is loaded whole
    shown = list(decoded(tmp_path / "x.mp4"))
    assert len(shown) == 20
    apart = [float(np.abs(a.astype(int) - b).mean()) for a, b in zip(shown, frames, strict=True)]
    assert max(apart) < 5  # chroma of hard colours has a quarter of the pixels
    with av.open(str(tmp_path / "x.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == rate_of(29.97)
        times = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
        assert sorted(times) == [number * 1001 for number in range(20)]
        assert container.metadata["comment"] == "a comment"
    assert rate_in(tmp_path / "x.mp4") == pytest.approx(29.97, abs=0.001)


def test_odd_sizes_are_made_even_by_repeating_the_last(tmp_path: Path) -> None:
    frame = np.full((75, 101, 3), 90, np.uint8)
    path = write(tmp_path / "odd.mp4", [frame] * 2, require_codec("h264"))
    shown = next(decoded(path))
    assert shown.shape == (*stored_size(75, 101), 3) == (76, 102, 3)
    assert np.abs(shown.astype(int) - 90).max() <= 2


def test_rates_of_television_are_fractions() -> None:
    assert rate_of(23.976) * 1001 == 24000
    assert rate_of(59.94) * 1001 == 60000
    assert rate_of(25) == 25
    assert float(rate_of(12.5)) == 12.5


def test_a_codec_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="expected h264 or av1"):
        require_codec("hevc")
    monkeypatch.setattr(av, "codecs_available", {"libx264"})
    with pytest.raises(UsageError, match=r"without libsvtav1; expected one of h264.*--codec"):
        require_codec("av1")


def test_without_pyav_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UsageError, match=r"pip install rawkit-lowlight\[video\]"):
        require_codec("h264")


def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "none" / "a.mp4", flat_frames(2), require_codec("h264"))


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UnreadableError, match=r"a\.mp4: cannot be read"):
        list(decoded(path))
    with (tmp_path / "b.mp4").open("w+b") as file, pytest.raises(UnreadableError, match="Delete"):
        join([path], file, "")


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="only Linux tells")
@pytest.mark.parametrize("name", sorted(CODECS))
def test_an_encoder_leaves_the_process_as_urgent_as_it_was(name: str, tmp_path: Path) -> None:
    """SVT-AV1 makes whoever runs it as root real-time, and all that is started from there."""
    encoder = Encoder(tmp_path / "a.mp4", (64, 96), 25, require_codec(name))
    for _ in range(8):
        encoder.write(np.zeros((64, 96, 3), np.uint8))
    threads = [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
    found = {os.sched_getscheduler(thread) for thread in threads}
    encoder.close()
    assert found == {os.SCHED_OTHER}
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_the_same_frames_are_the_same_file_whatever_lay_in_memory_before(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.add.outer(np.arange(64) * 2, np.arange(96)), [0, 20, 40])
    frames = [
        np.clip(ramp + number + rng.normal(0, 5, ramp.shape), 0, 255).astype(np.uint8)
        for number in range(24)
    ]
    seen = set()
    for _ in range(60):
        left = [rng.integers(0, 255, rng.integers(1_000, 400_000), np.uint8) for _ in range(12)]
        del left[::2]
        encoder = Encoder(tmp_path / "a.mp4", (64, 96), 25, require_codec("h264"))
        for frame in frames:
            encoder.write(frame)
        encoder.close()
        seen.add((tmp_path / "a.mp4").read_bytes())
    assert len(seen) == 1
