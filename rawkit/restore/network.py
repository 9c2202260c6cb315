"""One mosaic through a network: normalised, amplified, padded, restored, cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.errors import UsageError, WeightsError
from rawkit.models import describe, load_network, padding_for, prepare, restore_mosaic
from rawkit.sensor import Amplification, amplification_base, normalise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from rawkit.sensor import RawImage


@dataclass(frozen=True, slots=True)
class Restorer:
    """A prepared network and how its input is made."""

    net: nn.Module
    """The network, ready for inference."""
    network: str
    """Its name in the registry."""
    licence: str | None
    """A note on the licence of its weights, to be shown."""
    amplification: Amplification
    """How mosaics are amplified; of the run's training, or the estimate for published weights."""


def load_restorer(weights: Path) -> Restorer:
    """Load published weights or a checkpoint of ours and prepare the network.

    Raises
    ------
    MissingError, WeightsError
        If there is no such file, or it is not weights of a known network.
    """
    net, loaded = load_network(weights)
    kind = loaded.settings.get("amplification", "auto")
    try:
        value = float(loaded.settings.get("amplification_value", 1.0))
        if kind in {"ratio", "exposure"}:
            # A restored file has no long: as many times the estimate as the training pairs had.
            kind, value = "auto", float(loaded.settings.get("ratio_to_estimate", 1.0))
        amplification = Amplification(kind, value)
    except (TypeError, ValueError, UsageError) as error:
        raise WeightsError(f"settings that cannot be used ({error})", where=weights) from error
    return Restorer(prepare(net), loaded.network, loaded.licence, amplification)


def restore_image(
    image: RawImage, restorer: Restorer, amplifications: Sequence[float]
) -> list[NDArray[np.float32]]:
    """Restore a decoded mosaic once for each amplification.

    Returns pictures of shape (height, width, 3), 0 to 1, the whole visible area, not rotated.
    """
    height, width = image.pixels.shape
    normalised = np.empty((height, width), np.float32)
    mosaic = image.mosaic
    for y, x, plane in mosaic.positions():
        normalised[y::2, x::2] = normalise(
            image.pixels[y::2, x::2], mosaic.black_level[plane], mosaic.white_level
        )
    padding = padding_for(height, width, mosaic.phase, describe(restorer.network).multiple)
    padded = padding.apply(torch.from_numpy(normalised)[None, None])
    del normalised
    return [
        padding.cut(restore_mosaic(restorer.net, padded * factor))[0].permute(1, 2, 0).numpy()
        for factor in amplifications
    ]


def amplifications_for(
    image: RawImage, restorer: Restorer, multiples: Sequence[float] | None
) -> list[float]:
    """Return the amplification for each m; without any, the one the network was trained with."""
    amplification = restorer.amplification
    if multiples is None and amplification.kind == "number":
        return [amplification.value]
    base = amplification_base(image)
    return [base * m for m in multiples or [amplification.value]]
