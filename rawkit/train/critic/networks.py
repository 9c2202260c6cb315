"""The critics: networks that are shown a picture and say whether it is one of a long exposure.

They stand here and not in `rawkit.models`, which holds what restores: a critic is a part of what is
minimised, as VGG is. Nobody restores with one, it has no published weights, and no file of weights
holds it; a checkpoint does, for the training to go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, leaky_relu, max_pool2d
from torch.nn.utils.parametrizations import spectral_norm

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SLOPE = 0.2
"""What every leaky ReLU multiplies negative values by."""
PICTURE, MOSAIC = 3, 4
"""Channels of a picture, and of the planes of the mosaic that a critic may be shown beside it."""


class PatchCritic(nn.Module):
    """A critic of places: each number it gives is of an area of 68 pixels a side.

    Convolutions of 3x3 and, halving the sides, of 4x4 in turn, 32 to 256 channels, all with
    spectral norm: the layout of Miyato, Kataoka, Koyama and Yoshida, "Spectral normalization for
    generative adversarial networks" (ICLR 2018) without its last layer, so that it judges patches
    as in Isola, Zhu, Zhou and Efros, "Image-to-image translation with conditional adversarial
    networks" (CVPR 2017). It has no batch norm: what it says of a picture does not depend on what
    else is in the batch.
    """

    WIDTHS: ClassVar[tuple[int, ...]] = (32, 64, 128, 256)
    """Channels after the first convolution, and after each that halves the sides is doubled."""
    hidden: ClassVar[int] = 0
    """Numbers of a picture that dropout chooses among."""
    least: ClassVar[int] = 32
    """Pixels a side of the smallest picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = channels
        for number, width in enumerate(self.WIDTHS):
            layers.append(spectral_norm(nn.Conv2d(before, width, 3, padding=1)))
            if number + 1 < len(self.WIDTHS):
                layers.append(spectral_norm(nn.Conv2d(width, width, 4, stride=2, padding=1)))
            before = width
        self.layers = nn.ModuleList(layers)
        self.last = spectral_norm(nn.Conv2d(before, 1, 3, padding=1))

    def forward(self, seen: Tensor, kept: Tensor | None = None) -> Tensor:  # noqa: ARG002 - of both
        """Return a number for each place, (B, places), of (B, channels, H, W)."""
        for layer in self.layers:
            seen = leaky_relu(layer(seen), SLOPE)
        found: Tensor = self.last(seen)
        return found.flatten(1)


class ClassifierCritic(nn.Module):
    """A critic of whole pictures: one number each.

    Two blocks of a 3x3 convolution and 2x2 max pooling, 32 and 64 channels, and two fully connected
    layers with dropout between them. What the blocks give is averaged to 8x8 places, so that its
    size does not grow with the crop.
    """

    WIDTHS: ClassVar[tuple[int, ...]] = (32, 64)
    """Channels of the blocks."""
    PLACES: ClassVar[int] = 8
    """Places a side that are left for the fully connected layers."""
    DROPPED: ClassVar[float] = 0.5
    """Share of the hidden numbers that dropout puts to 0."""
    hidden: ClassVar[int] = 128
    """Numbers of a picture that dropout chooses among."""
    least: ClassVar[int] = 32
    """Pixels a side of the smallest picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first, second = self.WIDTHS
        self.first = nn.Conv2d(channels, first, 3, padding=1)
        self.second = nn.Conv2d(first, second, 3, padding=1)
        self.third = nn.Linear(second * self.PLACES**2, self.hidden)
        self.last = nn.Linear(self.hidden, 1)

    def forward(self, seen: Tensor, kept: Tensor | None = None) -> Tensor:
        """Return (B, 1) of (B, channels, H, W).

        `kept`, (B, hidden), has what dropout leaves of each hidden number: 0, or 1 over the share
        of those that are kept. None leaves all.
        """
        for layer in (self.first, self.second):
            seen = max_pool2d(leaky_relu(layer(seen), SLOPE), 2)
        places = adaptive_avg_pool2d(seen, self.PLACES).flatten(1)
        hidden = leaky_relu(self.third(places), SLOPE)
        if kept is not None:
            hidden = hidden * kept
        found: Tensor = self.last(hidden)
        return found


Critic = PatchCritic | ClassifierCritic
CRITICS: Mapping[str, Callable[[int], Critic]] = {
    "patch": PatchCritic,
    "classifier": ClassifierCritic,
}
"""Every critic by its name."""


def build_critic(name: str, *, conditional: bool) -> Critic:
    """Build a critic with random weights.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in CRITICS:
        raise UsageError(f"critic {name!r}", expected=", ".join(CRITICS))
    return CRITICS[name](PICTURE + MOSAIC * conditional)


@torch.no_grad()
def renew_norms(critic: Critic) -> None:
    """Do one step of the power iteration of every spectral norm.

    Once for each step of a training, however many pictures are then judged and in how many pieces:
    torch would do one at each call, and the result would depend on how a batch is cut. The critic
    is left in evaluation mode, in which its norms stand still.
    """
    critic.train()
    for layer in critic.modules():
        if isinstance(layer, nn.Conv2d):
            _ = layer.weight  # asked for in training mode it is worked out anew
    critic.eval()
