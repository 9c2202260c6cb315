"""Hypothesis strategies for mosaics, planes, layouts and rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rawkit.store import ArrayLayout
from tests.support.factories import frame_row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.store import FrameRow
    from rawkit.store.layout import Codec

phases = st.tuples(st.integers(0, 1), st.integers(0, 1))
"""Row and column of the first red pixel."""


def mosaics(
    *, min_side: int = 3, max_side: int = 12, dtype: str = "uint16"
) -> st.SearchStrategy[NDArray[np.uint16]]:
    """Mosaics of any size, odd ones included."""
    sides = st.integers(min_side, max_side)
    return hnp.arrays(np.dtype(dtype), st.tuples(sides, sides))


def packed_planes(*, max_side: int = 6) -> st.SearchStrategy[NDArray[np.uint16]]:
    """Packed planes (4, h, w)."""
    sides = st.integers(1, max_side)
    return hnp.arrays(np.dtype(np.uint16), st.tuples(st.just(4), sides, sides))


@st.composite
def layouts(draw: st.DrawFn) -> ArrayLayout:
    """Layouts of both arrays with chunks that do or do not divide the frame."""
    height, width = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    chunk = draw(st.tuples(st.integers(1, height), st.integers(1, width)))
    codecs: tuple[Codec, ...] = ("lz4", "none")
    codec = draw(st.sampled_from(codecs))
    if draw(st.booleans()):
        return ArrayLayout("packed", 1, 4, height, width, chunk, "uint16", codec)
    dtypes: tuple[Literal["uint8", "uint16"], ...] = ("uint8", "uint16")
    dtype = draw(st.sampled_from(dtypes))
    return ArrayLayout("target", 1, 3, height, width, chunk, dtype, codec)


@st.composite
def encodable(draw: st.DrawFn) -> tuple[ArrayLayout, NDArray[np.generic]]:
    """Layouts, each with a frame that fits it."""
    layout = draw(layouts())
    shape = (layout.planes, layout.height, layout.width)
    seed, high = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([1, 2, 200]))
    frame = np.random.default_rng(seed).integers(0, high, shape, layout.dtype)
    return layout, frame


_finite = st.floats(allow_nan=False, allow_infinity=False)
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_planes = st.tuples(_finite, _finite, _finite, _finite)
_int64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def frame_rows(draw: st.DrawFn) -> FrameRow:
    """Rows with any values that their columns can hold."""
    changes: dict[str, Any] = {
        "name": draw(_text),
        "scene": draw(_text),
        "make": draw(st.none() | _text),
        "exposure_time": draw(st.none() | _finite),
        "iso": draw(st.none() | _finite),
        "raw_bytes": draw(_int64),
        "black_level": draw(_planes),
        "camera_white_level": draw(st.none() | _planes),
        "target_note": draw(st.none() | _text),
        "duplicate_of": draw(st.none() | _text),
    }
    return replace(frame_row(), **changes)
