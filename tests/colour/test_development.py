"""What a mosaic says may be nonsense: its picture is one all the same, and it is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.colour import Development, Learned, develop
from rawkit.errors import UsageError
from rawkit.sensor import (
    UNKNOWN_BALANCE,
    XTRANS,
    ColourMatrix,
    Exposure,
    RawImage,
    WhiteBalance,
)
from tests.colour.scenes import BLACK, WHITE, XYZ_TO_CAMERA, mosaic_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.colour import ColourMode, Estimates
    from rawkit.sensor import Cell

RIGHT = ColourMatrix(tuple(XYZ_TO_CAMERA.ravel().tolist()), "file")
PUBLISHED = Learned({"ILCE-7SM2": (0.4, 1.0, 0.39)}, published=True)


def image_of(
    pixels: NDArray[np.uint16],
    balance: tuple[float, float, float] = (2.0, 1.0, 1.5),
    matrix: ColourMatrix | None = RIGHT,
    source: str = "camera",
) -> RawImage:
    """Describe a Bayer mosaic that came with such a balance and matrix."""
    red, green, blue = balance
    return RawImage(
        pixels=pixels, mosaic=mosaic_of(*pixels.shape), exposure=Exposure(None, None, None),
        white_balance=WhiteBalance((red, green, blue, green), source), colour_matrix=matrix,
    )  # fmt: skip


def noise(
    shape: tuple[int, int] = (66, 70), light: float = 30, seed: int = 0
) -> NDArray[np.uint16]:
    """Make sensor units of a grey with noise."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(BLACK + light, 5, shape), 0, WHITE).astype(np.uint16)


def expected_or_one(found: Estimates) -> tuple[float]:
    return (found.expected or 1.0,)


def developed(image: RawImage, mode: ColourMode = "auto") -> Development:
    (one,) = develop(image, PUBLISHED, mode, expected_or_one, base=2.0, camera="other")
    return one


def picture_of(image: RawImage, one: Development, level: float = 0.4) -> NDArray[np.float32]:
    """Give a flat grey picture, as a network might make it, its colours."""
    grey = np.full((*image.pixels.shape, 3), level, np.float32)
    bands = [grey[top : top + 13] for top in range(0, len(grey), 13)]
    return np.concatenate(list(one.coloured(iter(bands))))


def test_a_camera_that_was_not_seen_gets_the_sensors_colours() -> None:
    one = developed(image_of(noise()))
    assert one.note.colour == "sensor"
    assert one.note.white_balance == pytest.approx((2.0, 1.0, 1.5))
    assert one.note.colour_matrix_source == "file"


@pytest.mark.parametrize(
    ("balance", "source"),
    [((0.0, 0.0, 0.0), "camera"), ((2.0, 1.0, 0.0), "camera"), ((-1.0, 1.0, 2.0), "camera"),
     ((float("nan"), 1.0, 1.0), "camera"), ((1e9, 1.0, 1.0), "camera"),
     ((1.0, 1.0, 1.0), UNKNOWN_BALANCE)],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["auto", "sensor", "network"])
def test_a_balance_that_cannot_be_used_leaves_colours_to_the_network(
    balance: tuple[float, float, float], source: str, mode: ColourMode
) -> None:
    image = image_of(noise(), balance, source=source)
    one = developed(image, mode)
    assert one.note.colour == "network"
    assert mode == "network" or "balance" in one.note.colour_why
    np.testing.assert_array_equal(picture_of(image, one), np.float32(0.4))
    (bright,) = develop(image, PUBLISHED, mode, expected_or_one, base=2.0, expects=True)
    assert 0 < bright.fed < np.inf


def test_a_balance_of_ones_is_taken_at_its_word() -> None:
    image = image_of(noise(light=2000), (1.0, 1.0, 1.0))
    picture = picture_of(image, developed(image))
    assert np.ptp(picture.mean(axis=(0, 1))) < 0.02


@pytest.mark.parametrize(
    "matrix",
    [None, ColourMatrix((1.0, 1.0, 1.0, 1.0, 1.0, 1.01, 1.0, 1.01, 1.0), "file"),
     ColourMatrix((30.0, 0, 0, 0, 0.01, 0, 0, 0, 1.0), "libraw"),
     ColourMatrix(tuple((-XYZ_TO_CAMERA).ravel().tolist()), "file"),
     ColourMatrix(tuple(XYZ_TO_CAMERA[::-1].ravel().tolist()), "file")],
)  # fmt: skip
def test_a_matrix_that_cannot_be_used_costs_saturation_and_makes_no_cast(
    matrix: ColourMatrix | None,
) -> None:
    grey = noise(light=2000)
    for (y, x), gain in zip(((0, 0), (1, 1)), (2.0, 1.5), strict=True):
        part = grey[y::2, x::2].astype(np.float64)
        grey[y::2, x::2] = np.rint(BLACK + (part - BLACK) / gain).astype(np.uint16)
    image = image_of(grey, matrix=matrix)
    one = developed(image)
    assert one.note.colour == "sensor"
    picture = picture_of(image, one)
    assert np.isfinite(picture).all()
    assert np.ptp(picture.mean(axis=(0, 1))) < 0.02
    if matrix is None:
        assert one.note.colour_matrix_source is not None
        assert one.note.colour_matrix_source.startswith("none: ")


numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.none(), st.tuples(*[st.one_of(numbers, st.floats(-2, 2))] * 9)),
    st.tuples(*[st.one_of(numbers, st.floats(0.1, 10))] * 3),
    st.integers(0, 15000),
)
def test_whatever_the_matrix_and_balance_a_picture_is_one(
    matrix: tuple[float, ...] | None, balance: tuple[float, float, float], light: int
) -> None:
    try:
        found = None if matrix is None else ColourMatrix(matrix, "file")
    except UsageError:
        found = None  # as a file with such a matrix is read
    image = image_of(noise((26, 22), light), balance, found)
    one = developed(image)
    assert one.note.colour_why
    assert 0 < one.fed < np.inf
    picture = picture_of(image, one)
    assert picture.shape == (26, 22, 3)
    assert np.isfinite(picture).all()
    assert 0 <= picture.min() <= picture.max() <= 1


KINDS = {
    "saturated": np.full((66, 70), WHITE, np.uint16),
    "beyond white": np.full((66, 70), 65535, np.uint16),
    "black": np.full((66, 70), BLACK, np.uint16),
    "below black": np.zeros((66, 70), np.uint16),
    "pure noise": np.random.default_rng(1).integers(0, 16384, (66, 70)).astype(np.uint16),
    "black with noise": noise(light=0),
    "half saturated": np.hstack([np.full((66, 35), WHITE), np.full((66, 35), BLACK)]).astype("u2"),
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_frames_that_tell_nothing_are_grey_on_the_whole(kind: str, level: float) -> None:
    image = image_of(KINDS[kind], (1.0, 1.0, 1.0))
    one = developed(image)
    picture = picture_of(image, one, level)
    assert np.isfinite(picture).all()
    assert 0 <= picture.min() <= picture.max() <= 1
    assert np.ptp(picture.mean(axis=(0, 1))) < 0.03


SIZES = [(2, 2), (2, 70), (3, 5), (7, 7), (16, 16), (17, 33), (66, 70)]


@pytest.mark.parametrize("cell", ["bayer", "xtrans"])
@pytest.mark.parametrize("size", SIZES)
def test_tiny_frames_come_back_whole(size: tuple[int, int], cell: str) -> None:
    image = image_of(noise(size, 300))
    if cell == "xtrans":
        size = (max(6, size[0]), max(6, size[1]))
        image = _xtrans(noise(size, 300), XTRANS)
    one = developed(image)
    picture = picture_of(image, one)
    assert picture.shape == (*size, 3)
    assert np.isfinite(picture).all()


def _xtrans(pixels: NDArray[np.uint16], cell: Cell) -> RawImage:
    height, width = pixels.shape
    mosaic = mosaic_of(height, width, cell)
    gains = (2.0, 1.0, 1.5)
    balance = WhiteBalance(tuple(gains[colour] for colour in cell.colours), "camera")
    one = image_of(pixels)
    return replace(one, mosaic=mosaic, white_balance=balance)
