"""Random generators by name: the same words give the same numbers on every machine."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *words: object) -> np.random.Generator:
    """Make the generator of a seed and of what it is for."""
    text = "\0".join(str(word) for word in (seed, *words))
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest, "big")))
