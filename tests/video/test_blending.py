"""Weights of pieces: smooth, and adding up to one everywhere, for any size."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.video.blending import Piece, pieces


@st.composite
def cuts(draw: st.DrawFn) -> tuple[int, dict[str, int]]:
    """Any length, with sizes that fit each other."""
    multiple = draw(st.sampled_from([1, 2, 8, 16]))
    length = multiple * draw(st.integers(1, 400))
    size = multiple * draw(st.integers(1, 60))
    overlap = draw(st.integers(0, size - multiple))
    return length, {
        "size": size, "overlap": overlap, "guard": draw(st.integers(0, 40)), "multiple": multiple,
    }  # fmt: skip


@given(cuts())
def test_weights_are_a_partition_of_unity(cut: tuple[int, dict[str, int]]) -> None:
    length, sizes = cut
    found = pieces(length, **sizes)
    total = np.zeros(length)
    for piece in found:
        assert piece.weights.dtype == np.float32
        assert piece.weights.shape == (piece.size,)
        assert piece.weights.min() >= 0
        total[piece.start : piece.stop] += piece.weights
    np.testing.assert_allclose(total, 1, rtol=0, atol=1e-6)


@given(cuts())
def test_pieces_cover_the_axis_in_order_and_share_what_they_must(
    cut: tuple[int, dict[str, int]],
) -> None:
    length, sizes = cut
    found = pieces(length, **sizes)
    assert found[0].start == 0
    assert found[-1].stop == length
    assert {piece.size for piece in found} == {found[0].size}
    assert found[0].size <= sizes["size"] or len(found) == 1
    for before, after in pairwise(found):
        assert before.start < after.start
        # Rounding to the multiple may take less than one of them from the overlap.
        assert before.stop - after.start > sizes["overlap"] - sizes["multiple"]
    assert all(piece.start % sizes["multiple"] == 0 for piece in found)


def test_what_lies_next_to_a_cut_counts_nothing() -> None:
    first, second = pieces(60, size=36, overlap=12, guard=4)
    assert first.stop - second.start == 12
    assert np.array_equal(first.weights[-4:], np.zeros(4))
    assert np.array_equal(second.weights[:4], np.zeros(4))
    assert np.array_equal(first.weights[:24], np.ones(24))  # the border of the video is no cut


def test_weights_rise_in_small_steps() -> None:
    for piece in pieces(200, size=64, overlap=32, guard=4):
        assert np.abs(np.diff(piece.weights)).max() < 0.07


def test_one_piece_does_where_all_fits() -> None:
    only = pieces(16, size=32, overlap=4)
    assert len(only) == 1
    assert isinstance(only[0], Piece)
    assert only[0].size == 16
    assert (only[0].weights == 1).all()


@pytest.mark.parametrize(
    "sizes",
    [
        {"size": 16, "overlap": 16},
        {"size": 12, "overlap": 0, "multiple": 8},
        {"size": 16, "overlap": -1},
        {"size": 16, "overlap": 4, "guard": -1},
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="expected"):
        pieces(64, **sizes)
