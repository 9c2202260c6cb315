"""One mosaic through a network: normalised, amplified, padded, restored, cut."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.errors import MosaicError, UsageError, WeightsError
from rawkit.models import describe, load_network, padding_for, prepare, restore_mosaic
from rawkit.sensor import BAYER, Amplification, normalise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from rawkit.sensor import RawImage

_BAND_ROWS = 256


@dataclass(frozen=True, slots=True)
class Compute:
    """Which network runs, and how; travels to other processes."""

    weights: Path
    """The file of its weights."""


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
    """How mosaics were amplified in training, or the estimate for published weights."""
    compute: Compute | None = None
    """How to load it again elsewhere; None if that is not possible."""
    identity: str = ""
    """SHA-256 of that file, hexadecimal."""


def load_restorer(weights: Path, compute: Compute | None = None) -> Restorer:
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
        amplification = Amplification(kind, value)
    except (TypeError, ValueError, UsageError) as error:
        raise WeightsError(f"settings that cannot be used ({error})", where=weights) from error
    identity = sha256(weights.read_bytes()).hexdigest()
    chosen = compute or Compute(weights)
    return Restorer(prepare(net), loaded.network, loaded.licence, amplification, chosen, identity)


def restore_bands(
    image: RawImage, restorer: Restorer, factor: float
) -> Iterator[NDArray[np.float32]]:
    """Restore a decoded mosaic, amplified by `factor`, in bands from the top.

    Yields float32 (rows, width, 3), 0 to 1; together they are the whole visible area, not rotated.

    Raises
    ------
    MosaicError
        If the network reads another kind of mosaic.
    """
    picture = _whole(image, restorer, factor)
    for top in range(0, picture.shape[1], _BAND_ROWS):
        yield picture[:, top : top + _BAND_ROWS].permute(1, 2, 0).numpy()


def restore_image(image: RawImage, restorer: Restorer, factor: float) -> NDArray[np.float32]:
    """Restore a decoded mosaic, as `restore_bands` does, at once: (height, width, 3)."""
    return np.concatenate(list(restore_bands(image, restorer, factor)))


def _whole(image: RawImage, restorer: Restorer, factor: float) -> torch.Tensor:
    mosaic = image.mosaic
    if mosaic.cell != BAYER:
        raise MosaicError(
            f"an {mosaic.cell.name} mosaic",
            expected=f"a Bayer one: {restorer.network} reads no other",
        )
    height, width = image.pixels.shape
    normalised = np.empty((height, width), np.float32)
    for y, x, plane in mosaic.positions():
        normalised[y::2, x::2] = normalise(
            image.pixels[y::2, x::2], mosaic.black_level[plane], mosaic.white_level
        )
    padding = padding_for(height, width, mosaic.phase, describe(restorer.network).multiple)
    padded = padding.apply(torch.from_numpy(normalised)[None, None])
    return padding.cut(restore_mosaic(restorer.net, padded * factor))[0]
