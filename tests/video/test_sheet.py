"""What stands for a finished video: a contact sheet, a poster, a small mp4."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import MissingError, OutputError
from rawkit.video import contact_sheet, poster, small_mp4
from rawkit.video.codecs import CODECS, Encoder, decoded

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty frames of 120x200 pixels, each brighter than the one before."""
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    encoder = Encoder(path, (120, 200), 20, CODECS["h264"])
    rng = np.random.default_rng(0)
    for number in range(20):
        noise = rng.integers(0, 30, (120, 200, 3))
        encoder.write((noise + 10 * number).astype(np.uint8))
    encoder.close()
    return path


def test_a_poster_is_the_frame_in_the_middle(video: Path) -> None:
    frames = list(decoded(video))
    assert np.array_equal(poster(video), frames[10])
    assert np.array_equal(poster(video, at=0), frames[0])
    assert poster(video, longest=100).shape == (60, 100, 3)


def test_a_contact_sheet_shows_frames_evenly_apart(video: Path) -> None:
    sheet = contact_sheet(video, cells=4)
    assert sheet.shape == (8 + 120 + 24 + 8, 8 + 4 * 208, 3)
    levels = [float(sheet[8:128, left : left + 200].mean()) for left in (8, 216, 424, 632)]
    assert levels == sorted(levels)
    assert levels[-1] - levels[0] == pytest.approx(190, abs=5)


def test_arrays_and_folders_are_shown_too(tmp_path: Path) -> None:
    frames = np.zeros((3, 20, 30, 3), np.uint16)
    frames[1] = 30000
    np.save(tmp_path / "a.npy", frames)
    assert poster(tmp_path / "a.npy").mean() == 117
    np.save(tmp_path / "f.npy", (frames / 65535).astype(np.float32))
    assert poster(tmp_path / "f.npy").mean() == 117
    assert len(small_mp4(tmp_path / "a.npy", 100_000)) > 0


def test_a_small_mp4_keeps_its_limit(video: Path, tmp_path: Path) -> None:
    whole = small_mp4(video, 10**7)
    limit = len(whole) // 4
    small = small_mp4(video, limit)
    assert len(small) <= limit
    (tmp_path / "s.mp4").write_bytes(small)
    assert len(list(decoded(tmp_path / "s.mp4"))) == 20
    with pytest.raises(OutputError, match="no mp4 of 100 bytes"):
        small_mp4(video, 100)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such video"):
        poster(tmp_path / "none.mp4")
    with pytest.raises(MissingError, match="without frames"):
        contact_sheet(tmp_path)
