"""The sigma map: how noisy each pixel is, for networks that are told it.

Of light that arrives as photons the variance is k x + sigma^2, x being the signal in sensor units.
The map is the square root of that, of each pixel's own value, in the units of what the network
takes: it goes in as a second channel beside the mosaic, which has as many planes. One set of
weights then serves all cameras and ISOs whose noise is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from rawkit.models.amplified import AmplifiedMosaic
    from rawkit.models.ksigma import ShotAndRead
    from rawkit.models.padding import Padding
    from rawkit.models.tiles import Area


@dataclass(frozen=True, slots=True)
class MosaicWithSigma:
    """An amplified mosaic and its map, window by window; see `with_sigma`."""

    mosaic: AmplifiedMosaic
    """The mosaic."""
    slope: NDArray[np.float32]
    """Variance that each pixel of the canonical cell gains with a unit of what the network takes,
    shape (side, side)."""
    floor: NDArray[np.float32]
    """Its variance without light, likewise."""

    @property
    def height(self) -> int:
        """Rows with padding."""
        return self.mosaic.height

    @property
    def width(self) -> int:
        """Columns with padding."""
        return self.mosaic.width

    @property
    def padding(self) -> Padding:
        """How the mosaic is padded."""
        return self.mosaic.padding

    def window(self, window: Area) -> Tensor:
        """Return float32 (1, 2, rows, columns) of a window: mosaic and map.

        Raises
        ------
        UsageError
            If a border of the window cuts a cell.
        """
        from rawkit.stream import sigma_map  # noqa: PLC0415 - raw files are restored without tables

        values = self.mosaic.window(window)
        side = len(self.slope)
        repeats = [size // side for size in window.shape]
        slope, floor = (torch.from_numpy(one).repeat(*repeats) for one in (self.slope, self.floor))
        return torch.cat((values, sigma_map(values, slope, floor)), dim=1)


def with_sigma(mosaic: AmplifiedMosaic, noise: ShotAndRead) -> MosaicWithSigma:
    """Describe an amplified mosaic as the input of a network that is told the noise."""
    unit = mosaic.factor / mosaic.span
    return MosaicWithSigma(mosaic, unit * noise.gain, unit**2 * noise.variance)
