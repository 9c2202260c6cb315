"""The networks rawkit knows, by name."""

from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from rawkit.errors import UsageError
from rawkit.models import pmrid, sid_unet
from rawkit.models.cameras import SeenCamera
from rawkit.models.lamba2021 import PUBLISHED_MODULES, Lamba2021
from rawkit.models.lamba2021_lite import Lamba2021Lite
from rawkit.models.pmrid import Pmrid
from rawkit.models.raw_unet import RawUnet, RawUnetSigma, RawXtransUnet, RawXtransUnetSigma
from rawkit.models.sid_unet import SidUnet, SidXtransUnet
from rawkit.models.unet3d import Unet3d
from rawkit.models.unet3d_variant import Unet3dVariant, variant_named, variant_of_shapes
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
    takes_clips: bool = False
    """Whether it takes the planes of neighbouring frames, (N, 4, T, h, w), and gives their
    pictures, (N, 3, T, 2h, 2w); else it takes mosaics, (B, 1, H, W), and gives (B, 3, H, W)."""

    gives: Literal["picture", "mosaic"] = "picture"
    """Whether it gives pictures, or mosaics as it took them, (B, 1, H, W): without noise, and in
    the units of its input."""
    stabilised: bool = False
    """Whether published weights take mosaics after the k-sigma transform, `rawkit.models.KSigma`,
    and not amplified ones."""
    anchor_white: float = 1.0
    """What it takes for the white of the anchor after that transform."""
    takes_sigma: bool = False
    """Whether a sigma map goes in beside the mosaic: it takes (B, 2, H, W); see
    `rawkit.models.sigma`."""
    sees_like: str = ""
    """Name of a narrower network that sees just as far, to measure; empty where there is none."""

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

_LAMBA2021_LITE = replace(
    _LAMBA2021,
    name="lamba2021-lite",
    title="Restoring Extremely Dark Images in Real Time, smaller",
    builder=Lamba2021Lite,
    geometry=Lamba2021Lite.geometry,
    costs=Lamba2021Lite.costs,
    licence="no weights are published",
    published_modules=MappingProxyType({}),
    cameras=MappingProxyType({}),
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


_PMRID = Network(
    name="pmrid",
    title="Practical Deep Raw Image Denoising on Mobile Devices",
    builder=Pmrid,
    cell=BAYER,
    geometry=Pmrid.geometry,
    costs=Pmrid.costs,
    licence="Apache-2.0 (Copyright Megvii)",
    reference=(
        "Yuzhi Wang, Haibin Huang, Qin Xu, Jiaming Liu, Yiqun Liu and Jue Wang: Practical Deep Raw "
        "Image Denoising on Mobile Devices. European Conference on Computer Vision (ECCV), 2020"
    ),
    published_modules=pmrid.PUBLISHED_MODULES,
    gives="mosaic",
    stabilised=True,
    anchor_white=256.0,
)

_RAW_UNET = replace(
    _SID,
    name="raw-unet",
    title="A Physics-Based Noise Formation Model for Extreme Low-Light Raw Denoising",
    builder=RawUnet,
    geometry=RawUnet.geometry,
    costs=RawUnet.costs,
    licence="see where the weights come from",
    reference=(
        "Kaixuan Wei, Ying Fu, Jiaolong Yang and Hua Huang: A Physics-Based Noise Formation Model "
        "for Extreme Low-Light Raw Denoising. IEEE/CVF Conference on Computer Vision and Pattern "
        "Recognition (CVPR), 2020; the U-Net of Learning to See in the Dark from planes to planes"
    ),
    cameras=MappingProxyType({}),
    gives="mosaic",
)

_RAW_UNET_XTRANS = replace(
    _RAW_UNET,
    name="raw-unet-xtrans",
    title=f"{_RAW_UNET.title}, for X-Trans mosaics",
    builder=RawXtransUnet,
    cell=XTRANS,
    geometry=RawXtransUnet.geometry,
    costs=RawXtransUnet.costs,
)

_RAW_UNET_SIGMA = replace(
    _RAW_UNET,
    name="raw-unet-sigma",
    title=f"{_RAW_UNET.title}, told the noise",
    builder=RawUnetSigma,
    licence="no weights are published",
    takes_sigma=True,
)

_RAW_UNET_SIGMA_XTRANS = replace(
    _RAW_UNET_XTRANS,
    name="raw-unet-sigma-xtrans",
    title=f"{_RAW_UNET.title}, told the noise, for X-Trans mosaics",
    builder=RawXtransUnetSigma,
    licence="no weights are published",
    takes_sigma=True,
)


def _unet3d(variant: Unet3dVariant) -> Network:
    """Return what is known of a U-Net for clips."""
    return Network(
        name=variant.name,
        title="Learning to See Moving Objects in the Dark"
        + (", with residual blocks" if variant.residual else ""),
        builder=partial(Unet3d, variant),
        cell=BAYER,
        geometry=variant.geometry,
        costs=variant.costs,
        licence="no published weights are known that can be read here",
        reference=(
            "Haiyang Jiang and Yinqiang Zheng: Learning to See Moving Objects in the Dark. "
            "IEEE/CVF International Conference on Computer Vision (ICCV), 2019"
        ),
        published_modules=MappingProxyType({}),
        takes_clips=Unet3d.takes_clips,
        sees_like=replace(variant, width=4).name,
    )


NETWORKS: "Mapping[str, Network]" = MappingProxyType(
    {
        one.name: one
        for one in (
            _LAMBA2021,
            _LAMBA2021_LITE,
            _SID,
            _SID_XTRANS,
            _PMRID,
            _RAW_UNET,
            _RAW_UNET_XTRANS,
            _RAW_UNET_SIGMA,
            _RAW_UNET_SIGMA_XTRANS,
            _unet3d(Unet3dVariant()),
            _unet3d(Unet3dVariant(residual=True)),
        )
    }
)
"""Every known network by its name; of networks with variants the published ones."""


def describe(name: str) -> Network:
    """Return what is known of the network called `name`.

    The U-Net for clips has more variants than are listed, named such as ``unet3d-depth2-width16``.

    Raises
    ------
    UsageError
        If there is no such network; the message lists those there are.
    """
    if name in NETWORKS:
        return NETWORKS[name]
    variant = variant_named(name)
    if variant is None:
        raise UsageError(
            f"there is no network called {name!r}",
            expected=f"one of {', '.join(NETWORKS)}; of unet3d also "
            "unet3d[-residual][-depthN][-widthN]",
        )
    return _unet3d(variant)


def names_for(shapes: "Mapping[str, tuple[int, ...]]") -> tuple[str, ...]:
    """Return the names of networks that parameters of these names and shapes may belong to.

    Parameters
    ----------
    shapes
        Parameter name, ours or published, -> its shape.
    """
    variant = variant_of_shapes(shapes)
    if variant is None or variant.name in NETWORKS:
        return tuple(NETWORKS)
    return (*NETWORKS, variant.name)


def build(name: str) -> "nn.Module":
    """Build the network called `name` with random weights, in training mode.

    Raises
    ------
    UsageError
        If there is no such network; the message lists those there are.
    """
    return describe(name).builder()
