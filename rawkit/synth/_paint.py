"""Brushes: shapes with smooth edges, shadows, textures and text on a linear-light canvas.

A canvas is (height, width, 3) float32, linear sRGB. Places are (x, y) in pixels, from 0.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image: TypeAlias = NDArray[np.float32]
    Points: TypeAlias = NDArray[np.float64]

_SUBPIXEL_BITS = 4
_CORNERS_OF_A_CIRCLE = 64
_OCTAVE_GAIN = 0.55
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)


@dataclass(frozen=True, slots=True)
class Patch:
    """A part of a canvas and how much of each of its pixels a shape covers."""

    rows: slice
    """Rows of the canvas, from 0."""
    columns: slice
    """Columns of the canvas, from 0."""
    alpha: Image
    """Cover, shape (rows, columns), float32, 0..1."""

    def along_x(self) -> Image:
        """Position from left (0) to right (1), shape (1, columns), float32."""
        return np.linspace(0, 1, self.alpha.shape[1], dtype=np.float32)[None, :]

    def along_y(self) -> Image:
        """Position from top (0) to bottom (1), shape (rows, 1), float32."""
        return np.linspace(0, 1, self.alpha.shape[0], dtype=np.float32)[:, None]


def colour(hue: float, saturation: float, value: float) -> Image:
    """Linear colour, shape (3,), of a hue, saturation and value as screens show them, 0..1."""
    screen = np.array(colorsys.hsv_to_rgb(hue % 1, min(saturation, 1), min(value, 1)))
    return np.asarray(screen**2.2, np.float32)


def rectangle(x: float, y: float, width: float, height: float) -> Points:
    """Corners, shape (4, 2), of an upright rectangle by its top left corner."""
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> Points:
    """Corners, shape (64, 2), of an upright ellipse by its centre."""
    angles = np.linspace(0, 2 * np.pi, _CORNERS_OF_A_CIRCLE, endpoint=False)
    return np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], axis=1)


def shape(canvas: Image, points: Points, *, margin: float = 0) -> Patch:
    """Cover of a polygon on a canvas, its edges smooth, with `margin` pixels around it."""
    height, width = canvas.shape[:2]
    x0, y0 = np.clip(np.floor(points.min(axis=0) - 1 - margin), 0, (width, height)).astype(int)
    x1, y1 = np.clip(np.ceil(points.max(axis=0) + 2 + margin), 0, (width, height)).astype(int)
    cover = np.zeros((max(y1 - y0, 0), max(x1 - x0, 0)), np.uint8)
    if cover.size:
        corners = np.rint((points - (x0, y0)) * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(cover, [corners], (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
    return Patch(
        slice(int(y0), int(y1)), slice(int(x0), int(x1)), cover.astype(np.float32) / np.float32(255)
    )


def lay(canvas: Image, patch: Patch, paint: Image, opacity: float = 1.0) -> None:
    """Paint a patch: `paint` is a colour (3,) or anything that broadcasts to (rows, columns, 3)."""
    part = canvas[patch.rows, patch.columns]
    part += (patch.alpha * np.float32(opacity))[..., None] * (paint - part)


def fill(canvas: Image, points: Points, paint: Image, opacity: float = 1.0) -> Patch:
    """Paint a polygon and return its patch."""
    patch = shape(canvas, points)
    lay(canvas, patch, paint, opacity)
    return patch


def shade(canvas: Image, patch: Patch, factor: Image) -> None:
    """Multiply a patch by `factor`, which broadcasts to (rows, columns)."""
    part = canvas[patch.rows, patch.columns]
    part *= (1 + patch.alpha * (factor - 1))[..., None]


def shadow(canvas: Image, points: Points, softness: float, depth: float) -> None:
    """Darken a polygon with edges `softness` pixels soft to 1 - `depth` of its light."""
    patch = shape(canvas, points, margin=3 * softness)
    if patch.alpha.size:
        soft = np.asarray(cv2.GaussianBlur(patch.alpha, (0, 0), softness), np.float32)
        canvas[patch.rows, patch.columns] *= (1 - np.float32(depth) * soft)[..., None]


def glow(canvas: Image, x: float, y: float, radius: float, light: Image) -> None:
    """Add the halo of a lamp: `light`, shape (3,), at its centre, falling off over `radius`."""
    height, width = canvas.shape[:2]
    rows = slice(max(0, int(y - 4 * radius)), min(height, int(y + 4 * radius)))
    columns = slice(max(0, int(x - 4 * radius)), min(width, int(x + 4 * radius)))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    dy = (np.arange(rows.start, rows.stop, dtype=np.float32) - np.float32(y))[:, None]
    dx = (np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(x))[None, :]
    square = (dx**2 + dy**2) / np.float32(radius**2)
    edge = np.float32(1 / 17)  # of the fall-off at 4 radii, so that the halo ends without a step
    canvas[rows, columns] += np.maximum(1 / (1 + square) - edge, 0)[..., None] * light


def texture(
    size: tuple[int, int],
    cell: float,
    rng: np.random.Generator,
    *,
    octaves: int = 3,
    stretch: float = 1.0,
) -> Image:
    """Cloudy noise of zero mean and about unit deviation, shape `size` (height, width), float32.

    Its largest blobs measure `cell` pixels, `stretch` times that across; each further octave is
    half as large.
    """
    height, width = size
    total = np.zeros(size, np.float32)
    weight = 0.0
    for octave in range(octaves):
        step = max(cell / 2**octave, 1.0)
        rows, columns = int(height / step) + 3, int(width / (step * stretch)) + 3
        coarse = rng.standard_normal((rows, columns), np.float32)
        gain = _OCTAVE_GAIN**octave
        fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        total += np.float32(gain) * np.asarray(fine, np.float32)
        weight += gain**2
    return total / np.float32(np.sqrt(weight))


def write(
    canvas: Image, text: str, box: tuple[float, float, float, float], ink: Image, font: int
) -> None:
    """Write text as large as fits into a box (x, y, width, height), centred."""
    x, y, width, height = box
    face = _FONTS[font % len(_FONTS)]
    (unit_width, unit_height), _ = cv2.getTextSize(text, face, 1.0, 2)
    scale = min(width / unit_width, height / unit_height)
    thickness = max(1, round(2.4 * scale))
    (text_width, text_height), base = cv2.getTextSize(text, face, scale, thickness)
    cover = np.zeros((text_height + base + 4, text_width + 4), np.uint8)
    cv2.putText(cover, text, (2, text_height + 2), face, scale, (255,), thickness, cv2.LINE_AA)
    left, top = int(x + (width - text_width) / 2), int(y + (height - text_height) / 2)
    stamp(canvas, cover, left, top, ink)


def stamp(canvas: Image, cover: NDArray[np.uint8], left: int, top: int, ink: Image) -> None:
    """Paint `ink`, shape (3,), where `cover` (rows, columns), 0..255, says; it may overhang."""
    height, width = canvas.shape[:2]
    rows = slice(max(top, 0), min(top + cover.shape[0], height))
    columns = slice(max(left, 0), min(left + cover.shape[1], width))
    if rows.start < rows.stop and columns.start < columns.stop:
        part = cover[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        lay(canvas, Patch(rows, columns, part.astype(np.float32) / np.float32(255)), ink)
