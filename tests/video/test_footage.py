"""Raw videos: read frame by frame, and refused with a reason where they cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rawkit.errors import (
    CorruptError,
    MissingError,
    MosaicError,
    NotRawError,
    RawFileError,
    RawkitError,
    TruncatedError,
    UsageError,
)
from rawkit.sensor import Levels
from rawkit.video import find_footage
from rawkit.video.header import FrameHeader, read_header
from tests.support.videos import packed_frames, save_frames, write_take

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.video import Footage


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """Write a folder of four frames of 64x96 pixels."""
    write_take(tmp_path / "take", packed_frames(4))
    return tmp_path / "take"


@pytest.fixture
def opened() -> Iterator[list[Footage]]:
    """Close videos after the test."""
    found: list[Footage] = []
    yield found
    for one in found:
        one.close()


def test_packed_frames_become_mosaics(tmp_path: Path) -> None:
    frames = packed_frames(3)
    footage = find_footage(save_frames(tmp_path / "a.npy", frames), levels=Levels(200, 16383))
    assert (footage.count, footage.size, footage.missing) == (3, (64, 96), ())
    frame = footage.frame(1)
    assert frame.image.mosaic.pattern == ((3, 2), (0, 1))  # G2 B / R G1
    assert np.array_equal(frame.image.pixels[1::2, ::2], frames[1, ..., 2])
    assert set(frame.image.mosaic.black_level) == {200}
    assert frame.base > 1


def test_floats_of_0_to_1_are_spread_over_16_bits(tmp_path: Path) -> None:
    frames = packed_frames(2)
    path = save_frames(tmp_path / "a.npy", (frames / 65535).astype(np.float32))
    assert np.array_equal(find_footage(path).frame(1).image.pixels[::2, ::2], frames[1, ..., 0])


def test_a_folder_is_read_in_the_order_of_its_numbers(take: Path, opened: list[Footage]) -> None:
    footage = find_footage(take)
    opened.append(footage)
    assert (footage.count, footage.size, footage.fps) == (4, (64, 96), 30.0)
    frames = packed_frames(4)
    for number in (2, 0):
        pixels = footage.frame(number).image.pixels
        assert np.array_equal(pixels[::2, ::2], frames[number, ..., 0])
    assert footage.frame(0).capture.model == "Cinema"


def test_a_real_frame_says_its_size_and_rate(real_data: Path) -> None:
    path = real_data / "Blackmagic_BMPCC_lowlight_GBRG.dng"
    assert read_header(path) == FrameHeader((1112, 1952), 30.0)


def test_a_header_that_is_none_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    for data in (b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\x05" + b"\xff" * 40):
        path.write_bytes(data)
        assert read_header(path) == FrameHeader()
    assert read_header(tmp_path / "none.dng") == FrameHeader()


def test_numbers_that_are_left_out_are_known(take: Path, opened: list[Footage]) -> None:
    (take / "take_000008.dng").unlink()
    footage = find_footage(take)
    opened.append(footage)
    assert footage.count == 4
    assert footage.missing == (1,)
    with pytest.raises(CorruptError, match="frame 1 is missing"):
        footage.frame(1)


def test_frames_of_another_size_are_found_before_anything_is_decoded(take: Path) -> None:
    write_take(take, packed_frames(1, (96, 64))[:1])
    (take / "take_000007.dng").rename(take / "take_000011.dng")
    write_take(take, packed_frames(4))
    footage = find_footage(take)
    with pytest.raises(
        MosaicError, match=r"take_000011\.dng: a frame of 64x96 pixels; expected 96x64"
    ):
        _ = footage.fps


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (packed_frames(2).astype(np.int32), MosaicError, "int32"),
        (packed_frames(2)[..., :3], MosaicError, "shape"),
        (packed_frames(2)[0], MosaicError, "shape"),
        (np.array([{"a": 1}], dtype=object), MosaicError, "Python objects"),
        (np.full((2, 8, 8, 4), np.nan, np.float32), CorruptError, "256 of 256 values that are no"),
        (np.full((2, 8, 8, 4), 900, np.float32), MosaicError, "floats from 900 to 900"),
    ],
)
def test_arrays_that_are_no_video_are_refused(
    data: NDArray[Any], error: type[RawkitError], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.npy"
    np.save(path, data, allow_pickle=True)
    with pytest.raises(error, match=said) as caught:
        find_footage(path).frame(0)
    assert str(path) in str(caught.value)


def test_a_truncated_array_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = save_frames(tmp_path / "a.npy", packed_frames(3))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TruncatedError, match="a whole file"):
        find_footage(path)
    path.write_bytes(b"no array")
    with pytest.raises(NotRawError, match="not a NumPy file"):
        find_footage(path)


def test_folders_that_are_no_video_are_refused(tmp_path: Path, take: Path) -> None:
    with pytest.raises(MissingError, match="no such file"):
        find_footage(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingError, match="without raw files"):
        find_footage(tmp_path / "empty")
    (tmp_path / "a.mov").touch()
    with pytest.raises(UsageError, match=r"of the kind \.mov"):
        find_footage(tmp_path / "a.mov")
    (take / "other_000009.dng").write_bytes((take / "take_000009.dng").read_bytes())
    with pytest.raises(UsageError, match="in one folder"):
        find_footage(take)


def test_photographs_of_a_folder_are_no_video(take: Path) -> None:
    (take / "take_000010.dng").rename(take / "take_004000.dng")
    with pytest.raises(UsageError, match="for 4 files"):
        find_footage(take)
    (take / "take_004000.dng").rename(take / "last.dng")
    with pytest.raises(UsageError, match="names that end in numbers"):
        find_footage(take)


def test_a_damaged_frame_is_an_error_of_its_own(take: Path, opened: list[Footage]) -> None:
    path = take / "take_000009.dng"
    path.write_bytes(path.read_bytes()[:3000])
    footage = find_footage(take)
    opened.append(footage)
    footage.frame(1)
    with pytest.raises(RawFileError, match=r"take_000009\.dng"):
        footage.frame(2)
    footage.frame(3)
