"""Flips and transposes against the slow way: on the mosaic itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.sensor import pack, unpack
from rawkit.stream.augment import Cut, augment_levels, place
from rawkit.stream.bits import flips

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.stream.augment import Kind

ALL = range(8)
N = 5


def by_hand(mosaic: NDArray[np.uint16], augmentation: int) -> NDArray[np.uint16]:
    """Flip and transpose (..., 2n + 2, 2n + 2); drop what puts red to (0, 0) again: (..., 2n, 2n).

    A flipped mosaic begins with an odd row or column, so one goes at each end; of one that is not
    flipped the last two go.
    """
    across, down, transpose = augmentation & 1, augmentation & 2, augmentation & 4
    mosaic = mosaic[..., ::-1][..., 1:-1] if across else mosaic[..., :-2]
    mosaic = mosaic[..., ::-1, :][..., 1:-1, :] if down else mosaic[..., :-2, :]
    return mosaic.swapaxes(-1, -2) if transpose else mosaic


def augment(
    kind: Kind, pixels: NDArray[np.uint16], augmentation: int, out: NDArray[np.uint16]
) -> None:
    """Cut a crop that one chunk holds whole."""
    place(kind, np.ascontiguousarray(pixels), [Cut(out, 0, 0, augmentation)])


def distinct_mosaic() -> NDArray[np.uint16]:
    """Return a mosaic in which no value appears twice."""
    side = 2 * N + 2
    values = np.random.default_rng(3).permutation(side * side)
    return values.reshape(side, side).astype(np.uint16)


@pytest.mark.parametrize("augmentation", ALL)
def test_packed_planes_move_as_their_mosaic_does(augmentation: int) -> None:
    mosaic = distinct_mosaic()
    out = np.zeros((4, N, N), np.uint16)
    augment("packed", pack(mosaic), augmentation, out)
    np.testing.assert_array_equal(unpack(out), by_hand(mosaic, augmentation))


@pytest.mark.parametrize("augmentation", ALL)
def test_a_target_moves_as_its_picture_does(augmentation: int) -> None:
    target = np.stack([distinct_mosaic() + 1000 * plane for plane in range(3)]).astype(np.uint16)
    out = np.zeros((3, 2 * N, 2 * N), np.uint16)
    augment("target", target, augmentation, out)
    np.testing.assert_array_equal(out, by_hand(target, augmentation))


@pytest.mark.parametrize("augmentation", ALL)
def test_a_target_stays_on_its_mosaic(augmentation: int) -> None:
    mosaic = distinct_mosaic()
    planes, target = np.zeros((4, N, N), np.uint16), np.zeros((3, 2 * N, 2 * N), np.uint16)
    augment("packed", pack(mosaic), augmentation, planes)
    augment("target", np.stack([mosaic] * 3), augmentation, target)
    for plane in target:
        np.testing.assert_array_equal(plane, unpack(planes))


@pytest.mark.parametrize("augmentation", ALL)
def test_a_filter_of_each_colour_stays_on_its_colour(augmentation: int) -> None:
    # Greens may change places, red and blue never do.
    colours = np.broadcast_to(np.array([0, 1, 2, 1], np.uint16)[:, None, None], (4, N + 1, N + 1))
    out = np.full((4, N, N), 9, np.uint16)
    augment("packed", colours, augmentation, out)
    np.testing.assert_array_equal(out, colours[:, :N, :N])


@pytest.mark.parametrize("augmentation", ALL)
def test_levels_follow_their_planes(augmentation: int) -> None:
    levels = np.array([10, 20, 30, 40], np.uint16)
    planes = np.broadcast_to(levels[:, None, None], (4, N + 1, N + 1))
    out = np.zeros((4, N, N), np.uint16)
    augment("packed", planes, augmentation, out)
    np.testing.assert_array_equal(augment_levels(levels, augmentation), out[:, 0, 0])


def test_the_eight_augmentations_are_eight_different_pictures() -> None:
    mosaic = distinct_mosaic()
    found = set()
    for augmentation in ALL:
        out = np.zeros((4, N, N), np.uint16)
        augment("packed", pack(mosaic), augmentation, out)
        found.add(out.tobytes())
    assert len(found) == 8


def test_the_bits_are_across_down_and_transpose() -> None:
    assert [flips(bits) for bits in (1, 2, 4)] == [
        (True, False, False), (False, True, False), (False, False, True)
    ]  # fmt: skip
