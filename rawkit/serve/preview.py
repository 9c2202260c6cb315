"""What somebody looks at: a part of a photo, at the size of a screen, within a second.

The network runs on the part that is looked at alone, shrunk where more pixels would come than are
shown. How bright it is, and whose colours it has, is decided on the whole photo, as for the picture
that is made of it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from rawkit.colour import matrix_of
from rawkit.errors import MissingError
from rawkit.pictures import (
    convert_planes,
    encoded_of,
    linear_of,
    orient,
)
from rawkit.restore import Brightness, Origin, restore_bands
from rawkit.sensor import BAYER, pack
from rawkit.serve.look import balance_of, binned, fitted, jpeg, linear_light, squared, truth_of
from rawkit.serve.networks import brightness_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.colour import ColourMode
    from rawkit.restore import Single
    from rawkit.sensor import RawImage
    from rawkit.serve.board import Photo, Picture
    from rawkit.serve.darkroom import Darkroom
    from rawkit.serve.schemas import Wanted

Side = Literal["network", "plain", "truth", "picture"]
MOST_PIXELS = 1_000_000
"""Pixels of a view, at most."""
_FINER, _SLACK = 2, 0.3
_MARGIN = 48
"""Pixels around a part that the network sees as well."""
_MOST_KEPT = 60_000_000
"""Pixels of a finished picture that is kept decoded while it is looked at."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of an upright picture; parts of its width and height, 0 to 1."""

    left: float = 0.0
    """Left edge."""
    top: float = 0.0
    """Upper edge."""
    right: float = 1.0
    """Right edge."""
    bottom: float = 1.0
    """Lower edge."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut off."""
        return (self.left, self.top, self.right, self.bottom) == (0, 0, 1, 1)

    def on_sensor(self, orientation: int) -> Box:
        """Return the same part of the picture before it is turned upright."""
        box = self
        if orientation in (3, 4, 7, 8):
            box = Box(box.left, 1 - box.bottom, box.right, 1 - box.top)
        if orientation in (2, 3, 6, 7):
            box = Box(1 - box.right, box.top, 1 - box.left, box.bottom)
        if orientation in (5, 6, 7, 8):
            box = Box(box.top, box.left, box.bottom, box.right)
        return box

    def slices(self, height: int, width: int, cell: int = 1) -> tuple[slice, slice]:
        """Return rows and columns of a picture, whole cells of them, at least one."""

        def along(first: float, last: float, length: int) -> slice:
            # What is a hair below a pixel was meant to be it.
            begin = min(int(first * length + 1e-6), length - cell) // cell * cell
            end = max(begin + cell, round(last * length) // cell * cell)
            return slice(max(0, begin), min(end, length))

        return along(self.top, self.bottom, height), along(self.left, self.right, width)


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at."""

    photo: Photo
    """Of which photo."""
    side: Side
    """What of it: restored, converted plainly, its truth, or a finished picture."""
    wanted: Wanted
    """How it is restored; a plain conversion is made as bright."""
    box: Box = Box()
    """Which part."""
    pixels: int = MOST_PIXELS
    """How many pixels are wanted, at most."""
    picture: Picture | None = None
    """The finished picture, for that side."""


class Drawer:
    """Draws views. Used by one thread at a time.

    Parameters
    ----------
    darkroom
        Where mosaics and networks are.
    """

    def __init__(self, darkroom: Darkroom) -> None:
        self._darkroom = darkroom
        self._lock = threading.Lock()
        self._factor: tuple[object, float, str] | None = None
        self._light: tuple[object, float] | None = None
        self._decoded: tuple[object, NDArray[np.uint8]] | None = None

    def draw(self, view: View) -> bytes:
        """Return a JPEG.

        Raises
        ------
        RawkitError
            If it cannot be drawn.
        """
        with self._lock:
            if view.side == "truth":
                return self._truth(view)
            if view.side == "picture":
                return self._picture(view)
            single = self._darkroom.single(view.photo)
            part, margins = _part(single, view)
            if view.side == "network":
                restored = self._restored(view, single, part, margins)
                return jpeg(orient(restored, single.capture.orientation))
            plain = orient(self._plain(view, single, part, margins), single.capture.orientation)
            return jpeg(_shrunk(plain, view.pixels))

    def _amplification(self, view: View, single: Single) -> tuple[float, str]:
        """Return what the whole photo is multiplied by, and whose colours it gets."""
        wanted = view.wanted
        key = (view.photo, wanted.m, wanted.stops, wanted.exposure, wanted.colour, wanted.weights)
        if self._factor is None or self._factor[0] != key:
            restorer = self._darkroom.networks.restorer(wanted.weights)
            brightness = brightness_of(wanted, single, restorer)
            found = restorer.developments(single.image, brightness, wanted.colour, _origin(single))
            self._factor = key, found[0].amplification, found[0].note.colour
        return self._factor[1:]

    def _restored(
        self, view: View, single: Single, part: RawImage, margins: tuple[slice, slice]
    ) -> NDArray[np.float32]:
        factor, colour = self._amplification(view, single)
        restorer = self._darkroom.networks.restorer(view.wanted.weights)
        mode: ColourMode = "sensor" if colour == "sensor" else "network"
        development = restorer.developments(
            part, Brightness("number", (factor,)), mode, _origin(single)
        )[0]
        bands = restore_bands(part, restorer, development)
        picture = np.concatenate(list(bands))[margins]
        return np.ascontiguousarray(squared(picture, part))

    def _plain(
        self, view: View, single: Single, part: RawImage, margins: tuple[slice, slice]
    ) -> NDArray[np.float32]:
        """Convert a part plainly, as bright as the network's picture of the whole."""
        gain = self._plain_gain(view, single)
        return squared(_converted(part, gain)[margins], part)

    def _plain_gain(self, view: View, single: Single) -> float:
        """Return the factor at which a plain conversion has the light of the restored picture."""
        factor, colour = self._amplification(view, single)
        key = (view.photo, view.wanted.weights, factor, colour)
        if self._light is None or self._light[0] != key:
            small = binned(single.image, 60_000)
            whole = (slice(None), slice(None))
            light = float(linear_of(self._restored(view, single, small, whole)).mean())
            self._light = key, _gain_for(linear_light(small), light)
        return self._light[1]

    def _truth(self, view: View) -> bytes:
        stored = view.photo.stored
        truth = None if stored is None else truth_of(stored)
        if stored is None or truth is None:
            raise MissingError("no true picture of it", expected="a frame of a store with its long")
        top = np.float32(np.iinfo(truth.dtype).max)
        orientation = stored.row.orientation
        rows, columns = view.box.on_sensor(orientation).slices(*truth.shape[:2])
        picture = truth[rows, columns].astype(np.float32) / top
        return jpeg(_shrunk(orient(picture, orientation), view.pixels))

    def _picture(self, view: View) -> bytes:
        picture = view.picture
        if picture is None or picture.stage != "done":
            raise MissingError("no such picture", expected="one that is done")
        if self._decoded is None or self._decoded[0] is not picture:
            found = cv2.imread(str(picture.path), cv2.IMREAD_COLOR)
            if found is None:
                raise MissingError("the picture is not there any more")
            self._decoded = picture, np.ascontiguousarray(found[..., ::-1])
        whole = self._decoded[1]
        rows, columns = view.box.slices(*whole.shape[:2])
        part = whole[rows, columns].astype(np.float32) / np.float32(255)
        if whole.shape[0] * whole.shape[1] > _MOST_KEPT:
            self._decoded = None
        return jpeg(_shrunk(part, view.pixels))


def _origin(single: Single) -> Origin:
    capture = single.capture
    return Origin(single.base, capture.exposure, single.gain_ratio, capture.model)


def _part(single: Single, view: View) -> tuple[RawImage, tuple[slice, slice]]:
    """Cut out what is looked at, with a margin, and shrink it.

    Returns the part, and the rows and columns of it that are no margin.
    """
    image = single.image
    cell = image.mosaic.cell.side
    height, width = image.pixels.shape
    box = view.box.on_sensor(single.capture.orientation)
    rows, columns = box.slices(height, width, cell)
    shown = (rows.stop - rows.start) * (columns.stop - columns.start)
    # A little more than is shown rather than much less; a plain conversion costs next to nothing.
    wanted = min(view.pixels, MOST_PIXELS) * (_FINER if view.side == "plain" else 1)
    times = max(1, int(np.ceil(np.sqrt(shown / wanted) - _SLACK)))
    step = cell * times
    # Whole steps of what is shrunk, so that no pixel is shifted; beyond the far edges the last
    # cells are repeated.
    top, left = rows.start // step * step, columns.start // step * step
    bottom, right = -(-rows.stop // step) * step, -(-columns.stop // step) * step
    margin = -(-_MARGIN // cell) * step
    outer = (
        max(0, top - margin), max(0, left - margin),
        min(-(-height // step) * step, bottom + margin),
        min(-(-width // step) * step, right + margin),
    )  # fmt: skip
    pixels = image.pixels[
        np.ix_(
            _indices(outer[0], outer[2], height, cell), _indices(outer[1], outer[3], width, cell)
        )
    ]
    part = replace(
        image, pixels=pixels,
        mosaic=replace(image.mosaic, height=pixels.shape[0], width=pixels.shape[1]),
    )  # fmt: skip
    small = part if times == 1 else binned(part, pixels.size // times**2)
    kept = (
        slice((top - outer[0]) // times, (bottom - outer[0]) // times),
        slice((left - outer[1]) // times, (right - outer[1]) // times),
    )
    return small, kept


def _indices(first: int, last: int, length: int, cell: int) -> NDArray[np.intp]:
    """Return rows or columns to read; those beyond the length repeat the last whole cell."""
    found = np.arange(first, last)
    end = length // cell * cell
    beyond = found >= length
    found[beyond] = end - cell + found[beyond] % cell
    return found


def _converted(image: RawImage, gain: float) -> NDArray[np.float32]:
    """Convert a mosaic plainly: levels, balance, factor, demosaicing, matrix, curve."""
    mosaic = image.mosaic
    height, width = image.pixels.shape
    if mosaic.cell == BAYER:
        balance = balance_of(image)
        planes = pack(image.pixels, mosaic.phase, mosaic.cell)
        matrix = balance[:, None] * matrix_of(image.colour_matrix).array().T
        top, left = mosaic.phase
        black = np.array(mosaic.black_level, np.float32)
        picture = convert_planes(planes, black, mosaic.white_level, gain, matrix)
        below = height - top - picture.shape[0], width - left - picture.shape[1]
        return np.pad(picture, ((top, below[0]), (left, below[1]), (0, 0)), mode="edge")
    light = linear_light(image)
    picture = encoded_of(np.clip(light * gain, 0, 1)).astype(np.float32)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR))


def _gain_for(light: NDArray[np.float32], wanted: float) -> float:
    """Return the factor at which linear light, clipped at white, has a mean of `wanted`."""
    low, high = 0.0, 5000.0
    for _ in range(40):
        gain = (low + high) / 2
        mean = float(np.clip(light * gain, 0, 1).mean())
        low, high = (gain, high) if mean < wanted else (low, gain)
    return low


def _shrunk(picture: NDArray[np.float32], pixels: int) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    scale = min(1.0, (pixels / (height * width)) ** 0.5)
    return fitted(picture, max(1, round(max(height, width) * scale)))
