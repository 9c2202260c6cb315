"""The native module against the plain ways that stand in for it, and what it refuses."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rawkit import native
from rawkit.stream.augment import Cut, place, place_plainly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Kind = Literal["packed", "target"]
PLANES = {"packed": 4, "target": 3}
DTYPES = ("uint8", "uint16")
needs_it = pytest.mark.skipif(not native.BUILT, reason="the native module is not built")


@pytest.mark.skipif(shutil.which("cc") is None, reason="no compiler here")
def test_it_is_built_where_there_is_a_compiler() -> None:
    assert native.BUILT


def pixels_of(kind: Kind, dtype: str, size: tuple[int, int]) -> NDArray[np.generic]:
    generator = np.random.default_rng(7)
    return generator.integers(0, np.iinfo(dtype).max, (PLANES[kind], *size), dtype, endpoint=True)


def crops(
    kind: Kind, dtype: str, side: int, number: int, offset: int
) -> tuple[NDArray[np.generic], list[NDArray[np.generic]]]:
    """Memory of so many crops with something around each, and the crops in it; any alignment."""
    count = PLANES[kind] * side * side
    itemsize = np.dtype(dtype).itemsize
    memory = np.full(offset + number * (count + 40) * itemsize, 205, np.uint8)
    begins = [offset + (20 + index * (count + 40)) * itemsize for index in range(number)]
    return memory, [
        memory[begin : begin + count * itemsize].view(dtype).reshape(-1, side, side)
        for begin in begins
    ]


@example("target", "uint8", (48, 37), 40, [(-9, 5, 7), (11, -3, 3)], 1)
@example("packed", "uint16", (24, 19), 12, [(3, 2, 7), (-2, -2, 0)], 6)
@given(
    kind=st.sampled_from(["packed", "target"]),
    dtype=st.sampled_from(DTYPES),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    side=st.integers(1, 64),
    places=st.lists(
        st.tuples(st.integers(-70, 70), st.integers(-70, 70), st.integers(0, 7)), max_size=3
    ),
    offset=st.integers(0, 15),
)
def test_crops_are_those_of_the_plain_way(
    kind: Kind,
    dtype: str,
    size: tuple[int, int],
    side: int,
    places: list[tuple[int, int, int]],
    offset: int,
) -> None:
    pixels = pixels_of(kind, dtype, size)
    found, outs = crops(kind, dtype, side, len(places), offset)
    expected, plain = crops(kind, dtype, side, len(places), offset)
    place(kind, pixels, [Cut(out, *one) for out, one in zip(outs, places, strict=True)])
    place_plainly(kind, pixels, [Cut(out, *one) for out, one in zip(plain, places, strict=True)])
    # All memory, so also that nothing beside the crops was touched.
    np.testing.assert_array_equal(found, expected)


GOOD = np.zeros((3, 8, 8), np.uint8)


@needs_it
@pytest.mark.parametrize(
    ("chunk", "out"),
    [
        (GOOD[0], np.zeros((3, 4, 4), np.uint8)),
        (GOOD.astype(np.uint32), np.zeros((3, 4, 4), np.uint32)),
        (GOOD, np.zeros((3, 4, 4), np.uint16)),
        (GOOD, np.zeros((2, 4, 4), np.uint8)),
        (GOOD, np.zeros((3, 4, 5), np.uint8)),
        (np.zeros((17, 2, 2), np.uint8), np.zeros((17, 2, 2), np.uint8)),
    ],
)
def test_shapes_and_types_that_do_not_fit_are_refused(
    chunk: NDArray[np.generic], out: NDArray[np.generic]
) -> None:
    with pytest.raises(ValueError, match="a c"):
        place("target", chunk, [Cut(out, 0, 0, 0)])


@needs_it
@pytest.mark.parametrize("part", [np.s_[:, ::2], np.s_[:, :, ::2], np.s_[::-1]])
def test_pixels_that_do_not_lie_together_are_refused(part: tuple[slice, ...]) -> None:
    with pytest.raises(ValueError, match="contiguous"):
        place("target", GOOD[part], [Cut(np.zeros((3, 4, 4), np.uint8), 0, 0, 0)])
    with pytest.raises(ValueError, match="contiguous"):
        place("target", GOOD, [Cut(GOOD.copy()[part], 0, 0, 0)])


@needs_it
def test_a_crop_that_is_read_only_is_refused() -> None:
    out = np.zeros((3, 4, 4), np.uint8)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        place("target", GOOD, [Cut(out, 0, 0, 0)])


@needs_it
def test_moves_beyond_the_planes_are_refused() -> None:
    out = np.zeros((3, 4, 4), np.uint8)
    for moves in (bytes(6), bytes([3, 0, 0] * 3)):
        with pytest.raises(ValueError, match="moves"):
            native.functions.place(GOOD, [(out, 0, 0, 0, moves)])


@needs_it
@pytest.mark.parametrize(
    ("mosaic", "planes", "counts"),
    [
        (np.zeros((4, 6), np.uint16), np.zeros((4, 2, 2), np.uint16), (4, 65536)),
        (np.zeros((4, 6), np.uint8), np.zeros((4, 2, 3), np.uint16), (4, 65536)),
        (np.zeros((4, 6), np.uint16), np.zeros((3, 2, 3), np.uint16), (4, 65536)),
        (np.zeros((4, 12), np.uint16)[:, ::2], np.zeros((4, 2, 3), np.uint16), (4, 65536)),
        (np.zeros((4, 6), np.uint16), np.zeros((4, 2, 3), np.uint16), (4, 16384)),
        (np.zeros((4, 6, 1), np.uint16), np.zeros((4, 2, 3), np.uint16), (4, 65536)),
    ],
)
def test_a_mosaic_that_does_not_fit_its_planes_is_refused(
    mosaic: NDArray[np.uint16], planes: NDArray[np.uint16], counts: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        native.functions.pack_counted(mosaic, planes, np.zeros(counts, np.int64))


@needs_it
@pytest.mark.parametrize(
    ("picture", "planes"),
    [
        (np.zeros((4, 6, 3), np.uint8), np.zeros((3, 4, 5), np.uint8)),
        (np.zeros((4, 6, 3), np.uint8), np.zeros((3, 3, 6), np.uint8)),
        (np.zeros((4, 6, 3), np.uint8), np.zeros((3, 4, 6), np.uint16)),
        (np.zeros((4, 6, 4), np.uint8)[..., :3], np.zeros((3, 4, 6), np.uint8)),
        (np.zeros((4, 6, 4), np.uint8), np.zeros((4, 4, 6), np.uint8)),
        (np.zeros((4, 6), np.uint8), np.zeros((3, 4, 6), np.uint8)),
    ],
)
def test_a_picture_that_does_not_fit_its_planes_is_refused(
    picture: NDArray[np.uint8], planes: NDArray[np.uint8]
) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        native.functions.split_channels(picture, planes)
