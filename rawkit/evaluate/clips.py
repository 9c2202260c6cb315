"""Networks that take clips, over the stored frames of videos."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rawkit.evaluate.memory import cut_within
from rawkit.evaluate.raw import no_planes
from rawkit.evaluate.restored import Restored, curves_for, fed, steady_bases
from rawkit.models import AmplifiedMosaic, describe, padding_for
from rawkit.sensor import BAYER, WhiteBalance, gains_to, unpack
from rawkit.video import Cut, Grid, blended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import nn

    from rawkit.evaluate.light import Light
    from rawkit.evaluate.pairs import Pair
    from rawkit.evaluate.protocol import Protocol
    from rawkit.evaluate.videos import Video
    from rawkit.sensor import Amplification, Neutral
    from rawkit.store import FrameRow

_PIECES, _OVERLAP = (16, 512), (4, 64)
"""Frames and pixels of a piece, and what neighbours share, where nobody has planned them."""


@dataclass(frozen=True)
class ClipMethod:
    """A network of the registry that takes clips, with weights.

    A video is restored in pieces that overlap and are blended, as `rawkit restore` does it, and
    amplified by one smooth curve; its frames come out in order, in bounded memory.
    """

    name: str
    """Name in the registry."""
    net: nn.Module
    """Prepared for inference: (1, 4, T, h, w) to (1, 3, T, 2h, 2w)."""
    digest: str
    """SHA-256 of network, parameters, amplification and neutral, hexadecimal."""
    amplification: Amplification
    """As the network was trained; the plain estimate where the file does not say."""
    licence: str | None
    """A note on the licence of the weights."""
    neutral: Neutral | None = None
    """Where the network wants grey in its input; None: planes stay as the camera has them."""
    cut: Cut | None = None
    """How videos are cut; None: a usual way."""

    def within(
        self, max_ram: int, height: int, width: int, pieces: tuple[int, int] | None = None
    ) -> ClipMethod:
        """Return the method with pieces that keep the process within so many bytes.

        `pieces` are frames and pixels to a side that are wanted; None: what fits best.

        Raises
        ------
        UsageError
            If no pieces do, or not those that are wanted.
        """
        return replace(self, cut=cut_within(self.name, max_ram, height, width, pieces))

    def amplification_of(self, pair: Pair) -> Amplification:  # noqa: ARG002 - as every method
        """Return what it was trained with."""
        return self.amplification

    def picture(self, pair: Pair, light: Light, factor: float) -> NDArray[np.float32]:
        """Restore a dark frame as a clip of one; (H, W, 3) of 0 to 1."""
        grid = self._grid(1, light.planes.shape[1:])
        ((_, picture),) = self._blended(iter([(pair, light, factor)]), grid)
        return picture

    def planes(self, *_: object) -> NDArray[np.float32]:
        """Refuse: it gives pictures."""
        raise no_planes(self.name)

    def frames(self, video: Video, first: int, protocol: Protocol) -> Iterator[Restored]:
        """Restore the frames of a video from `first`, from 0, to the last, in order.

        A gap in the video ends a clip. Pieces that `first` is part of are restored whole.
        """
        if protocol.space == "raw":
            raise no_planes(self.name)
        bases = steady_bases(video, protocol)
        tables = curves_for(video, self, protocol)
        for begin, end in video.runs:
            if end <= first:
                continue
            size = video.pairs[begin].group.packed
            packed = size.height, size.width
            grid = self._grid(end - begin, packed)
            run = grid.first_run(max(0, first - begin))
            skipped = begin + grid.time[run].start
            inputs = (
                (video.pairs[index], *fed(video.pairs[index], self, protocol, bases[index], tables))
                for index in range(skipped, end)
            )
            for index, (one, picture) in enumerate(self._blended(inputs, grid, run), skipped):
                if index >= first:
                    yield Restored(*one, picture)

    def _grid(self, count: int, packed: tuple[int, ...]) -> Grid:
        about = describe(self.name)
        height, width = 2 * packed[0], 2 * packed[1]
        padding = padding_for(height, width, (0, 0), about.multiple)
        cut = self.cut or Cut.of(about.geometry, _PIECES, _OVERLAP)
        return Grid.of(count, padding.padded_height, padding.padded_width, cut)

    def _blended(
        self,
        inputs: Iterator[tuple[Pair, Light, float]],
        grid: Grid,
        run: int = 0,
    ) -> Iterator[tuple[tuple[Pair, Light, float], NDArray[np.float32]]]:
        mosaics = ((one, self._mosaic(*one)) for one in inputs)
        return blended(mosaics, self.net, grid, run)

    def _mosaic(self, pair: Pair, light: Light, factor: float) -> AmplifiedMosaic:
        pixels = unpack(light.planes)
        black = unpack(light.black.reshape(-1, 1, 1))
        height, width = pixels.shape
        padding = padding_for(height, width, (0, 0), describe(self.name).multiple)
        gains = balancing_gains(self.neutral, pair.long)
        return AmplifiedMosaic(
            pixels, black, np.float32(light.white) - black, factor, padding, gains
        )


def balancing_gains(neutral: Neutral | None, long: FrameRow) -> NDArray[np.float32] | None:
    """Gains of each pixel of the cell, (2, 2), that put grey of the truth at a neutral."""
    if neutral is None:
        return None
    balance = WhiteBalance(long.white_balance, long.white_balance_source)
    gains = gains_to(neutral, balance, BAYER.colours)
    return None if gains is None else unpack(np.array(gains, np.float32)[:, None, None])
