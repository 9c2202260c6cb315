"""How bright longs are: what the amplifier would say of a short that is made of one.

Its estimate is of a whole frame, and there is only a crop. So some chunks of each long are read
once, spread over the frame, and kept as quantiles; noise is folded in by its standard deviation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.sensor import base_of_values
from rawkit.stream.reader import Scratch, open_shard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.noise import NoiseModel
    from rawkit.stream.pairs import PairSource

CHUNKS = 6
"""Chunks of a long that are read."""
QUANTILES = 128
"""Quantiles of each plane that are kept."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
"""Where a normal distribution is looked at, and how much each place counts."""
_SHARES = (np.arange(QUANTILES) + 0.5) / QUANTILES


class Lights:
    """Quantiles of longs, of each when it is asked for first: 2 kB each."""

    def __init__(self) -> None:
        self._known: dict[object, NDArray[np.float32]] = {}

    def base(self, source: PairSource, noise: NoiseModel, ratio: float) -> float:
        """Estimate the amplification of a short of a long, between 1 and 300.

        Parameters
        ----------
        source
            The long.
        noise
            What its short has, in its units.
        ratio
            What the short must be multiplied by to be as bright.

        Raises
        ------
        StoreDamagedError
            If the long cannot be read.
        """
        above = self._quantiles(source) / ratio
        deviation = np.sqrt(noise.gain[:, None] * above + noise.sigma[:, None] ** 2)
        bias = noise.bias[:, None, None]
        black = source.black_level.astype(np.float64)[:, None, None]
        values = above[..., None] + bias + deviation[..., None] * _NODES
        x = np.maximum(np.rint(values + black) - black, 0) / (source.white_level - black)
        return base_of_values(x, np.broadcast_to(_WEIGHTS, x.shape))

    def _quantiles(self, source: PairSource) -> NDArray[np.float32]:
        """Light of each plane above black, (4, QUANTILES), sensor units."""
        key = source.packed.path
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _read(source)
        return found


def _read(source: PairSource) -> NDArray[np.float32]:
    layout = source.packed.layout
    rows, columns = (-(-length // side) for length, side in
                     zip((layout.height, layout.width), layout.chunk, strict=True))  # fmt: skip
    count = rows * columns
    chosen = np.unique(np.linspace(0, count - 1, min(CHUNKS, count)).round().astype(int))
    places = [divmod(one, columns) for one in chosen.tolist()]
    parts: list[NDArray[np.float32]] = []
    with open_shard(source.packed) as shard:
        shard.fetch(places)
        for row, column in places:
            pixels = shard.chunk(row, column, Scratch())
            height = min(layout.chunk[0], layout.height - row * layout.chunk[0])
            width = min(layout.chunk[1], layout.width - column * layout.chunk[1])
            inside = pixels[:, :height, :width].reshape(len(pixels), -1).astype(np.float32)
            parts.append(np.quantile(inside, _SHARES, axis=1).T.astype(np.float32))
    together = np.sort(np.concatenate(parts, axis=1), axis=1)[:, len(parts) // 2 :: len(parts)]
    return np.asarray(np.maximum(together - source.black_level[:, None], 0), np.float32)
