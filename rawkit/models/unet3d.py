"""A U-Net for clips: convolutions over time and space, pooling over space alone.

After "Learning to See Moving Objects in the Dark" (ICCV 2019). Packed planes of neighbouring frames
go down `depth` levels, each of two 3x3x3 convolutions with leaky ReLUs, with 1x2x2 max pooling
between them, and up again by 1x2x2 transposed convolutions, each joined with the level it came
from. Time is never pooled: every frame that goes in comes out. A 1x1x1 convolution to three
channels for each pixel of the mosaic and a pixel shuffle of each frame make the pictures::

    planes (N, 4, T, h, w) ──► level 0 ──────────────────────────────► level 0 ──► 12 ──► pictures
                                  └─1/2─► level 1 ──────────► level 1 ──┘          (N, 3, T, 2h, 2w)
                                             └─1/2─► level 2 ──┘
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv3d, leaky_relu, max_pool3d, pad
from torch.utils.checkpoint import checkpoint

from rawkit.errors import UsageError
from rawkit.models.unet3d_variant import PLANES, Unet3dVariant

if TYPE_CHECKING:
    from collections.abc import Callable

SLOPE = 0.2
"""What every leaky ReLU of the network multiplies negative values by."""
_PLAIN_ROWS = 20480
"""Rows of all planes and frames of one clip up to which torch does not ask oneDNN."""
_HALF = (1, 2, 2)
"""What pooling and upsampling go over: frames stay as many."""


class _Block(nn.Module):
    """Two convolutions, each activated; a residual one adds its projected input to the second."""

    def __init__(self, in_channels: int, out_channels: int, *, residual: bool) -> None:
        super().__init__()
        self.first = nn.Conv3d(in_channels, out_channels, 3, padding=1)
        self.second = nn.Conv3d(out_channels, out_channels, 3, padding=1)
        self.project = nn.Conv3d(in_channels, out_channels, 1) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        # In place: the backward pass of a leaky ReLU needs no more than what it gave.
        y = _convolve(self.second, leaky_relu(_convolve(self.first, x), SLOPE, inplace=True))
        if self.project is not None:
            y += self.project(x)
        return leaky_relu(y, SLOPE, inplace=True)


class Unet3d(nn.Module):
    """Amplified planes of a clip in, its pictures out.

    Input: float32 (N, 4, T, h, w), the normalised planes R, G1, B, G2 of T neighbouring frames
    times their amplification; h and w multiples of ``2 ** depth``, T free. It is clipped at 1 here,
    after amplification, as published. Output: float32 (N, 3, T, 2h, 2w), RGB; clamped to 0..1 in
    evaluation mode, not clamped in training, as published.

    Parameters
    ----------
    variant
        How deep and wide it is, and of which blocks.
    """

    takes_clips: ClassVar[bool] = True
    """Whether it takes clips, (N, 4, T, h, w), and not mosaics, (B, 1, H, W)."""

    def __init__(self, variant: Unet3dVariant | None = None) -> None:
        super().__init__()
        self.variant = Unet3dVariant() if variant is None else variant
        """How deep and wide it is."""
        self.recompute = False
        """Whether the backward pass computes activations again that the forward pass has not kept:
        the same result, in half the memory and up to half more time."""
        residual, widths = self.variant.residual, self.variant.widths
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.down = nn.ModuleList(
            _Block(*pair, residual=residual)
            for pair in zip((PLANES, *widths[:-1]), widths, strict=True)
        )
        self.widen = nn.ModuleList(
            nn.ConvTranspose3d(wide, slim, _HALF, _HALF, bias=False) for wide, slim in pairs
        )
        self.up = nn.ModuleList(_Block(2 * slim, slim, residual=residual) for _, slim in pairs)
        self.picture = nn.Conv3d(widths[0], 3 * PLANES, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
                _initialise(module)

    def forward(self, clip: Tensor) -> Tensor:
        """Restore (N, 4, T, h, w) to (N, 3, T, 2h, 2w).

        Raises
        ------
        UsageError
            If the clip has another shape.
        """
        self.check(clip)
        # Channels last: a quarter less time and a fifth less memory on the CPU.
        x = clip.clamp(max=1.0).contiguous(memory_format=torch.channels_last_3d)
        skips: list[Tensor] = []
        for number in range(len(self.down)):
            x = self._level(self._down, number, x)
            skips.append(x)
        skips.pop()
        for number in range(len(self.up)):
            x = self._level(self._up, number, x, skips.pop())
        made: Tensor = self.picture(x)
        count, _, frames, height, width = made.shape
        # The pixel shuffle of each frame, in one copy.
        cells = made.reshape(count, 3, 2, 2, frames, height, width).permute(0, 1, 4, 5, 2, 6, 3)
        pictures = cells.reshape(count, 3, frames, 2 * height, 2 * width)
        return pictures if self.training else pictures.clamp_(0.0, 1.0)

    def _level(self, function: Callable[..., Tensor], number: int, *inputs: Tensor) -> Tensor:
        """Run a level, keeping of it what the backward pass needs, or only what went in."""
        if not (self.recompute and torch.is_grad_enabled()):
            return function(number, *inputs)
        # Nothing in a level is random: there is no state of a generator to put back.
        again: Tensor = checkpoint(
            function, number, *inputs, use_reentrant=False, preserve_rng_state=False
        )
        return again

    def _down(self, number: int, x: Tensor) -> Tensor:
        level: Tensor = self.down[number](x if number == 0 else max_pool3d(x, _HALF))
        return level

    def _up(self, number: int, x: Tensor, skip: Tensor) -> Tensor:
        level: Tensor = self.up[number](torch.cat((self.widen[number](x), skip), dim=1))
        return level

    def check(self, clip: Tensor) -> None:
        """Raise UsageError if the network cannot take this clip."""
        side = 2**self.variant.depth
        fits = clip.ndim == 5 and clip.shape[1] == PLANES and clip.shape[2] > 0  # noqa: PLR2004 - batch, plane, frame, row, column
        if not fits or any(length % side or not length for length in clip.shape[3:]):
            raise UsageError(
                f"a clip of shape {tuple(clip.shape)}",
                expected=f"(N, {PLANES}, T, h, w) with h and w multiples of {side}",
            )


def _convolve(layer: nn.Conv3d, x: Tensor) -> Tensor:
    """Run a 3x3x3 convolution; a small one of a single clip as one of two halves.

    For a single sample of at most so many rows torch takes its plain code, which unfolds the input,
    27 times its size, and takes seven times as long.
    """
    single = x.shape[0] == 1 and x.device.type == "cpu" and x.dtype == torch.float32
    traced = torch.compiler.is_exporting() or torch._C._get_tracing_state() is not None  # noqa: SLF001 - as torch.jit.is_tracing, which has no type
    if traced or not single:
        return cast("Tensor", layer(x))
    rows = x.shape[3]
    if x.shape[1] * x.shape[2] * rows > _PLAIN_ROWS or rows % 2:
        return cast("Tensor", layer(x))
    around, half = pad(x, (0, 0, 1, 1)), rows // 2
    halves = torch.cat((around[..., : half + 2, :], around[..., half:, :]))
    made = conv3d(halves, layer.weight, layer.bias, padding=(1, 0, 1))
    return torch.cat((made[:1], made[1:]), dim=3)


def _initialise(module: nn.Conv3d | nn.ConvTranspose3d) -> None:
    """Draw weights so that the scale of the signal stays the same from layer to layer.

    After He and others (2015); the published code draws narrower ones.
    """
    if isinstance(module, nn.ConvTranspose3d):
        # Nothing overlaps: each value is a sum over the channels alone.
        nn.init.normal_(module.weight, 0.0, module.in_channels**-0.5)
    else:
        nn.init.kaiming_normal_(module.weight, a=SLOPE, nonlinearity="leaky_relu")
    if module.bias is not None:
        nn.init.zeros_(module.bias)
