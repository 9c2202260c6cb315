"""A network that is ready to restore, and what is known of its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rawkit.colour import Learned, develop
from rawkit.models import describe
from rawkit.restore.amplify import Brightness
from rawkit.restore.neutral import probed_neutral

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from rawkit.colour import ColourMode, Development, Estimates
    from rawkit.models import ExportedNetwork, SeenCamera, Staged
    from rawkit.sensor import Amplification, Exposure, Neutral, RawImage

Precision = Literal["f32", "bf16", "f16"]
Backend = Literal["torch", "openvino", "onnx", "litert", "executorch"]


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
    overlap: tuple[int, int] | None = None
    """How many times patches overlap that pictures are made in, and their side in pixels, see
    `rawkit.models.Overlap`; None: pictures are made as one."""


@dataclass(frozen=True, slots=True)
class Restorer:
    """A prepared network and how its input is made."""

    net: Staged | nn.Module | ExportedNetwork
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

    stabilised: bool = False
    """Whether it takes mosaics after the k-sigma transform, see `rawkit.models.KSigma`."""

    @property
    def needs_noise(self) -> bool:
        """Whether the noise of a frame must be known: for the transform, or a sigma map."""
        return self.stabilised or describe(self.network).takes_sigma

    @property
    def gives_mosaic(self) -> bool:
        """Whether the network gives mosaics and not pictures."""
        return describe(self.network).gives == "mosaic"

    def trained_factor(self, of: Origin) -> float:
        """Return what a mosaic is multiplied by before the network, as it was in training."""
        found = Brightness().factors(
            of.base, of.exposure, of.gain_ratio, self.amplification,
            ratio_to_estimate=self.ratio_to_estimate,
        )  # fmt: skip
        return found[0]

    def learned(self) -> Learned:
        """Return what the weights have learned of cameras."""
        weights = None if self.compute is None else self.compute.weights
        return Learned(
            {model: one.neutral for model, one in self.cameras.items()},
            self.neutral,
            self.published,
            lambda: probed_neutral(self.net, self.network, self.identity, weights),
        )

    def must_probe(self, mode: ColourMode) -> bool:
        """Whether the sensor's colours may be asked for, and nothing says where grey is to be."""
        if self.gives_mosaic or mode == "network" or (mode == "auto" and not self.cameras):
            return False
        known = (one.neutral for one in self.cameras.values())
        return self.neutral is None and all(one is None for one in known)

    def developments(
        self, image: RawImage, brightness: Brightness, mode: ColourMode, of: Origin
    ) -> list[Development]:
        """Decide for each brightness how a mosaic becomes a picture; see `rawkit.colour.develop`.

        Raises
        ------
        MosaicError
            If a ratio is asked for and the file does not say enough for one.
        UsageError
            If there is no such mode.
        """

        def factors(found: Estimates) -> list[float]:
            return brightness.factors(
                found.base, of.exposure, of.gain_ratio, self.amplification,
                ratio_to_estimate=self.ratio_to_estimate,
                expected=found.expected, by_default=found.by_default,
            )  # fmt: skip

        if self.amplification.kind == "equalise":
            mode = "network"  # the sensor's colours are those of light, which no longer shows
        return develop(
            image, self.learned(), mode, factors, base=of.base, camera=of.camera,
            expects=brightness.kind == "expected",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """What there is to know of a mosaic beside its pixels."""

    base: float
    """The amplifier's estimate for its planes as they are."""
    exposure: Exposure
    """Its exposure."""
    gain_ratio: float | None = None
    """Gain ratio to its long, from a store; None where unknown."""
    camera: str | None = None
    """Its model as EXIF spells it; None where unknown."""
