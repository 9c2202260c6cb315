"""Calibration in a closed loop: what is found of known cameras, and whether intervals hold.

Three look-alike cameras with 10 dark, 2 flat and one clipped frame an ISO: gain, read noise, rows,
shape and dark shading against what the frames were made by. Then 200 repeats on small arrays: how
often the intervals hold the truth.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.calibrate import measure_darkness, measure_pair, plan_calibration, run_calibration
from rawkit.calibrate.transfer import half_width
from rawkit.synth import KNOWN_CAMERAS, known_camera, make_darkroom
from rawkit.workers import Resources

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.calibrate import Darkness
    from rawkit.noise import NoiseModel

pytestmark = pytest.mark.bench

MARKS = {"K": 0.02, "read scale": 0.03, "row": 0.05, "shape": 0.03, "shading": 0.2}
"""Relative for the first three, DN RMS for the last."""
REPEATS = 200
SMALL = (96, 128)


@pytest.mark.parametrize("name", KNOWN_CAMERAS)
def test_what_is_found_is_what_the_frames_were_made_by(name: str, tmp_path: Path) -> None:
    camera = known_camera(name)
    make_darkroom(tmp_path, camera, frames={"clipped": 1})
    began = time.process_time()
    profile = run_calibration(
        plan_calibration(tmp_path, resources=Resources(0)), resources=Resources(0)
    )
    print(f"\n{name}: {time.process_time() - began:.1f} s of CPU, ranges "
          f"{[(one.low, one.high) for one in profile.ranges]}")  # fmt: skip
    worst: dict[str, float] = defaultdict(float)
    for one in profile.isos:
        known, truth = camera.profile.at(one.iso), camera.profile.shading(one.iso)
        off = {
            "K": np.abs(one.gain.array / known.gain - 1).max(),
            "read scale": np.abs(one.read_scale.array / known.read_scale - 1).max(),
            "row": abs(one.row.value[0] / known.row - 1),
            "shape": np.abs(one.read_shape.array - known.read_shape).max(),
            "shading": np.sqrt(np.square(profile.shading(one.iso) - truth).mean()),
        }
        told = ", ".join(f"{key} {value:.4f}" for key, value in off.items())
        print(f"  ISO {one.iso:g}: {told}")
        worst |= {key: max(worst[key], float(value)) for key, value in off.items()}
        assert (one.step, one.white) == (known.step, known.white)
    assert {tuple(place) for place in profile.hot} == {tuple(place) for place in camera.profile.hot}
    for key, mark in MARKS.items():
        assert worst[key] <= mark, key


@pytest.mark.parametrize(("name", "iso"), [("clean", 6400.0), ("banded", 1600.0)])
def test_intervals_hold_the_truth(name: str, iso: float) -> None:
    camera = known_camera(name, SMALL)
    known, mosaic = camera.profile.at(iso), camera.profile.mosaic
    bias, wall = camera.profile.planes_at(iso), camera.wall(iso)
    held: dict[str, list[bool]] = defaultdict(list)
    for repeat in range(REPEATS):
        rng = np.random.default_rng([11, repeat])
        frames = [camera.expose(iso, 0.0, rng) for _ in range(10)]
        found = measure_darkness(lambda: iter(frames), mosaic, iso, known.step)  # noqa: B023
        _count(held, found, known, bias)
        one, other = camera.expose(iso, wall, rng), camera.expose(iso, wall, rng)
        dark = np.array(mosaic.black_level) + found.bias.array
        gain = measure_pair(one, other, mosaic, dark, found.variance, known.white)
        held["K"] += (np.abs(gain.gain - known.gain) < half_width(gain.error)).tolist()
    print(f"\n{name}, ISO {iso:g}, {REPEATS} repeats of {SMALL[1]}x{SMALL[0]}: " + ", ".join(
        f"{key} {100 * np.mean(values):.1f}%" for key, values in held.items()))  # fmt: skip
    for key, values in held.items():
        assert 0.90 <= np.mean(values) <= 0.99, key


def _count(
    held: dict[str, list[bool]], found: Darkness, known: NoiseModel, bias: np.ndarray
) -> None:
    for plane, one in enumerate(found.tails):
        held["read scale"].append(abs(one.scale - known.read_scale[plane]) < one.scale_half)
        held["shape"].append(abs(one.shape - known.read_shape[plane]) < one.shape_half)
        low, high = found.bias.low[plane], found.bias.high[plane]
        held["bias"].append(low < bias[plane] < high)
    held["row"].append(found.row.low[0] < known.row < found.row.high[0])
