"""Movies read as arrays of pictures: the right picture, the right colours, bad ones refused."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import CorruptError, TooLargeError, TruncatedError
from rawkit.source import LocalRanges, open_movie
from tests.support.movies import SIZE, plain_pictures, write_movie

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 24


@pytest.fixture(scope="session")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a movie whose pictures tell their number."""
    path = tmp_path_factory.mktemp("movie") / "truth.mp4"
    write_movie(path, plain_pictures(COUNT))
    return path


@given(st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=6))
@settings(max_examples=15)
def test_any_picture_in_any_order(movie: Path, numbers: list[int]) -> None:
    opened = open_movie(LocalRanges(movie))
    assert opened.shape == (COUNT, *SIZE, 3)
    expected = plain_pictures(COUNT)
    for number in numbers:
        off = opened.frame(number).astype(int) - expected[number]
        assert np.abs(off).max() <= 2
    opened.rest()


def test_another_process_begins_anew(movie: Path) -> None:
    opened = open_movie(LocalRanges(movie))
    opened.frame(3)
    there = pickle.loads(pickle.dumps(opened))  # noqa: S301 - our own
    assert there.data(4) == opened.data(4)


@pytest.mark.parametrize(
    ("matrix", "said", "height"), [(1, True, 64), (5, True, 64), (5, False, 64), (1, False, 720)]
)
def test_colours_are_those_that_went_in(
    tmp_path: Path, matrix: int, height: int, *, said: bool
) -> None:
    squares = np.random.default_rng(0).integers(0, 256, (height // 16, 6, 3), np.uint8)
    picture = squares.repeat(16, 0).repeat(16, 1)
    write_movie(tmp_path / "a.mp4", [picture], matrix=matrix, said=said)
    found = open_movie(LocalRanges(tmp_path / "a.mp4")).frame(0)
    assert np.abs(found.astype(int) - picture).max() <= 3


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_a_movie_that_was_cut_off_is_refused(movie: Path, tmp_path: Path, keep: float) -> None:
    data = movie.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: int(keep * len(data))])
    with pytest.raises((CorruptError, TruncatedError)) as caught:
        open_movie(LocalRanges(cut))
    assert str(cut) in str(caught.value)


def test_a_movie_that_ends_early_says_at_which_frame(movie: Path) -> None:
    opened = open_movie(LocalRanges(movie))
    with pytest.raises(TruncatedError, match="24 frames, but frame 24 is asked for"):
        opened.frame(COUNT)


def test_pictures_larger_than_any_camera_has_are_refused(
    movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rawkit.source.movie._MOST_PIXELS", 1000)
    with pytest.raises(TooLargeError, match="a movie of 96x64 pixels"):
        open_movie(LocalRanges(movie))
