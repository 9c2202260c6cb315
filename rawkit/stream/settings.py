"""What decides the samples, besides the frames; and the numbers that plans draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rawkit.errors import UsageError

LANES = 8
CROPS_PER_WINDOW, LIVE_WINDOWS = 4, 24
"""Defaults of `PlanSettings`."""
CLIP_LIVE_WINDOWS = LANES
"""The least: crops of all live windows are in memory, and clips are as many times larger."""
_MOST_PATCHES = 1 << 16
"""Patches that can be told apart within a window."""
_COUNTED = 4
"""Numbers of 64 bits that Philox makes at once."""


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """All that decides the samples, besides the frames."""

    crop: int
    """Side of a crop in pixels of the mosaic, even: packed planes have half of it."""
    crops_per_window: int = CROPS_PER_WINDOW
    """Crops taken from each window that is read. Three windows make a frame of 12 MP."""
    live_windows: int = LIVE_WINDOWS
    """Windows that crops are drawn from at any time; a multiple of 8."""
    window_chunks: int = 4
    """Chunks a side of a window; more where the crop needs it, fewer where the frame has fewer."""
    augment: bool = True
    """Whether crops are flipped and transposed at random; takes one more packed pixel a side."""
    seed: int = 0
    """Seed of everything random."""
    group: int | None = None
    """Pairs that windows are shuffled among at any time, where a store cannot hold all; None: all
    of the epoch."""
    clip: int = 1
    """Neighbouring frames of a sample; 1 draws frames."""
    stride: int = 0
    """Pixels of the mosaic from each crop to the next one of a grid, even: each comes once an
    epoch, `crops_per_window` at most from one window. 0 draws crops at random places."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.crop % 2:
            raise UsageError(f"crops of {self.crop} mosaic pixels", expected="an even number")
        if self.crop < 1 or self.crops_per_window < 1 or self.window_chunks < 1:
            raise UsageError("a plan without crops", expected="numbers of at least 1")
        if self.group is not None and self.group < 1:
            raise UsageError(f"groups of {self.group} pairs", expected="at least 1")
        if self.clip < 1:
            raise UsageError(f"clips of {self.clip} frames", expected="at least 1 frame")
        if self.live_windows < LANES or self.live_windows % LANES:
            raise UsageError(f"{self.live_windows} live windows", expected=f"a multiple of {LANES}")
        self._check_patches()

    def _check_patches(self) -> None:
        if self.stride % 2 or not 0 <= self.stride <= self.crop:
            raise UsageError(
                f"patches of {self.crop} mosaic pixels every {self.stride}",
                expected=f"an even number of 2 to {self.crop}, so that they leave no gap",
                fix=f"Use --patches {self.crop}/{max(2, self.crop // 4 * 2)}.",
            )
        if self.stride and self.clip > 1:
            raise UsageError(
                f"patches of clips of {self.clip} frames",
                expected="patches of single frames",
                fix="Use --crop, which draws clips at random places.",
            )
        if self.crops_per_window > _MOST_PATCHES and self.stride:
            raise UsageError(
                f"{self.crops_per_window} patches of a window", expected=f"at most {_MOST_PATCHES}"
            )

    @property
    def packed_side(self) -> int:
        """Side of a crop in packed pixels."""
        return self.crop // 2

    @property
    def extent(self) -> int:
        """Packed pixels a side that a crop needs from its window."""
        return self.packed_side + int(self.augment)


@dataclass(frozen=True, slots=True)
class Sample:
    """One crop."""

    window: int
    """Index of its window within the epoch, from 0."""
    top: int
    """First row within the window, in packed pixels, from 0."""
    left: int
    """First column within the window, in packed pixels, from 0."""
    augmentation: int
    """Bits: 1 flips left and right, 2 flips top and bottom, 4 transposes; in this order. 8 reverses
    the frames of a clip."""
    number: int = 0
    """Which sample of the epoch, from 0."""


def generator_for(seed: int, epoch: int, purpose: int, *, skip: int = 0) -> np.random.Generator:
    """Return an independent generator for each purpose of each epoch.

    It is as after `skip` numbers of 64 bits, a multiple of 4: Philox counts by fours.
    """
    bits = np.random.Philox(np.random.SeedSequence([seed, epoch, purpose]))
    if skip:
        bits.advance(skip // _COUNTED)
    return np.random.Generator(bits)
