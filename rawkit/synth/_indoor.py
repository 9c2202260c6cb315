"""Rooms: a wall with pictures, a table with things on it, light from one side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.synth import _objects as objects
from rawkit.synth._paint import colour, fill, lay, rectangle, shade, shadow, shape, texture, write

if TYPE_CHECKING:
    from rawkit.synth._paint import Image

_THINGS_PER_WIDTH = 4.6


def paint_room(size: tuple[int, int], rng: np.random.Generator) -> Image:
    """Paint an evenly lit room, shape (height, width, 3), float32, linear sRGB."""
    height, width = size
    canvas = np.empty((height, width, 3), np.float32)
    horizon = height * rng.uniform(0.56, 0.68)
    _wall(canvas, rng)
    _hang_pictures(canvas, horizon, rng)
    _table(canvas, horizon, rng)
    _set_table(canvas, horizon, rng)
    return canvas


def _wall(canvas: Image, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    canvas[:] = colour(objects.any_hue(rng), rng.uniform(0.04, 0.3), rng.uniform(0.5, 0.75))
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None, :]
    period = width / rng.uniform(14, 34)
    kind = int(rng.integers(4))
    if kind == 0:
        canvas *= (1 + np.float32(0.12) * np.sign(np.sin(2 * np.pi * columns / period)))[..., None]
    elif kind == 1:
        _bricks(canvas, rng)
    elif kind == 2:  # noqa: PLR2004 - the third of four wallpapers
        dots = np.sin(2 * np.pi * columns / period) * np.sin(2 * np.pi * rows / period)
        canvas *= (1 - np.float32(0.25) * (dots > 0.6))[..., None]  # noqa: PLR2004
    plaster = texture((height, width), height / 6, rng, octaves=4)
    grain = texture((height, width), 3, rng, octaves=1)
    canvas *= (1 + np.float32(0.05) * plaster + np.float32(0.03) * grain)[..., None]


def _bricks(canvas: Image, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    row_height = height / rng.uniform(16, 26)
    length = 2.6 * row_height
    base = colour(rng.uniform(0.01, 0.08), rng.uniform(0.3, 0.6), rng.uniform(0.5, 0.7))
    y = 0.0
    row = 0
    while y < height:
        x = -length * (0.5 if row % 2 else 0.0)
        while x < width:
            tone = base * np.float32(rng.normal(1, 0.14))
            fill(canvas, rectangle(x, y, length - 2, row_height - 2), np.clip(tone, 0, 1))
            x += length
        y += row_height
        row += 1


def _hang_pictures(canvas: Image, horizon: float, rng: np.random.Generator) -> None:
    width = canvas.shape[1]
    x = width * rng.uniform(0.02, 0.12)
    while x < 0.9 * width:
        frame_width = horizon * rng.uniform(0.35, 0.62)
        frame_height = horizon * rng.uniform(0.32, 0.52)
        y = horizon * rng.uniform(0.06, 0.2)
        _picture(canvas, (x, y, frame_width, frame_height), rng)
        x += frame_width + width * rng.uniform(0.05, 0.22)


def _picture(
    canvas: Image, place: tuple[float, float, float, float], rng: np.random.Generator
) -> None:
    x, y, width, height = place
    drop = 0.03 * width
    shadow(canvas, rectangle(x + drop, y + 1.4 * drop, width, height), 1.2 * drop, 0.55)
    wood = colour(rng.uniform(0.05, 0.12), rng.uniform(0, 0.6), rng.uniform(0.2, 0.5))
    fill(canvas, rectangle(*place), wood)
    rim = 0.06 * width
    inner = (x + rim, y + rim, width - 2 * rim, height - 2 * rim)
    paper = objects.any_colour(rng)
    if rng.random() < 0.5:  # noqa: PLR2004 - half are posters, half are paintings
        fill(canvas, rectangle(*inner), paper)
        ink = objects.ink_on(paper, rng)
        left, text_width, text_height = inner[0] + 0.1 * inner[2], 0.8 * inner[2], 0.2 * inner[3]
        for line in range(3):
            area = (left, inner[1] + (0.1 + 0.3 * line) * inner[3], text_width, text_height)
            write(canvas, objects.any_word(rng), area, ink, int(rng.integers(3)))
        return
    patch = shape(canvas, rectangle(*inner))
    if patch.alpha.size:
        blobs = texture(patch.alpha.shape, inner[2] / 3, rng, octaves=4)[..., None]
        mix = np.clip(0.5 + 0.5 * blobs, 0, 1)
        lay(canvas, patch, (paper * mix + objects.any_colour(rng) * (1 - mix)).astype(np.float32))


def _table(canvas: Image, horizon: float, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    patch = fill(
        canvas,
        rectangle(-2, horizon, width + 4, height - horizon + 2),
        colour(rng.uniform(0.04, 0.11), rng.uniform(0.15, 0.6), rng.uniform(0.42, 0.72)),
    )
    rows, columns = patch.alpha.shape
    grain = texture((rows, columns), max(2.0, height / 90), rng, octaves=3, stretch=14)
    shade(canvas, patch, 1 + np.float32(0.13) * grain)
    boards = np.sin(np.pi * 5 * patch.along_y() ** 0.6) ** 2
    shade(canvas, patch, 1 - np.float32(0.55) * (boards < 0.004))  # noqa: PLR2004 - the gaps
    shadow(canvas, rectangle(-9, horizon - 3, width + 18, 0.012 * height), 0.012 * height, 0.5)


def _set_table(canvas: Image, horizon: float, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    for row, depth in enumerate((0.12, 0.62)):
        count = max(2, round(_THINGS_PER_WIDTH * width / height / 1.5 * (1 - 0.3 * row)))
        kinds = rng.permutation(len(objects.THINGS))
        for place in range(count):
            thing = objects.THINGS[int(kinds[place % len(kinds)])]
            x = width * (place + 0.5 + rng.uniform(-0.25, 0.25)) / count
            y = horizon + (height - horizon) * (depth + rng.uniform(0, 0.2))
            thing(canvas, x, y, height * rng.uniform(0.26, 0.36) * (1 + 0.25 * row), rng)
