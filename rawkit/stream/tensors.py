"""Batches of tensors, and the arithmetic on them.

Integers travel; subtracting the black level, scaling and amplifying happen in torch, on the device
where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import pixel_shuffle

from rawkit.errors import UsageError
from rawkit.sensor import BAYER, plane_gains
from rawkit.stream.equalising import equalised_by
from rawkit.stream.mended import mended_planes
from rawkit.stream.sigma import with_sigma_map

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from rawkit.sensor import Amplification, Neutral
    from rawkit.stream.batches import Batch
    from rawkit.stream.darkness import Darkness
    from rawkit.stream.equalising import Curves

    PerCrop = Callable[[Batch], tuple[NDArray[np.float32], NDArray[np.float32]]]

MOSAIC_ORDER = (0, 1, 3, 2)
"""Planes R, G1, B, G2 in the reading order of a cell: R, G1, G2, B."""
_CLIPS = 5
"""Axes of a batch of clips."""


@dataclass(frozen=True, slots=True)
class TensorBatch:
    """What a network is trained on, packed or as a mosaic; clips of T frames have them third."""

    planes: Tensor
    """Amplified planes R, G1, B, G2, shape (B, 4, n, n), of clips (B, 4, T, n, n), float32, 0 being
    black and 1 white before they were amplified, and balanced if asked for; with sigma maps
    (B, 8, n, n), the maps last."""
    target: Tensor
    """Target, shape (B, 3, 2n, 2n), of clips (B, 3, T, 2n, 2n), float32, 0 to 1, BT.709 curve on
    sRGB primaries; or planes of the long as those of the short would be without noise, shape
    (B, 4, n, n)."""
    amplification: Tensor
    """What each crop was multiplied by, shape (B,), float32."""
    iso: Tensor
    """ISO speed, shape (B,), float32, on the CPU; NaN where unknown."""
    exposure_ratio: Tensor
    """Long over short time, shape (B,), float32, on the CPU; NaN where unknown."""
    names: tuple[str, ...]
    """Collection and name of each crop's frame."""
    position: int
    """Number of samples handed out up to and with this batch."""

    @property
    def mosaic(self) -> Tensor:
        """The planes of frames laid out as mosaics, shape (B, 1, 2n, 2n), red at (0, 0).

        With sigma maps (B, 2, 2n, 2n).
        """
        return mosaic_of(self.planes)


def tensors_of(
    batch: Batch,
    amplification: Amplification,
    device: torch.device | str = "cpu",
    *,
    neutral: Neutral | None = None,
    wait: bool = True,
    curves: Curves | None = None,
    stabiliser: PerCrop | None = None,
    noise: PerCrop | None = None,
    mender: Callable[[Batch], Darkness] | None = None,
) -> TensorBatch:
    """Move a batch to a device, normalise, amplify and scale it there.

    With a `neutral` the planes of each crop are multiplied so that what is grey in its target has
    that colour; see `rawkit.sensor.plane_gains`.

    Without `wait` a GPU may still fetch the batch by itself when this returns, if its memory is
    pinned: keep the batch until the current CUDA stream has come so far. What is not pinned has
    been taken by then.

    With a `stabiliser`, which gives scale and offset of each crop, both (B,), planes and their
    targets of planes are put through the k-sigma transform and not amplified.

    With `noise`, which gives gain and variance of each crop in sensor units, both (B,), the sigma
    maps of the planes follow them: (B, 8, n, n); see `with_sigma_map`.

    With a `mender`, which says what cameras put into each crop, dark shading is subtracted from the
    planes beside the black level, and their hot pixels are mended, before all that. Targets stay.

    To equalise the histograms of its frames it takes the `curves` of their videos.

    Raises
    ------
    UsageError
        If it is to be equalised without curves, or amplified by a ratio, or balanced, and ratio or
        balance is not known of every frame.
    """

    def moved(values: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(values).to(device, non_blocking=not wait)

    factors = moved(
        amplification.factors(batch.amplification_base, batch.gain_ratio, batch.exposure_ratio)
    )
    gains = None if neutral is None else moved(balance_gains(batch.white_balance, neutral))
    if amplification.kind == "equalise":
        batch = _equalised(batch, curves)
    packed, black, target = moved(batch.packed), moved(batch.black_level), moved(batch.target)
    if packed.ndim == _CLIPS:  # networks have the planes first, then the frames
        packed, black, target = packed.movedim(1, 2), black.movedim(1, 2), target.movedim(1, 2)
    if mender is not None:
        packed = _without_darkness(packed, moved(batch.white_level), mender(batch), moved)
    if stabiliser is not None:
        scale, offset = (moved(one) for one in stabiliser(batch))
        planes, factors = stabilise_planes(packed, black, scale, offset), torch.ones_like(factors)
    else:
        scale, offset = factors, None
        planes = normalise_planes(packed, black, moved(batch.white_level), factors, gains)
    if noise is not None:
        spans = moved(batch.white_level)[:, None] - black
        planes = with_sigma_map(planes, spans, factors, *(moved(one) for one in noise(batch)))
    if batch.target_levels is None:
        full_scale = 255.0 if batch.target.dtype.itemsize == 1 else 65535.0
        target = _floats(target).div_(full_scale)
    else:
        levels, weaker = moved(batch.target_levels), scale / moved(_ratios(batch))
        if offset is not None:
            target = stabilise_planes(target, levels[:, :-1], weaker, offset)
        else:
            target = normalise_planes(target, levels[:, :-1], levels[:, -1], weaker)
    return TensorBatch(
        planes=planes,
        target=target,
        amplification=factors,
        iso=torch.from_numpy(batch.iso),
        exposure_ratio=torch.from_numpy(batch.exposure_ratio),
        names=batch.names,
        position=batch.position,
    )


def _without_darkness(
    packed: Tensor,
    white: Tensor,
    found: Darkness,
    moved: Callable[[NDArray[np.generic]], Tensor],
) -> Tensor:
    arrays = (found.down, found.across, found.hot, found.near, found.count)
    return mended_planes(packed, white, *(moved(one) for one in arrays))


def _ratios(batch: Batch) -> NDArray[np.float32]:
    """Return what planes of shorts are multiplied by to be those of their longs, (B,)."""
    ratios = np.where(np.isfinite(batch.gain_ratio), batch.gain_ratio, batch.exposure_ratio)
    unknown = ~(np.isfinite(ratios) & (ratios > 0))
    if unknown.any():
        raise UsageError(
            f"planes of a long as the target of {batch.names[int(unknown.argmax())]}",
            expected="a known ratio to its long",
        )
    return ratios.astype(np.float32)


def _equalised(batch: Batch, curves: Curves | None) -> Batch:
    """Equalise the planes of a batch."""
    if curves is None:
        raise UsageError("equalisation without the curves of the videos", expected="their curves")
    return replace(
        batch,
        packed=equalised_by(curves, batch.names, batch.packed),
        black_level=np.zeros_like(batch.black_level),
        white_level=np.full_like(batch.white_level, np.iinfo(np.uint16).max),
    )


def balance_gains(white_balance: NDArray[np.float32], neutral: Neutral) -> NDArray[np.float32]:
    """Gains of each plane, (B, 4), that put the grey of balances (B, 4) at a neutral.

    Raises
    ------
    UsageError
        If a balance is not known, or cannot be used.
    """
    gains = [plane_gains(neutral, row, BAYER.colours) for row in white_balance.tolist()]
    return np.array(gains, np.float32)


def normalise_planes(
    packed: Tensor, black: Tensor, white: Tensor, factor: Tensor, gains: Tensor | None = None
) -> Tensor:
    """max(value - black, 0) / (white - black) times the factor, shape (B, 4, h, w), float32.

    `packed` holds sensor units, `black` is (B, 4), `white` and `factor` are (B,). With `gains`,
    (B, 4), the factor of each plane is the factor times its gain. Of clips `packed` is
    (B, 4, T, h, w) and `black` (B, 4, T).
    """
    black = black[..., None, None]
    rest = (1,) * (packed.ndim - 2)
    scale = factor.reshape(-1, 1, *rest) / (white.reshape(-1, 1, *rest) - black)
    if gains is not None:
        scale = scale * gains.reshape(*gains.shape, *rest)
    return (_floats(packed) - black).clamp_(min=0).mul_(scale)


def stabilise_planes(packed: Tensor, black: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """max(value - black, 0) times a scale, plus an offset, shape (B, 4, h, w), float32.

    `packed` holds sensor units, `black` is (B, 4), `scale` and `offset` are (B,).
    """
    light = (_floats(packed) - black[..., None, None]).clamp_(min=0)
    return light.mul_(scale[:, None, None, None]).add_(offset[:, None, None, None])


def _floats(values: Tensor) -> Tensor:
    """Make float32 of integers, in the order in which the axes come."""
    return values.to(torch.float32, memory_format=torch.contiguous_format)


def mosaic_of(planes: Tensor) -> Tensor:
    """Lay packed planes (B, 4, h, w) into mosaics (B, 1, 2h, 2w) with red at (0, 0).

    Planes with their sigma maps, (B, 8, h, w), become (B, 2, 2h, 2w).
    """
    count = len(MOSAIC_ORDER)
    order = [start + one for start in range(0, planes.shape[1], count) for one in MOSAIC_ORDER]
    return pixel_shuffle(planes[:, order], 2)
