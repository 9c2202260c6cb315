"""Validation on whole held-out frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rawkit.metrics import SSIM_VARIANTS, psnr, ssim
from rawkit.models import KSigma, describe, packed_planes, padding_for, prepare, restore_mosaic
from rawkit.sensor import BAYER, EQUALISED_WHITE, equalised, equalising_tables, level_counts
from rawkit.stream import (
    balance_gains,
    mosaic_of,
    normalise_planes,
    stabilise_planes,
    with_sigma_map,
)
from rawkit.train.noise import noise_of
from rawkit.train.shards import read_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rawkit.models import ShotAndRead
    from rawkit.sensor import Amplification, Neutral
    from rawkit.stream import PairSource

    Planes = NDArray[Any]
    """Packed planes, (4, h, w), sensor units: integers as stored, floats once they are mended."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over the validation frames."""

    psnr: float
    """Peak signal-to-noise ratio in dB."""
    ssim: float
    """Structural similarity."""
    frames: int
    """Frames they are means of."""


def validate(
    net: nn.Module,
    network: str,
    sources: Sequence[PairSource],
    amplification: Amplification,
    neutral: Neutral | None = None,
    k_sigma: bool = False,  # noqa: FBT001, FBT002 - as the settings say
) -> Scores:
    """Restore whole frames in tiles, on the network's device, and compare them with their targets.

    Means of no frames are NaN.
    """
    scores = score_frames(net, network, sources, amplification, neutral, k_sigma)
    if not scores:
        return Scores(float("nan"), float("nan"), 0)
    means = np.mean(scores, axis=0)
    return Scores(float(means[0]), float(means[1]), len(scores))


def score_frames(
    net: nn.Module,
    network: str,
    sources: Sequence[PairSource],
    amplification: Amplification,
    neutral: Neutral | None = None,
    k_sigma: bool = False,  # noqa: FBT001, FBT002 - as the settings say
    noise: Callable[[PairSource], ShotAndRead] | None = None,
    read: Callable[[PairSource], tuple[PairSource, Planes]] | None = None,
) -> list[tuple[float, float]]:
    """PSNR in dB and SSIM of each frame; `k_sigma` tells whether planes are put through that.

    `noise` gives the noise of each, which it shows itself if None; `read` what is restored of each,
    and its packed planes, which are as stored if None.
    """
    ready = prepare(net)
    scores = []
    for one in sources:
        source, packed = (one, None) if read is None else read(one)
        restored, truth = (
            picture_of(one)
            for one in restore_pair(
                ready, network, source, amplification, neutral, k_sigma, packed, noise
            )
        )
        scores.append((psnr(restored, truth), ssim(restored, truth, SSIM_VARIANTS["gaussian"])))
    return scores


def restore_pair(
    ready: nn.Module,
    network: str,
    source: PairSource,
    amplification: Amplification,
    neutral: Neutral | None = None,
    k_sigma: bool = False,  # noqa: FBT001, FBT002 - as the settings say
    packed: Planes | None = None,
    noise: Callable[[PairSource], ShotAndRead] | None = None,
) -> tuple[Tensor, Tensor]:
    """Restore a stored frame with a prepared network; returns it and its target, (1, 3, H, W).

    Where targets are planes both are planes, (1, 4, h, w), 0 to 1. A network that was trained on
    the k-sigma transform, or is told the noise, is given `noise`, or what the frame itself shows.

    With a `neutral` its planes are balanced by what the target was rendered with. `packed` are its
    planes (4, h, w) where they are not those that are stored.
    """
    device, about = next(ready.parameters()).device, describe(network)
    found = (noise or noise_of)(source) if k_sigma or about.takes_sigma else None
    stabiliser = KSigma.of(found, about.anchor_white) if found is not None and k_sigma else None
    if packed is None:
        packed = read_shard(source.packed)
    if stabiliser is None:
        planes = normalised_planes(source, packed, amplification, neutral)
    else:
        planes = stabilise_planes(
            torch.from_numpy(packed)[None],
            torch.from_numpy(source.black_level)[None],
            torch.tensor([stabiliser.scale]),
            torch.tensor([stabiliser.offset]),
        )
    if found is not None and about.takes_sigma:
        spans = torch.from_numpy(source.white_level - source.black_level)[None]
        told = (torch.tensor([one]) for one in (found.gain, found.variance))
        planes = with_sigma_map(planes, spans, _factor(source, amplification), *told)
    mosaic = mosaic_of(planes)
    padding = padding_for(mosaic.shape[-2], mosaic.shape[-1], (0, 0), about.multiple)
    restored = padding.cut(restore_mosaic(ready, padding.apply(mosaic).to(device)))
    if source.target_levels is not None:
        planes = packed_planes(restored, BAYER)
        if stabiliser is not None:
            planes = _as_bright(planes, stabiliser, source, amplification)
        return planes.clamp(0.0, 1.0), truth_planes(source, amplification).to(device)
    return restored, truth_of(source).to(device)


def _as_bright(
    planes: Tensor, stabiliser: KSigma, source: PairSource, amplification: Amplification
) -> Tensor:
    """Undo the k-sigma transform, and amplify as without it."""
    factor = float(_factor(source, amplification))
    spans = torch.from_numpy(source.white_level - source.black_level).to(planes)
    light = (planes - stabiliser.offset) / stabiliser.scale
    return light * factor / spans[None, :, None, None]


def _factor(source: PairSource, amplification: Amplification) -> Tensor:
    """Return what a frame is multiplied by, (1,)."""
    ratios = (source.amplification_base, source.gain_ratio, source.exposure_ratio)
    found = amplification.factors(*(np.array([one], np.float32) for one in ratios))
    return torch.from_numpy(found)


def truth_planes(source: PairSource, amplification: Amplification) -> Tensor:
    """Planes of the long of a stored frame, (1, 4, h, w), 0 to 1, as bright as those restored."""
    levels = source.target_levels
    assert levels is not None  # noqa: S101 - asked for pairs with planes as targets alone
    to_long = source.gain_ratio if np.isfinite(source.gain_ratio) else source.exposure_ratio
    planes = normalise_planes(
        torch.from_numpy(read_shard(source.target))[None],
        torch.from_numpy(levels[:-1])[None],
        torch.tensor([float(levels[-1])]),
        _factor(source, amplification) / float(to_long),
    )
    return planes.clamp_(0.0, 1.0)


def normalised_planes(
    source: PairSource,
    packed: Planes,
    amplification: Amplification,
    neutral: Neutral | None = None,
    base: float | None = None,
    tables: NDArray[np.uint16] | None = None,
) -> Tensor:
    """Amplified planes (1, 4, h, w), float32, of the packed planes (4, h, w) of a stored frame.

    With a `neutral` they are balanced by what the target was rendered with. `base` takes the place
    of the frame's own estimate of the amplification, and `tables` that of its own curves where
    planes are equalised.
    """
    black, white = source.black_level, source.white_level
    if amplification.kind == "equalise":
        if tables is None:
            tables = equalising_tables(level_counts(packed), black.tolist())
        packed, black, white = equalised(packed, tables), np.zeros_like(black), EQUALISED_WHITE
    own = source.amplification_base if base is None else base
    ratios = (own, source.gain_ratio, source.exposure_ratio)
    factors = amplification.factors(*(np.array([one], np.float32) for one in ratios))
    gains = None
    if neutral is not None:
        gains = torch.from_numpy(balance_gains(source.white_balance[None], neutral))
    return normalise_planes(
        torch.from_numpy(packed)[None],
        torch.from_numpy(black)[None],
        torch.tensor([white]),
        torch.from_numpy(factors),
        gains,
    )


def truth_of(source: PairSource) -> Tensor:
    """Target of a stored frame, (1, 3, H, W), float32, 0 to 1."""
    target = read_shard(source.target)
    full_scale = np.float32(np.iinfo(target.dtype).max)
    return torch.from_numpy(target.astype(np.float32) / full_scale)[None]


def picture_of(tensor: Tensor) -> NDArray[np.float32]:
    """Picture (H, W, 3) of a tensor (1, 3, H, W)."""
    return np.ascontiguousarray(tensor[0].permute(1, 2, 0).cpu().numpy())
