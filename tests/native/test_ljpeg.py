"""Lossless JPEG natively: what was encoded comes back, and what is damaged is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rawkit import native
from tests.support.ljpeg import encode_ljpeg

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.skipif(not native.BUILT, reason="there is no native module here")


def natively(data: bytes, offset: int = 0) -> NDArray[np.uint16] | None:
    count = len(data) - offset
    size = native.functions.ljpeg_size(data, offset, count)
    if size is None:
        return None
    out = np.full(size[:2], 0xAAAA, np.uint16)
    return out if native.functions.decode_ljpeg(data, offset, count, out) else None


@st.composite
def pictures(draw: st.DrawFn) -> tuple[NDArray[np.uint16], int, int, int]:
    components = draw(st.sampled_from((1, 2, 4)))
    bits = draw(st.integers(2, 16))
    shape = (draw(st.integers(1, 9)), components * draw(st.integers(1, 20)))
    kind = draw(st.sampled_from(("any", "smooth")))
    most = (1 << bits) - 1
    values = draw(hnp.arrays(np.uint16, shape, elements=st.integers(0, most)))
    if kind == "smooth":
        values = np.minimum(values % 7 + most // 2, most).astype(np.uint16)
    return values, components, draw(st.integers(1, 7)), bits


@given(pictures(), st.integers(0, 3))
def test_what_was_encoded_comes_back(
    picture: tuple[NDArray[np.uint16], int, int, int], before: int
) -> None:
    values, components, predictor, bits = picture
    data = bytes(before) + encode_ljpeg(values, components, predictor, bits)
    assert native.functions.ljpeg_size(data, before, len(data) - before) == (
        *values.shape,
        components,
        bits,
    )
    found = natively(data, before)
    assert found is not None
    np.testing.assert_array_equal(found, values)


@given(
    hnp.arrays(
        np.uint16,
        st.tuples(st.integers(2, 12), st.integers(2, 40)),
        elements=st.integers(0, (1 << 14) - 1),
    )
)
def test_it_decodes_what_others_encode(values: NDArray[np.uint16]) -> None:
    data = bytes(imagecodecs.ljpeg_encode(values, bitspersample=14))
    found = natively(data)
    assert found is not None
    np.testing.assert_array_equal(found.reshape(values.shape), values)


@given(pictures(), st.data())
def test_what_ends_early_is_refused(
    picture: tuple[NDArray[np.uint16], int, int, int], data: st.DataObject
) -> None:
    whole = encode_ljpeg(*picture)
    cut = whole[: data.draw(st.integers(0, len(whole) - 3))]
    found = natively(cut)
    # Its last byte may hold nothing but the ones that fill it up.
    assert found is None or np.array_equal(found, picture[0])


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b"\xff\xc3", b"\xff\xc0", "another process"),
        (b"\x11\0", b"\x21\0", "components that are sampled coarser"),
        (b"\xff\xda\0\x08\x01\0\0\x01\0\0", b"\xff\xda\0\x08\x01\0\0\x08\0\0", "a predictor of 8"),
        (b"\xff\xda\0\x08\x01\0\0\x01\0\0", b"\xff\xda\0\x08\x01\0\0\x01\0\x01", "a transform"),
        (b"\xff\xda\0\x08\x01\0\0", b"\xff\xda\0\x08\x01\0\x30", "codes that are not there"),
        (b"\xff\xd8", b"\xff\xd8\xff\xdd\0\x04\0\x04", "restart intervals"),
        (b"\xff\xd8", b"\xff\xd9", "no JPEG"),
    ],
)  # fmt: skip
def test_other_kinds_are_left_to_libraw(old: bytes, new: bytes, what: str) -> None:
    values = np.arange(40, dtype=np.uint16).reshape(5, 8)
    data = encode_ljpeg(values, 1, 1, 10)
    assert old in data, what
    assert natively(data) is not None
    assert natively(data.replace(old, new, 1)) is None, what


def test_a_value_of_more_bits_than_are_declared_is_refused() -> None:
    values = np.full((4, 6), 900, np.uint16)
    data = encode_ljpeg(values, 1, 1, 10)
    start = data.index(b"\xff\xc3") + 4
    assert natively(data[:start] + b"\x09" + data[start + 1 :]) is None


def test_rows_may_lie_apart_and_bytes_must_be_there() -> None:
    values = np.arange(24, dtype=np.uint16).reshape(4, 6)
    data = encode_ljpeg(values, 2, 4, 12)
    out = np.full((4, 9), 7, np.uint16)
    assert native.functions.decode_ljpeg(data, 0, len(data), out[:, 1:7])
    np.testing.assert_array_equal(out[:, 1:7], values)
    assert (out[:, [0, 7, 8]] == 7).all()
    with pytest.raises(ValueError, match="do not fit"):
        native.functions.decode_ljpeg(data, 0, len(data), out)
    with pytest.raises(ValueError, match="beyond the end"):
        native.functions.ljpeg_size(data, 0, len(data) + 1)
    with pytest.raises(ValueError, match="beyond the end"):
        native.functions.ljpeg_size(data, -1, 3)
