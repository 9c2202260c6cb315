"""What dark frames of one ISO tell: read noise, rows, columns, bias, shading, hot pixels.

Frames are read twice, one after the other: for their mean, and for what each is beside it. Source
of the model: Wei et al., ELD, CVPR 2020; of the mean of dark frames: Feng et al., PMN, ACM MM 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from rawkit.calibrate.tails import Residuals, Tails, fit_tails, student
from rawkit.noise import Estimate, cosines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from rawkit.sensor import Mosaic

    Floats = NDArray[np.float64]
    Frames = Callable[[], Iterable[NDArray[np.uint16]]]

ORDERS: Final = 12
"""Cosines of the smooth part of shading, each way, at most."""
_PARTS: Final = 20
"""Parts of a frame that intervals are found from."""
_BINS: Final = 2048
_BIN: Final = 1 / 64
"""Width of a bin, standard deviations."""
_HOT: Final = 8.0
"""Standard errors of the mean from which on a pixel is hot."""
_HOT_LEAST: Final = 1.0
"""Standard deviations of a pixel from which on it is."""
_TWO: Final = 1.959964


@dataclass(frozen=True, eq=False)
class Darkness:
    """What was found of dark frames of one ISO; DN."""

    iso: float
    """ISO speed."""
    frames: int
    """Frames that were looked at."""
    bias: Estimate
    """Mean less the black level, a plane each."""
    variance: Floats
    """Variance of single pixels, rounding included, rows and columns not, (P,)."""
    tails: tuple[Tails, ...]
    """Read noise of each plane."""
    row: Estimate
    """Standard deviation of rows."""
    column: Estimate
    """Standard deviation of columns."""
    smooth: Floats
    """Weights of cosines of the mean, (P, down, across)."""
    smooth_error: Floats
    """Their standard errors."""
    rows: Floats
    """What each row has beside that, (H,)."""
    columns: Floats
    """What each column has beside that, (W,)."""
    rows_error: float
    """Standard error of one of them."""
    columns_error: float
    """Likewise."""
    hot: NDArray[np.int32]
    """Pixels that stand out, (n, 2): row and column of the mosaic, from 0."""


def measure_darkness(frames: Frames, mosaic: Mosaic, iso: float, step: float) -> Darkness:
    """Measure dark frames of one ISO, which `frames` yields each time it is called.

    Two frames at least; each of the size of `mosaic`, (H, W).
    """
    total = np.zeros((mosaic.height, mosaic.width), np.uint32)
    count, first, apart = 0, None, None
    for pixels in frames():
        total += pixels
        count += 1
        if first is None:
            first = pixels.copy()
        elif apart is None:
            apart = first.astype(np.float32) - pixels
    assert apart is not None  # noqa: S101 - the caller has counted them
    sigma = _spread(apart, mosaic)
    first = apart = None
    mean = (total / np.float32(count)).astype(np.float32)
    del total
    shape = _Shape.of(mean, mosaic, sigma / np.sqrt(count), sigma)
    rest = _Rest.of(frames(), mean, mosaic, sigma, shape.hot)
    return _told(rest, shape, mosaic, iso, count, step)


def _spread(apart: NDArray[np.float32], mosaic: Mosaic) -> Floats:
    """Find the standard deviation of a pixel of each plane from the difference of two frames."""
    side, found = mosaic.cell.side, np.zeros(mosaic.cell.planes)
    for y, x, plane in mosaic.positions():
        one = apart[y::side, x::side]
        low, high = np.quantile(one, (0.01, 0.99))
        inside = one[(one >= low) & (one <= high)]
        # What the outermost hundredths of a normal distribution add.
        found[plane] = max(float(inside.std()) / np.sqrt(2) * 1.08, 0.2)
    return found


@dataclass(frozen=True, eq=False)
class _Shape:
    """The mean of dark frames, taken apart."""

    smooth: Floats
    rows: Floats
    columns: Floats
    hot: NDArray[np.bool_]

    @classmethod
    def of(cls, mean: NDArray[np.float32], mosaic: Mosaic, error: Floats, sigma: Floats) -> _Shape:
        hot, side = np.zeros(mean.shape, np.bool_), mosaic.cell.side
        for y, x, plane in mosaic.positions():
            # Those that stand out of their neighbours would bend what is smooth, most at the edges.
            one = np.ascontiguousarray(mean[y::side, x::side])
            limit = max(_HOT * error[plane], _HOT_LEAST * sigma[plane])
            hot[y::side, x::side] = np.abs(one - cv2.medianBlur(one, 5)) > limit
        for last in (False, True):
            smooth, rest = _smooth(mean, mosaic, hot)
            if last:
                rest[hot] = 0
                rows, columns = (rest.mean(axis=axis, dtype=np.float64) for axis in (1, 0))
                break
            # Medians, as the hot pixels are not known yet.
            rest -= np.median(rest, axis=1)[:, None]
            rest -= np.median(rest, axis=0)[None, :]
            for y, x, plane in mosaic.positions():
                limit = max(_HOT * error[plane], _HOT_LEAST * sigma[plane])
                hot[y::side, x::side] = np.abs(rest[y::side, x::side]) > limit
        return cls(smooth, rows, columns, hot)


def _smooth(
    mean: NDArray[np.float32], mosaic: Mosaic, hot: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.float32]]:
    """Fit cosines to each plane; returns their weights, and what is left of the mean."""
    side, planes = mosaic.cell.side, mosaic.cell.planes
    height, width = mean.shape
    down, across = (min(ORDERS, max(1, size // side // 4)) for size in mean.shape)
    left = cosines(height, down, np.arange(height) + 0.5) * np.sqrt(height)
    right = cosines(width, across, np.arange(width) + 0.5) * np.sqrt(width)
    weights, seen = np.zeros((planes, down, across)), np.zeros(planes)
    rest = np.empty(mean.shape, np.float32)
    for y, x, plane in mosaic.positions():
        one = mean[y::side, x::side] - np.float32(mosaic.black_level[plane])
        mask = hot[y::side, x::side]
        a, b = left[y::side], right[x::side]
        inverse, other = np.linalg.pinv(a), np.linalg.pinv(b).T
        middle = np.median(one)
        filled = np.where(mask, middle, one)
        for _ in range(2 if mask.any() else 1):
            found = inverse @ filled @ other
            laid = (a @ found @ b.T).astype(np.float32)
            filled = np.where(mask, laid, one)
        weights[plane] += found
        seen[plane] += 1
        rest[y::side, x::side] = one - laid
    return weights / seen[:, None, None], rest


@dataclass(frozen=True, eq=False)
class _Rest:
    """What frames are beside their mean."""

    means: Floats
    """Means of frames and planes, (frames, P), less that of all frames."""
    counts: NDArray[np.int64]
    """Histograms, (P, parts, bins)."""
    width: Floats
    """Width of bins, (P,)."""
    squares: Floats
    """Sum of squares of pixels of each plane."""
    pixels: NDArray[np.int64]
    """How many."""
    rows: float
    """Sum of squares of rows over all frames."""
    columns: float
    """Sum of squares of columns over all frames."""

    @classmethod
    def of(
        cls, frames: Iterable[NDArray[np.uint16]], mean: NDArray[np.float32], mosaic: Mosaic,
        sigma: Floats, hot: NDArray[np.bool_],
    ) -> _Rest:  # fmt: skip
        side, planes = mosaic.cell.side, mosaic.cell.planes
        good = ~hot
        in_row, in_column = (np.maximum(good.sum(axis=axis), 1) for axis in (1, 0))
        counts = np.zeros((planes, _PARTS, _BINS), np.int64)
        squares, pixels = np.zeros(planes), np.zeros(planes, np.int64)
        width = sigma * _BIN
        means, rows, columns = [], 0.0, 0.0
        for frame in frames:
            rest = frame - mean
            rest[hot] = 0
            row = rest.sum(axis=1, dtype=np.float64) / in_row
            column = rest.sum(axis=0, dtype=np.float64) / in_column
            whole = float(rest.sum(dtype=np.float64)) / int(good.sum())
            row -= row.mean()
            column -= column.mean()
            rows += float(row @ row)
            columns += float(column @ column)
            level = np.zeros(planes)
            rest -= (row[:, None] + np.float64(whole)).astype(np.float32)
            rest -= column[None, :].astype(np.float32)
            for y, x, plane in mosaic.positions():
                one, use = rest[y::side, x::side], good[y::side, x::side]
                # With what its own rows and columns have: a plane lies on half of them.
                lines = float(row[y::side].mean() + column[x::side].mean())
                level[plane] += whole + lines + float(one[use].mean(dtype=np.float64))
                bins = np.clip(one / width[plane] + _BINS / 2, 0, _BINS - 1).astype(np.int32)
                bins += (np.arange(len(one)) % _PARTS * _BINS).astype(np.int32)[:, None]
                found = np.bincount(bins[use], minlength=_PARTS * _BINS)
                counts[plane] += found.reshape(_PARTS, _BINS)
                squares[plane] += float(np.square(one[use], dtype=np.float64).sum())
                pixels[plane] += int(use.sum())
            means.append(level / (side * side / planes))
        return cls(np.array(means), counts, width, squares, pixels, rows, columns)


def _told(
    rest: _Rest, shape: _Shape, mosaic: Mosaic, iso: float, count: int, step: float
) -> Darkness:
    height, width = mosaic.height, mosaic.width
    kept = (1 - 1 / width) * (1 - 1 / height)
    free = (count - 1) / count * kept
    variance = rest.squares / rest.pixels / free
    tails = tuple(
        fit_tails(Residuals(one, float(size), count, step, kept))
        for one, size in zip(rest.counts, rest.width, strict=True)
    )
    pixel = float(variance.mean())
    row, row_variance = _lines(rest.rows, count, height, pixel / width)
    column, column_variance = _lines(rest.columns, count, width, pixel / height)
    spread = rest.means.std(axis=0, ddof=1) / np.sqrt(count)
    bias = shape.smooth[:, 0, 0]
    error = np.sqrt(variance[:, None, None] * mosaic.cell.planes / (height * width * count))
    error = np.broadcast_to(error, shape.smooth.shape).copy()
    error[:, 1:, 0] = np.sqrt(error[:, 1:, 0] ** 2 + row_variance / (height * count))
    error[:, 0, 1:] = np.sqrt(error[:, 0, 1:] ** 2 + column_variance / (width * count))
    error[:, 0, 0] = spread
    return Darkness(
        iso=iso,
        frames=count,
        bias=Estimate.within(bias, student(count - 1) * spread),
        variance=variance,
        tails=tails,
        row=row,
        column=column,
        smooth=shape.smooth,
        smooth_error=error,
        rows=shape.rows,
        columns=shape.columns,
        rows_error=float(np.sqrt((row_variance + pixel / width) / count)),
        columns_error=float(np.sqrt((column_variance + pixel / height) / count)),
        hot=np.argwhere(shape.hot).astype(np.int32),
    )


def _lines(squares: float, count: int, lines: int, pixel: float) -> tuple[Estimate, float]:
    """Find what rows or columns have beyond the means of so many pixels; and its variance."""
    free = (count - 1) * (lines - 1)
    seen = squares / free
    variance = max(seen - pixel, 0.0)
    half = _TWO * seen * np.sqrt(2 / free)
    low, high = max(seen - half - pixel, 0.0), max(seen + half - pixel, 0.0)
    return Estimate((np.sqrt(variance),), (np.sqrt(low),), (np.sqrt(high),)), variance
