"""A network in the form that runtimes of phones want: every weight a constant of its own.

Two layers of `Lamba2021` convolve with slices of a weight. Inside a graph a slice is computed at
each run, and a runtime hands no convolution to its fast kernels whose weight is computed: seven
times the time of the whole network.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pixel_shuffle, pixel_unshuffle

from rawkit.models.lamba2021 import SLOPE, Lamba2021
from rawkit.models.lamba2021_fused import every_other


def constant_form(net: nn.Module) -> nn.Module:
    """Return a folded network without slices of weights; the same sums, to rounding."""
    return _ConstantLamba2021(net).eval() if isinstance(net, Lamba2021) else net


class HalfForm(nn.Module):
    """A network that computes in float16 between a mosaic and a picture of float32."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = deepcopy(net).half()

    def forward(self, mosaic: Tensor) -> Tensor:
        """Restore mosaics (B, 1, H, W): pictures (B, 3, H, W), both float32."""
        picture: Tensor = self.net(mosaic.to(torch.float16))
        return picture.to(torch.float32)


class _ConstantLamba2021(nn.Module):
    """`Lamba2021` for whole mosaics, its two shared weights cut beforehand."""

    def __init__(self, net: Lamba2021) -> None:
        super().__init__()
        self.net = net
        self.merge_near = every_other(net.merge8, 0)
        self.merge_far = every_other(net.merge8, 1)
        channels = net.local2.out_channels
        self.output_local = _inputs(net.output2, slice(None, channels), keep_bias=True)
        self.output_context = _inputs(net.output2, slice(channels, None), keep_bias=False)

    def forward(self, mosaic: Tensor) -> Tensor:
        """Do as `Lamba2021.forward`, without a look at the shape."""
        net = self.net
        packed = pixel_unshuffle(mosaic, 2)
        features = net.look_far(net.squeeze32(pixel_unshuffle(packed, 16)))
        near = net.residual8(pixel_unshuffle(packed, 4))
        expanded = net.expand8(self.merge_near(near) + self.merge_far(net.lift8(features)))
        context = pixel_shuffle(leaky_relu(expanded, SLOPE), 4)
        output = self.output_local(net.local2(packed)) + self.output_context(context)
        return pixel_shuffle(output, 2).clamp(0, 1)


def _inputs(convolution: nn.Conv2d, channels: slice, *, keep_bias: bool) -> nn.Conv2d:
    """Return the part of a convolution that reads some of its input channels."""
    weight = convolution.weight[:, channels].detach().clone()
    part = nn.Conv2d(
        weight.shape[1],
        convolution.out_channels,
        weight.shape[-1],
        padding=weight.shape[-1] // 2,
        bias=keep_bias,
    )
    part.weight = nn.Parameter(weight)
    if keep_bias and convolution.bias is not None:
        part.bias = nn.Parameter(convolution.bias.detach().clone())
    return part
