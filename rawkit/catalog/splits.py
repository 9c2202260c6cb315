"""Which split a frame belongs to, and which scenes a fraction keeps."""

from __future__ import annotations

import math
from fractions import Fraction
from hashlib import sha256
from typing import TYPE_CHECKING

from rawkit.catalog.definition import SplitByLists, SplitByName
from rawkit.errors import DefinitionError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawkit.catalog.definition import Definition, Match, Split, SplitByHash

_HASH_BYTES = 32


def split_of(definition: Definition, match: Match) -> Split:
    """Split of a frame, from its name alone: as published, or by a seeded hash of its scene.

    Raises
    ------
    DefinitionError
        If the split rule does not know the value that the name has.
    """
    rule = definition.split
    if isinstance(rule, SplitByName | SplitByLists):
        group = rule.group
        value = group.format_map(match.groups) if "{" in group else match.groups[group]
        return _by_name(rule, value) if isinstance(rule, SplitByName) else _by_lists(rule, value)
    return _by_hash(rule, match.scene)


def _by_name(rule: SplitByName, value: str) -> Split:
    if value not in rule.values:
        raise DefinitionError(
            f"split.values has no {value!r}", expected=f"one of {', '.join(rule.values)}"
        )
    return rule.values[value]


def _by_lists(rule: SplitByLists, value: str) -> Split:
    if value in rule.train:
        return "train"
    if value in rule.val:
        return "val"
    return "test" if value in rule.test else rule.otherwise


def _by_hash(rule: SplitByHash, scene: str) -> Split:
    share = int.from_bytes(scene_digest(rule.seed, scene)) / 2 ** (8 * _HASH_BYTES)
    if share < rule.train:
        return "train"
    return "val" if share < rule.train + rule.val else "test"


def scene_digest(seed: int, scene: str) -> bytes:
    """SHA-256 of ``"{seed}:{scene}"`` in UTF-8: a fixed pseudo-random place for every scene."""
    return sha256(f"{seed}:{scene}".encode()).digest()


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
