"""The variants of the U-Net for clips: their names, how they may be cut, what they cost."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.models.costs import NetworkCosts, TrainingCosts
from rawkit.models.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Mapping

FAMILY = "unet3d"
"""What all names begin with."""
PLANES = 4
"""Packed planes of a Bayer mosaic: channels that go in, and pixels of the mosaic that each packed
pixel is."""
DEPTHS = (2, 3, 4)
"""How often a variant may halve the sides."""
_WIDTHS = range(4, 65, 4)
_NAME = re.compile(rf"{FAMILY}(-residual)?(?:-depth(\d+))?(?:-width(\d+))?", re.ASCII)
_KERNEL = 27
"""Weights of a 3x3x3 convolution for a pair of channels."""


@dataclass(frozen=True, slots=True)
class Unet3dVariant:
    """A U-Net for clips: ``unet3d``, ``unet3d-residual-depth2-width16``, ...

    What a name does not say is as published.
    """

    residual: bool = False
    """Whether its blocks are residual ones with 1x1x1 projections."""
    depth: int = 3
    """How often it halves the sides: 2, 3 or 4."""
    width: int = 32
    """Channels of the first level, a multiple of 4 from 4 to 64; each further level has twice as
    many."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.depth not in DEPTHS:
            raise UsageError(
                f"a depth of {self.depth}", expected=f"one of {', '.join(map(str, DEPTHS))}"
            )
        if self.width not in _WIDTHS:
            raise UsageError(
                f"a width of {self.width} channels", expected="a multiple of 4 from 4 to 64"
            )

    @property
    def name(self) -> str:
        """The name in the registry; parts that are as published are left out."""
        usual = Unet3dVariant()
        return (
            FAMILY
            + ("-residual" if self.residual else "")
            + (f"-depth{self.depth}" if self.depth != usual.depth else "")
            + (f"-width{self.width}" if self.width != usual.width else "")
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, from the finest."""
        return tuple(self.width * 2**level for level in range(self.depth + 1))

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        widths = self.widths
        blocks = [*zip((PLANES, *widths), widths, strict=False)]
        blocks += [(2 * slim, slim) for slim in widths[:-1]]
        convolutions = sum(
            (ins + outs) * outs * _KERNEL + 2 * outs + self.residual * (ins + 1) * outs
            for ins, outs in blocks
        )
        upsampling = sum(4 * slim * wide for slim, wide in pairwise(widths))
        return convolutions + upsampling + (self.width + 1) * 3 * PLANES

    @property
    def geometry(self) -> Geometry:
        """How it may be cut, in space and in time."""
        multiple = 2 * 2**self.depth
        return Geometry(
            multiple=multiple,
            features=0,
            squeeze_halo=0,
            render_multiple=multiple,
            render_halo=-(-2 * self._reach // multiple) * multiple,
            render_tile=1024,
            # Two convolutions a level on the way down and on the way up.
            frames_halo=2 * (2 * self.depth + 1),
            render_frames=32,
        )

    @property
    def _reach(self) -> int:
        """Packed pixels that a cell of the coarsest level depends on, to each side."""
        reach: int = 0
        for level in range(self.depth):
            # On the way up: two convolutions, then whole cells of the next coarser level.
            coarser = 2 << level
            reach = -(-(reach + coarser) // coarser) * coarser
        # Two on the coarsest level, and two a level on the way down.
        return reach + (2 << self.depth) + sum(2 << level for level in range(self.depth))

    @property
    def costs(self) -> NetworkCosts:
        """Memory it takes, of each frame of a clip."""
        weights = 4 * self.parameters
        # Measured for widths of 8, 16 and 32 (`make bench`); projections keep one more sum a block.
        blocks = 1.25 if self.residual else 1.0
        pixel = round((60 + 4 * self.width) * blocks)
        return NetworkCosts(
            weights=weights + 10 * 10**6,
            tile_pixel={"torch": pixel, "openvino": round(1.7 * pixel)},
            far_pixel={"torch": 0, "openvino": 0},
            training=TrainingCosts(
                weights=weights,
                step=3 * weights + 250 * 2**20,
                step_pixel=round((110 + 18 * self.width) * blocks),
                tile=500 * 2**20,
                lean_pixel=round((45 + 8 * self.width) * blocks),
            ),
        )


def variant_named(name: str) -> Unet3dVariant | None:
    """Return the variant of a name; None if it is no name of one.

    A name that says what is as published anyway, or says it in another order, is no name: every
    variant has one.

    Raises
    ------
    UsageError
        If there is no such depth or width.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    usual = Unet3dVariant()
    variant = Unet3dVariant(
        residual=found[1] is not None,
        depth=int(found[2] or usual.depth),
        width=int(found[3] or usual.width),
    )
    return variant if variant.name == name else None


def variant_with(
    name: str, *, residual: bool | None = None, depth: int | None = None, width: int | None = None
) -> str:
    """Return the name of a variant that differs from the one called `name` in what is given.

    Raises
    ------
    UsageError
        If it is no U-Net for clips, or there is no such depth or width.
    """
    variant = variant_named(name)
    if variant is None:
        raise UsageError(
            f"a depth, width or residual blocks of {name}", expected=f"the network {FAMILY}"
        )
    changes = {"residual": residual, "depth": depth, "width": width}
    given = {part: value for part, value in changes.items() if value is not None}
    return replace(variant, **given).name  # type: ignore[arg-type] # each has its own type


def variant_of_shapes(shapes: Mapping[str, tuple[int, ...]]) -> Unet3dVariant | None:
    """Return the variant that parameters of these names and shapes may be of; None if of none.

    Parameters
    ----------
    shapes
        Parameter name -> its shape.
    """
    first = shapes.get("down.0.first.weight", ())
    if len(first) != 5:  # noqa: PLR2004 - out, in, frame, row, column
        return None
    try:
        return Unet3dVariant(
            residual=any(".project." in name for name in shapes),
            depth=sum(name.startswith("widen.") for name in shapes),
            width=first[0],
        )
    except UsageError:
        return None
