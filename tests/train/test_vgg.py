"""VGG features from the user's own file: the right layers, and a clear word on any other file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.nn.functional import conv2d, max_pool2d, relu

from rawkit.errors import MissingError, UsageError, WeightsError
from rawkit.train import Loss
from rawkit.train.vgg import load_features
from tests.support.fixtures_stream import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

SIXTEEN = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
NINETEEN = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M",
            512, 512, 512, 512, "M")  # fmt: skip


def weights_of(layout: tuple[int | str, ...], *, most: int = 128) -> dict[str, Tensor]:
    """Make weights under torchvision's names; wide layers that are not used are empty."""
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {"classifier.0.weight": torch.zeros(2)}
    index, width = 0, 3
    for one in layout:
        if isinstance(one, int):
            shape = (one, width, 3, 3) if one <= most else (0,)
            state[f"features.{index}.weight"] = 0.1 * torch.randn(shape, generator=generator)
            state[f"features.{index}.bias"] = 0.1 * torch.randn(shape[0], generator=generator)
            index, width = index + 2, one
        else:
            index += 1
    return state


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save(weights_of(SIXTEEN), path)
    return path


def relu2_2(x: Tensor, state: dict[str, Tensor]) -> Tensor:
    def layer(x: Tensor, index: int) -> Tensor:
        weight, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
        return relu(conv2d(x, weight, bias, padding=1))

    return layer(layer(max_pool2d(layer(layer(x, 0), 2), 2), 5), 7)


def test_features_are_those_of_the_layer(vgg: Path) -> None:
    x = torch.rand(2, 3, 16, 24)
    found = load_features(vgg, "relu2_2")(x)
    assert found.shape == (2, 128, 8, 12)
    torch.testing.assert_close(found, relu2_2(x, weights_of(SIXTEEN)))


def test_the_deeper_network_is_told_from_its_layers(tmp_path: Path) -> None:
    torch.save({"state_dict": weights_of(NINETEEN, most=256)}, tmp_path / "vgg19.pth")
    features = load_features(tmp_path / "vgg19.pth", "relu3_3")
    assert len(features) == 16
    assert features(torch.rand(1, 3, 16, 16)).shape == (1, 256, 4, 4)


def test_the_perceptual_loss_compares_normalised_features(vgg: Path) -> None:
    settings = tiny(l1_weight=0.0, perceptual_weight=2.0, vgg=str(vgg))
    restored = torch.rand(1, 3, 16, 16, requires_grad=True)
    target = torch.rand(1, 3, 16, 16)
    loss = Loss(settings)
    found = loss(restored, target)
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    first, second = (relu2_2((one - mean) / deviation, weights_of(SIXTEEN))
                     for one in (restored, target))  # fmt: skip
    torch.testing.assert_close(found, 2 * (first - second).abs().mean())
    found.backward()
    assert restored.grad is not None
    assert restored.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def broken(**changes: Any) -> dict[str, Tensor]:
    state = weights_of(SIXTEEN)
    for name, value in changes.items():
        key = name.replace("__", ".")
        if value is None:
            del state[key]
        else:
            state[key] = value
    return state


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"a": torch.zeros(1)}, "0 convolutions named features.N.weight"),
        (broken(features__0__weight=None), "12 convolutions"),
        (broken(features__2__bias=None), "no tensor features.2.bias"),
        (broken(features__5__weight=torch.zeros(128, 64, 5, 5)), "features.5.weight of shape"),
        (broken(features__7__bias=torch.full((128,), float("nan"))), "not finite"),
        ([torch.zeros(1)], "not weights but a list"),
    ],
)
def test_a_file_of_other_weights_is_refused_by_what_is_wrong(
    tmp_path: Path, content: object, reason: str
) -> None:
    torch.save(content, tmp_path / "vgg.pth")
    with pytest.raises(WeightsError) as caught:
        load_features(tmp_path / "vgg.pth", "relu2_2")
    assert reason in caught.value.reason
    assert caught.value.where == str(tmp_path / "vgg.pth")
    assert "--vgg" in (caught.value.fix or "")


def test_a_file_that_is_not_there_and_one_that_is_not_named_are_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        load_features(tmp_path / "vgg.pth", "relu2_2")
    with pytest.raises(UsageError, match="without the weights of VGG"):
        tiny(perceptual_weight=1.0)
    with pytest.raises(UsageError, match="layer 'relu9_9'"):
        tiny(perceptual_layer="relu9_9")
