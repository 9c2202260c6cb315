"""Validation of networks that take clips: whole frames of neighbours, in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.metrics import SSIM_VARIANTS, psnr, ssim
from rawkit.models import describe, packed_planes, padding_for, prepare, tiles
from rawkit.sensor import BAYER, equalising_tables, level_counts
from rawkit.stream import mosaic_of, shapes_of, spread
from rawkit.train.mending import MendedFrames
from rawkit.train.noise import FrameNoise
from rawkit.train.shards import read_shard
from rawkit.train.shorts import MadeFrames
from rawkit.train.validate import (
    normalised_planes,
    picture_of,
    score_frames,
    truth_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rawkit.models import Network, ShotAndRead
    from rawkit.sensor import Amplification, Neutral
    from rawkit.stream import CropMender, PairSource
    from rawkit.train.settings import TrainSettings

FRAME_PIXEL = 4 * (1 + 3)
"""Bytes a mosaic pixel of each frame of a clip while it is validated: planes and picture."""
_CLIP_BYTES = 400 * 2**20
"""What all frames of one clip may take: fewer are validated where they are large."""


def score_share(
    net: nn.Module,
    settings: TrainSettings,
    frames: Sequence[PairSource],
    val: Sequence[PairSource],
    share: slice,
    mender: CropMender | None = None,
) -> tuple[tuple[float, float], int, int]:
    """Score a process's share of what is validated: of these frames, or of clips of all of `val`.

    With a `mender` dark frames are mended first. Returns the sums of PSNR in dB and of SSIM over
    the frames or clips of the share, how many of them all processes have, and how many frames these
    are.
    """
    how = (settings.amplifier(), settings.neutral)
    if not describe(settings.network).takes_clips:
        read, noise = frames_as_learned(settings, frames, mender)
        scores = score_frames(
            net, settings.network, frames[share], *how, settings.k_sigma, noise, read
        )
        return _sums(scores), len(frames), len(frames)
    clips = clips_to_validate(val, settings.clip)
    scores = score_clips(net, settings.network, clips[share], *how)
    return _sums(scores), len(clips), sum(map(len, clips))


def frames_as_learned(
    settings: TrainSettings, frames: Sequence[PairSource], mender: CropMender | None
) -> tuple[MadeFrames | MendedFrames, Callable[[PairSource], ShotAndRead]]:
    """Return what reads whole frames as crops of them are learned from, and says their noise."""
    if mender is not None:
        mended = MendedFrames(mender)
        return mended, mended.noise
    made = MadeFrames(settings, frames)
    return made, FrameNoise(frames, shorts=made.shorts).of


def _sums(scores: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return sum(one for one, _ in scores), sum(two for _, two in scores)


def validated_frames(clip: int, pixels: int) -> int:
    """Return how many frames of `pixels` mosaic pixels a clip of validation has, at most `clip`."""
    return max(1, min(clip, _CLIP_BYTES // (FRAME_PIXEL * max(1, pixels))))


def clips_to_validate(sources: Sequence[PairSource], clip: int) -> list[list[PairSource]]:
    """Choose clips spread over all videos, each from the middle of a run of neighbours.

    They have `clip` frames, or fewer where a run is shorter or frames are large. Frames without a
    neighbour are clips of one.
    """
    runs = shapes_of(sources).clips(2).runs if len(sources) else None
    if runs is None or not len(runs.lengths):
        return [[one] for one in spread(sources)]
    found = []
    for run in spread(range(len(runs.lengths))):
        length = int(runs.lengths[run])
        layout = sources[runs.members(run, 0, 1)[0]].packed.layout
        count = min(length, validated_frames(clip, 4 * layout.height * layout.width))
        chosen = runs.members(run, (length - count) // 2, count)
        found.append([sources[index] for index in chosen])
    return found


def score_clips(
    net: nn.Module,
    network: str,
    clips: Sequence[Sequence[PairSource]],
    amplification: Amplification,
    neutral: Neutral | None = None,
) -> list[tuple[float, float]]:
    """PSNR in dB and SSIM of each clip: means over its frames."""
    ready = prepare(net)
    scores = []
    for clip in clips:
        pictures = restore_clip(ready, network, clip, amplification, neutral)
        of_frames = []
        for restored, source in zip(pictures.unbind(1), clip, strict=True):
            found, truth = picture_of(restored[None]), picture_of(truth_of(source))
            of_frames.append((psnr(found, truth), ssim(found, truth, SSIM_VARIANTS["gaussian"])))
        means = np.mean(of_frames, axis=0)
        scores.append((float(means[0]), float(means[1])))
    return scores


@torch.inference_mode()
def restore_clip(
    ready: nn.Module,
    network: str,
    clip: Sequence[PairSource],
    amplification: Amplification,
    neutral: Neutral | None = None,
) -> Tensor:
    """Restore neighbouring stored frames with a prepared network, in pieces with all that they see.

    All frames are amplified alike, as in training. Returns (3, T, H, W), float32, on the CPU.
    """
    about = describe(network)
    base = float(np.median([source.amplification_base for source in clip]))
    tables = _curves_of(clip) if amplification.kind == "equalise" else None
    frames = []
    for source in clip:
        packed = read_shard(source.packed)
        planes = normalised_planes(source, packed, amplification, neutral, base, tables)
        mosaic = mosaic_of(planes)
        padding = padding_for(mosaic.shape[-2], mosaic.shape[-1], (0, 0), about.multiple)
        frames.append(packed_planes(padding.apply(mosaic), BAYER)[0])
        del planes, mosaic
    whole = torch.stack(frames, 1)[None]
    del frames
    height, width = padding.padded_height, padding.padded_width
    picture = torch.empty((3, len(clip), height, width))
    device = next(ready.parameters()).device
    geometry = about.geometry
    for tile in tiles(
        height, width, tile=_side_of(about, len(clip)), halo=geometry.render_halo,
        multiple=geometry.render_multiple,
    ):  # fmt: skip
        made = ready(whole[..., *tile.outer.slices(2)].to(device))[0]
        picture[..., *tile.core.slices()] = made[..., *tile.inner.slices()].cpu()
    return padding.cut(picture)


def _curves_of(clip: Sequence[PairSource]) -> NDArray[np.uint16]:
    """Curves that equalise the frames of a clip together, (4, 65536)."""
    counts = level_counts(read_shard(clip[0].packed))
    for source in clip[1:]:
        counts += level_counts(read_shard(source.packed))
    return equalising_tables(counts, clip[0].black_level.tolist())


def _side_of(about: Network, frames: int) -> int:
    """Side of the core of a piece of so many frames that takes what is planned for one."""
    costs, geometry = about.costs, about.geometry
    assert costs.training is not None  # noqa: S101 - it is being trained
    pixels = costs.training.tile // (frames * costs.tile_pixel["torch"])
    cells = (int(pixels**0.5) - 2 * geometry.render_halo) // geometry.render_multiple
    return max(geometry.render_halo, cells * geometry.render_multiple)
