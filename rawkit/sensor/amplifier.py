"""The amplifier: how much a dark mosaic must be multiplied by, estimated from itself.

From "Restoring Extremely Dark Images in Real Time" (Lamba and Mitra, CVPR 2021). Normalised pixels
x = max(value - black, 0) / (white - black) fall into 127 bins, logarithmically spaced, that weigh
dark pixels most. The estimate brings their weighted mean to 0.01::

    edges b_i = (2^(8 i / 127) - 1) / 255          i = 0 .. 127
    bin i weighs w_i = 10^(5 - 5 i / 126) / 10^5   i = 0 .. 126
    base = 0.01 sum(w) / sum(w x), clipped to 1 .. 300

A mosaic holds integers, so one histogram of each plane has all there is to know, and the sums run
over 65,536 levels instead of 12 million pixels and 127 masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from rawkit import native
from rawkit.errors import UsageError
from rawkit.sensor.cells import BAYER
from rawkit.sensor.pack import pack, phase_crop
from rawkit.sensor.types import MAX_RATIO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.sensor.cells import Position
    from rawkit.sensor.types import Mosaic, RawImage

BINS = 127
TARGET_MEAN = 0.01
_LEVELS = 1 << 16
_BLOCK_PIXELS = 1 << 21
"""Pixels counted at a time: few enough to stay near the core."""
_EXACT_PIXELS = 1 << 24


def bin_edges() -> NDArray[np.float32]:
    """Edges of the bins, shape (128,), in normalised units, ascending from 0 to 1."""
    exponents = np.linspace(0.0, 8.0, BINS + 1)
    return ((np.exp2(exponents) - 1) / 255).astype(np.float32)


def bin_weights() -> NDArray[np.float32]:
    """Weight of each bin, shape (127,), from 1 for the darkest to 1e-5 for the brightest."""
    return np.logspace(0.0, -5.0, BINS).astype(np.float32)


def normalise(values: NDArray[np.generic], black: float, white: float) -> NDArray[np.float32]:
    """Normalise one plane: max(value - black, 0) / (white - black), float32, not clipped at 1."""
    lifted: NDArray[np.float32] = np.maximum(
        values.astype(np.float32) - np.float32(black), np.float32(0)
    )
    return lifted / np.float32(white - black)


def amplification_base(image: RawImage, histograms: NDArray[np.int64] | None = None) -> float:
    """Estimate the amplification of a whole visible area, between 1 and 300.

    Multiply by m (the paper uses 1, 5 and 8) to amplify; the product is not clipped again. Crops
    and padded images give other values: the estimate belongs to the whole frame. `histograms` are
    its `plane_histograms` where they are known already.
    """
    if histograms is None:
        histograms = plane_histograms(image)
    return base_of_histograms(histograms, image.mosaic.black_level, image.mosaic.white_level)


def pack_and_count(image: RawImage) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """Return packed planes as `pack` makes them and their `plane_histograms`.

    Both in one pass over the pixels where the native module is there and the mosaic is Bayer.
    """
    mosaic, pixels = image.mosaic, image.pixels
    height, width = pixels.shape
    crop = phase_crop(height, width, mosaic.phase, mosaic.cell)
    inner = pixels[crop.slices]
    lies_in_rows = inner.dtype == np.uint16 and inner.strides[1] == inner.itemsize
    if not (native.BUILT and mosaic.cell == BAYER and lies_in_rows):
        planes = pack(pixels, mosaic.phase, mosaic.cell)
        return planes, plane_histograms(image, planes)
    histograms = np.zeros((BAYER.planes, _LEVELS), np.int64)
    planes = np.empty((BAYER.planes, crop.height // 2, crop.width // 2), np.uint16)
    native.functions.pack_counted(inner, planes, histograms)
    _count_border(image, histograms)
    return planes, histograms


def plane_histograms(
    image: RawImage, packed: NDArray[np.uint16] | None = None
) -> NDArray[np.int64]:  # fmt: skip
    """Count the pixels of each plane and level of a whole visible area, shape (planes, 65536).

    `packed` are its packed planes where they are known already: a third of the time.
    """
    mosaic, pixels = image.mosaic, image.pixels
    histograms = np.zeros((len(mosaic.black_level), _LEVELS), np.int64)
    if packed is None:
        _count_block(mosaic, pixels, (0, 0), histograms)
        return histograms
    for plane, counts in zip(packed, histograms, strict=True):
        _count_plane(plane, counts)
    _count_border(image, histograms)
    return histograms


def base_of_histograms(
    histograms: Sequence[NDArray[np.int64]] | NDArray[np.int64],
    blacks: Sequence[float],
    white: float,
    gains: Sequence[float] | None = None,
) -> float:
    """Estimate from one histogram (levels,) for each plane and the plane's black level.

    `gains` are what normalised planes are multiplied by first, such as those that balance them.
    """
    edges, weights = bin_edges(), bin_weights().astype(np.float64)
    weight_sum = signal_sum = 0.0
    last: tuple[int, float, float] | None = None
    for counts, black, gain in zip(histograms, blacks, gains or [1.0] * len(blacks), strict=True):
        if last != (counts.size, black, gain):  # planes share their black level as a rule
            x = normalise(np.arange(counts.size), black, white) * np.float32(gain)
            index = np.searchsorted(edges, x, side="right") - 1
            inside, last = index < BINS, (counts.size, black, gain)
        weighted = counts[inside] * weights[index[inside]]
        weight_sum += float(weighted.sum())
        signal_sum += float((weighted * x[inside]).sum())
    return _base(weight_sum, signal_sum)


def base_of_values(x: NDArray[np.floating[Any]], counts: NDArray[np.floating[Any]]) -> float:
    """Estimate from normalised values, of any shape, and how many pixels have each (likewise)."""
    index = np.searchsorted(bin_edges(), x.astype(np.float32), side="right") - 1
    weights = np.append(bin_weights().astype(np.float64), 0.0)[index] * counts
    return _base(float(weights.sum()), float((weights * x).sum()))


def _base(weight_sum: float, signal_sum: float) -> float:
    if weight_sum == 0:
        return 1.0  # everything saturates: nothing is dark
    if signal_sum == 0:
        return MAX_RATIO  # nothing rises above black
    return float(np.clip(TARGET_MEAN * weight_sum / signal_sum, 1.0, MAX_RATIO))


def _count_block(
    mosaic: Mosaic, block: NDArray[np.uint16], origin: Position, histograms: NDArray[np.int64]
) -> None:
    """Add the pixels of a block whose first pixel lies at `origin` of the visible area."""
    if not block.size:
        return
    side, (height, width) = mosaic.cell.side, block.shape
    rows = side * max(1, _BLOCK_PIXELS // (side * width))
    gathered = np.empty((rows // side) * -(-width // side), np.uint16)
    # Band by band, all its planes: a frame is too large for the cache to come more than once.
    for top in range(0, height, rows):
        band = block[top : top + rows]
        levels = int(cv2.minMaxLoc(band)[1]) + 1  # a short table stays in the cache
        for y, x, plane in mosaic.positions():
            first, left = (y - origin[0] - top) % side, (x - origin[1]) % side
            pixels = band[first::side, left::side]
            # Gathered first: OpenCV counts neighbours twice as fast as it steps over pixels.
            together = gathered[: pixels.size].reshape(pixels.shape)
            np.copyto(together, pixels)
            _count(together, histograms[plane, :levels])


def _count_border(image: RawImage, histograms: NDArray[np.int64]) -> None:
    """Add the pixels around the whole cells."""
    mosaic, pixels = image.mosaic, image.pixels
    height, width = pixels.shape
    rows, columns = phase_crop(height, width, mosaic.phase, mosaic.cell).slices
    _count_block(mosaic, pixels[: rows.start], (0, 0), histograms)
    _count_block(mosaic, pixels[rows.stop :], (rows.stop, 0), histograms)
    _count_block(mosaic, pixels[rows, : columns.start], (rows.start, 0), histograms)
    _count_block(mosaic, pixels[rows, columns.stop :], (rows.start, columns.stop), histograms)


def _count_plane(plane: NDArray[np.uint16], counts: NDArray[np.int64]) -> None:
    """Add the pixels of a packed plane."""
    levels = int(cv2.minMaxLoc(plane)[1]) + 1
    rows = max(1, _EXACT_PIXELS // plane.shape[1])
    for top in range(0, plane.shape[0], rows):
        _count(plane[top : top + rows], counts[:levels])


def _count(pixels: NDArray[np.uint16], counts: NDArray[np.int64]) -> None:
    """Add contiguous pixels; OpenCV counts in float32, exact up to 2^24 of them."""
    if pixels.size:
        found = cv2.calcHist([pixels], [0], None, [counts.size], [0, counts.size])
        counts += found.ravel().astype(np.int64)


@dataclass(frozen=True, slots=True)
class Amplification:
    """What a normalised mosaic is multiplied by before a network sees it."""

    kind: Literal["auto", "ratio", "exposure", "number", "equalise"] = "auto"
    """``auto``: m times the estimate; ``ratio``: the gain ratio to the long; ``exposure``: the
    ratio of their times alone; both capped at 300; ``number``: one factor for all; ``equalise``: by
    nothing, after their histograms were equalised, see `rawkit.sensor.equalise`."""
    value: float = 1.0
    """m for ``auto`` (the paper uses 1, 5 and 8), the factor for ``number``; else unused."""

    def __post_init__(self) -> None:
        """Check kind and value."""
        if self.kind not in ("auto", "ratio", "exposure", "number", "equalise"):
            raise UsageError(
                f"amplification {self.kind!r}",
                expected="auto, ratio, exposure, number or equalise",
            )
        if not 0 < self.value < float("inf"):
            raise UsageError(f"an amplification of {self.value}", expected="a number above 0")

    def factors(
        self,
        base: NDArray[np.float32],
        gain_ratio: NDArray[np.float32],
        exposure_ratio: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Return the factor of each frame from its estimate and its ratios, all of shape (B,).

        Raises
        ------
        UsageError
            If a ratio is wanted and not known.
        """
        if self.kind == "auto":
            return np.asarray(base * np.float32(self.value), np.float32)
        if self.kind == "equalise":
            return np.ones_like(base)
        if self.kind == "number":
            return np.full_like(base, self.value)
        ratio = gain_ratio if self.kind == "ratio" else exposure_ratio
        if ratio is None or not np.isfinite(ratio).all():
            raise UsageError(
                "a frame whose exposure or ISO is unknown",
                expected=f"a known ratio to its long, for amplification by {self.kind}",
                fix="Use the estimate (auto) instead.",
            )
        return np.minimum(ratio, np.float32(MAX_RATIO))
