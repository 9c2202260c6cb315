"""The networks rawkit knows, by name."""

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.models import sid_unet
from rawkit.models.cameras import SeenCamera
from rawkit.models.lamba2021 import PUBLISHED_MODULES, Lamba2021
from rawkit.models.sid_unet import SidUnet, SidXtransUnet
from rawkit.sensor import BAYER, REFERENCE_NEUTRAL, XTRANS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

    from rawkit.models.costs import NetworkCosts
    from rawkit.models.geometry import Geometry
    from rawkit.sensor import Cell


@dataclass(frozen=True)
class Network:
    """What there is to know of a network without building it."""

    name: str
    """The name on the command line and in checkpoints."""
    title: str
    """The name in a sentence."""
    builder: "Callable[[], nn.Module]"
    """Builds it with random weights, ready for training."""
    cell: "Cell"
    """The kind of mosaic it reads."""
    geometry: "Geometry"
    """How tiled inference may cut it."""
    costs: "NetworkCosts"
    """Memory it takes."""
    licence: str
    """Terms of the published weights; not of the code here, nor of weights trained with it."""
    reference: str
    """The paper."""
    published_modules: "Mapping[str, str]"
    """Layer in the published weights -> the same layer here."""
    cameras: "Mapping[str, SeenCamera]" = field(default_factory=dict)
    """Camera model that the published weights were trained on -> what is known of it."""

    @property
    def multiple(self) -> int:
        """Pixels of the mosaic: height and width must be multiples of it."""
        return self.geometry.multiple


_LAMBA2021 = Network(
    name="lamba2021",
    title="Restoring Extremely Dark Images in Real Time",
    builder=Lamba2021,
    cell=BAYER,
    geometry=Lamba2021.geometry,
    costs=Lamba2021.costs,
    licence="non-commercial use only, patent pending (Copyright 2021 Mohit Lamba)",
    reference=(
        "Mohit Lamba and Kaushik Mitra: Restoring Extremely Dark Images in Real Time. "
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR), 2021"
    ),
    published_modules=PUBLISHED_MODULES,
    cameras=MappingProxyType({"ILCE-7SM2": SeenCamera(None, REFERENCE_NEUTRAL)}),
)

_SID = Network(
    name="sid",
    title="Learning to See in the Dark",
    builder=SidUnet,
    cell=BAYER,
    geometry=SidUnet.geometry,
    costs=SidUnet.costs,
    licence="see where the weights come from; the published code is MIT",
    reference=(
        "Chen Chen, Qifeng Chen, Jia Xu and Vladlen Koltun: Learning to See in the Dark. "
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR), 2018"
    ),
    published_modules=sid_unet.PUBLISHED_MODULES,
    cameras=MappingProxyType({"ILCE-7SM2": SeenCamera(None, None)}),
)

_SID_XTRANS = replace(
    _SID,
    name="sid-xtrans",
    title="Learning to See in the Dark, for X-Trans mosaics",
    builder=SidXtransUnet,
    cell=XTRANS,
    geometry=SidXtransUnet.geometry,
    costs=SidXtransUnet.costs,
    cameras=MappingProxyType({"X-T2": SeenCamera(None, None)}),
)

NETWORKS: "Mapping[str, Network]" = MappingProxyType(
    {one.name: one for one in (_LAMBA2021, _SID, _SID_XTRANS)}
)
"""Every known network by its name."""


def describe(name: str) -> Network:
    """Return what is known of the network called `name`.

    Raises
    ------
    UsageError
        If there is no such network; the message lists those there are.
    """
    if name not in NETWORKS:
        raise UsageError(
            f"there is no network called {name!r}", expected=f"one of {', '.join(NETWORKS)}"
        )
    return NETWORKS[name]


def build(name: str) -> "nn.Module":
    """Build the network called `name` with random weights, in training mode.

    Raises
    ------
    UsageError
        If there is no such network; the message lists those there are.
    """
    return describe(name).builder()
