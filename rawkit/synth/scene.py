"""Procedural scenes in linear light: what the look-alike cameras look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from rawkit.errors import UsageError
from rawkit.synth._indoor import paint_room
from rawkit.synth._outdoor import paint_street

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS: Final = ("indoor", "outdoor")
"""The kinds of scene that `paint_scene` knows."""

SMALLEST_SIDE: Final = 64
"""Smallest height and width of a scene in pixels."""

VIEW_MARGIN: Final = 0.14
"""Share of its height and width by which a canvas is larger than the views cut from it."""

_MIDDLE: Final = 0.17
"""Linear light that the median of every scene is brought to: a middle tone."""
_KNEE: Final = 0.72
"""Linear light above which highlights are compressed, so that none is clipped."""
_BLINDS: Final = 0.35
"""Share of rooms with the shadow of a window's bars."""
_LENS_BLUR: Final = 0.55
"""Standard deviation of the lens's blur, in pixels."""


def paint_scene(
    size: tuple[int, int], rng: np.random.Generator, *, kind: str = "indoor"
) -> NDArray[np.float32]:
    """Paint a scene: edges, texture, text, colours and soft light, different for every `rng`.

    Parameters
    ----------
    size
        Height and width in pixels.
    rng
        Source of all randomness; the same state gives the same scene.
    kind
        ``indoor`` (a room with a set table) or ``outdoor`` (a street at dusk).

    Returns
    -------
    NDArray[np.float32]
        Linear light with sRGB (BT.709) primaries, shape (height, width, 3), 0..1.

    Raises
    ------
    UsageError
        If the size is below 64 pixels or the kind is unknown.
    """
    painted = paint_backdrop(size, rng, kind=kind)
    return develop(painted, exposure_of(painted))


def paint_backdrop(
    size: tuple[int, int], rng: np.random.Generator, *, kind: str
) -> NDArray[np.float32]:
    """Paint a scene as `paint_scene` does, before a lens has seen it: (height, width, 3).

    Raises
    ------
    UsageError
        If the size is below 64 pixels or the kind is unknown.
    """
    check_size(size)
    if kind not in KINDS:
        raise UsageError(f"the kind of scene {kind!r}", expected=" or ".join(KINDS))
    painted = paint_room(size, rng) if kind == "indoor" else paint_street(size, rng)
    painted *= _light(size, rng)[..., None]
    if kind == "indoor" and rng.random() < _BLINDS:
        painted *= _blinds(size, rng)[..., None]
    return painted


def check_size(size: tuple[int, int]) -> None:
    """Refuse a size (height, width) too small to show anything.

    Raises
    ------
    UsageError
        If a side is below 64 pixels.
    """
    if min(size) < SMALLEST_SIDE:
        raise UsageError(
            f"a size of {size[0]}x{size[1]} pixels (height x width)",
            expected=f"at least {SMALLEST_SIDE} pixels a side",
        )


def _light(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Light from one side, and the lens's vignette: factors, shape (height, width)."""
    y, x = _axes(size)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.float32(np.cos(angle)) * x + np.float32(0.6 * np.sin(angle)) * y
    field = np.exp(np.float32(rng.uniform(0.2, 0.6)) * slope)
    field *= 1 - np.float32(0.16) * (x**2 + y**2)
    return field.astype(np.float32)


def _blinds(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Cast the soft shadows of a window's bars: factors, shape (height, width)."""
    y, x = _axes(size)
    bars = np.sin(np.float32(rng.uniform(7, 13)) * (x + np.float32(rng.uniform(-1, 1)) * y))
    return np.asarray(1 + np.float32(0.28) * np.tanh(4 * bars), np.float32)


def _axes(size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the rows (height, 1) and columns (1, width), each from -1 to 1."""
    rows = np.linspace(-1, 1, size[0], dtype=np.float32)[:, None]
    return rows, np.linspace(-1, 1, size[1], dtype=np.float32)[None, :]


def exposure_of(painted: NDArray[np.float32]) -> float:
    """Factor that brings the median of a painted scene, (height, width, 3), to a middle tone."""
    return _MIDDLE / max(float(np.median(_through_lens(painted)[::4, ::4, 1])), 1e-3)


def _through_lens(painted: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(painted, (0, 0), _LENS_BLUR), np.float32)


def develop(painted: NDArray[np.float32], exposure: float) -> NDArray[np.float32]:
    """Blur like a lens, expose, and roll the highlights off: (height, width, 3), 0..1."""
    scene = _through_lens(painted)
    scene *= np.float32(exposure)
    np.maximum(scene, 0.001, out=scene)
    # The brightest channel is compressed and the others follow, so that hues stay.
    peak = scene.max(axis=2, keepdims=True)
    over = np.maximum(peak - np.float32(_KNEE), 0) / np.float32(1 - _KNEE)
    rolled = np.float32(_KNEE) + np.float32(1 - _KNEE) * np.tanh(over)
    scene *= np.where(peak > _KNEE, rolled / peak, np.float32(1))
    return scene.clip(0, 1)


def canvas_size(size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a canvas that views of `size` (height, width) are cut from."""
    height, width = (int(np.ceil(side * (1 + VIEW_MARGIN))) for side in size)
    return height, width


def view_of(
    canvas: NDArray[np.float32],
    size: tuple[int, int],
    *,
    shift: tuple[float, float] = (0.0, 0.0),
    turn: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.float32]:
    """Look at a canvas from another place: a shifted crop, tilted by a perspective.

    Parameters
    ----------
    canvas
        A scene of `canvas_size(size)`, shape (rows, columns, 3), float32.
    size
        Height and width of the view in pixels.
    shift
        Down and right, -1..1 of the margin that the canvas has on each side.
    turn
        Perspective about the horizontal and the vertical axis, -1..1: how much of half the margin
        the near side gains on the far one.

    Returns
    -------
    NDArray[np.float32]
        The view, shape (height, width, 3).
    """
    height, width = size
    margin = np.array([canvas.shape[1] - width, canvas.shape[0] - height]) / 2
    if not (any(shift) or any(turn)):
        left, top = margin.astype(int)
        return canvas[top : top + height, left : left + width].copy()
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
    lean = signs[:, ::-1] * (turn[0], turn[1])
    seen = corners + margin * (1 + 0.5 * np.array(shift[::-1]) + 0.25 * signs * lean)
    matrix = cv2.getPerspectiveTransform(seen.astype(np.float32), corners.astype(np.float32))
    warped = cv2.warpPerspective(
        canvas, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(warped, np.float32)
