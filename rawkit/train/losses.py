"""What a training minimises: weighted sums of differences between a picture and its target.

Every loss is a mean over the pictures of a batch, so that pieces of a batch, weighed by their
size, add up to the whole. Clips are judged frame by frame, so that no loss takes more memory than
for a picture; the temporal one compares each frame with the next.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from pytorch_msssim import ms_ssim, ssim
from torch import nn
from torch.nn.functional import l1_loss

from rawkit.train.vgg import load_features

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from rawkit.train.settings import TrainSettings

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""What red, green and blue of sRGB primaries give to luminance (ITU-R BT.709)."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures: what VGG's weights were trained on."""


class Loss(nn.Module):
    """The weighted sum that some settings ask for.

    Raises
    ------
    MissingError, WeightsError
        If it needs the weights of VGG and their file is not there, or holds something else.
    """

    def __init__(self, settings: TrainSettings) -> None:
        super().__init__()
        self._settings = settings
        weights = {name: weight for name, weight in settings.losses().items() if weight}
        weights.pop("gan", None)  # the critic's word is asked for elsewhere: it learns, too
        self.temporal = weights.pop("temporal", 0.0)
        """Weight of the temporal loss."""
        self.weights: Mapping[str, float] = weights
        """The losses of pictures that count, by name."""
        self.features: nn.Module | None = None
        if settings.perceptual_weight:
            self.features = load_features(Path(settings.vgg), settings.perceptual_layer)

    def forward(self, restored: Tensor, target: Tensor) -> Tensor:
        """Return a scalar for pictures (B, 3, H, W), float32, 0 to 1."""
        total = restored.new_zeros(())
        for name, weight in self.weights.items():
            total = total + weight * self.term(name, restored, target)
        return total

    def of_pictures(self, restored: Tensor, target: Tensor) -> tuple[float, Tensor]:
        """Return the loss of pictures (B, 3, H, W), and its gradient by what is restored."""
        pictures = restored.detach().requires_grad_()
        loss = self(pictures, target)
        (gradient,) = torch.autograd.grad(loss, pictures)
        return float(loss.detach()), gradient

    def of_clips(self, restored: Tensor, target: Tensor) -> tuple[float, Tensor]:
        """Return the loss of clips (B, 3, T, H, W), float32, and its gradient by what is restored.

        The mean over frames of the losses of pictures, and over neighbours of the temporal one.
        """
        count = target.shape[2]
        frames = [one.detach().contiguous().requires_grad_() for one in restored.unbind(2)]
        wanted = target.unbind(2)
        total = 0.0
        for number, (frame, truth) in enumerate(zip(frames, wanted, strict=True)):
            loss = self(frame, truth) / count
            if self.temporal and number + 1 < count:
                following, its_truth = frames[number + 1], wanted[number + 1]
                change = temporal_loss(frame, following, truth, its_truth)
                loss = loss + self.temporal / (count - 1) * change
            if loss.requires_grad:  # the last frame has no temporal loss
                torch.autograd.backward(loss)
            total += float(loss.detach())
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in frames]
        return total, torch.stack(gradients, 2)

    def term(self, name: str, restored: Tensor, target: Tensor) -> Tensor:
        """Return one of the losses, not weighed, a scalar."""
        if name == "l1":
            return l1_loss(restored, target)
        if name == "ms-ssim":
            # Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality
            # assessment" (Asilomar 2003): five scales, Gaussian window of 11 with sigma 1.5.
            similarity: Tensor = ms_ssim(restored, target, data_range=1.0)
            return 1 - similarity
        if name == "ssim":
            # Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility
            # to structural similarity" (2004), the same window.
            structure: Tensor = ssim(restored, target, data_range=1.0)
            return 1 - structure
        if name == "region":
            settings = self._settings
            return region_loss(
                restored, target, threshold=settings.region_threshold, dark=settings.region_dark
            )
        assert self.features is not None  # noqa: S101 - loaded whenever the weight is set
        return perceptual_loss(restored, target, self.features)


def region_loss(
    restored: Tensor, target: Tensor, *, threshold: float = 0.25, dark: float = 4.0
) -> Tensor:
    """Absolute error of (B, 3, H, W) with dark and bright parts weighed separately, a scalar.

    A pixel is dark where the luminance of the target lies below `threshold`. For each picture it
    is (dark D + B) / (dark + 1) with D and B the mean errors over its dark and its bright pixels; a
    picture without one of the parts counts by the other alone. After the region loss of MBLLEN (Lv,
    Lu, Wu and Lim, BMVC 2018), whose dark part is the darkest 40% of each picture, weight 4.
    """
    weights = target.new_tensor(LUMINANCE)[None, :, None, None]
    is_dark = ((target * weights).sum(1) < threshold).to(restored.dtype)
    error = (restored - target).abs().mean(1)
    counts = torch.stack([is_dark.sum((1, 2)), (1 - is_dark).sum((1, 2))])
    sums = torch.stack([(error * is_dark).sum((1, 2)), (error * (1 - is_dark)).sum((1, 2))])
    means = sums / counts.clamp(min=1)
    shares = (counts > 0) * target.new_tensor([dark, 1.0])[:, None]
    return ((means * shares).sum(0) / shares.sum(0)).mean()


def temporal_loss(frame: Tensor, following: Tensor, truth: Tensor, its_truth: Tensor) -> Tensor:
    """Absolute difference between how two neighbours differ and how they should, a scalar.

    All are (B, 3, H, W), 0 to 1. Where both frames have one truth, as those of a burst have, it is
    how far they are from each other.
    """
    return l1_loss(following - frame, its_truth - truth)


def perceptual_loss(restored: Tensor, target: Tensor, features: nn.Module) -> Tensor:
    """Mean absolute difference of VGG features of (B, 3, H, W), 0 to 1, a scalar.

    Johnson, Alahi and Fei-Fei, "Perceptual losses for real-time style transfer and
    super-resolution" (ECCV 2016), with the absolute difference.
    """
    mean = target.new_tensor(_MEAN)[None, :, None, None]
    deviation = target.new_tensor(_DEVIATION)[None, :, None, None]
    with torch.no_grad():
        wanted = features((target - mean) / deviation)
    return l1_loss(features((restored - mean) / deviation), wanted)
