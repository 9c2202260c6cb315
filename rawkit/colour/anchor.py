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
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from rawkit.colour.cells import ALIGNED, CellGrid, overview
from rawkit.colour.scales import (
    LUMINANCE,
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
_POWER = 1 / 2.222
_LARGEST_BALANCE = 1e4
_CODES = 1 << 16


def _aligned(cells: int) -> int:
    return -(-cells // ALIGNED) * ALIGNED


_SMALLEST_HALO: Final = _aligned(1 + _DETAIL_RADIUS + _SMALLEST.colour_reach)
_SMALL_HALO: Final = _aligned(_SMALLEST_HALO + 2 * (1 + _SMALL.colour_reach))
_LARGE_HALO: Final = (
    1 + max(_LARGE.colour_reach, _LARGE.estimate_reach + _LARGEST.colour_reach)
) * _SQUARE  # fmt: skip
LOOK_AHEAD: Final = _SMALL_HALO + _LARGE_HALO
"""Rows of cells below a place that must be there before it can be handed out."""


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
        The mosaic's `overview` where it is known already.
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
        self._squares = self._linear_light(
            overview(self._grid) if squares is None else squares.copy()
        )

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
        seen = _Seen(self._grid)
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

    def _slab(self, seen: _Seen, top: int, bottom: int) -> Iterator[NDArray[np.float32]]:
        """Yield the pixels of rows of cells of the padded grid."""
        rows, columns = self._grid.padded
        first, last = max(0, top - _SMALL_HALO), min(rows, bottom + _SMALL_HALO)
        luminance = seen.cells(first, last)
        colour = self._linear_light(self._grid.window(first, last))
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
                np.ascontiguousarray(colour[:, :, start:stop]),
                np.ascontiguousarray(luminance[:, start:stop]),
                above.cut(slice(None), slice(start // _SQUARE, stop // _SQUARE)),
                outer.slices_of(inner),
            ).cut(*inner.slices_of(_Part(begin, left, end, right)))
            found.gain *= np.float32(self._brightness)
            ratio = np.maximum(found.chroma * found.gain, 0)
            np.power(ratio, np.float32(_POWER), out=ratios[:, :, left:right])
        del colour, luminance
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

    def _large(self, seen: _Seen, top: int, bottom: int) -> Estimate:
        """Estimate rows of squares of 8x8 cells."""
        rows = self._squares.shape[1]
        halo = _LARGE_HALO // _SQUARE
        first, last = max(0, top - halo), min(rows, bottom + halo)
        colour, luminance = self._squares[:, first:last], seen.squares[first:last]
        cells = _SQUARE * _SQUARE
        largest = coarse(colour, luminance, _LARGEST, self._noise, cells, None)
        large = coarse(colour, luminance, _LARGE, self._noise, cells, largest)
        return large.cut(slice(top - first, bottom - first), slice(None))

    def _pieces(
        self, seen: _Seen, ratios: NDArray[np.float32], begin: int, top: int, bottom: int
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
            light = _looked_up(to_power, seen.lumas(start, stop))
            picture = np.empty((stop - start, width, 3), np.float32)
            colours = []
            for one in ratios[:, above - begin : below - begin]:
                large = enlarge(one, block)
                part = _extended(large[start - above * block :], stop - start, width)
                # Rounded and held below 65536 on the way.
                codes = cv2.multiply(part, light, scale=_CODES - 1, dtype=cv2.CV_16U)
                colours.append(_looked_up(to_code, codes))
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


class _Seen:
    """What of a network's picture has come so far and is still needed."""

    def __init__(self, grid: CellGrid) -> None:
        self._grid = grid
        self.pixels = 0
        """Rows of pixels that have come."""
        self.ready = 0
        """Rows of cells whose luminance is there."""
        rows, columns = (n // _SQUARE for n in grid.padded)
        self.squares = np.zeros((rows, columns), np.float32)
        """Luminance of squares of 8x8 cells."""
        self._lumas = _Rows(np.empty((0, grid.pixels.shape[1]), np.uint16))
        self._luminance = _Rows(np.empty((0, grid.padded[1]), np.float32))
        self._square_rows = 0

    def add(self, band: NDArray[np.float32]) -> None:
        """Take a band (rows, width, 3)."""
        lumas = _luma(band)
        self._lumas.add(lumas)
        self.pixels += len(band)
        block, rows = self._grid.block, self._grid.shape[0]
        ready = min(self.pixels // block, rows)
        if ready > self.ready:
            self._add_cells(self._lumas.rows(self.ready * block, ready * block))

    def end(self) -> None:
        """Complete the grid: rows of cells that it is padded with repeat the last."""
        missing = self._grid.padded[0] - self.ready
        if missing:
            last = self._luminance.rows(self.ready - 1, self.ready)
            self._put(np.repeat(last, missing, axis=0))

    def cells(self, top: int, bottom: int) -> NDArray[np.float32]:
        """Luminance of cells, (rows, padded columns)."""
        return self._luminance.rows(top, bottom)

    def lumas(self, top: int, bottom: int) -> NDArray[np.uint16]:
        """Luma of pixels, (rows, width), of 65535."""
        return self._lumas.rows(top, bottom)

    def forget(self, cells: int, pixels: int) -> None:
        """Drop rows of cells and of pixels before these."""
        self._luminance.forget(cells)
        self._lumas.forget(pixels)

    def _add_cells(self, lumas: NDArray[np.uint16]) -> None:
        block, (_, columns), padded = self._grid.block, self._grid.shape, self._grid.padded[1]
        light = _looked_up(_linear(), np.ascontiguousarray(lumas[:, : columns * block]))
        means = reduce(light, block)
        self._put(np.pad(means, ((0, 0), (0, padded - columns)), mode="edge"))

    def _put(self, cells: NDArray[np.float32]) -> None:
        self._luminance.add(cells)
        self.ready += len(cells)
        whole = self.ready // _SQUARE
        if whole > self._square_rows:
            rows = self._luminance.rows(self._square_rows * _SQUARE, whole * _SQUARE)
            self.squares[self._square_rows : whole] = reduce(rows, _SQUARE)
            self._square_rows = whole


class _Rows:
    """Rows that are added at the end and forgotten at the beginning."""

    def __init__(self, none: NDArray[Any]) -> None:
        self._parts: list[NDArray[Any]] = []
        self._none = none
        self._first = 0

    def add(self, rows: NDArray[Any]) -> None:
        self._parts.append(rows)

    def forget(self, before: int) -> None:
        while self._parts and self._first + len(self._parts[0]) <= before:
            self._first += len(self._parts.pop(0))

    def rows(self, top: int, bottom: int) -> NDArray[Any]:
        parts, first = [], self._first
        for part in self._parts:
            start, stop = max(0, top - first), min(len(part), bottom - first)
            if start < stop:
                parts.append(part[start:stop])
            first += len(part)
        return np.concatenate([self._none, *parts]) if len(parts) != 1 else parts[0]


def _extended(values: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Cut to so many rows and columns; the last are repeated where there are fewer."""
    below, right = (max(0, n - m) for n, m in zip((rows, columns), values.shape, strict=True))
    if below or right:
        values = np.pad(values, ((0, below), (0, right)), mode="edge")
    return values[:rows, :columns]


def _luma(band: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Weighted sum of encoded RGB, rounded to 65535; what is not a number counts as black."""
    weights = np.array([LUMINANCE]) * (_CODES - 1)
    lumas = np.asarray(cv2.transform(np.ascontiguousarray(band), weights), np.float32)
    # Adding nothing rounds, and holds what is beyond at the ends.
    return np.asarray(cv2.add(lumas, np.zeros(1), dtype=cv2.CV_16U), np.uint16)


def _looked_up(table: NDArray[np.float32], codes: NDArray[Any]) -> NDArray[np.float32]:
    found = np.empty(codes.shape, np.float32)
    # A code is never out of range; without a mode NumPy would copy to make sure first.
    np.take(table, codes, out=found, mode="wrap")
    return found


@cache
def _linear() -> NDArray[np.float32]:
    """Linear light of each code, (65536,)."""
    return np.asarray(linear_of(np.linspace(0, 1, _CODES)), np.float32)


@cache
def _powers() -> NDArray[np.float32]:
    """Linear light of each code to the power of the curve, in which light is multiplied."""
    return np.asarray(linear_of(np.linspace(0, 1, _CODES)) ** _POWER, np.float32)


@cache
def _encoded() -> NDArray[np.float32]:
    """Tabulate the encoded value of each power, (65536,)."""
    return np.asarray(encoded_of(np.linspace(0, 1, _CODES) ** (1 / _POWER)), np.float32)
