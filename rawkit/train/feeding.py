"""What a training is fed with: the batches of its stream, as its settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.models import describe
from rawkit.stream import Feed
from rawkit.train.data import equalising_curves
from rawkit.train.mending import MendedFrames
from rawkit.train.noise import FrameNoise

if TYPE_CHECKING:
    import torch

    from rawkit.stream import BatchStream, CropMender, Shorts
    from rawkit.train.data import TrainData
    from rawkit.train.settings import TrainSettings


def feed_of(
    stream: BatchStream,
    settings: TrainSettings,
    data: TrainData,
    device: torch.device,
    shorts: Shorts | None,
    mender: CropMender | None,
    *,
    whole: bool,
) -> Feed:
    """Return the batches of a stream as a network learns from them, on a device.

    `shorts` and `mender` are what makes and mends dark frames, where that is asked for; `whole`
    tells whether all frames are in the store.

    Raises
    ------
    UsageError
        If they are to be equalised and are not all there.
    """
    about = describe(settings.network)
    known = None if mender is None else MendedFrames(mender).noise
    noise = FrameNoise(data.train, about.anchor_white, shorts, known)
    return Feed(
        stream, settings.amplifier(), device, neutral=settings.neutral,
        curves=equalising_curves(data, settings, whole=whole),
        stabiliser=noise.transforms if settings.k_sigma else None,
        noise=noise.noise if about.takes_sigma else None, mender=mender,
    )  # fmt: skip
