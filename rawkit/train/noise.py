"""The noise of the frames of a training, for networks that take the k-sigma transform."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rawkit.colour import estimate_noise
from rawkit.errors import UsageError
from rawkit.models import KSigma, ShotAndRead
from rawkit.sensor import BAYER, Mosaic, unpack
from rawkit.train.shards import read_shard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.stream import Batch, PairSource, Shorts


class FrameNoise:
    """The k-sigma transform of each frame, from the noise that the frame itself shows.

    A frame is read whole when the first crop of it is drawn; what was found is kept.

    Parameters
    ----------
    sources
        The pairs.
    white
        What the network takes for the white of the anchor.
    shorts
        What makes dark frames of those that are longs: their noise is known.
    """

    def __init__(
        self, sources: Sequence[PairSource], white: float, shorts: Shorts | None = None
    ) -> None:
        self._sources, self._white, self._shorts = sources, white, shorts
        self._places: dict[str, int] | None = None
        self._found: dict[str, KSigma] = {}

    def __call__(self, batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return scale and offset of each crop, shape (B,) each; see `KSigma`.

        Raises
        ------
        UsageError
            If a frame does not show its noise.
        """
        if self._places is None:
            self._places = {one.name: number for number, one in enumerate(self._sources)}
        transforms = []
        for name, iso in zip(batch.names, batch.iso.tolist(), strict=True):
            source = self._sources[self._places[name]]
            if source.is_long:
                transforms.append(self.of(replace(source, iso=iso)))
                continue
            if name not in self._found:
                self._found[name] = self.of(source)
            transforms.append(self._found[name])
        scales, offsets = zip(*((one.scale, one.offset) for one in transforms), strict=True)
        return np.array(scales, np.float32), np.array(offsets, np.float32)

    def of(self, source: PairSource) -> KSigma:
        """Return the transform of a frame; of a long, of what is made of it at its `iso`."""
        if source.is_long and self._shorts is not None:
            known = self._shorts.noise(source, source.iso)
            noise = ShotAndRead(float(known.gain.mean()), float((known.sigma**2).mean()))
            return KSigma.of(noise, self._white)
        return KSigma.of(noise_of(source), self._white)


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
    seen = estimate_noise(pixels, mosaic)
    if not seen.shot > 0:
        raise UsageError(
            f"{source.name}, which does not show its noise",
            expected="smooth patches of some light, for --k-sigma",
            fix="Leave the frame out with --where, or train without --k-sigma.",
        )
    span = source.white_level - float(np.mean(source.black_level))
    return ShotAndRead(seen.shot * span, seen.read * span**2)
