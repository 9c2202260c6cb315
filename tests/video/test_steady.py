"""The smooth curve of a video: what flickers is gone, what changes stays, and nothing lags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.video.steady import held_frames, steadied

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def curve(values: list[float], radius: int) -> list[float]:
    """Smooth numbers; the frames are their places."""
    found = list(steadied(((n, np.array([one])) for n, one in enumerate(values)), radius))
    assert [place for place, _ in found] == list(range(len(values)))
    return [float(one[0]) for _, one in found]


@pytest.mark.parametrize("count", [1, 2, 5, 8, 9, 17, 18, 40])
@pytest.mark.parametrize("radius", [0, 1, 8])
def test_it_is_the_weighted_mean_of_medians_over_the_window(count: int, radius: int) -> None:
    values = np.exp(np.random.default_rng(count).normal(size=count))
    logs = np.log(values)
    places = [np.arange(max(0, n - radius), min(count, n + radius + 1)) for n in range(count)]
    logs = np.array([np.median(logs[near]) for near in places])
    weights = [1 + np.cos(np.pi * (near - n) / (radius + 1)) for n, near in enumerate(places)]
    logs = np.array(
        [(logs[near] * w).sum() / w.sum() for near, w in zip(places, weights, strict=True)]
    )
    np.testing.assert_allclose(curve(list(values), radius), np.exp(logs), rtol=1e-12)


def test_a_frame_that_is_off_leaves_no_trace() -> None:
    values = [4.0] * 40
    values[20] = 90.0
    np.testing.assert_allclose(curve(values, 8), 4.0)


@pytest.mark.parametrize("kind", ["noise", "every second frame"])
def test_flicker_becomes_a_twentieth(kind: str) -> None:
    rng = np.random.default_rng(0)
    off = rng.normal(0, 0.05, 200) if kind == "noise" else 0.05 * (np.arange(200) % 2)
    values = list(8 * np.exp(off))
    before, after = (np.abs(np.diff(np.log(one))).mean() for one in (values, curve(values, 8)))
    assert after < before / 20


def test_a_change_of_light_is_followed_at_its_time() -> None:
    ramp = list(np.geomspace(1, 10, 60))
    np.testing.assert_allclose(curve(ramp, 8)[16:-16], ramp[16:-16], rtol=1e-9)


def test_it_is_the_same_from_wherever_it_is_begun() -> None:
    values = list(np.exp(np.random.default_rng(3).normal(size=60)))
    whole, later = curve(values, 8), curve(values[20:], 8)
    np.testing.assert_allclose(later[16:], whole[36:], rtol=0, atol=0)


def test_it_holds_no_more_frames_than_it_says() -> None:
    taken = 0

    def frames() -> Iterator[tuple[int, NDArray[np.float64]]]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number, np.ones(2)

    for place, _ in steadied(frames(), 8):
        assert taken - place <= held_frames(8) + 1
