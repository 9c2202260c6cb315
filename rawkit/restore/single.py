"""One mosaic, wherever it comes from, restored as one array: what a notebook asks for.

The same steps as for a file of `rawkit restore`, in this process, without the limits that a folder
of strangers' files needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rawkit.pictures import Capture, capture_of_row, orient
from rawkit.restore.amplify import Brightness
from rawkit.restore.decoder import DecodeJob, decode_job
from rawkit.restore.denoised import (
    denoised_bands,
    developed,
    developments_of,
)
from rawkit.restore.known_noise import NoiseChoice
from rawkit.restore.network import restore_bands
from rawkit.restore.restorer import Origin
from rawkit.restore.stored import StoredFrame
from rawkit.restore.tone import toned
from rawkit.sensor import RawImage, amplification_base

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.colour import ColourMode
    from rawkit.noise import CameraProfile, Mended
    from rawkit.restore.mending import Mending
    from rawkit.restore.restorer import Restorer
    from rawkit.sensor import Levels


@dataclass(frozen=True, slots=True)
class Single:
    """A decoded mosaic, and what decides its brightness and which way is up."""

    image: RawImage
    """The mosaic."""
    base: float
    """The amplifier's estimate."""
    capture: Capture
    """What is known of the capture."""
    gain_ratio: float | None = None
    """Gain ratio to its long, from a store; None where unknown."""
    mended: Mended | None = None
    """What was done by a profile; `image` is then what came of it."""
    profile: CameraProfile | None = None
    """Profile of its camera, where there is one."""


def decode_single(
    what: Path | bytes | StoredFrame | RawImage,
    levels: Levels | None = None,
    mending: Mending | None = None,
) -> Single:
    """Decode a raw file (its path, or its bytes), or take a frame of a store or an array.

    With `mending` what is asked of its camera's profile is done to it.

    Raises
    ------
    RawFileError
        If the file cannot be decoded.
    StoreDamagedError
        If the shard of a stored frame is missing or damaged.
    ProfileError
        If there is no profile of its camera, or it does not fit.
    """
    found = _decoded(what, levels)
    if mending is None:
        return found
    done, profile = mending.mend(what, found.image, found.capture)
    base = amplification_base(done.image)
    return replace(found, image=done.image, base=base, mended=done, profile=profile)


def _decoded(
    what: Path | bytes | StoredFrame | RawImage, levels: Levels | None
) -> Single:  # fmt: skip
    if isinstance(what, RawImage):
        return Single(what, amplification_base(what), Capture(exposure=what.exposure))
    if isinstance(what, StoredFrame):
        row = what.row
        return Single(
            what.image(fit=True), row.amplification_base, capture_of_row(row), what.gain_ratio
        )
    where = str(what) if isinstance(what, Path) else "bytes of a raw file"
    found = decode_job(DecodeJob(what, where, levels, plain=False))
    return Single(found.image, found.base, found.capture)


def restore_single(
    single: Single,
    restorer: Restorer,
    brightness: Brightness | None = None,
    colour: ColourMode = "auto",
) -> NDArray[np.float32]:
    """Restore a mosaic; upright, (height, width, 3), 0 to 1, BT.709 curve on sRGB primaries.

    The first of several brightnesses counts.

    Raises
    ------
    MosaicError
        If the network reads another kind of mosaic, or a ratio is asked for and not known.
    """
    capture = single.capture
    origin = Origin(single.base, capture.exposure, single.gain_ratio, capture.model)
    if restorer.gives_mosaic:
        return _developed(single, restorer, brightness or Brightness(), origin)
    development = restorer.developments(single.image, brightness or Brightness(), colour, origin)[0]
    bands = restore_bands(single.image, restorer, development)
    picture = np.concatenate(list(toned(bands, single.image.mosaic, linear=False)))
    return orient(picture, single.capture.orientation)


def _developed(
    single: Single, restorer: Restorer, brightness: Brightness, origin: Origin
) -> NDArray[np.float32]:
    """Develop what a network gives that gives mosaics, as `restore_single` does."""
    image, capture, done = single.image, single.capture, single.mended
    noise, steps = None, 1 if done is None else done.steps
    if restorer.needs_noise:
        choice = NoiseChoice(profile=single.profile)
        noise, _ = choice.of(image, capture.exposure.iso, steps)
    development = developments_of(image, restorer, brightness, origin)[0]
    bands = denoised_bands(image, restorer, origin, noise, steps=steps)
    if done is not None:
        image = replace(image, mosaic=done.source)
    picture = developed(bands, image, capture, development.amplification)
    return orient(picture.astype(np.float32) / np.float32(65535), capture.orientation)
