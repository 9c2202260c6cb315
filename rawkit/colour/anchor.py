"""The network's detail with the sensor's own colour, band by band.

::

    mosaic ──────────────► cells: linear sRGB, noisy, unbiased ─┐
                                                                ├─► chroma and gain of each cell
    network ─► luminance ► cells: linear luminance ─────────────┘             │
                  └──────────────────────── every pixel ──────────────────────┴─► picture

Of the network only its luma is used, so it does not matter which colours it makes of a camera it
has never seen. Bands come in as the network renders them, of any height; they go out in bands of
fixed rows. What is computed at a time is fixed by the picture's size alone, so that every pixel is
the same whatever the network's tiles were.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from rawkit.colour.cells import ALIGNED, CellGrid, overview
from rawkit.colour.scales import (
    ColourNoise,
    Estimate,
    Scale,
    coarse,
    colour_noise,
    detailed,
    enlarge,
    guided,
    mix,
    reduce,
)
from rawkit.colour.seen import CODES, Seen, looked_up
from rawkit.errors import UsageError
from rawkit.pictures import encoded_of, linear_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from rawkit.colour.matrix import CameraMatrix
    from rawkit.colour.noise import NoiseModel
    from rawkit.sensor import Mosaic

_LARGEST: Final = Scale(radius=11, around_chroma=0, around_gain=0, twice=True)
_LARGE: Final = Scale(radius=4, around_chroma=6, around_gain=10, twice=True)
"""On squares of 8x8 cells."""
_SMALL: Final = Scale(radius=6, around_chroma=9, around_gain=15)
"""On squares of 2x2 cells."""
_SMALLEST: Final = Scale(radius=4, around_chroma=6, around_gain=10)
"""On cells."""
_DETAIL_RADIUS: Final = 2
"""Of single cells."""
_SQUARE = ALIGNED
_SLAB = 256
"""Rows of cells worked on at a time."""
_COLUMNS = 1024
"""Columns of them."""
_PIECE = 32
"""Rows of cells that are handed out at a time."""
_PART_BYTES = 75_000_000
"""What estimating the most cells at a time takes; measured, rounded up."""
_POWER = 1 / 2.222
_LARGEST_BALANCE = 1e4


def _aligned(cells: int) -> int:
    return -(-cells // ALIGNED) * ALIGNED


_SMALLEST_HALO: Final = _aligned(1 + _DETAIL_RADIUS + _SMALLEST.colour_reach)
_SMALL_HALO: Final = _aligned(_SMALLEST_HALO + 2 * (1 + _SMALL.colour_reach))
_LARGE_HALO: Final = (
    1 + max(_LARGE.colour_reach, _LARGE.estimate_reach + _LARGEST.colour_reach)
) * _SQUARE  # fmt: skip
LOOK_AHEAD: Final = _SMALL_HALO + _LARGE_HALO
"""Rows of cells below a place that must be there before it can be handed out."""


@dataclass(frozen=True, slots=True)
class AnchorMemory:
    """Bytes that a `ColourAnchor` takes while bands go through it."""

    kept: int
    """While the network makes the next band."""
    at_work: int
    """More than that, while the network waits."""
    band_pixel: int
    """More than `kept`, for each pixel of a band as the network makes them."""


def anchor_memory(width: int, block: int = 2) -> AnchorMemory:
    """Say what a picture so many pixels wide takes, whose cells are `block` pixels a side."""
    waiting = _SLAB + LOOK_AHEAD
    columns = -(-width // block)
    luminance = (waiting + _SMALL_HALO) * columns * 4
    ratios = 3 * (_SLAB + 2) * columns * 4
    return AnchorMemory(
        kept=waiting * block * width * 2 + luminance,
        # Of the luminance there is a copy.
        at_work=_PART_BYTES + luminance + ratios + 2 * _PIECE * block * width * 4 * 4,
        band_pixel=3,
    )


@dataclass(frozen=True)
class SensorColour:
    """How a camera's mosaic becomes linear light on sRGB primaries."""

    balance: tuple[float, float, float]
    """Multipliers of red, green and blue that make grey neutral, green 1."""
    matrix: CameraMatrix
    """Balanced camera to linear sRGB."""
    noise: NoiseModel
    """Noise of a pixel."""

    def __post_init__(self) -> None:
        """Check that the balance is one."""
        if not all(0 < one < _LARGEST_BALANCE for one in self.balance):
            raise UsageError(f"a balance of {self.balance}", expected="three numbers above 0")


class ColourAnchor:
    """Gives a network's pictures the colour of the mosaic that they were made from.

    Parameters
    ----------
    pixels
        Visible mosaic, shape (height, width), sensor units.
    mosaic
        Its pattern and levels.
    colour
        Balance, matrix and noise.
    factor
        What normalised green was multiplied by to make the network's input: the network's picture
        is about as bright as the mosaic times it.
    brightness
        What the light of the picture is multiplied by after that: other than 1 where the network
        was fed a frame brighter or darker than the picture is to be.
    viewed
        What takes the network's picture to the brightness at which it would be looked at, where
        edges are told from noise: `factor` of `auto` over `factor`.
    squares
        The mosaic's `overview` where it is known already; kept, not copied.
    """

    def __init__(
        self,
        pixels: NDArray[np.uint16],
        mosaic: Mosaic,
        colour: SensorColour,
        factor: float,
        *,
        brightness: float = 1.0,
        viewed: float = 1.0,
        squares: NDArray[np.float32] | None = None,
    ) -> None:
        for name, value in (("factor", factor), ("brightness", brightness), ("viewed", viewed)):
            if not 0 < value < float("inf"):
                raise UsageError(f"a {name} of {value}", expected="a number above 0")
        self._grid = CellGrid(pixels, mosaic)
        gains = np.array(colour.balance, np.float32) * np.float32(factor)
        self._gains = gains
        self._matrix = colour.matrix.array()
        # As LibRaw: what any plane cannot tell from white is white, before the matrix.
        self._white = np.float32(gains.min())
        self._noise: ColourNoise = colour_noise(
            self._matrix, gains, self._grid.counts, colour.noise.shot, colour.noise.read
        )
        self._brightness, self._viewed = float(brightness), float(viewed)
        self._squares = overview(self._grid) if squares is None else squares

    def bands(self, bands: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Anchor a picture that comes in bands, from the top.

        Parameters
        ----------
        bands
            float32 (rows, width, 3), encoded RGB of 0 to 1, as the network renders them.

        Yields
        ------
        ndarray
            float32 (rows, width, 3), encoded RGB of 0 to 1; together as many rows as came in.

        Raises
        ------
        UsageError
            If the bands are not as wide and, together, as high as the mosaic.
        """
        rows, _ = self._grid.padded
        height, width = self._grid.pixels.shape
        seen = Seen(self._grid)
        done = 0
        for band in bands:
            if band.ndim != 3 or band.shape[1:] != (width, 3):  # noqa: PLR2004 - row, column, colour
                raise UsageError(f"a band of shape {band.shape}", expected=f"(rows, {width}, 3)")
            if len(band):
                seen.add(band)
            del band
            while done + _SLAB < rows and done + _SLAB + LOOK_AHEAD <= seen.ready:
                yield from self._slab(seen, done, done + _SLAB)
                done += _SLAB
                seen.forget(done - _SMALL_HALO, done * self._grid.block)
        if seen.pixels != height:
            raise UsageError(f"bands of {seen.pixels} rows together", expected=f"{height}")
        seen.end()
        while done < rows:
            yield from self._slab(seen, done, min(done + _SLAB, rows))
            done += _SLAB
            seen.forget(done - _SMALL_HALO, done * self._grid.block)

    def _slab(self, seen: Seen, top: int, bottom: int) -> Iterator[NDArray[np.float32]]:
        """Yield the pixels of rows of cells of the padded grid."""
        rows, columns = self._grid.padded
        first, last = max(0, top - _SMALL_HALO), min(rows, bottom + _SMALL_HALO)
        luminance = seen.cells(first, last)
        above = self._large(seen, first // _SQUARE, last // _SQUARE)
        # One more cell each way, so that pixels at the seams are interpolated as others are.
        begin, end = max(0, top - 1), min(rows, bottom + 1)
        ratios = np.empty((3, end - begin, columns), np.float32)
        for left in range(0, columns, _COLUMNS):
            right = min(columns, left + _COLUMNS)
            start, stop = max(0, left - _SMALL_HALO), min(columns, right + _SMALL_HALO)
            outer = _Part(first, start, last, stop)
            inner = outer.shrunk((begin, left, end, right), _SMALLEST_HALO)
            found = self._cells(
                self._linear_light(self._grid.window(first, last, start, stop)),
                np.ascontiguousarray(luminance[:, start:stop]),
                above.cut(slice(None), slice(start // _SQUARE, stop // _SQUARE)),
                outer.slices_of(inner),
            ).cut(*inner.slices_of(_Part(begin, left, end, right)))
            found.gain *= np.float32(self._brightness)
            ratio = np.maximum(found.chroma * found.gain, 0)
            np.power(ratio, np.float32(_POWER), out=ratios[:, :, left:right])
        del luminance
        yield from self._pieces(seen, ratios, begin, top, bottom)

    def _cells(
        self,
        colour: NDArray[np.float32],
        luminance: NDArray[np.float32],
        above: Estimate,
        inner: tuple[slice, slice],
    ) -> Estimate:
        """Estimate an inner part of cells from squares of 8x8 of them, by squares of 2x2."""
        small = guided(
            np.stack([reduce(one, 2) for one in colour]), reduce(luminance, 2),
            _SMALL, self._noise, 4, above.enlarged(_SQUARE // 2), self._viewed,
        )  # fmt: skip
        smaller = small.enlarged(2).cut(*inner)
        cells = np.ascontiguousarray(colour[:, *inner])
        light = np.ascontiguousarray(luminance[inner])
        found = guided(cells, light, _SMALLEST, self._noise, 1, smaller, self._viewed)
        return detailed(cells, light, _DETAIL_RADIUS, self._noise, found)

    def _linear_light(self, camera: NDArray[np.float32]) -> NDArray[np.float32]:
        """Linear sRGB of camera colours (3, rows, columns), amplified; those are overwritten."""
        camera *= self._gains[:, None, None]
        np.minimum(camera, self._white, out=camera)
        return mix(self._matrix, camera)

    def _large(self, seen: Seen, top: int, bottom: int) -> Estimate:
        """Estimate rows of squares of 8x8 cells."""
        rows = self._squares.shape[1]
        halo = _LARGE_HALO // _SQUARE
        first, last = max(0, top - halo), min(rows, bottom + halo)
        colour = self._linear_light(self._squares[:, first:last].copy())
        luminance = seen.squares[first:last]
        cells = _SQUARE * _SQUARE
        largest = coarse(colour, luminance, _LARGEST, self._noise, cells, None)
        large = coarse(colour, luminance, _LARGE, self._noise, cells, largest)
        return large.cut(slice(top - first, bottom - first), slice(None))

    def _pieces(
        self, seen: Seen, ratios: NDArray[np.float32], begin: int, top: int, bottom: int
    ) -> Iterator[NDArray[np.float32]]:
        """Multiply ratios, whose first row is `begin`, onto the pixels of cells top to bottom."""
        rows, _ = self._grid.padded
        (own_rows, _), block = self._grid.shape, self._grid.block
        height, width = self._grid.pixels.shape
        to_power, to_code = _powers(), _encoded()
        for first in range(top, bottom, _PIECE):
            last = min(bottom, first + _PIECE)
            start, stop = first * block, height if last >= own_rows else last * block
            if start >= height:
                return
            above, below = max(0, first - 1), min(rows, last + 1)
            light = looked_up(to_power, seen.lumas(start, stop))
            picture = np.empty((stop - start, width, 3), np.float32)
            colours = []
            for one in ratios[:, above - begin : below - begin]:
                large = enlarge(one, block)
                part = _extended(large[start - above * block :], stop - start, width)
                # Rounded and held below 65536 on the way.
                codes = cv2.multiply(part, light, scale=CODES - 1, dtype=cv2.CV_16U)
                colours.append(looked_up(to_code, codes))
            cv2.merge(colours, picture)
            yield picture


@dataclass(frozen=True, slots=True)
class _Part:
    """A rectangle of cells of the padded grid, from 0, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    def shrunk(self, core: tuple[int, int, int, int], halo: int) -> _Part:
        """Return `core` with a halo, as far as that lies inside."""
        top, left, bottom, right = core
        return _Part(
            max(self.top, top - halo),
            max(self.left, left - halo),
            min(self.bottom, bottom + halo),
            min(self.right, right + halo),
        )

    def slices_of(self, other: _Part) -> tuple[slice, slice]:
        """Return where another lies in it."""
        return (
            slice(other.top - self.top, other.bottom - self.top),
            slice(other.left - self.left, other.right - self.left),
        )


def _extended(values: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Cut to so many rows and columns; the last are repeated where there are fewer."""
    below, right = (max(0, n - m) for n, m in zip((rows, columns), values.shape, strict=True))
    if below or right:
        values = np.pad(values, ((0, below), (0, right)), mode="edge")
    return values[:rows, :columns]


@cache
def _powers() -> NDArray[np.float32]:
    """Linear light of each code to the power of the curve, in which light is multiplied."""
    return np.asarray(linear_of(np.linspace(0, 1, CODES)) ** _POWER, np.float32)


@cache
def _encoded() -> NDArray[np.float32]:
    """Tabulate the encoded value of each power, (65536,)."""
    return np.asarray(encoded_of(np.linspace(0, 1, CODES) ** (1 / _POWER)), np.float32)
