"""What goes into an exported network and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.export import Dim

if TYPE_CHECKING:
    from torch import Tensor

    from rawkit.models.registry import Network


@dataclass(frozen=True, slots=True)
class Interface:
    """What goes into an exported network, and what comes out."""

    takes: str
    """Name of the input."""
    gives: str
    """Name of the output."""
    shapes: tuple[str, str]
    """Shapes of both, for people."""
    example: tuple[int, ...]
    """A shape of the input."""
    cell: tuple[int, ...]
    """What each side of the input must be a multiple of; 0 for one that stays as in the example."""

    def make(self) -> Tensor:
        """Return an input to trace the network with."""
        return torch.zeros(self.example)

    def sides(self) -> dict[int, Any]:
        """Return the free sides of the input, as torch names them."""
        names = ("batch", "planes", "frames", "rows", "columns")[-len(self.cell) :]
        return {
            axis: Dim(names[axis], min=1) if cell == 1 else cell * Dim(names[axis], min=1)
            for axis, cell in enumerate(self.cell)
            if cell
        }


def interface_of(network: Network) -> Interface:
    """Return what an exported network of the registry takes and gives."""
    multiple = network.multiple
    if not network.takes_clips:
        takes = (
            f"(1, 1, H, W), {network.cell.name} mosaic with its canonical cell at (0, 0), H and W "
            f"multiples of {multiple}"
        )
        whole = (1, 1, 3 * multiple, 4 * multiple)
        return Interface(
            "mosaic", "picture", (takes, "(1, 3, H, W)"), whole, (0, 0, multiple, multiple)
        )
    packed = multiple // 2
    takes = (
        "(1, 4, T, H, W), planes R, G1, B, G2 of T neighbouring frames, H and W multiples of "
        f"{packed}"
    )
    example = (1, 4, 3, 3 * packed, 4 * packed)
    shapes = (takes, "(1, 3, T, 2 H, 2 W)")
    return Interface("clip", "pictures", shapes, example, (0, 0, 1, packed, packed))
