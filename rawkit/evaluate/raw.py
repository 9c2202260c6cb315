"""Figures in raw space: packed planes of what was denoised, against those of the long.

As ELD (Wei et al., CVPR 2020; TPAMI 2021) and PMN (Feng et al., ACM MM 2022) compute theirs: planes
are (value - black) / (white - black), those of the dark frame times the ratio, all clipped to 0..1;
PSNR over all planes together, SSIM the mean over them. Before that brightness is corrected: ratios
of exposures are not exact, and one factor for a whole frame says nothing of noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.evaluate.light import Light
    from rawkit.evaluate.pairs import Pair
    from rawkit.evaluate.protocol import Protocol


def no_planes(name: str) -> UsageError:
    """Return the error for a method that gives pictures, in raw space."""
    return UsageError(
        f"figures in raw space of {name}, which gives pictures",
        expected="a network that gives mosaics, such as raw-unet or pmrid, or plain",
        fix="Use a protocol of pictures, such as --protocol all.",
    )


def amplified_planes(light: Light, factor: float) -> NDArray[np.float32]:
    """Return planes as they are, normalised and amplified: (h, w, 4), not clipped."""
    black = light.black.astype(np.float32)[:, None, None]
    planes = (light.planes.astype(np.float32) - black) / (np.float32(light.white) - black)
    planes *= np.float32(factor)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def true_planes(pair: Pair, protocol: Protocol) -> NDArray[np.float32]:
    """Return the planes of the long, (h, w, 4), 0 to 1.

    Raises
    ------
    StoreDamagedError
        If its shard is missing or damaged.
    UsageError
        If the dark frame came with a picture and has no long.
    """
    if pair.given:
        raise UsageError(
            f"{pair.dark.name}, whose truth is a picture", expected="a long exposure",
            fix="Use a protocol of pictures, such as --protocol all.",
        )  # fmt: skip
    long = pair.long
    black = np.array(long.black_level, np.float32)
    if protocol.black_level is not None:
        black = np.full_like(black, protocol.black_level)
    white = np.float32(protocol.white_level or long.white_level)
    planes = pair.long_planes().astype(np.float32)
    planes -= black[:, None, None]
    planes /= (white - black)[:, None, None]
    return np.ascontiguousarray(planes.clip(0, 1).transpose(1, 2, 0))


def corrected(restored: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply restored planes by the factor that brings them nearest to the truth, and clip.

    The factor is a = sum(p t) / sum(p p) over the values whose truth is not saturated: the least of
    sum((a p - t)^2). Both are (h, w, P), 0 to 1.
    """
    seen = truth != 1
    light, wanted = restored[seen].astype(np.float64), truth[seen].astype(np.float64)
    power = float(light @ light)
    if power == 0:
        return restored
    return np.asarray(np.clip(restored * np.float32(float(light @ wanted) / power), 0, 1))
