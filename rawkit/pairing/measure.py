"""A short against its long, measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from rawkit.pairing.align import Template, align, rough_shift, smoothed, smoothing_of, template_of
from rawkit.pairing.compare import brightness, changes, likeness
from rawkit.pairing.exposed import Exposed, binned, plane_means
from rawkit.pairing.motion import Motion, moved
from rawkit.pairing.noise import Noise, noise_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


SQUARE: Final = 16
"""Pixels of a plane a side of a square in which light is compared."""
_SMALL: Final = 8
"""Likewise in small frames."""
_SMALL_SIDE: Final = 640
_CLIPPED: Final = 0.01
"""Share of a square's pixels that may be clipped before it is left out."""
_ROUGH: Final = 4
"""Pixels a side of a square of the rough alignment."""
_STILL: Final = 0.25
"""Pixels of a plane below which squares need not be moved to be compared."""
_ALIKE: Final = 0.5
"""Likeness below which two frames show two scenes, and no shift between them means anything."""
_HIGHLIGHTS: Final = 0.99
_LEAST: Final = 32
"""Squares without clipping below which nothing is compared."""
_WHOLE: Final = 0.99
"""Share of a square that must count, of those that are put together."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a pair. Lengths are in pixels of the mosaic."""

    shift: float
    """How far short and long lie apart where they do most; NaN where it cannot be told."""
    down: float
    """Of that at the centre, how far the short lies below the long."""
    right: float
    """Likewise to the right."""
    rotation: float
    """Rotation of the short against the long, in degrees, clockwise."""
    scale: float
    """Size of things in the short over that in the long, less 1."""
    shift_sigma: float
    """Standard deviation of the shift."""
    moved: float
    """Share of the picture in which the short shows something else than the long, 0 to 1."""
    moved_blur: float
    """Relative noise of the short in the widest squares: changes below some times this hide."""
    likeness: float
    """Correlation of what both show, noise taken out: about 1 for one scene, 0 for two."""
    likeness_sigma: float
    """Standard deviation of the likeness."""
    gain: float
    """What the short must be multiplied by to be as bright as the long, by regression."""
    gain_sigma: float
    """Relative standard deviation of that."""
    gain_of_means: float
    """The same from mean light where neither is clipped."""
    short_clipped: float
    """Share of the short's pixels that are clipped."""
    long_clipped: float
    """Share of the long's."""
    long_light: float
    """Light that the brightest hundredth of the long has at least, of white."""
    usable: float
    """Share of the picture in which neither is clipped."""


class PreparedLong:
    """A long, with what all its shorts are compared with."""

    def __init__(self, exposed: Exposed) -> None:
        self.exposed = exposed
        """Its planes and levels."""
        self.square = SQUARE if min(exposed.shape) >= _SMALL_SIDE else _SMALL
        """Pixels a side of a square."""
        self.clipped_share = exposed.clipped_share()
        """Share of its pixels that are clipped."""
        self.light = exposed.highlights(_HIGHLIGHTS)
        """Light of its brightest hundredth, of white."""

    @cached_property
    def means(self) -> NDArray[np.float32]:
        """Mean light of squares, (planes, rows, columns)."""
        return plane_means(self.exposed.mended, self.square, self.exposed.blacks)

    @cached_property
    def clipped(self) -> NDArray[np.float32]:
        """Share of each square that is clipped, (rows, columns)."""
        return binned(self.exposed.clipped.astype(np.float32), self.square)

    @cached_property
    def template(self) -> Template:
        """The long where it lies, smoothed, with its slopes."""
        return template_of(smoothed(self.exposed.light, self.smoothing))

    @cached_property
    def smoothing(self) -> float:
        """How much to smooth it before its slopes are taken, in pixels."""
        return smoothing_of(self.exposed.light)

    def means_after(self, motion: Motion) -> NDArray[np.float32]:
        """Mean light of squares of the long, moved."""
        frame, side = self.exposed, self.square
        planes = (moved(one.astype(np.float32), motion) for one in frame.mended)
        return np.stack(
            [binned(one, side) - np.float32(b) for one, b in zip(planes, frame.blacks, strict=True)]
        )

    def clipped_after(self, motion: Motion) -> NDArray[np.float32]:
        """Share of each square of the moved long that is clipped."""
        return binned(moved(self.exposed.clipped.astype(np.float32), motion), self.square)


def measure_pair(short: Exposed, long: PreparedLong, scale: int = 2) -> Measured:
    """Measure a short against its long; both have planes of one shape.

    `scale` is the pixels of the mosaic, each way, that make one of a plane.
    """
    side, pixels = long.square, long.square**2
    if min(short.shape) < 2 * SQUARE:
        return _nothing(short, long, 0.0)
    dark = plane_means(short.mended, side, short.blacks)
    own_clipped = binned(short.clipped.astype(np.float32), side)
    usable = _usable(own_clipped, long.clipped, None)
    nothing = _nothing(short, long, float(usable.mean()))
    if usable.sum() < _LEAST:
        return nothing
    bright = long.means
    first = brightness(dark, bright, usable, None, pixels)
    noise = _noise(short, long, first.slope, usable)
    plane_noise = replace(noise, floor=noise.floor / short.count)
    motion = _rough(short, long, first.slope, noise, usable)
    if abs(motion.down) + abs(motion.right) > 0:
        bright = long.means_after(motion)
        usable = _usable(own_clipped, long.clipped_after(motion), _reach(motion, side))
        if usable.sum() < _LEAST:
            return nothing
    alike, alike_sigma = likeness(dark, bright, usable, plane_noise, pixels)
    first = brightness(dark, bright, usable, plane_noise, pixels)
    slope = max(first.slope, 0.1 * first.means, 1e-9)
    if alike > _ALIKE:
        mask = _to_pixels(_usable(own_clipped, long.clipped, None), side, short.shape)
        motion = align(
            short.light,
            long.exposed.light,
            slope,
            noise,
            mask,
            motion,
            sigma=long.smoothing,
            ready=long.template,
        )
        apart = motion.farthest(short.shape)
        bright = long.means if apart < _STILL else long.means_after(motion)
        clipped = long.clipped if apart < _STILL else long.clipped_after(motion)
        usable = _usable(own_clipped, clipped, _reach(motion, side))
        if usable.sum() < _LEAST:
            return nothing
        alike, alike_sigma = likeness(dark, bright, usable, plane_noise, pixels)
        first = brightness(dark, bright, usable, plane_noise, pixels)
    found = brightness(dark, bright, usable, plane_noise, pixels)
    change = changes(dark, bright, usable, plane_noise, pixels, found)
    whole = motion.at(scale)
    shape = (short.shape[0] * scale, short.shape[1] * scale)
    return replace(
        nothing,
        shift=whole.farthest(shape), down=whole.down, right=whole.right,
        rotation=math.degrees(whole.turn), scale=whole.zoom, shift_sigma=whole.sigma,
        moved=change.share, moved_blur=change.blur,
        likeness=alike, likeness_sigma=alike_sigma,
        gain=1 / found.slope if found.slope > 0 else math.inf,
        gain_sigma=found.sigma / found.slope if found.slope > 0 else math.inf,
        gain_of_means=1 / found.means if found.means > 0 else math.inf,
        usable=float(usable.mean()),
    )  # fmt: skip


def _nothing(short: Exposed, long: PreparedLong, usable: float) -> Measured:
    """Return what is known where nothing can be compared."""
    unknown, unsure = math.nan, math.inf
    return Measured(
        unknown, unknown, unknown, unknown, unknown, unsure, unknown, unsure, unknown, unsure,
        unknown, unsure, unknown, short.clipped_share(), long.clipped_share, long.light, usable,
    )  # fmt: skip


def _usable(
    own: NDArray[np.float32], other: NDArray[np.float32], edge: int | None
) -> NDArray[np.bool_]:
    """Squares in which neither frame is clipped, nor any beside them; without `edge` at the rim."""
    clipped = ((own > _CLIPPED) | (other > _CLIPPED)).astype(np.uint8)
    usable = cv2.dilate(clipped, np.ones((3, 3), np.uint8)) == 0
    if edge:
        framed = np.zeros_like(usable)
        inner = (slice(edge, -edge), slice(edge, -edge))
        framed[inner] = usable[inner]
        usable = framed
    return np.asarray(usable)


def _reach(motion: Motion, side: int) -> int:
    """Squares at the rim that a moved picture does not fill."""
    length = math.hypot(motion.down, motion.right)
    return math.ceil(length / side) if length else 0


def _to_pixels(
    squares: NDArray[np.bool_], side: int, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Say of each pixel what is said of its square; pixels of no square count for nothing."""
    pixels = np.zeros(shape, np.float32)
    rows, columns = squares.shape
    large = cv2.resize(
        squares.astype(np.float32), (columns * side, rows * side), interpolation=cv2.INTER_NEAREST
    )
    pixels[: rows * side, : columns * side] = large
    return pixels


def _noise(short: Exposed, long: PreparedLong, slope: float, usable: NDArray[np.bool_]) -> Noise:
    """Noise of the sum of the short's planes."""
    tiles = usable
    if long.square != SQUARE:
        tiles = binned(usable.astype(np.float32), SQUARE // long.square) > _WHOLE
    rows, columns = short.shape[0] // SQUARE, short.shape[1] // SQUARE
    tiles = tiles[:rows, :columns]
    if not tiles.any():
        tiles = np.ones((rows, columns), np.bool_)
    return noise_of(short.light, np.float32(slope) * long.template.smooth, tiles)


def _rough(
    short: Exposed, long: PreparedLong, slope: float, noise: Noise, usable: NDArray[np.bool_]
) -> Motion:
    """Find the shift by phase correlation on squares of four pixels; none below one of those."""
    dark, bright = binned(short.light, _ROUGH), binned(long.exposed.light, _ROUGH)
    mask = binned(_to_pixels(usable, long.square, short.shape), _ROUGH) > _WHOLE
    level = float(np.median(dark[mask])) if mask.any() else 0.0
    variance = (noise.gain * max(level, 0) + noise.floor) / _ROUGH**2
    down, right = rough_shift(dark, np.float32(slope) * bright, mask, variance)
    if max(abs(down), abs(right)) <= 1:
        return Motion()
    limit = min(dark.shape) / 3
    if max(abs(down), abs(right)) > limit:
        return Motion()
    return Motion(down * _ROUGH, right * _ROUGH)
