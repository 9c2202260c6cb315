"""Things that stand in scenes. Each is painted with its foot at (x, y) and `side` pixels large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.synth._paint import (
    colour,
    ellipse,
    fill,
    lay,
    rectangle,
    shade,
    shadow,
    shape,
    stamp,
    texture,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from rawkit.synth._paint import Image

    Thing: TypeAlias = Callable[[Image, float, float, float, np.random.Generator], None]

WORDS: Final = (
    "CAFE", "HOTEL", "BOOKS", "OPEN", "LUMEN", "NORTH 12", "BAKERY", "MARKET", "f/8", "ISO 6400",
    "NIGHT", "TEA", "RADIO", "STATION", "No. 47", "BAR", "PHOTO", "1/30 s", "ATLAS", "MOON",
)  # fmt: skip

_HUES: Final = (0.0, 0.02, 0.05, 0.08, 0.11, 0.14, 0.2, 0.3, 0.42, 0.5, 0.56, 0.6, 0.64, 0.72, 0.93)

_CHART: Final = (
    (0.06, 0.45, 0.45), (0.05, 0.33, 0.76), (0.59, 0.37, 0.62), (0.25, 0.38, 0.42),
    (0.68, 0.27, 0.69), (0.45, 0.46, 0.75), (0.08, 0.75, 0.84), (0.63, 0.58, 0.65),
    (0.98, 0.53, 0.76), (0.77, 0.47, 0.42), (0.21, 0.60, 0.74), (0.10, 0.72, 0.88),
    (0.64, 0.60, 0.58), (0.34, 0.50, 0.58), (0.98, 0.65, 0.69), (0.14, 0.78, 0.91),
    (0.91, 0.50, 0.73), (0.53, 0.70, 0.63), (0.10, 0.02, 0.95), (0.0, 0.0, 0.79),
    (0.0, 0.0, 0.63), (0.0, 0.0, 0.48), (0.0, 0.0, 0.33), (0.0, 0.0, 0.20),
)  # fmt: skip
"""Hue, saturation and value of a chart's 24 patches: four rows of six, the last one grey."""


def any_hue(rng: np.random.Generator) -> float:
    """Draw a hue as dyes and paints have them: few are pure green or magenta."""
    return float(_HUES[int(rng.integers(len(_HUES)))] + rng.normal(0, 0.018))


def any_colour(rng: np.random.Generator, *, strength: float = 0.85) -> Image:
    """Draw a surface colour, shape (3,), linear: grey to rich, dark to light."""
    value = rng.uniform(0.28, 0.9)
    return colour(any_hue(rng), strength * rng.beta(1.8, 1.6) * (1.15 - 0.4 * value), value)


def any_word(rng: np.random.Generator) -> str:
    """Draw a word for a sign or a spine."""
    return WORDS[int(rng.integers(len(WORDS)))]


def ink_on(paint: Image, rng: np.random.Generator) -> Image:
    """Draw an ink, shape (3,), that reads well on a colour."""
    dark = float(paint.mean()) > 0.2  # noqa: PLR2004 - middle grey in linear light
    return colour(rng.random(), rng.uniform(0, 0.5), 0.14 if dark else 0.93)


def _contact_shadow(canvas: Image, x: float, y: float, width: float, depth: float = 0.65) -> None:
    shadow(canvas, ellipse(x + 0.12 * width, y, 0.62 * width, 0.11 * width), 0.07 * width, depth)


def ball(canvas: Image, x: float, y: float, side: float, rng: np.random.Generator) -> None:
    """Paint a glossy ball, lit from above."""
    radius = 0.32 * side
    _contact_shadow(canvas, x, y, 2 * radius)
    patch = shape(canvas, ellipse(x, y - radius, radius, radius))
    if not patch.alpha.size:
        return
    u = (np.arange(patch.columns.start, patch.columns.stop, dtype=np.float32) - x) / radius
    v = (np.arange(patch.rows.start, patch.rows.stop, dtype=np.float32) - y + radius) / radius
    u, v = u[None, :].astype(np.float32), v[:, None].astype(np.float32)
    depth = np.sqrt(np.maximum(1 - u**2 - v**2, 0))
    tilt = rng.uniform(-0.5, 0.5)
    light = np.maximum(-0.6 * v + tilt * u + 0.62 * depth, 0)
    gloss = np.exp(-((u - 0.8 * tilt) ** 2 + (v + 0.48) ** 2) / 0.02)[..., None]
    body = (
        any_colour(rng, strength=1.0) * (0.16 + 0.95 * light)[..., None] + np.float32(0.6) * gloss
    )
    lay(canvas, patch, body.astype(np.float32))


def can(canvas: Image, x: float, y: float, side: float, rng: np.random.Generator) -> None:
    """Paint a can with a label."""
    width, height = side * rng.uniform(0.34, 0.46), side * rng.uniform(0.55, 0.95)
    left, top, rim = x - width / 2, y - height, 0.12 * width
    _contact_shadow(canvas, x, y, width)
    body, label = any_colour(rng), any_colour(rng, strength=1.0)
    outline = np.concatenate(
        [ellipse(x, top, width / 2, rim)[32:], ellipse(x, y - rim, width / 2, rim)[:32]]
    )
    patch = fill(canvas, outline, body)
    fill(canvas, rectangle(left, top + 0.25 * height, width, 0.45 * height), label)
    box = (left + 0.1 * width, top + 0.36 * height, 0.8 * width, 0.2 * height)
    write(canvas, any_word(rng), box, ink_on(label, rng), int(rng.integers(3)))
    across = patch.along_x() - np.float32(rng.uniform(0.3, 0.45))
    shade(canvas, patch, 0.3 + 0.85 * np.exp(-((across / 0.33) ** 2)))
    fill(canvas, ellipse(x, top, width / 2, rim), 0.7 * body + np.float32(0.1))


def books(canvas: Image, x: float, y: float, side: float, rng: np.random.Generator) -> None:
    """Paint a row of books with titles on their spines."""
    count = int(rng.integers(3, 7))
    widths = rng.uniform(0.1, 0.2, count) * side
    left = x - widths.sum() / 2
    _contact_shadow(canvas, x, y, float(widths.sum()), 0.5)
    for width in widths.tolist():
        height = side * rng.uniform(0.6, 0.95)
        spine = any_colour(rng)
        patch = fill(canvas, rectangle(left, y - height, width - 1, height), spine)
        ink = ink_on(spine, rng)
        for band in (0.1, 0.86):
            fill(canvas, rectangle(left, y - height * (1 - band), width - 1, 0.02 * height), ink)
        _upright_title(canvas, (left, y - 0.84 * height, width, 0.64 * height), ink, rng)
        shade(canvas, patch, 1 - 1.6 * (patch.along_x() - np.float32(0.45)) ** 2)
        left += width


def _upright_title(
    canvas: Image, box: tuple[float, float, float, float], ink: Image, rng: np.random.Generator
) -> None:
    x, y, width, height = box
    page = np.zeros((int(width), int(height), 3), np.float32)
    if min(page.shape[:2]) < 6:  # noqa: PLR2004 - too small for letters
        return
    area = (2.0, 0.25 * width, height - 4, 0.5 * width)
    write(page, any_word(rng), area, np.ones(3, np.float32), int(rng.integers(3)))
    cover = np.ascontiguousarray(np.rot90((255 * page[..., 0]).astype(np.uint8), -1))
    stamp(canvas, cover, int(x), int(y), ink)


def box(canvas: Image, x: float, y: float, side: float, rng: np.random.Generator) -> None:
    """Paint a printed carton seen over its edge."""
    width, height, depth = side * rng.uniform(0.45, 0.8), side * rng.uniform(0.35, 0.7), 0.22 * side
    left, top = x - width / 2, y - height
    _contact_shadow(canvas, x + 0.3 * depth, y, width + depth, 0.5)
    front = any_colour(rng)
    fill(canvas, rectangle(left, top, width, height), front)
    lid = [
        [left, top],
        [x + width / 2, top],
        [x + width / 2 + depth, top - 0.5 * depth],
        [left + depth, top - 0.5 * depth],
    ]
    fill(canvas, np.array(lid), np.minimum(1.35 * front + np.float32(0.02), 1))
    right = x + width / 2
    flank = [
        [right, top],
        [right + depth, top - 0.5 * depth],
        [right + depth, y - 0.5 * depth],
        [right, y],
    ]
    fill(canvas, np.array(flank), 0.45 * front)
    ink = ink_on(front, rng)
    area = (left + 0.1 * width, top + 0.15 * height, 0.8 * width, 0.3 * height)
    write(canvas, any_word(rng), area, ink, int(rng.integers(3)))
    for line in range(4):
        length = width * rng.uniform(0.4, 0.8)
        y_line = top + height * (0.58 + 0.09 * line)
        fill(canvas, rectangle(left + 0.1 * width, y_line, length, max(1.0, 0.02 * height)), ink)


def plant(canvas: Image, x: float, y: float, side: float, rng: np.random.Generator) -> None:
    """Paint a pot with many narrow leaves."""
    pot = colour(rng.uniform(0.03, 0.09), rng.uniform(0.2, 0.6), rng.uniform(0.4, 0.75))
    width, height = 0.4 * side, 0.36 * side
    _contact_shadow(canvas, x, y, width)
    hue = rng.uniform(0.2, 0.36)
    for _ in range(34):
        angle, length = rng.normal(0, 0.62), side * rng.uniform(0.3, 0.72)
        tip = np.array([x + length * np.sin(angle), y - height - length * np.cos(angle)])
        root = np.array([x + rng.normal(0, 0.06) * side, y - height])
        across = np.array([np.cos(angle), np.sin(angle)]) * 0.035 * side
        middle = 0.45 * root + 0.55 * tip
        leaf = colour(hue + rng.normal(0, 0.02), rng.uniform(0.3, 0.62), rng.uniform(0.25, 0.62))
        fill(canvas, np.stack([root, middle - across, tip, middle + across]), leaf)
    sides = [
        [x - width / 2, y - height],
        [x + width / 2, y - height],
        [x + 0.36 * width, y],
        [x - 0.36 * width, y],
    ]
    patch = fill(canvas, np.array(sides), pot)
    shade(canvas, patch, 1.15 - 1.1 * np.abs(patch.along_x() - np.float32(0.35)))
    fill(
        canvas,
        rectangle(x - 0.54 * width, y - 1.12 * height, 1.08 * width, 0.2 * height),
        0.9 * pot,
    )


def chart(canvas: Image, x: float, y: float, side: float, rng: np.random.Generator) -> None:
    """Paint a chart of 24 colour patches."""
    width, height = 0.96 * side, 0.66 * side
    left, top = x - width / 2, y - height
    _contact_shadow(canvas, x, y, 0.8 * width, 0.5)
    fill(canvas, rectangle(left, top, width, height), colour(0, 0, rng.uniform(0.1, 0.16)))
    cell = width / 6.4
    for index, hsv in enumerate(_CHART):
        row, column = divmod(index, 6)
        place = (left + (0.27 + column) * cell, top + (0.14 + row) * cell)
        fill(canvas, rectangle(*place, 0.86 * cell, 0.86 * cell), colour(*hsv))


def cloth(canvas: Image, x: float, y: float, side: float, rng: np.random.Generator) -> None:
    """Paint a folded chequered cloth: fine regular texture."""
    width, height = 0.85 * side, 0.4 * side
    _contact_shadow(canvas, x, y, width, 0.5)
    patch = shape(canvas, rectangle(x - width / 2, y - height, width, height))
    if not patch.alpha.size:
        return
    period = max(4.0, side * rng.uniform(0.03, 0.07))
    rows = np.arange(patch.alpha.shape[0], dtype=np.float32)[:, None]
    columns = np.arange(patch.alpha.shape[1], dtype=np.float32)[None, :]
    weave = (np.sin(2 * np.pi * rows / period) > 0) * 0.5 + (
        np.sin(2 * np.pi * columns / period) > 0
    ) * 0.5
    folds = 1 + np.float32(0.16) * texture(patch.alpha.shape, 0.3 * side, rng, octaves=2)
    paint = colour(0.1, 0.06, 0.9) * (1 - weave[..., None]) + any_colour(rng) * weave[..., None]
    lay(canvas, patch, (paint * folds[..., None]).astype(np.float32))


THINGS: Final[tuple[Thing, ...]] = (ball, can, books, box, plant, chart, cloth)
"""Everything that may stand on a table."""
