"""The frames of a video, restored one after the other by a method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from rawkit.evaluate.light import factor_of, light_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.evaluate.light import Light
    from rawkit.evaluate.pairs import Pair
    from rawkit.evaluate.protocol import Protocol as Rules
    from rawkit.evaluate.videos import Video
    from rawkit.sensor import Amplification


class Converts(Protocol):
    """Makes a picture of one dark frame."""

    def amplification_of(self, pair: Pair) -> Amplification:
        """Return what a frame is multiplied by unless a protocol says otherwise."""

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Return the picture, (H, W, 3) of 0 to 1."""


@dataclass(frozen=True)
class Restored:
    """A dark frame and the picture that was made of it."""

    pair: Pair
    """The frame, with its truth."""
    light: Light
    """Its pixels and levels."""
    factor: float
    """What they were multiplied by."""
    picture: NDArray[np.float32]
    """The picture, (H, W, 3) of 0 to 1."""


def fed(pair: Pair, method: Converts, protocol: Rules) -> tuple[Light, float]:
    """Read a dark frame as a method gets it, and what it is multiplied by.

    Raises
    ------
    StoreDamagedError
        If a shard is missing or damaged.
    UsageError
        If a ratio is asked for and not known.
    """
    amplifier = protocol.amplifier(method.amplification_of(pair))
    light = replace(light_of(pair, protocol), by_estimate=amplifier.kind == "auto")
    return light, factor_of(light, pair, amplifier)


def one_by_one(method: Converts, video: Video, first: int, protocol: Rules) -> Iterator[Restored]:
    """Restore each frame of a video by itself, from the frame `first`, from 0, to the last."""
    for pair in video.pairs[first:]:
        light, factor = fed(pair, method, protocol)
        yield Restored(pair, light, factor, method.picture(pair, light, factor))
