"""A smaller network of the family of `rawkit.models.lamba2021`, for thirty frames a second.

The same branches and stages at two fifths of the work, taken off where the time goes: at 2x
kernels of 3x3 for 5x5, and eight channels of each kind for twelve, which together are a whole
vector of the processor; at 8x half the channels between the two convolutions; at 32x half the
channels in two short dense blocks for three. No weights are published: it is made to be taught by
the larger one, by ``rawkit train --network lamba2021-lite --teacher WEIGHTS``.
"""

from dataclasses import replace
from typing import ClassVar

from rawkit.models.costs import NetworkCosts, TrainingCosts
from rawkit.models.geometry import Geometry
from rawkit.models.lamba2021 import Lamba2021, Sizes


class Lamba2021Lite(Lamba2021):
    """As `Lamba2021`, narrower and shallower; inputs and outputs are the same."""

    sizes: ClassVar[Sizes] = Sizes(
        far=32, growth=16, depths=(3, 3), near=32, local=8, context=8, kernel2=3
    )
    """How wide and deep it is."""
    # As many cells of 8 as the larger one: four for the convolutions at 8x, one for the two at 2x.
    geometry: ClassVar[Geometry] = replace(Lamba2021.geometry, features=2)
    """How it may be cut."""
    costs: ClassVar[NetworkCosts] = replace(
        Lamba2021.costs,
        training=TrainingCosts(weights=4 * 182_024, step=60 * 2**20, step_pixel=330, tile=0),
    )
    """Memory it takes: no more than the larger one."""
