"""Faults that were put in are found, and good pairs are not."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.pairing import (
    Exposed,
    Measured,
    PairLimits,
    PreparedLong,
    exposure_error,
    judge,
    measure_pair,
)
from rawkit.sensor import Exposure, gain_ratio
from tests.support.faults import Fault, Shot, faulty_pair, shifted, with_object

SIZE = (512, 768)
REASON = {
    "shift": "shift", "turn": "shift", "moved": "moved", "dark": "dark", "blown": "clipped",
    "exif": "exposure", "swapped": "scene",
}  # fmt: skip
REGIMES = (
    ("sid", 100, 100, 100), ("sid", 1600, 250, 1600), ("sid", 3200, 300, 3200),
    ("mid", 800, 300, 100), ("mid", 6400, 100, 100), ("smid", 400, 100, 400),
)  # fmt: skip
"""Collection, ISO of the short, ratio of times, ISO of the long."""
FAULTS = (
    Fault("shift", 0.6), Fault("shift", 1.0), Fault("shift", 5.0), Fault("shift", 60.0),
    Fault("turn", 0.2), Fault("moved", 0.03), Fault("dark", 3.0),
    Fault("dark", 3.0, consistent=False), Fault("blown", 0.6), Fault("exif", 2.0),
    Fault("exif", 0.5), Fault("swapped"),
)  # fmt: skip


def exposed(shot: Shot) -> Exposed:
    return Exposed(shot.planes, (float(shot.black),) * 4, float(shot.white))


def told_gain(short: Shot, long: Shot) -> float:
    return gain_ratio(
        Exposure(short.seconds, short.iso, None), Exposure(long.seconds, long.iso, None)
    )


def measured_of(short: Shot, long: Shot) -> Measured:
    return measure_pair(exposed(short), PreparedLong(exposed(long)))


@pytest.mark.slow
def test_95_of_100_faults_are_found_and_1_of_100_good_pairs_is_listed_at_most() -> None:
    found, falsely, missed = [], [], []
    for seed, (collection, iso, ratio, long_iso) in enumerate(REGIMES):
        where: dict[str, Any] = {"iso": iso, "ratio": ratio, "long_iso": long_iso}
        for number in range(4):
            short, long = faulty_pair(collection, SIZE, Fault("none"), seed=seed + number, **where)
            falsely.append(judge(measured_of(short, long), told_gain(short, long)).state == "bad")
        for fault in FAULTS:
            short, long = faulty_pair(collection, SIZE, fault, seed=seed, **where)
            verdict = judge(measured_of(short, long), told_gain(short, long))
            found.append(REASON[fault.kind] in verdict.reasons)
            if not found[-1]:
                missed.append((collection, iso, fault, verdict))
    assert np.mean(found) >= 0.95, missed
    assert not any(falsely)


@pytest.mark.parametrize(("down", "right"), [(0.0, 0.0), (1.0, -2.0), (-3.0, 4.0), (12.0, 8.0)])
def test_a_shift_is_measured_within_its_own_sigma(down: float, right: float) -> None:
    scene = _scene(0)
    short, _ = faulty_pair("sid", SIZE, Fault("none"), seed=1, iso=1600, ratio=250,
                           scene=shifted(scene, down, right))  # fmt: skip
    _, long = faulty_pair("sid", SIZE, Fault("none"), seed=2, iso=1600, ratio=250, scene=scene)
    found = measured_of(short, long)
    assert found.shift_sigma < 0.1
    assert found.down == pytest.approx(down, abs=4 * found.shift_sigma + 0.06)
    assert found.right == pytest.approx(right, abs=4 * found.shift_sigma + 0.06)
    assert found.gain == pytest.approx(250, rel=0.02)


def test_rotation_is_told_apart_from_a_shift() -> None:
    scene = _scene(0)
    short, _ = faulty_pair("sid", SIZE, Fault("none"), seed=1, iso=400, ratio=100,
                           scene=shifted(scene, degrees=0.4))  # fmt: skip
    _, long = faulty_pair("sid", SIZE, Fault("none"), seed=2, iso=400, ratio=100, scene=scene)
    found = measured_of(short, long)
    assert found.rotation == pytest.approx(0.4, rel=0.1)
    assert math.hypot(found.down, found.right) < 0.2
    assert found.shift > 2


def test_what_covers_a_part_of_the_picture_is_measured_as_so_large_a_part() -> None:
    scene = _scene(0)
    other = with_object(scene, 0.04, np.random.default_rng(5))
    short, _ = faulty_pair("sid", SIZE, Fault("none"), seed=1, iso=400, ratio=100, scene=other)
    _, long = faulty_pair("sid", SIZE, Fault("none"), seed=2, iso=400, ratio=100, scene=scene)
    assert 0.02 < measured_of(short, long).moved < 0.07


def test_a_short_that_is_black_is_not_called_good() -> None:
    short, long = faulty_pair("sid", SIZE, Fault("none"), seed=1, iso=100, ratio=100)
    rng = np.random.default_rng(0)
    noise = np.rint(rng.normal(short.black, 3.0, short.planes.shape)).astype(np.uint16)
    verdict = judge(measured_of(replace(short, planes=noise), long), told_gain(short, long))
    assert verdict.state == "unsure"
    assert "scene" in verdict.unsure


def test_a_short_that_is_clipped_all_over_is_not_called_good() -> None:
    short, long = faulty_pair("sid", SIZE, Fault("none"), seed=1, iso=100, ratio=100)
    planes = np.full_like(short.planes, short.white)
    verdict = judge(measured_of(replace(short, planes=planes), long), told_gain(short, long))
    assert verdict.state == "unsure"
    assert "clipping" in verdict.text


def test_hot_pixels_do_not_hold_a_shifted_short_in_place() -> None:
    short, long = faulty_pair("sid", SIZE, Fault("shift", 2.0), seed=1, iso=800, ratio=250)
    rng = np.random.default_rng(0)
    places = rng.integers(0, short.planes.size, 40)
    heights = rng.integers(3000, 16383, 40)
    for shot in (short, long):
        shot.planes.reshape(-1)[places] = heights
    found = measured_of(short, long)
    assert found.shift == pytest.approx(2.0, abs=0.3)
    assert found.moved < 0.005
    assert found.gain == pytest.approx(250, rel=0.05)


def test_a_black_level_that_is_off_is_no_wrong_exposure() -> None:
    short, long = faulty_pair("sid", SIZE, Fault("none"), seed=1, iso=100, ratio=300)
    off = replace(short, black=short.black - 8)  # nearly as much as the light itself
    found = measured_of(off, long)
    assert found.gain_of_means < 0.8 * 300
    assert judge(found, 300.0).state == "good"


def test_without_exif_the_exposure_cannot_be_told() -> None:
    short, long = faulty_pair("sid", SIZE, Fault("none"), seed=1, iso=100, ratio=100)
    verdict = judge(measured_of(short, long), math.nan)
    assert verdict.unsure == ("exposure",)


@pytest.mark.parametrize("shape", [(4, 3, 3), (4, 40, 60), (9, 90, 120)])
def test_frames_of_any_size_are_measured_or_said_not_to_be(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    long = rng.integers(1000, 9000, shape).astype(np.uint16)
    short = (512 + (long - 512.0) / 100).astype(np.uint16)
    blacks = (512.0,) * shape[0]
    prepared = PreparedLong(Exposed(long, blacks, 16383.0))
    found = measure_pair(Exposed(short, blacks, 16383.0), prepared)
    assert judge(found, 100.0).state in {"good", "unsure"}


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.floats(0.01, 100))
def test_the_smaller_error_of_exposure_counts(gain: float, means: float, told: float) -> None:
    nothing = Measured(*(math.nan,) * len(fields(Measured)))
    error = exposure_error(replace(nothing, gain=gain, gain_of_means=means), told)
    both = [abs(math.log(told / gain)), abs(math.log(told / means))]
    assert abs(math.log(error)) == pytest.approx(min(both), abs=1e-9)


@pytest.mark.parametrize(
    "changes", [{"max_shift": -1.0}, {"max_exposure_error": 0.5}, {"max_moved": math.nan}]
)
def test_limits_that_make_no_sense_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        PairLimits(**changes)


def _scene(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    from rawkit.synth import paint_scene

    return paint_scene(SIZE, np.random.default_rng(seed))
