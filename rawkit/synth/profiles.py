"""The profile of a simulated camera: its true noise, as a calibration would find it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.noise import NORMAL_SHAPE, CameraProfile, NoiseModel, normal_scale
from rawkit.sensor import Mosaic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.synth.cameras import Camera
    from rawkit.synth.dng import Pattern

_RED, _BLUE = 0, 2
_FIRST_GREEN, _SECOND_GREEN = 1, 3
_SIDE = 2


def profile_of(camera: Camera, isos: Sequence[float], size: tuple[int, int]) -> CameraProfile:
    """Return the noise that `expose` adds, at some ISOs, as a profile.

    Parameters
    ----------
    camera
        A camera with a Bayer mosaic.
    isos
        ISO speeds.
    size
        Height and width of its pictures, pixels.

    Raises
    ------
    UsageError
        If its mosaic is of another kind, or there is no ISO.
    """
    sensor, highest = camera.sensor, max(isos, default=0)
    mosaic = Mosaic.without_margins(
        _cells(camera.pattern), size, (float(sensor.black_level(highest)),) * 4,
        float(sensor.white_level(highest)),
    )  # fmt: skip
    models = [_model(camera, iso) for iso in isos]
    # A profile has one black level: where the camera has several, that of the highest ISO.
    shift = [sensor.black_level(highest) - sensor.black_level(iso) for iso in isos]
    moved = [replace(one, white=one.white + by) for one, by in zip(models, shift, strict=True)]
    return CameraProfile.known(camera.make, camera.model, mosaic, moved)


def _model(camera: Camera, iso: float) -> NoiseModel:
    sensor = camera.sensor
    gain = sensor.gain(iso)
    sigma = float(np.hypot(gain * sensor.early_noise, sensor.late_noise))
    return NoiseModel.of_values(
        iso, gain, normal_scale(sigma), NORMAL_SHAPE, row=gain * sensor.row_noise,
        white=float(sensor.white_level(iso)),
    )  # fmt: skip


def _cells(pattern: Pattern) -> tuple[tuple[int, ...], ...]:
    """Packed plane of each pixel of a cell: greens beside red are the first ones."""
    if len(pattern) != _SIDE:
        raise UsageError("the profile of an X-Trans mosaic", expected="a Bayer mosaic")
    return tuple(
        tuple(
            colour if colour == _RED else _BLUE if colour == _BLUE
            else _FIRST_GREEN if _RED in row else _SECOND_GREEN
            for colour in row
        )
        for row in pattern
    )  # fmt: skip
