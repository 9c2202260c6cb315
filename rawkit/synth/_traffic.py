"""What moves in a video: cars, people, swinging lamps and rolling balls.

Where a thing is follows from the number of the frame alone, so any frame can be painted by itself.
Sizes and speeds are in heights of the picture; places are (x, y) in pixels, from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from rawkit.synth import _objects as objects
from rawkit.synth._paint import colour, ellipse, fill, glow, rectangle, shade, shadow

if TYPE_CHECKING:
    from rawkit.synth._paint import Image, Points

_WAY_BEYOND: Final = 0.9
"""Heights that a thing goes on beyond each side of the picture before it comes back."""
_GLASS: Final = (0.58, 0.25, 0.3)
_RUBBER: Final = (0.6, 0.1, 0.14)


class Mover(Protocol):
    """Something that is elsewhere in every frame."""

    def paint(self, canvas: Image, frame: int) -> None:
        """Paint it where it is in a frame, from 0, on a canvas (height, width, 3)."""


@dataclass(frozen=True, slots=True)
class _Walk:
    """A way across the picture, again and again."""

    start: float
    """Share of the way gone in frame 0, 0..1."""
    speed: float
    """Heights of the picture a frame, to the right; negative to the left."""

    def at(self, canvas: Image, frame: int) -> float:
        """Where on the canvas that is, in pixels from the left; it may be outside."""
        height, width = canvas.shape[:2]
        length = width / height + 2 * _WAY_BEYOND
        gone = (self.start * length + self.speed * frame) % length
        return float((gone - _WAY_BEYOND) * height)


@dataclass(frozen=True, slots=True)
class Car:
    """A car with its lights on."""

    walk: _Walk
    """Where it goes."""
    foot: float
    """Where its wheels touch the road, in heights from the top."""
    length: float
    """Its length in heights."""
    paint_colour: Image
    """Colour of its body, shape (3,)."""
    lamp: Image
    """Light of its headlamps, shape (3,)."""

    def paint(self, canvas: Image, frame: int) -> None:
        """Paint it where it is in a frame."""
        height = canvas.shape[0]
        x, foot, long = self.walk.at(canvas, frame), self.foot * height, self.length * height
        ahead = 1 if self.walk.speed > 0 else -1
        shadow(canvas, ellipse(x, foot, 0.54 * long, 0.05 * long), 0.03 * long, 0.7)
        body = fill(canvas, _outline(x, foot, ahead * long, _BODY), self.paint_colour)
        shade(canvas, body, 1.2 - np.float32(0.7) * body.along_y())
        fill(canvas, _outline(x, foot, ahead * long, _CABIN), colour(*_GLASS))
        for axle in (-0.29, 0.3):
            tyre = x + ahead * axle * long
            fill(canvas, ellipse(tyre, foot - 0.07 * long, 0.085 * long, 0.085 * long),
                 colour(*_RUBBER))  # fmt: skip
            self._hub(canvas, tyre, foot - 0.07 * long, frame)
        nose, tail = x + ahead * 0.49 * long, x - ahead * 0.49 * long
        lit = foot - 0.17 * long
        fill(canvas, ellipse(nose, lit, 0.025 * long, 0.025 * long), 2 * self.lamp)
        glow(canvas, nose + ahead * 0.06 * long, lit, 0.07 * long, self.lamp)
        fill(canvas, ellipse(tail, lit, 0.018 * long, 0.022 * long), colour(0.99, 0.9, 0.9))
        glow(canvas, tail, lit, 0.03 * long, colour(0.99, 0.9, 0.6))

    def _hub(self, canvas: Image, x: float, y: float, frame: int) -> None:
        radius = 0.05 * self.length * canvas.shape[0]
        fill(canvas, ellipse(x, y, radius, radius), colour(0.6, 0.05, 0.6))
        turn = self.walk.speed * frame / (0.085 * self.length)
        for spoke in (0.0, np.pi / 2):
            along = radius * np.array([np.cos(turn + spoke), np.sin(turn + spoke)])
            across = 0.15 * np.array([-along[1], along[0]])
            corners = np.stack([-along - across, -along + across, along + across, along - across])
            fill(canvas, np.add(corners, (x, y)), colour(0.6, 0.1, 0.25))


_BODY: Final = ((-0.5, 0.08), (-0.5, 0.2), (-0.4, 0.23), (-0.27, 0.37), (0.1, 0.37), (0.26, 0.23),
                (0.47, 0.19), (0.5, 0.08))  # fmt: skip
"""Corners of a car that drives to the right: ahead and up, in lengths, from below its middle."""
_CABIN: Final = ((-0.33, 0.24), (-0.24, 0.345), (0.085, 0.345), (0.19, 0.24))
"""Corners of its windows."""


def _outline(
    x: float, foot: float, length: float, corners: tuple[tuple[float, float], ...]
) -> Points:
    ahead, up = np.array(corners).T
    return np.stack([x + length * ahead, foot - abs(length) * up], axis=1)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who walks by."""

    walk: _Walk
    """Where they go."""
    foot: float
    """Where they tread, in heights from the top."""
    tall: float
    """Their size in heights."""
    clothes: tuple[Image, Image, Image]
    """Colours of coat, trousers and skin, shape (3,) each."""

    def paint(self, canvas: Image, frame: int) -> None:
        """Paint them where they are in a frame, in mid-stride."""
        height = canvas.shape[0]
        x, foot, tall = self.walk.at(canvas, frame), self.foot * height, self.tall * height
        coat, trousers, skin = self.clothes
        stride = float(np.sin(2 * np.pi * self.walk.speed * frame / (0.75 * self.tall)))
        rise = 0.012 * tall * (1 - abs(stride))
        hip, neck = foot - 0.47 * tall - rise, foot - 0.84 * tall - rise
        shadow(canvas, ellipse(x, foot, 0.16 * tall, 0.025 * tall), 0.02 * tall, 0.6)
        for side in (-1, 1):
            swing = side * stride
            _limb(canvas, (x, hip), (x + 0.17 * tall * swing, foot), 0.05 * tall, trousers)
            hand = (x - 0.15 * tall * swing, hip + 0.02 * tall)
            _limb(canvas, (x, neck + 0.05 * tall), hand, 0.035 * tall, np.float32(0.8) * coat)
        torso = [
            (x - 0.08 * tall, hip + 0.04 * tall),
            (x - 0.09 * tall, neck + 0.06 * tall),
            (x - 0.04 * tall, neck),
            (x + 0.04 * tall, neck),
            (x + 0.09 * tall, neck + 0.06 * tall),
            (x + 0.08 * tall, hip + 0.04 * tall),
        ]
        patch = fill(canvas, np.array(torso), coat)
        shade(canvas, patch, 1.15 - np.float32(0.5) * np.abs(patch.along_x() - np.float32(0.4)))
        fill(canvas, ellipse(x, neck - 0.08 * tall, 0.06 * tall, 0.08 * tall), skin)
        fill(canvas, ellipse(x, neck - 0.12 * tall, 0.062 * tall, 0.045 * tall), 0.25 * trousers)


def _limb(
    canvas: Image, root: tuple[float, float], end: tuple[float, float], width: float, paint: Image
) -> None:
    along = np.array(end) - root
    across = np.array([-along[1], along[0]]) * (width / max(float(np.hypot(*along)), 1e-6))
    corners = [root + across, root - across, end - 0.6 * across, end + 0.6 * across]
    fill(canvas, np.array(corners), paint)


@dataclass(frozen=True, slots=True)
class Lantern:
    """A lamp that swings on a cord; how bright it is does not change."""

    place: float
    """Where the cord is fixed, in widths from the left."""
    cord: float
    """Length of the cord in heights."""
    swing: float
    """Largest angle, in radians."""
    frames_a_swing: float
    """Frames there and back."""
    light: Image
    """Light that it gives, shape (3,)."""

    def paint(self, canvas: Image, frame: int) -> None:
        """Paint it where it hangs in a frame."""
        height, width = canvas.shape[:2]
        angle = self.swing * float(np.sin(2 * np.pi * frame / self.frames_a_swing + 5 * self.place))
        root = (self.place * width, -0.05 * height)
        x = root[0] + self.cord * height * float(np.sin(angle))
        y = root[1] + self.cord * height * float(np.cos(angle))
        _limb(canvas, root, (x, y), 0.003 * height, colour(0.6, 0.1, 0.15))
        side = 0.035 * height
        fill(
            canvas, rectangle(x - side, y - 0.5 * side, 2 * side, 0.5 * side), colour(0.6, 0.1, 0.2)
        )
        fill(canvas, ellipse(x, y + side, side, 1.2 * side), 1.6 * self.light)
        glow(canvas, x, y + side, 3.2 * side, np.float32(0.8) * self.light)


@dataclass(frozen=True, slots=True)
class Ball:
    """A striped ball that rolls over the table."""

    walk: _Walk
    """Where it goes."""
    foot: float
    """Where it touches the table, in heights from the top."""
    radius: float
    """Its radius in heights."""
    colours: tuple[Image, Image]
    """Its colours, shape (3,) each."""

    def paint(self, canvas: Image, frame: int) -> None:
        """Paint it where it is in a frame."""
        height = canvas.shape[0]
        x, radius = self.walk.at(canvas, frame), self.radius * height
        y = self.foot * height - radius
        shadow(canvas, ellipse(x, y + radius, 1.1 * radius, 0.2 * radius), 0.1 * radius, 0.6)
        patch = fill(canvas, ellipse(x, y, radius, radius), self.colours[0])
        turn = self.walk.speed * frame / self.radius
        for part in range(3):
            angles = turn + 2 * np.pi * part / 3 + np.linspace(0, np.pi / 3, 12)
            rim = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius
            fill(canvas, np.concatenate([[[x, y]], np.add(rim, (x, y))]), self.colours[1])
        shade(canvas, patch, 1.2 - np.float32(0.8) * patch.along_y())
        fill(canvas, ellipse(x - 0.3 * radius, y - 0.45 * radius, 0.12 * radius, 0.1 * radius),
             colour(0.1, 0.02, 1.0))  # fmt: skip


def moving_things(kind: str, rng: np.random.Generator) -> tuple[Mover, ...]:
    """Choose what moves in a scene, the farthest first.

    Parameters
    ----------
    kind
        ``indoor``: people, a ball and a lamp; ``outdoor``: cars, people and a lamp.
    rng
        Source of all randomness; the same state gives the same things.
    """
    lanterns = [_lantern(rng) for _ in range(int(rng.integers(1, 3)))]
    if kind == "indoor":
        people = [_person(rng, rng.uniform(0.9, 1.02), rng.uniform(0.62, 0.8))
                  for _ in range(int(rng.integers(1, 3)))]  # fmt: skip
        balls = [_ball(rng) for _ in range(2)]
        return (*lanterns, *sorted(balls, key=lambda ball: ball.foot), *people)
    walkers = [_person(rng, rng.uniform(0.78, 0.82), rng.uniform(0.26, 0.34))
               for _ in range(int(rng.integers(2, 4)))]  # fmt: skip
    cars = [_car(rng, lane) for lane in (0.855, 0.95)[: int(rng.integers(1, 3))]]
    return (*lanterns, *walkers, *cars)


def _walk(rng: np.random.Generator, slowest: float, fastest: float) -> _Walk:
    speed = rng.uniform(slowest, fastest) * (1 if rng.random() < 0.5 else -1)  # noqa: PLR2004 - left or right
    # Most begin in view, so that short videos show them, too.
    return _Walk(start=rng.uniform(0.2, 0.8), speed=speed)


def _car(rng: np.random.Generator, lane: float) -> Car:
    lamp = colour(rng.uniform(0.1, 0.16), rng.uniform(0.05, 0.3), 1.0)
    foot = lane + rng.uniform(-0.02, 0.02)
    return Car(_walk(rng, 0.012, 0.035), foot, rng.uniform(0.48, 0.62) * (foot / 0.9),
               objects.any_colour(rng, strength=1.0), lamp)  # fmt: skip


def _person(rng: np.random.Generator, foot: float, tall: float) -> Person:
    skin = colour(rng.uniform(0.04, 0.08), rng.uniform(0.3, 0.55), rng.uniform(0.4, 0.9))
    clothes = (objects.any_colour(rng), objects.any_colour(rng, strength=0.5), skin)
    return Person(_walk(rng, 0.012 * tall, 0.028 * tall), foot, tall, clothes)


def _lantern(rng: np.random.Generator) -> Lantern:
    light = colour(rng.uniform(0.06, 0.14), rng.uniform(0.3, 0.7), 1.0)
    return Lantern(rng.uniform(0.12, 0.88), rng.uniform(0.22, 0.42), rng.uniform(0.05, 0.25),
                   rng.uniform(40, 90), light)  # fmt: skip


def _ball(rng: np.random.Generator) -> Ball:
    return Ball(_walk(rng, 0.006, 0.018), rng.uniform(0.74, 0.97), rng.uniform(0.05, 0.09),
                (objects.any_colour(rng, strength=1.0), objects.any_colour(rng)))  # fmt: skip
