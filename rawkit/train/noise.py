"""The noise of the frames of a training, for networks that are told it or take the transform."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError
from rawkit.models import KSigma, ShotAndRead, noise_seen
from rawkit.sensor import BAYER, Mosaic, unpack
from rawkit.train.shards import read_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rawkit.stream import Batch, PairSource, Shorts


class FrameNoise:
    """The noise of each frame, as the frame itself shows it, for each crop of a batch.

    A frame is read whole when the first crop of it is drawn; what was found is kept.

    Parameters
    ----------
    sources
        The pairs.
    white
        What the network takes for the white of the anchor of the k-sigma transform.
    shorts
        What makes dark frames of those that are longs: their noise is known.
    known
        Gives the noise of a frame where it need not be found in it.
    """

    def __init__(
        self,
        sources: Sequence[PairSource],
        white: float = 1.0,
        shorts: Shorts | None = None,
        known: Callable[[PairSource], ShotAndRead] | None = None,
    ) -> None:
        self._known = known
        self._sources, self._white, self._shorts = sources, white, shorts
        self._places: dict[str, int] | None = None
        self._found: dict[str, ShotAndRead] = {}

    def transforms(self, batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return scale and offset of each crop, shape (B,) each; see `KSigma`.

        Raises
        ------
        UsageError
            If a frame does not show its noise.
        """
        found = [KSigma.of(one, self._white) for one in self._of_batch(batch)]
        return (
            np.array([one.scale for one in found], np.float32),
            np.array([one.offset for one in found], np.float32),
        )

    def noise(self, batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return gain and variance of each crop, shape (B,) each, sensor units.

        Raises
        ------
        UsageError
            If a frame does not show its noise.
        """
        found = self._of_batch(batch)
        return (
            np.array([one.gain for one in found], np.float32),
            np.array([one.variance for one in found], np.float32),
        )

    def _of_batch(self, batch: Batch) -> list[ShotAndRead]:
        if self._places is None:
            self._places = {one.name: number for number, one in enumerate(self._sources)}
        found = []
        for name, iso in zip(batch.names, batch.iso.tolist(), strict=True):
            source = self._sources[self._places[name]]
            if source.is_long:
                found.append(self.of(replace(source, iso=iso)))
                continue
            if name not in self._found:
                self._found[name] = self.of(source)
            found.append(self._found[name])
        return found

    def of(self, source: PairSource) -> ShotAndRead:
        """Return the noise of a frame; of a long, of what is made of it at its `iso`."""
        if source.is_long and self._shorts is not None:
            known = self._shorts.noise(source, source.iso)
            return ShotAndRead(float(known.gain.mean()), float((known.sigma**2).mean()))
        return noise_of(source) if self._known is None else self._known(source)


def noise_of(source: PairSource) -> ShotAndRead:
    """Find the noise of a stored frame in its pixels.

    Raises
    ------
    UsageError
        If it does not show any.
    """
    pixels = unpack(read_shard(source.packed))
    black = tuple(float(one) for one in source.black_level)
    mosaic = Mosaic.without_margins(((0, 1), (3, 2)), pixels.shape, black, source.white_level)
    assert mosaic.cell == BAYER  # noqa: S101 - a pattern that is one
    seen = noise_seen(pixels, mosaic)
    if seen is None:
        raise UsageError(
            f"{source.name}, which does not show its noise",
            expected="smooth patches of some light, for --k-sigma and --sigma-map",
            fix="Leave the frame out with --where, or train without them.",
        )
    return seen
