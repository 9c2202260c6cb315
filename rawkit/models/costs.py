"""What a network takes of memory, as measured, and how a plan of memory is said.

The figures of each network stand beside it; planning a restoration (`rawkit.models.budget`) and a
training (`rawkit.train`) ask for them through the registry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Backend = Literal["torch", "openvino"]
"""What runs a network."""
BACKENDS: tuple[Backend, ...] = ("torch", "openvino")


@dataclass(frozen=True, slots=True)
class TrainingCosts:
    """Peak resident memory of training steps on the CPU (torch 2.13), pieces of 1 to 8 crops."""

    weights: int
    """Bytes of the parameters, float32."""
    step: int
    """Bytes that a step takes whatever its size: gradients and the optimizer's state."""
    step_pixel: int
    """Bytes a mosaic pixel of a piece: activations and their gradients; bf16 saves next to nothing
    of it on the CPU."""
    tile: int
    """Bytes that one tile of a whole validation frame takes beyond the frame itself."""
    lean_pixel: int | None = None
    """As `step_pixel`, where activations are computed again in the backward pass instead of kept;
    None for a network that always keeps them."""


@dataclass(frozen=True, slots=True)
class NetworkCosts:
    """Peak resident memory of inference on the CPU (torch 2.13, OpenVINO 2026.4), rounded up."""

    weights: int
    """Bytes of the parameters, as loaded and as prepared, beyond those of the process."""
    tile_pixel: Mapping[Backend, int]
    """Bytes a pixel of a tile, halo included: activations of `render`."""
    far_pixel: Mapping[Backend, float]
    """Bytes a pixel of the whole mosaic while `look_far` runs; 0 where no part sees far."""
    training: TrainingCosts | None = None
    """What training takes; None for a network that is not trained here."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes by purpose, held against what may be used."""

    parts: Mapping[str, int]
    """Bytes by purpose; what is needed one after the other counts once."""
    budget: int
    """Bytes that may be used."""

    @property
    def total(self) -> int:
        """Bytes of all parts: the greatest resident memory of the process that is expected."""
        return sum(self.parts.values())

    @property
    def fits(self) -> bool:
        """Whether the budget suffices."""
        return self.total <= self.budget

    def text(self) -> str:
        """One line for people."""
        parts = ", ".join(f"{name} {count / 1e6:.0f}" for name, count in self.parts.items())
        return f"{self.total / 1e6:.0f} of {self.budget / 1e6:.0f} MB ({parts})"
