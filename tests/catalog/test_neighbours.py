"""Which frames follow each other, by their names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.catalog import place_in_video


@pytest.mark.parametrize(
    ("name", "video", "number"),
    [
        ("train/dark/v1.npy#0012", "train/dark/v1.npy#*", 12),
        ("short/0001/0007.ARW", "short/0001/*.ARW", 7),
        ("A001/A001_000123.dng", "A001/A001_*.dng", 123),
        ("0007.dng", "*.dng", 7),
        ("shot.0012.dng", "shot.*.dng", 12),
        ("take 2/frame-10", "take 2/frame-*", 10),
    ],
)
def test_the_number_at_the_end_of_a_name_is_that_of_the_frame(
    name: str, video: str, number: int
) -> None:
    assert place_in_video(name) == (video, number)


@pytest.mark.parametrize(
    "name",
    ["short/00001_00_0.04s.ARW", "Indoor/pair1/00100/IMG_1234_00100_0.1_Indoor.cr2", "a", "",
     "12/picture.dng", "dark_0.04.dng", "take.1/frame", "20260101123456789012.dng"],
)  # fmt: skip
def test_photographs_are_in_no_video(name: str) -> None:
    assert place_in_video(name) is None


@given(
    st.text("ab/_- ", max_size=8),
    st.integers(0, 10**9),
    st.integers(0, 12),
    st.sampled_from(["", ".dng", ".CR2"]),
)
def test_frames_of_a_video_differ_in_their_number_alone(
    before: str, number: int, digits: int, ending: str
) -> None:
    one = place_in_video(f"{before}x{number:0{digits}d}{ending}")
    other = place_in_video(f"{before}x{number + 1:0{digits}d}{ending}")
    assert one is not None
    assert other is not None
    assert one.video == other.video
    assert (one.number, other.number) == (number, number + 1)
