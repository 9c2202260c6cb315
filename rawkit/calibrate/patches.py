"""System gain without flat frames: variance against mean over the smooth patches of any picture.

Of all patches of one brightness the calmest are taken to be without texture. What texture they
have makes the gain too high, so its interval is wider than that of flat frames.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.calibrate.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.sensor import Mosaic

    Floats = NDArray[np.float64]

_PATCH: Final = 8
_LOWEST: Final = np.array([0.01, 0.02, 0.03, 0.05, 0.07, 0.1])
"""Quantiles of patches that are looked at."""
_SHARES: Final = np.geomspace(0.12, 1, 24)
"""Shares of patches that may be without texture."""
_GROUPS: Final = 4
_LEAST: Final = 200
"""Patches of a plane, at least."""
_TEXTURE: Final = 0.06
"""Standard error that unseen texture leaves, of the gain: measured on painted scenes."""
_NEAR_WHITE: Final = 0.9
_ROUNDS: Final = 6
_MOST: Final = 20_000
"""Patches that are kept of each plane of a frame."""


def patches_of(
    pixels: NDArray[np.uint16], mosaic: Mosaic, dark: Floats, white: float
) -> NDArray[np.float32]:
    """Cut a frame into patches, (n, 3): plane, mean above darkness, variance of a pixel.

    `dark` is the mean of darkness of each plane, black level included; patches near `white` are
    left out.
    """
    side, found = mosaic.cell.side, []
    for y, x, plane in mosaic.positions():
        one = pixels[y::side, x::side]
        rows, columns = (size // _PATCH for size in one.shape)
        cut = one[: rows * _PATCH, : columns * _PATCH].astype(np.float32) - np.float32(dark[plane])
        parts = cut.reshape(rows, _PATCH, columns, _PATCH).transpose(0, 2, 1, 3)
        blocks = parts.reshape(-1, _PATCH, _PATCH)
        blocks = blocks[:: max(1, len(blocks) // _MOST)]
        # The second difference is blind to slopes of brightness; its variance is 1.5 of a pixel's.
        bent = blocks[..., 1:-1] - (blocks[..., :-2] + blocks[..., 2:]) / 2
        means, variances = blocks.mean(axis=(1, 2)), np.square(bent).mean(axis=(1, 2)) / 1.5
        dim = blocks.max(axis=(1, 2)) < _NEAR_WHITE * (white - dark[plane])
        found.append(np.stack([np.full(dim.sum(), plane), means[dim], variances[dim]], axis=1))
    return np.concatenate(found).astype(np.float32)


def gain_of_patches(patches: Sequence[NDArray[np.float32]], variance: Floats) -> Transfer | None:
    """Find the gain from patches of frames of one ISO; None if there are too few.

    `variance` is that of single pixels in the dark, (P,), DN^2.
    """
    whole = np.concatenate(patches)
    planes = variance.size
    gain, error, points = np.full(planes, np.nan), np.full(planes, np.inf), []
    for plane in range(planes):
        _, mean, seen = whole[whole[:, 0] == plane].T.astype(np.float64)
        bright = mean > max(4.0, float(np.sqrt(variance[plane])))
        if bright.sum() < _LEAST:
            continue
        mean, seen = mean[bright], seen[bright]
        groups = np.array_split(np.argsort(mean), _GROUPS)
        found = np.array([_calm(mean[one], seen[one], variance[plane]) for one in groups])
        gain[plane] = np.median(found)
        spread = 1.4826 * np.median(np.abs(found - gain[plane])) / np.sqrt(_GROUPS)
        error[plane] = np.hypot(1.25 * spread, _TEXTURE * gain[plane])
        points += [
            (plane, mean[one].mean(), k * mean[one].mean() + variance[plane])
            for one, k in zip(groups, found, strict=True)
        ]
    if not np.isfinite(gain).any():
        return None
    return Transfer(gain, error, np.array(points, np.float32))


def _calm(mean: Floats, seen: Floats, variance: float) -> float:
    """Gain that makes the calmest patches as calm as they would be of noise alone.

    How many patches are of noise alone is not known: the share is taken with which the lowest
    quantiles agree best about the gain.
    """
    gain = max(float(np.median((seen - variance) / mean)), 1e-9)
    for _ in range(_ROUNDS):
        lowest = np.quantile(seen / (gain * mean + variance), _LOWEST)
        ratios = lowest[None, :] / np.interp(_LOWEST[None, :] / _SHARES[:, None], *_noise_alone())
        spread = ratios.std(axis=1) / ratios.mean(axis=1)
        relative = float(ratios.mean(axis=1)[int(np.argmin(spread))])
        wanted = relative * (gain * mean + variance)
        gain = max(float(np.median((wanted - variance) / mean)), 1e-9)
    return gain


@lru_cache(1)
def _noise_alone() -> tuple[Floats, Floats]:
    """Quantiles of variances of patches of noise alone, of its variance, and their shares."""
    noise = np.random.default_rng(0).standard_normal((20_000, _PATCH, _PATCH))
    bent = noise[..., 1:-1] - (noise[..., :-2] + noise[..., 2:]) / 2
    shares = np.linspace(0.001, 0.999, 999)
    return shares, np.quantile(np.square(bent).mean(axis=(1, 2)) / 1.5, shares)
