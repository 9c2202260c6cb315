"""Well-lit photos alone: dark ones are made of them with the noise of a calibrated camera.

While a network is trained each crop is made dark anew; see `rawkit.stream.Shorts`. What is held
back is measured on, with every way of restoring: its dark photos are raw files of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.adapt.pairs import Found, Scene, found_among, showing_the_same
from rawkit.adapt.photos import CLIPPED_FROM, camera_of, look_at
from rawkit.catalog import LeftOut, load_definition, scan
from rawkit.errors import UsageError
from rawkit.noise import camera_name, make_short
from rawkit.pictures import Capture, MosaicFile, write_mosaic
from rawkit.restore import DecodeJob, Decoder
from rawkit.sensor import Exposure, pack, phase_crop, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rawkit.adapt.pairs import PairRules
    from rawkit.adapt.photos import Photo
    from rawkit.noise import CameraProfile
    from rawkit.progress import Progress
    from rawkit.restore import Decoded

RATIOS: Final = (100.0, 300.0)
"""What the dark photos of a scene held back must be multiplied by, in turn."""
LEAST_SNR: Final = 25.0
"""Signal to noise of a well-lit photo at its mean, at least: what is learned must not be noise."""
_KEY: Final = 0xADA9
_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Dark:
    """A dark photo that is made of a well-lit one."""

    name: str
    """Path below the folder of those that are made, with forward slashes."""
    long: str
    """Path of the well-lit one below its own folder."""
    ratio: float
    """What it must be multiplied by to be as bright."""
    iso: float
    """Its ISO speed."""
    number: int
    """Which random numbers make its noise, from 0."""


def find_lit(
    folder: Path, rules: PairRules, profile: CameraProfile, *, max_ram: int, progress: Progress
) -> Found:
    """Find the well-lit photos of a profile's camera, one for each scene; reads only.

    Raises
    ------
    MissingError
        If there is no such folder, or no raw file in it.
    SelectionError
        If there are fewer than two scenes: none could be held back.
    """
    catalog = scan(load_definition("folder"), folder, progress)
    wanted, left = [], []
    for entry in catalog.entries:
        model = camera_name(entry.frame.make or "", entry.frame.model or "")
        if model.lower() != profile.camera.lower():
            left.append(LeftOut(entry.source, "camera", f"of {camera_of(entry) or 'no camera'}, "
                                f"and the profile is that of {profile.camera}"))  # fmt: skip
        elif None in (entry.frame.exposure.seconds, entry.frame.exposure.iso):
            left.append(LeftOut(entry.source, "exposure", "EXIF does not say time and ISO"))
        else:
            wanted.append(entry)
    photos, unfit = look_at(wanted, folder, max_ram, progress)
    lit, dark = _lit(photos, rules, profile)
    scenes: list[Scene] = []
    for group in showing_the_same(lit, rules):
        long, *others = sorted(group, key=lambda one: (-one.light, one.name))
        scenes.append(Scene(long, ()))
        left += [LeftOut(one.name, "same", f"shows the same as {long.name}") for one in others]
    return found_among(
        scenes, (*catalog.left_out, *left, *unfit, *dark), folder, what="well-lit {}",
        fix=f"Take well-lit photos at low ISO with the {profile.camera}.",
    )  # fmt: skip


def darks_of(found: Found, profile: CameraProfile) -> tuple[Dark, ...]:
    """Say which dark photos the scenes held back are to have: all ratios, at ISOs in turn."""
    isos = [one.iso for one in profile.isos]
    held = [scene.long.name for scene in found.scenes if scene.held_back]
    return tuple(
        Dark(f"made-dark/{number:04d}.dng", name, ratio, isos[number % len(isos)], number)
        for number, (name, ratio) in enumerate((name, ratio) for name in held for ratio in RATIOS)
    )


def make_darks(
    darks: Sequence[Dark],
    photos: Path,
    folder: Path,
    profile: CameraProfile,
    *,
    max_ram: int,
    progress: Progress,
) -> None:
    """Write dark photos as DNGs below a folder; those that are there stay.

    Raises
    ------
    RawFileError
        If a well-lit one cannot be decoded any more.
    OutputError
        If one cannot be written.
    """
    missing = [one for one in darks if not (folder / one.name).is_file()]
    if not missing:
        return
    with (
        Decoder(_SECONDS, max_ram) as decoder,
        progress.stage("Making photos dark", len(missing), "photos") as advance,
    ):
        for long, own in groupby(missing, key=lambda one: one.long):
            decoded = decoder.decode(DecodeJob(photos / long, long))
            for one in own:
                _write(folder / one.name, one, decoded, profile)
                advance(1)


def _write(path: Path, one: Dark, decoded: Decoded, profile: CameraProfile) -> None:
    """Write a decoded photo as a dark one."""
    image, told = decoded.image, decoded.capture
    mosaic, seen = image.mosaic, told.exposure
    if seen.seconds is None or seen.iso is None:
        raise UsageError("a photo whose exposure is unknown", where=one.long)
    black = np.asarray(mosaic.black_level, np.float64)
    planes = np.array(pack(image.pixels, mosaic.phase), np.uint16, order="C")
    noise = profile.at(one.iso).within(profile.mosaic, float(black.mean()), mosaic.white_level)
    make_short(planes, black.tolist(), noise, one.ratio, key=_KEY, sample=one.number)
    pixels = np.full_like(image.pixels, round(float(black.mean())))  # what no whole cell covers
    pixels[phase_crop(mosaic.height, mosaic.width, mosaic.phase).slices] = unpack(planes)
    seconds = seen.seconds * seen.iso / (one.ratio * one.iso)
    # What the file carries beside these says how the long was exposed.
    capture = Capture(told.make, told.model, Exposure(seconds, one.iso, seen.f_number), told.taken,
                      told.lens, told.orientation)  # fmt: skip
    write_mosaic(path, pixels, MosaicFile(image, capture, 1, one.long))


def _lit(
    photos: Sequence[Photo], rules: PairRules, profile: CameraProfile
) -> tuple[list[Photo], list[LeftOut]]:
    """Tell well-lit photos from those that are dark, noisy or burnt out."""
    lit: list[Photo] = []
    left: list[LeftOut] = []
    for photo in photos:
        if photo.clipped > rules.most_clipped:
            left.append(LeftOut(photo.name, "clipped", f"{photo.clipped:.0%} of it is clipped"))
        elif (snr := _snr(photo, profile)) < LEAST_SNR:
            reason = f"dark: signal to noise {snr:.1f} at its mean, and not {LEAST_SNR:g}"
            left.append(LeftOut(photo.name, "dark", reason))
        else:
            lit.append(photo)
    return lit, left


def _snr(photo: Photo, profile: CameraProfile) -> float:
    """Signal to noise of a pixel as bright as the photo's mean."""
    noise = profile.at(photo.exposure.iso or 1.0)
    black = float(np.mean(profile.mosaic.black_level))
    share = float(np.clip(photo.overview, 0.0, CLIPPED_FROM).mean())
    signal = share * (profile.mosaic.white_level - black)
    variance = float(np.mean(noise.gain)) * signal + float(np.mean(noise.sigma**2))
    return signal / math.sqrt(variance)
