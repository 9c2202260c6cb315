"""Brightness over time, against the plain formula written out pixel by pixel."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.metrics import BRIGHTNESS_VARIANTS, BrightnessMeter, brightness_curve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BT601, BT709 = BRIGHTNESS_VARIANTS["bt601"], BRIGHTNESS_VARIANTS["bt709"]


def video(frames: int, height: int, width: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), np.uint8)


def luma_601(red: int, green: int, blue: int) -> float:
    return 0.299 * red + 0.587 * green + 0.114 * blue


def luma_709(red: int, green: int, blue: int) -> float:
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def luma_255(red: int, green: int, blue: int) -> float:
    return 255 * luma_709(red, green, blue)


SLOW = {"bt601": luma_601, "bt709": luma_709, "columns": luma_255}


def slow_curve(frames: NDArray[np.uint8], name: str) -> tuple[list[float], list[float]]:
    """Means and MABD in plain Python."""
    luma = [[[SLOW[name](*map(int, pixel)) for pixel in row] for row in frame] for frame in frames]
    count = len(luma[0]) * len(luma[0][0])
    means = [sum(map(sum, frame)) / count for frame in luma]
    steps = []
    if name == "columns":
        slopes = [[b - a for row in frame for a, b in pairwise(row)] for frame in luma]
        return means, [sum(one) / len(one) for one in slopes]
    for before, after in pairwise(luma):
        pairs = zip(sum(before, []), sum(after, []), strict=True)  # noqa: RUF017 - few rows
        steps.append(sum(abs(b - a) for a, b in pairs) / count)
    return means, steps


@settings(max_examples=25, deadline=None)
@given(
    frames=st.integers(1, 4), height=st.integers(1, 6), width=st.integers(2, 6),
    seed=st.integers(0, 99), name=st.sampled_from(sorted(BRIGHTNESS_VARIANTS)),
)  # fmt: skip
def test_curves_are_those_of_the_formula(
    frames: int, height: int, width: int, seed: int, name: str
) -> None:
    shot, truth = video(frames, height, width, seed), video(frames, height, width, seed + 100)
    curve, right = (brightness_curve(one, BRIGHTNESS_VARIANTS[name]) for one in (shot, truth))
    (means, steps), (_, wanted) = slow_curve(shot, name), slow_curve(truth, name)
    np.testing.assert_allclose(curve.mean, means, rtol=1e-5)
    np.testing.assert_allclose(curve.mabd, steps, rtol=1e-4, atol=1e-4)
    error = curve.error(right)
    if not steps:
        assert error is None
    else:
        squares = [(one - other) ** 2 for one, other in zip(steps, wanted, strict=True)]
        scale = BRIGHTNESS_VARIANTS[name].full ** 2
        assert error == pytest.approx(sum(squares) / len(squares), rel=1e-3, abs=1e-9 * scale)
    assert curve.error(curve) in {0.0, None}


def test_the_definitions_differ_by_65025_on_grey() -> None:
    grey = np.repeat(video(3, 8, 8, 0)[..., :1], 3, axis=-1)
    other = np.repeat(video(3, 8, 8, 1)[..., :1], 3, axis=-1)
    errors = [brightness_curve(grey, one).error(brightness_curve(other, one))
              for one in (BT601, BT709)]  # fmt: skip
    assert errors[0] is not None
    assert errors[1] is not None
    assert errors[0] / errors[1] == pytest.approx(255**2, rel=1e-3)
    with pytest.raises(UsageError, match="bt601 against bt709"):
        brightness_curve(grey, BT601).error(brightness_curve(grey, BT709))
    with pytest.raises(UsageError, match="a video of 2 frames"):
        brightness_curve(grey[:2], BT601).error(brightness_curve(grey, BT601))


def test_floats_and_integers_of_any_depth_are_as_bright() -> None:
    bytes_ = video(3, 300, 5, 0)
    first = brightness_curve(bytes_, BT709)
    deep = brightness_curve(bytes_.astype(np.uint16) * 257, BT709)
    others = [deep, brightness_curve(bytes_.astype(np.float64) / 255, BT709)]
    for other in others:
        np.testing.assert_allclose(other.mabd, first.mabd, rtol=1e-5)


def test_a_wrong_frame_is_refused() -> None:
    meter = BrightnessMeter(BT601)
    meter.add(np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(UsageError, match="a frame of 8x4 after one of 6x4"):
        meter.add(np.zeros((4, 8, 3), np.uint8))
    for wrong in (np.zeros((4, 6)), np.zeros((4, 6, 4)), np.zeros((4, 6, 3), np.int32)):
        with pytest.raises(UsageError, match="a frame of shape"):
            meter.add(wrong)  # type: ignore[arg-type] # so it is wrong


def test_memory_does_not_grow_with_the_video() -> None:
    def frames(count: int) -> Iterator[NDArray[np.float32]]:
        rng = np.random.default_rng(0)
        for _ in range(count):
            yield rng.random((270, 480, 3), np.float32)

    peaks = []
    for count in (4, 40):
        tracemalloc.start()
        brightness_curve(frames(count), BT601)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]
