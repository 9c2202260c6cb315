"""Validation on whole held-out frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.metrics import SSIM_VARIANTS, psnr, ssim
from rawkit.models import describe, packed_planes, padding_for, prepare, restore_mosaic
from rawkit.sensor import BAYER, EQUALISED_WHITE, equalised, equalising_tables, level_counts
from rawkit.stream import balance_gains, mosaic_of, normalise_planes, stabilise_planes
from rawkit.train.shards import read_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rawkit.models import KSigma
    from rawkit.sensor import Amplification, Neutral
    from rawkit.stream import PairSource


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
    stabiliser: Callable[[PairSource], KSigma] | None = None,
) -> Scores:
    """Restore whole frames in tiles, on the network's device, and compare them with their targets.

    Means of no frames are NaN.
    """
    scores = score_frames(net, network, sources, amplification, neutral, stabiliser)
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
    stabiliser: Callable[[PairSource], KSigma] | None = None,
    read: Callable[[PairSource], tuple[PairSource, NDArray[np.uint16]]] | None = None,
) -> list[tuple[float, float]]:
    """PSNR in dB and SSIM of each frame; `stabiliser` gives the k-sigma transform of each.

    `read` gives what is restored of each, and its packed planes; they are as stored if None.
    """
    ready = prepare(net)
    scores = []
    for one in sources:
        source, packed = (one, None) if read is None else read(one)
        restored, truth = (
            picture_of(one)
            for one in restore_pair(
                ready, network, source, amplification, neutral,
                None if stabiliser is None else stabiliser(source), packed,
            )
        )  # fmt: skip
        scores.append((psnr(restored, truth), ssim(restored, truth, SSIM_VARIANTS["gaussian"])))
    return scores


def restore_pair(
    ready: nn.Module,
    network: str,
    source: PairSource,
    amplification: Amplification,
    neutral: Neutral | None = None,
    stabiliser: KSigma | None = None,
    packed: NDArray[np.uint16] | None = None,
) -> tuple[Tensor, Tensor]:
    """Restore a stored frame with a prepared network; returns it and its target, (1, 3, H, W).

    Where targets are planes both are planes, (1, 4, h, w), 0 to 1. A network that was trained on
    the k-sigma transform is given that of the frame, the `stabiliser`.

    With a `neutral` its planes are balanced by what the target was rendered with. `packed` are its
    planes (4, h, w) where they are not those that are stored.
    """
    device = next(ready.parameters()).device
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
    mosaic = mosaic_of(planes)
    padding = padding_for(mosaic.shape[-2], mosaic.shape[-1], (0, 0), describe(network).multiple)
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
    ratios = (source.amplification_base, source.gain_ratio, source.exposure_ratio)
    factor = float(amplification.factors(*(np.array([one], np.float32) for one in ratios))[0])
    spans = torch.from_numpy(source.white_level - source.black_level).to(planes)
    light = (planes - stabiliser.offset) / stabiliser.scale
    return light * factor / spans[None, :, None, None]


def truth_planes(source: PairSource, amplification: Amplification) -> Tensor:
    """Planes of the long of a stored frame, (1, 4, h, w), 0 to 1, as bright as those restored."""
    levels = source.target_levels
    assert levels is not None  # noqa: S101 - asked for pairs with planes as targets alone
    ratios = (source.amplification_base, source.gain_ratio, source.exposure_ratio)
    factor = amplification.factors(*(np.array([one], np.float32) for one in ratios))
    to_long = source.gain_ratio if np.isfinite(source.gain_ratio) else source.exposure_ratio
    planes = normalise_planes(
        torch.from_numpy(read_shard(source.target))[None],
        torch.from_numpy(levels[:-1])[None],
        torch.tensor([float(levels[-1])]),
        torch.from_numpy(factor / np.float32(to_long)),
    )
    return planes.clamp_(0.0, 1.0)


def normalised_planes(
    source: PairSource,
    packed: NDArray[np.uint16],
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
