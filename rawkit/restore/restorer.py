"""A network that is ready to restore, and what is known of its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rawkit.restore.neutral import probed_neutral
from rawkit.sensor import gains_to

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from rawkit.models import SeenCamera, Staged
    from rawkit.sensor import Amplification, Neutral, RawImage

Precision = Literal["f32", "bf16", "f16"]
Backend = Literal["torch", "openvino"]


@dataclass(frozen=True, slots=True)
class Compute:
    """Which network runs, where and in what; travels to other processes."""

    weights: Path
    """The file of its weights."""
    backend: Backend = "torch"
    """What runs it."""
    device: str | None = None
    """Where torch runs it, such as ``cuda`` or ``cpu``; None: on a GPU if there is one."""
    precision: Precision = "f32"
    """What it computes in; other than ``f32`` is faster on some machines, and not exact."""
    max_ram: int | None = None
    """Bytes that the process may take, which decides the size of tiles; None: the fastest."""


@dataclass(frozen=True, slots=True)
class Restorer:
    """A prepared network and how its input is made."""

    net: Staged | nn.Module
    """The network, ready for inference."""
    network: str
    """Its name in the registry."""
    licence: str | None
    """A note on the licence of its weights, to be shown."""
    amplification: Amplification
    """How mosaics were amplified in training, or the estimate for published weights."""
    compute: Compute | None = None
    """How to load it again elsewhere; None if that is not possible."""
    identity: str = ""
    """SHA-256 of the file of its weights, hexadecimal."""
    ratio_to_estimate: float = 1.0
    """Median ratio of the training pairs over their estimate: what multiplies the estimate of a
    file without a long, where mosaics were amplified by a ratio in training."""
    neutral: Neutral | None = None
    """Where the network wants grey in its input: planes are multiplied by their balance and by
    this; None: they stay as the camera has them."""
    published: bool = False
    """Whether the weights are published ones."""
    cameras: Mapping[str, SeenCamera] = field(default_factory=dict)
    """Cameras that the weights were trained on, by their models; empty where unknown."""

    @property
    def folds_blue(self) -> bool:
        """Whether blue things come out red even from the camera the weights were trained on.

        Probing the published ones with flat fields shows it: see the page on colour.
        """
        return self.published

    def gains(self, image: RawImage) -> tuple[float, ...] | None:
        """Return what planes are multiplied by for a network that wants grey at a neutral."""
        if self.neutral is None:
            return None
        return gains_to(self.neutral, image.white_balance, image.mosaic.cell.colours)

    def learned_neutral(self) -> Neutral | None:
        """Return the grey that the weights make neutral: as they say, or found by asking them.

        None where they make none so.
        """
        known = [one.neutral for one in self.cameras.values() if one.neutral is not None]
        if self.neutral is not None:
            return self.neutral
        if known:
            return known[0]
        weights = None if self.compute is None else self.compute.weights
        return probed_neutral(self.net, self.network, self.identity, weights)
