"""Streets at dusk: sky, hills, houses with lit windows and signs, trees, lamps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from rawkit.synth import _objects as objects
from rawkit.synth._paint import (
    colour,
    ellipse,
    fill,
    glow,
    lay,
    rectangle,
    shade,
    shadow,
    shape,
    texture,
    write,
)

if TYPE_CHECKING:
    from rawkit.synth._paint import Image

_LEAVES = 700


def paint_street(size: tuple[int, int], rng: np.random.Generator) -> Image:
    """Paint a street, shape (height, width, 3), float32, linear sRGB."""
    height, width = size
    canvas = np.empty((height, width, 3), np.float32)
    ground = height * rng.uniform(0.66, 0.78)
    _sky(canvas, ground, rng)
    _hills(canvas, ground, rng)
    _houses(canvas, ground, rng)
    _road(canvas, ground, rng)
    for _ in range(int(rng.integers(1, 4))):
        _tree(canvas, rng.uniform(0, width), ground + height * rng.uniform(0.02, 0.12), rng)
    for place in range(int(rng.integers(1, 3))):
        _lamp(canvas, width * (0.25 + 0.5 * place + rng.uniform(-0.15, 0.15)), ground, rng)
    for place in range(3):
        x = width * (place + rng.uniform(0.25, 0.75)) / 3
        thing = (objects.box, objects.can, objects.ball, objects.chart)[int(rng.integers(4))]
        thing(canvas, x, height * rng.uniform(0.88, 0.97), 0.24 * height, rng)
    return canvas


def _sky(canvas: Image, ground: float, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    top = colour(rng.uniform(0.55, 0.66), rng.uniform(0.35, 0.7), rng.uniform(0.35, 0.6))
    low = colour(rng.uniform(0.0, 0.12), rng.uniform(0.15, 0.5), rng.uniform(0.7, 0.88))
    fall = np.minimum(np.arange(height, dtype=np.float32) / np.float32(ground), 1)[:, None, None]
    canvas[:] = top + (low - top) * fall**1.5
    clouds = texture((height, width), height / 4, rng, octaves=5, stretch=2.5)
    cover = np.clip(0.45 * clouds, 0, 0.7)[..., None]
    canvas += cover * (colour(0.05, 0.1, rng.uniform(0.6, 0.85)) - canvas)


def _hills(canvas: Image, ground: float, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    x = np.linspace(-5, width + 5, 160)
    for layer in range(2):
        waves = sum(
            rng.uniform(0.3, 1) / k * np.sin(2 * np.pi * k * x / width + rng.uniform(0, 6))
            for k in range(1, 9)
        )
        ridge = ground - height * (0.16 - 0.07 * layer + 0.05 * waves)
        outline = np.stack([x, ridge], axis=1)
        corners = np.array([[width + 5, height], [-5, height]])
        tone = colour(rng.uniform(0.3, 0.6), 0.35, 0.5 - 0.14 * layer)
        fill(canvas, np.concatenate([outline, corners]), tone)


def _houses(canvas: Image, ground: float, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    x = -width * rng.uniform(0, 0.1)
    while x < width:
        house_width = height * rng.uniform(0.3, 0.6)
        if rng.random() < 0.82:  # noqa: PLR2004 - here and there the view is open
            house_height = ground * rng.uniform(0.42, 0.86)
            _house(canvas, (x, ground - house_height, house_width, house_height), rng)
        x += house_width


def _house(
    canvas: Image, place: tuple[float, float, float, float], rng: np.random.Generator
) -> None:
    x, y, width, height = place
    wall = colour(objects.any_hue(rng), rng.uniform(0.06, 0.42), rng.uniform(0.38, 0.7))
    patch = fill(canvas, rectangle(*place), wall)
    courses = np.abs(np.sin(np.pi * np.arange(patch.alpha.shape[0], dtype=np.float32) / 5))[:, None]
    grain = texture(patch.alpha.shape, 5, rng, octaves=2) if patch.alpha.size else patch.alpha
    shade(canvas, patch, 0.88 + 0.14 * courses + np.float32(0.06) * grain)
    fill(canvas, rectangle(x - 2, y - 0.03 * height, width + 4, 0.035 * height), 0.4 * wall)
    columns, floors = int(rng.integers(3, 6)), int(rng.integers(3, 6))
    pane_width, floor = width / columns, 0.76 * height / floors
    for row in range(floors):
        for column in range(columns):
            corner = (x + (column + 0.24) * pane_width, y + 0.05 * height + (row + 0.2) * floor)
            _window(canvas, (*corner, 0.52 * pane_width, 0.62 * floor), rng)
    _shop(canvas, (x + 0.06 * width, y + 0.8 * height, 0.88 * width, 0.2 * height), rng)


def _window(
    canvas: Image, place: tuple[float, float, float, float], rng: np.random.Generator
) -> None:
    x, y, width, height = place
    lit = rng.random() < 0.45  # noqa: PLR2004 - of all windows
    if lit:
        pane = colour(rng.uniform(0.07, 0.14), rng.uniform(0.25, 0.6), rng.uniform(0.85, 1.0))
    else:
        pane = colour(rng.uniform(0.5, 0.65), rng.uniform(0.1, 0.4), rng.uniform(0.12, 0.35))
    fill(canvas, rectangle(x - 1.5, y - 1.5, width + 3, height + 3), colour(0.1, 0.06, 0.8))
    patch = fill(canvas, rectangle(x, y, width, height), pane)
    shade(canvas, patch, 1.05 - np.float32(0.45) * patch.along_y())
    bar = max(1.0, 0.07 * width)
    frame = colour(0.1, 0.05, 0.72)
    fill(canvas, rectangle(x + width / 2 - bar / 2, y, bar, height), frame)
    fill(canvas, rectangle(x, y + 0.4 * height, width, bar), frame)


def _shop(
    canvas: Image, place: tuple[float, float, float, float], rng: np.random.Generator
) -> None:
    x, y, width, height = place
    board = objects.any_colour(rng, strength=1.0)
    glass = colour(rng.uniform(0.07, 0.15), 0.3, rng.uniform(0.5, 0.95))
    fill(canvas, rectangle(x, y + 0.34 * height, width, 0.66 * height), glass)
    for stroke in range(5):
        bar = rectangle(x + width * stroke / 4 - 1.5, y + 0.34 * height, 3, 0.66 * height)
        fill(canvas, bar, colour(0.1, 0.2, 0.2))
    fill(canvas, rectangle(x, y, width, 0.36 * height), board)
    area = (x + 0.1 * width, y + 0.07 * height, 0.8 * width, 0.22 * height)
    write(canvas, objects.any_word(rng), area, objects.ink_on(board, rng), int(rng.integers(3)))


def _road(canvas: Image, ground: float, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    base = colour(rng.uniform(0.05, 0.65), rng.uniform(0.02, 0.15), rng.uniform(0.36, 0.52))
    place = rectangle(-2, ground, width + 4, height - ground + 2)
    mirror = canvas[max(int(2 * ground) - height, 0) : int(ground)][::-1].copy()
    patch = fill(canvas, place, base)
    rows = min(mirror.shape[0], height - int(ground))
    wet = np.asarray(cv2.GaussianBlur(mirror[:rows], (0, 0), 2.0, sigmaY=9.0), np.float32)
    part = canvas[int(ground) : int(ground) + rows]
    part += np.float32(rng.uniform(0.1, 0.4)) * (wet - part)
    depth = 1 + 18 * patch.along_y()
    across = (patch.along_x() - np.float32(0.5)) / depth * 60
    stones = np.sin(np.pi * 40 / depth) * np.sin(np.pi * across * 3)
    grain = texture(patch.alpha.shape, 4, rng, octaves=2, stretch=2)
    shade(canvas, patch, 1 + np.float32(0.09) * np.sign(stones) + np.float32(0.1) * grain)
    kerb = rectangle(-2, ground, width + 4, 0.018 * height)
    fill(canvas, kerb, colour(0.1, 0.04, 0.62))
    shadow(canvas, rectangle(-9, ground + 0.018 * height, width + 18, 4), 3, 0.5)


def _tree(canvas: Image, x: float, foot: float, rng: np.random.Generator) -> None:
    height = canvas.shape[0]
    tall, thick = height * rng.uniform(0.4, 0.62), 0.018 * height
    shadow(
        canvas, ellipse(x + 0.06 * height, foot, 0.16 * height, 0.02 * height), 0.015 * height, 0.5
    )
    trunk = np.array(
        [
            [x - thick, foot],
            [x + thick, foot],
            [x + 0.4 * thick, foot - tall],
            [x - 0.4 * thick, foot - tall],
        ]
    )
    fill(canvas, trunk, colour(0.07, 0.35, rng.uniform(0.2, 0.34)))
    hue, crown = rng.uniform(0.14, 0.36), 0.24 * height
    places = rng.normal(0, 0.42, (_LEAVES, 2)) * (crown, 0.8 * crown) + (x, foot - tall)
    sizes = height * rng.uniform(0.006, 0.016, _LEAVES)
    tones = rng.random((_LEAVES, 3))
    for (leaf_x, leaf_y), size, tone in zip(places.tolist(), sizes.tolist(), tones, strict=True):
        above = (foot - tall - leaf_y) / crown
        value = np.clip(0.36 + 0.22 * above + 0.2 * tone[0], 0.1, 0.8)
        green = colour(hue + 0.06 * (tone[1] - 0.5), 0.35 + 0.4 * tone[2], float(value))
        turn = 6.3 * tone[0]
        along = np.array([np.cos(turn), np.sin(turn)]) * size
        side = np.array([-along[1], along[0]]) * 0.45
        middle = np.array([leaf_x, leaf_y])
        leaf = np.stack([middle - along, middle + side, middle + along, middle - side])
        fill(canvas, leaf, green)


def _lamp(canvas: Image, x: float, ground: float, rng: np.random.Generator) -> None:
    height = canvas.shape[0]
    top = ground - height * rng.uniform(0.4, 0.55)
    foot = ground + 0.06 * height
    iron = colour(0.6, 0.1, 0.16)
    fill(canvas, rectangle(x - 0.006 * height, top, 0.012 * height, foot - top), iron)
    fill(
        canvas,
        rectangle(x - 0.02 * height, foot - 0.02 * height, 0.04 * height, 0.02 * height),
        iron,
    )
    patch = shape(canvas, ellipse(x, top, 0.024 * height, 0.028 * height))
    lay(canvas, patch, colour(0.12, 0.18, 1.0))
    light = colour(rng.uniform(0.07, 0.13), rng.uniform(0.4, 0.7), 0.75)
    glow(canvas, x, top, 0.06 * height, light)
