"""Thinning: which scenes a fraction keeps, reproducibly and nested."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from rawkit.catalog.splits import scene_digest
from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


def thin_scenes(scenes: Iterable[str], fraction: float, seed: int) -> frozenset[str]:
    """Keep the first ceil(fraction x n) of n scenes, ordered by SHA-256 of seed and scene.

    For one seed a smaller fraction keeps a subset of what a larger one keeps, and the order in
    which scenes are given does not matter. Call it once for each collection and camera.

    Raises
    ------
    UsageError
        If `fraction` is not above 0 and at most 1.
    """
    if not 0 < fraction <= 1:
        raise UsageError(f"a fraction of {fraction}", expected="a number above 0, at most 1")
    ordered = sorted(set(scenes), key=lambda scene: scene_digest(seed, scene))
    # 0.7 of 10 scenes is 7, although 0.7 * 10 is above 7 in floating point: take the decimal meant.
    count = math.ceil(Fraction(repr(fraction)) * len(ordered))
    return frozenset(ordered[:count])
