"""The frames of a video, restored one after the other by a method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rawkit.evaluate.light import factor_of, light_of
from rawkit.sensor import (
    EQUALISED_WHITE,
    UNKNOWN_BALANCE,
    equalised,
    equalising_tables,
    grey_gains,
    level_counts,
)
from rawkit.video import steadied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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

    def planes(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Return amplified planes without noise, (h, w, 4), not clipped."""


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
    """The picture, (H, W, 3) of 0 to 1; in raw space its planes, (h, w, 4)."""


def fed(
    pair: Pair,
    method: Converts,
    protocol: Rules,
    base: float | None = None,
    tables: NDArray[np.uint16] | None = None,
) -> tuple[Light, float]:
    """Read a dark frame as a method gets it, and what it is multiplied by.

    `base` takes the place of the amplifier's own estimate, and `tables`, (4, 65536), that of the
    frame's own curves where it is equalised.

    Raises
    ------
    StoreDamagedError
        If a shard is missing or damaged.
    UsageError
        If a ratio is asked for and not known.
    """
    amplifier = protocol.amplifier(method.amplification_of(pair))
    light = replace(light_of(pair, protocol), by_estimate=amplifier.kind == "auto")
    if amplifier.kind == "equalise":
        own = curves_of([pair]) if tables is None else tables
        light = replace(
            light, planes=equalised(light.planes, own), black=np.zeros_like(light.black),
            white=EQUALISED_WHITE, equalised=True,
        )  # fmt: skip
    if base is not None:
        light = replace(light, base=base)
    return light, factor_of(light, pair, amplifier)


def shown_by(
    method: Converts, protocol: Rules
) -> Callable[[Pair, Light, float], NDArray[np.float32]]:
    """Return what makes of a dark frame what a protocol compares: a picture, or planes."""
    return method.planes if protocol.space == "raw" else method.picture


def curves_of(pairs: Sequence[Pair], *, balanced: bool = False) -> NDArray[np.uint16]:
    """Curves, (4, 65536), that equalise frames together; reads each of them once.

    `balanced` ones multiply the planes first, by the balance of the file or, where that is unknown,
    so that their means are equal.

    Raises
    ------
    StoreDamagedError
        If a shard is missing or damaged.
    """
    counts = level_counts(pairs[0].planes())
    for pair in pairs[1:]:
        counts += level_counts(pair.planes())
    row = pairs[0].dark
    if not balanced:
        return equalising_tables(counts, row.black_level)
    unknown = row.white_balance_source == UNKNOWN_BALANCE
    gains = grey_gains(counts, row.black_level) if unknown else row.white_balance
    return equalising_tables(counts, row.black_level, gains)


def curves_for(video: Video, method: Converts, protocol: Rules) -> NDArray[np.uint16] | None:
    """Curves of all frames of a video, (4, 65536); None where they are not equalised."""
    kind = protocol.amplifier(method.amplification_of(video.pairs[0])).kind
    return curves_of(video.pairs) if kind == "equalise" and len(video.pairs) > 1 else None


def steady_bases(video: Video, protocol: Rules) -> list[float]:
    """Make the estimates of a video's frames one smooth curve, as `rawkit restore` does.

    Reads the frames only where the protocol sets a black level of its own.
    """

    def estimated() -> Iterator[tuple[None, NDArray[np.float64]]]:
        for pair in video.pairs:
            own = protocol.black_level is None and pair.mending is None
            base = pair.dark.amplification_base if own else light_of(pair, protocol).base
            yield None, np.array([base])

    return [float(base[0]) for _, base in steadied(estimated())]


def one_by_one(method: Converts, video: Video, first: int, protocol: Rules) -> Iterator[Restored]:
    """Restore each frame of a video by itself, from the frame `first`, from 0, to the last."""
    steady = protocol.steady and video.moves
    bases = steady_bases(video, protocol) if steady else [None] * len(video.pairs)
    tables = curves_for(video, method, protocol)
    for pair, base in zip(video.pairs[first:], bases[first:], strict=True):
        light, factor = fed(pair, method, protocol, base, tables)
        yield Restored(pair, light, factor, shown_by(method, protocol)(pair, light, factor))
