"""The convolutions of VGG, to compare pictures by what they see; weights from the user's file.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition" (ICLR
2015). rawkit ships no weights: any file with torchvision's names (``features.0.weight``, ...) is
read, as tensors and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import Tensor, nn

from rawkit.errors import WeightsError
from rawkit.models import read_tensors

if TYPE_CHECKING:
    from pathlib import Path

_WIDTHS = (64, 128, 256, 512, 512)
_DEPTHS = {13: (2, 2, 3, 3, 3), 16: (2, 2, 4, 4, 4)}
"""Convolutions of the five blocks, by how many a file holds: VGG-16 and VGG-19."""
_NAME = re.compile(r"features\.(\d+)\.weight", re.ASCII)
_FIX = "Name torchvision's VGG-16 or VGG-19 weights with --vgg."


def load_features(path: Path, layer: str) -> nn.Sequential:
    """Load the part of VGG-16 or VGG-19 up to a layer such as ``relu2_2``, frozen.

    It takes pictures (B, 3, H, W), normalised as for ImageNet, and gives (B, C, h, w).

    Raises
    ------
    MissingError
        If there is no such file.
    WeightsError
        If it holds something else, or weights of another shape.
    """
    convolutions = _convolutions(path)
    depths = _DEPTHS.get(len(convolutions))
    if depths is None:
        raise WeightsError(
            f"{len(convolutions)} convolutions named features.N.weight",
            expected="the 13 of VGG-16 or the 16 of VGG-19",
            where=path,
            fix=_FIX,
        )
    layers = _layers(depths, *map(int, layer.removeprefix("relu").split("_")))
    for index, module in enumerate(layers):
        if isinstance(module, nn.Conv2d):
            _fill(module, convolutions, index, path)
    features = nn.Sequential(*layers).eval()
    return features.requires_grad_(requires_grad=False)


def _layers(depths: tuple[int, ...], block: int, convolution: int) -> list[nn.Module]:
    """Lay out VGG up to a convolution of a block, both from 1, and the ReLU after it."""
    layers: list[nn.Module] = []
    for number, (ins, outs) in enumerate(pairwise((3, *_WIDTHS)), start=1):
        last = convolution if number == block else depths[number - 1]
        for index in range(last):
            layers += [nn.Conv2d(ins if index == 0 else outs, outs, 3, padding=1), nn.ReLU()]
        if number == block:
            break
        layers.append(nn.MaxPool2d(2, 2))
    return layers


def _convolutions(path: Path) -> dict[int, tuple[object, object]]:
    """Weight and bias of every ``features.N`` in a file, by N."""
    content = read_tensors(path)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"not weights but a {type(content).__name__}", expected="a mapping of names to tensors",
            where=path, fix=_FIX,
        )  # fmt: skip
    found = {}
    for name, value in content.items():
        named = _NAME.fullmatch(str(name))
        if named:
            found[int(named[1])] = (value, content.get(f"features.{named[1]}.bias"))
    return found


def _fill(
    module: nn.Conv2d, convolutions: Mapping[int, tuple[object, object]], index: int, path: Path
) -> None:
    weight, bias = convolutions.get(index, (None, None))
    for name, value, parameter in (("weight", weight, module.weight), ("bias", bias, module.bias)):
        assert parameter is not None  # noqa: S101 - all of these layers have one
        shape = tuple(value.shape) if isinstance(value, Tensor) else None
        if not isinstance(value, Tensor) or shape != tuple(parameter.shape):
            raise WeightsError(
                f"features.{index}.{name} of shape {shape}"
                if shape is not None
                else f"no tensor features.{index}.{name}",
                expected=f"shape {tuple(parameter.shape)}",
                where=path,
                fix=_FIX,
            )
        if not bool(value.isfinite().all()):
            raise WeightsError(
                f"features.{index}.{name} with values that are not finite",
                expected="finite numbers", where=path, fix=_FIX,
            )  # fmt: skip
        parameter.data.copy_(value)
