"""The grey that a network makes neutral is found by asking it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rawkit.models.neutral import find_neutral, flat_response
from rawkit.pictures import encoded_of
from rawkit.sensor import BAYER, XTRANS, Cell


class Camera(nn.Module):
    """A network that knows one balance, and turns blue things red as others do."""

    def __init__(self, cell: Cell, red: float, blue: float, *, folds: bool = False) -> None:
        super().__init__()
        self.pattern = np.array(cell.pattern())
        self.red, self.blue, self.folds = red, blue, folds

    def forward(self, mosaic: Tensor) -> Tensor:
        """Return one colour for a flat field."""
        values = mosaic[0, 0].numpy()
        times = [n // len(self.pattern) for n in values.shape]
        colours = np.tile(self.pattern, times)
        means = [float(values[colours == colour].mean()) for colour in range(3)]
        light = np.array([means[0] / self.red, means[1], means[2] / self.blue])
        if self.folds and light[2] > 1.5 * light[1]:
            light = light[[2, 1, 0]]
        picture = encoded_of(np.clip(light, 0, 1)).astype(np.float32)
        return torch.from_numpy(picture)[None, :, None, None].expand(1, 3, *values.shape)


@pytest.mark.parametrize("folds", [False, True])
@pytest.mark.parametrize("cell", [BAYER, XTRANS])
@pytest.mark.parametrize(("red", "blue"), [(0.4, 0.39), (0.6, 0.35), (1.0, 1.0)])
def test_the_balance_that_a_network_knows_is_found(
    cell: Cell, red: float, blue: float, *, folds: bool
) -> None:
    found = find_neutral(Camera(cell, red, blue, folds=folds), cell, cell.side)
    assert found.found
    assert (found.red, found.blue) == pytest.approx((red, blue), rel=0.05)


def test_a_network_that_knows_none_says_so() -> None:
    class Black(nn.Module):
        def forward(self, mosaic: Tensor) -> Tensor:
            return torch.zeros(1, 3, *mosaic.shape[2:])

    found = find_neutral(Black(), BAYER, 2)
    assert not found.found


def test_a_flat_field_is_answered_in_linear_light() -> None:
    light = flat_response(Camera(BAYER, 0.5, 0.5), BAYER, 2, (0.1, 0.2, 0.05))
    assert light == pytest.approx([0.2, 0.2, 0.1], rel=1e-3)
