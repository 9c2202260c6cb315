"""What kind of frame it is, told by its pixels: dark, flat, ordinary, or of no use and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.sensor import Mosaic, RawImage

Kind = Literal["dark", "flat", "ordinary", "clipped", "unusable"]
GRID: Final = (8, 12)
"""Rows and columns of the blocks in which light is looked at."""
_CELL: Final = 8
"""Pixels of a plane along a side of the squares in which texture is looked at."""
_DARK: Final = 0.004
"""Light of a dark frame, of what saturates, at most."""
_BRIGHT: Final = 0.02
"""Light of a flat frame, of what saturates, at least."""
_EVEN: Final = 0.5
"""Darkest block of a flat frame, of its brightest, at least."""
_TEXTURE: Final = 0.01
"""Texture of a flat frame, of its light, at most."""
_DARK_TEXTURE: Final = 1.6
"""Texture of a dark frame, of what noise alone makes, at most."""
_ROUGH: Final = 0.3
"""Differences of blocks of a dark frame, of the noise of a pixel, at most."""
_CLIPPED: Final = 0.002
_SPIKE: Final = 20
"""Pixels with the highest value that make it the value of saturation, at least."""
_LEAK, _DRIFT = 0.25, 0.15
"""Deviations of blocks and of whole frames from the other dark frames, in noise of a pixel."""
_SURE: Final = 8.0
"""Standard errors from which on a deviation is one."""
_NORMAL: Final = 1.4826


@dataclass(frozen=True, eq=False)
class Look:
    """A frame at a glance; small, so that any number of them are kept."""

    name: str
    """Path within the folder."""
    make: str
    """Camera maker."""
    model: str
    """Camera model."""
    iso: float | None
    """ISO speed."""
    mosaic: Mosaic
    """Pattern, levels and size."""
    kind: Kind
    """What it is."""
    reason: str
    """Why it is of no use; empty otherwise."""
    light: NDArray[np.float64]
    """Means of blocks above the black level, (P, rows, columns), DN."""
    noise: NDArray[np.float64]
    """Standard deviation of pixels from their neighbours, (P,), DN."""
    top: int
    """Highest value."""
    at_top: int
    """Pixels that have it."""
    step: int
    """Largest number that divides the distances of all values."""

    @property
    def saturation(self) -> float | None:
        """Where pixels saturate, DN; None if none does."""
        return float(self.top) if self.at_top >= _SPIKE and self.kind == "clipped" else None

    def refused(self, reason: str) -> Look:
        """Return it as one of no use."""
        return replace(self, kind="unusable", reason=reason)


def look_at(image: RawImage, name: str, make: str, model: str, iso: float | None) -> Look:
    """Look at a decoded frame."""
    mosaic, side = image.mosaic, image.mosaic.cell.side
    planes = mosaic.cell.planes
    light = np.zeros((planes, *GRID))
    noise, texture, expected = np.zeros(planes), np.zeros(planes), np.ones(planes)
    for y, x, plane in mosaic.positions():
        one = image.pixels[y::side, x::side]
        # Of a plane with several pixels a cell the last one stands for all.
        light[plane] = _blocks(one) - mosaic.black_level[plane]
        noise[plane] = _noise(one)
        texture[plane], expected[plane] = _texture(one, noise[plane])
    values = np.bincount(image.pixels.ravel(), minlength=2)
    there = np.flatnonzero(values)
    top = int(there[-1])
    span = mosaic.white_level - max(mosaic.black_level)
    kind, reason = _kind(light, noise, texture, expected, span, image.pixels.size)
    whites = [mosaic.white_level, *(mosaic.camera_white_level or ())]
    full = values[int(min(whites) * 0.995) :].sum() / image.pixels.size
    spike = values[top] / image.pixels.size
    if kind != "dark" and max(full, spike) > _CLIPPED:
        kind, reason = "clipped", f"{100 * max(full, spike):.1f}% of its pixels are saturated"
    if iso is None:
        kind, reason = "unusable", "it does not say its ISO"
    return Look(
        name, make, model, iso, mosaic, kind, reason, light, noise, top, int(values[top]),
        int(np.gcd.reduce(np.diff(there))) or 1,
    )  # fmt: skip


def _kind(
    light: NDArray[np.float64], noise: NDArray[np.float64], texture: NDArray[np.float64],
    expected: NDArray[np.float64], span: float, pixels: int,
) -> tuple[Kind, str]:  # fmt: skip
    middle = np.median(light, axis=(1, 2))
    brightest = np.quantile(light, 0.98, axis=(1, 2))
    if brightest.max() < max(_DARK * span, float(noise.max())):
        seen = np.median(texture / expected) > _DARK_TEXTURE or _scene(light, noise, pixels)
        return ("ordinary", "") if seen else ("dark", "")
    rough = np.sqrt(np.maximum(texture**2 - expected**2, 0)) / np.maximum(middle, 1e-9)
    if np.median(rough) > _TEXTURE:
        return "ordinary", ""
    if middle.max() < _BRIGHT * span:
        share = 100 * middle.max() / span
        return "unusable", f"not dark, and too dark for a flat frame: {share:.1f}% of saturation"
    fall = float(np.min(np.quantile(light, 0.02, axis=(1, 2)) / np.maximum(brightest, 1e-9)))
    if fall < _EVEN:
        return "unusable", f"not flat: its darkest part has {100 * fall:.0f}% of the brightest's"
    return "flat", ""


def _scene(light: NDArray[np.float64], noise: NDArray[np.float64], pixels: int) -> bool:
    """Whether blocks differ as those of a scene do, not smoothly as dark shading does."""
    mixed = np.diff(np.diff(light.mean(axis=0), axis=0), axis=1) / 2
    error = float(noise.mean()) / np.sqrt(pixels / (GRID[0] * GRID[1]))
    rough = float(np.median(np.abs(mixed)) * _NORMAL)
    return bool(rough > max(_SURE * error, _ROUGH * float(noise.mean())))


def _blocks(one: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Trimmed means of blocks: single bright pixels do not count."""
    rows, columns = (
        np.linspace(0, size, parts + 1).astype(int)
        for size, parts in zip(one.shape, GRID, strict=True)
    )
    found = np.empty(GRID)
    for i, (top, bottom) in enumerate(pairwise(rows)):
        for j, (left, right) in enumerate(pairwise(columns)):
            block = one[top:bottom, left:right].astype(np.float32)
            low, high = np.quantile(block, (0.01, 0.99))
            inside = block[(block >= low) & (block <= high)]
            found[i, j] = inside.mean() if inside.size else block.mean()
    return found


def _noise(one: NDArray[np.uint16]) -> float:
    """Spread of pixels from their right neighbours, of one pixel; in steps of a quantile's."""
    apart = np.diff(one.astype(np.int32), axis=1)
    # Rounded values have a median deviation of whole steps: the mean of the middle ones is finer.
    limit = np.quantile(np.abs(apart), 0.98)
    middle = apart[np.abs(apart) <= limit]
    return float(max(middle.std() / np.sqrt(2) * 1.06, 0.3))


def _texture(one: NDArray[np.uint16], noise: float) -> tuple[float, float]:
    """Spread of the means of squares beyond rows and columns, and what noise makes of it."""
    height, width = (size // _CELL for size in one.shape)
    if min(height, width) < _CELL // 2:
        return 0.0, 1.0
    squares = one[: height * _CELL, : width * _CELL].reshape(height, _CELL, width, _CELL)
    means = squares.mean(axis=(1, 3), dtype=np.float64)
    mixed = np.diff(np.diff(means, axis=0), axis=1) / 2
    return float(np.median(np.abs(mixed)) * _NORMAL), noise / _CELL


def agreed(looks: Sequence[Look]) -> list[Look]:
    """Refuse dark frames of one ISO that differ from the others: light got in, or it grew warmer.

    Returned in the order given; others than dark frames are passed through.
    """
    dark = [one for one in looks if one.kind == "dark"]
    if len(dark) < 3:  # noqa: PLR2004 - of two it cannot be told which is the odd one
        return list(looks)
    light = np.stack([one.light for one in dark])
    usual = np.median(light, axis=0)
    noise = float(np.mean([one.noise.mean() for one in dark]))
    off = light - usual
    whole = off.mean(axis=(1, 2, 3))
    error = _NORMAL * float(np.median(np.abs(whole - np.median(whole))))
    blocks = off - off.mean(axis=(1, 2, 3), keepdims=True)
    # What the blocks of a row have in common is row noise; a leak is seen in all planes.
    blocks = blocks.mean(axis=1)
    block_error = _NORMAL * float(np.median(np.abs(blocks)))
    verdicts = {}
    for one, drift, leak in zip(dark, whole, np.abs(blocks).max(axis=(1, 2)), strict=True):
        if leak > max(_SURE * block_error, _LEAK * noise):
            verdicts[one.name] = f"light got in: a part is {leak:.1f} DN off the other dark frames"
        elif abs(drift) > max(_SURE * error, _DRIFT * noise):
            verdicts[one.name] = (
                f"its darkness is {drift:+.2f} DN off the other dark frames: the temperature "
                "drifted, or light got in"
            )
    return [one.refused(verdicts[one.name]) if one.name in verdicts else one for one in looks]
