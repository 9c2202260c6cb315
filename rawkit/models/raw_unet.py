"""The U-Net of "Learning to See in the Dark" from packed planes to packed planes.

What ELD (CVPR 2020, TPAMI 2021), PMN (ACM MM 2022) and LED (ICCV 2023) train: four planes of a
Bayer mosaic in and out, or nine of an X-Trans one. Nothing is clipped in the network.
"""

from typing import ClassVar

import torch
from torch import Tensor

from rawkit.models.sid_unet import SidUnet, SidXtransUnet, laid_out, packed_planes
from rawkit.sensor import BAYER, XTRANS, Cell


class RawUnet(SidUnet):
    """Noisy Bayer mosaic in, mosaic without noise out, in the same units.

    Input and output: float32 (B, 1, H, W), R at (0, 0), H and W multiples of 32.
    """

    CELL: ClassVar[Cell] = BAYER

    def _outs(self) -> int:
        return self.CELL.planes

    def render(self, mosaic: Tensor, features: Tensor) -> Tensor:  # noqa: ARG002 - the stages share it
        """Return the (B, 1, h, w) mosaic of a mosaic or a tile of it.

        Raises
        ------
        UsageError
            If the mosaic has another shape.
        """
        self.check(mosaic)
        packed = [packed_planes(one, self.CELL) for one in torch.split(mosaic, 1, dim=1)]
        planes = self.picture(self._features(torch.cat(packed, dim=1)))
        return laid_out(planes, self.CELL)


class RawXtransUnet(RawUnet):
    """The same network for X-Trans mosaics: nine planes in and out, sides multiples of 48."""

    CELL: ClassVar[Cell] = XTRANS
    geometry = SidXtransUnet.geometry
    costs = SidXtransUnet.costs


class RawUnetSigma(RawUnet):
    """The same network that is told the noise: a sigma map goes in beside the mosaic.

    Input: float32 (B, 2, H, W), mosaic and map (`rawkit.models.sigma`); output (B, 1, H, W).
    """

    CHANNELS: ClassVar[int] = 2


class RawXtransUnetSigma(RawXtransUnet):
    """That for X-Trans mosaics."""

    CHANNELS: ClassVar[int] = 2
