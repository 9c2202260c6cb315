"""A mosaic without what its camera puts into every frame: dark shading and hot pixels.

Dark shading is a fraction of a sensor unit as often as several, and what is dark lies around the
black level. So a mosaic it was subtracted from is still integers, but in finer steps, on a black
level that nothing falls below: 3 steps a unit for 14 bits, 15 for 12 bits. Rounding to whole units
instead would leave contours half a unit high, as integers less a constant are rounded alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.errors import ProfileError
from rawkit.noise.hot import hot_within, mend_hot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.noise.profile import CameraProfile
    from rawkit.sensor import Mosaic, RawImage

_ROWS: Final = 256
"""Rows from which shading is subtracted at a time."""
_MOST: Final = 65535
_FINEST: Final = 16
"""Steps of a sensor unit, at most: finer ones say nothing more."""
_SAME: Final = 1e-9


@dataclass(frozen=True, slots=True)
class MendNote:
    """What was done to a mosaic by its camera's profile, for manifests and for people."""

    profile: str
    """Camera of the profile."""
    iso: float | None
    """ISO of the frame; None where unknown."""
    shading_rms: float | None
    """Root of the mean square of what was subtracted beside the black level, sensor units; None
    where dark shading was not asked for."""
    hot_pixels: int | None
    """Pixels mended; None where that was not asked for."""
    warning: str | None = None
    """What is beyond the profile."""

    @property
    def text(self) -> str:
        """What was done, for people."""
        parts = []
        if self.shading_rms is not None:
            parts.append(f"dark shading of {self.shading_rms:.2g} units subtracted")
        if self.hot_pixels is not None:
            parts.append(f"{self.hot_pixels} hot pixels mended")
        return f"{', '.join(parts) or 'nothing'} ({self.profile})"


@dataclass(frozen=True, slots=True)
class Mended:
    """A mosaic that was mended."""

    image: RawImage
    """The mosaic; its pixels and levels are in `steps` of a sensor unit."""
    steps: int
    """Steps of a sensor unit."""
    source: Mosaic
    """Levels of the mosaic as the sensor gave it, in sensor units."""
    note: MendNote
    """What was done."""


def mended(
    image: RawImage,
    profile: CameraProfile,
    iso: float | None,
    *,
    dark_shading: bool = True,
    hot_pixels: bool = True,
    at: tuple[int, int] = (0, 0),
    visible: tuple[int, int] | None = None,
) -> Mended:
    """Subtract dark shading from a mosaic and mend its hot pixels, as a profile says.

    What saturates stays saturated. The pixels given are not written to.

    Parameters
    ----------
    image
        The mosaic, in sensor units.
    profile
        Profile of its camera.
    iso
        ISO of the frame; None where unknown.
    dark_shading
        Whether the shading of the ISO is subtracted, the bias of the planes with it.
    hot_pixels
        Whether hot and dead pixels are mended.
    at
        Row and column of the visible area at which the mosaic begins, where it is a part of it.
    visible
        Rows and columns of the visible area; the mosaic's own where it is not given.

    Raises
    ------
    ProfileError
        If the profile is of another size or pattern, or the shading is asked for and the ISO is not
        known.
    """
    check_fits(image.mosaic, profile, at, visible or (image.mosaic.height, image.mosaic.width))
    found, steps, rms, warning = image, 1, None, None
    if dark_shading:
        if iso is None:
            raise ProfileError(
                "a frame that does not say its ISO", expected="it, to look up the dark shading",
                fix="Leave the shading with --no-dark-shading.",
            )  # fmt: skip
        found, steps, rms = _without_shading(image, profile, iso, at)
        warning = beyond(profile, iso)
    count = None
    if hot_pixels:
        if found is image:
            found = replace(image, pixels=image.pixels.copy())
        hot = hot_within(profile.hot, at, found.pixels.shape)
        count = mend_hot(found.pixels, found.mosaic, hot)
    note = MendNote(profile.camera, iso, rms, count, warning)
    return Mended(found, steps, image.mosaic, note)


def profile_for(
    profiles: Sequence[CameraProfile], make: str | None, model: str | None
) -> CameraProfile:
    """Return the profile of a camera; where it is not known and there is one profile, that one.

    Models are compared, whatever their case.

    Raises
    ------
    ProfileError
        If there is none.
    """
    if model is None and len(profiles) == 1:
        return profiles[0]
    wanted = (model or "").strip().lower()
    for one in profiles:
        if one.model.strip().lower() == wanted:
            return one
    camera = model or make
    raise ProfileError(
        f"a frame of {camera}" if camera else "a frame that does not say its camera",
        expected=f"one of {' or '.join(one.camera for one in profiles)}" if profiles
        else "a profile of it",
        fix="Name the profile of its camera as well: --profile MODEL.toml.",
    )  # fmt: skip


def _without_shading(
    image: RawImage, profile: CameraProfile, iso: float, at: tuple[int, int]
) -> tuple[RawImage, int, float]:
    """Return the mosaic in finer steps, how fine they are, and what was subtracted, RMS."""
    mosaic, pixels = image.mosaic, image.pixels
    height, width = pixels.shape
    steps, lift = _units(mosaic, profile.shading_bounds(iso))
    finer, total = np.empty((height, width), np.uint16), 0.0
    columns = slice(at[1], at[1] + width)
    for top in range(0, height, _ROWS):
        rows = pixels[top : top + _ROWS].astype(np.float32)
        span = (at[0] + top, at[0] + top + len(rows))
        shading = profile.shading(iso, span)[:, columns]
        total += float(np.sum(np.square(shading), dtype=np.float64))
        full = rows >= np.float32(mosaic.white_level)
        rows -= np.where(full, np.float32(0), shading)
        rows *= np.float32(steps)
        rows += np.float32(lift)
        np.clip(np.rint(rows, out=rows), 0, _MOST, out=rows)
        finer[top : top + len(rows)] = rows
    camera = mosaic.camera_white_level
    levels = replace(
        mosaic,
        black_level=tuple(steps * level + lift for level in mosaic.black_level),
        white_level=steps * mosaic.white_level + lift,
        camera_white_level=None if camera is None else tuple(steps * one + lift for one in camera),
    )
    rms = float(np.sqrt(total / pixels.size))
    return replace(image, pixels=finer, mosaic=levels, masked=None), steps, rms


def _units(mosaic: Mosaic, bounds: tuple[float, float]) -> tuple[int, int]:
    """Return how many steps a unit has, and what is added so that nothing falls below 0.

    Files of 16 bits have room for neither; what they hold is fine enough.
    """
    low, high = bounds
    most = max((mosaic.white_level, *(mosaic.camera_white_level or ())))
    room = _MOST / (most + max(0.0, high) + max(0.0, -low))
    if room < 1:
        return 1, 0
    steps = min(int(room), _FINEST)
    return steps, int(np.ceil(steps * max(0.0, high)))


def check_fits(
    mosaic: Mosaic, profile: CameraProfile, at: tuple[int, int], visible: tuple[int, int]
) -> None:
    """Refuse a profile of another size or pattern than the visible area that a mosaic is of.

    Parameters
    ----------
    mosaic
        The mosaic, whose pattern alone is looked at.
    profile
        The profile.
    at
        Row and column of the visible area at which the mosaic begins.
    visible
        Rows and columns of the visible area.

    Raises
    ------
    ProfileError
        If it is.
    """
    size = profile.mosaic.height, profile.mosaic.width
    if visible != size:
        raise ProfileError(
            f"a profile of {size[1]}x{size[0]} pixels for a frame of {visible[1]}x{visible[0]}",
            expected="frames as those it was made from: whole, and not cropped by the camera",
            fix="Calibrate with frames of this size.",
        )
    own, side = profile.mosaic.pattern, profile.mosaic.cell.side
    letters = ("RGBG"[own[(y + at[0]) % side][(x + at[1]) % side]]
               for y in range(side) for x in range(side))  # fmt: skip
    found, expected = "".join(letters), mosaic.pattern_text.replace("/", "")
    if found != expected:
        raise ProfileError(
            f"a profile of the pattern {found} for a frame of {expected}",
            expected="the profile of its camera",
        )


def beyond(profile: CameraProfile, iso: float) -> str | None:
    """Say it if an ISO lies outside of those the profile was made from; None where it does not."""
    if profile.ranges:
        ends = [one.low for one in profile.ranges] + [one.high for one in profile.ranges]
    else:
        ends = [one.iso for one in profile.isos]
    low, high = min(ends), max(ends)
    if low * (1 - _SAME) <= iso <= high * (1 + _SAME):
        return None
    return (
        f"ISO {iso:g} lies outside of the ISOs {low:g} to {high:g} that the profile of "
        f"{profile.camera} was made from: the shading of the nearest was subtracted"
    )
