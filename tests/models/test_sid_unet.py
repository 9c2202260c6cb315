"""The U-Net of SID: its size, a plain evaluation, tiles, names of ports."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from torch.nn.functional import (
    conv2d,
    conv_transpose2d,
    leaky_relu,
    max_pool2d,
    pixel_shuffle,
)

from rawkit.errors import UsageError
from rawkit.models import SidUnet, build, count_parameters, load_network, prepare, restore_mosaic
from rawkit.models.sid_unet import PUBLISHED_MODULES

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def net() -> SidUnet:
    """Build it with weights large enough that every layer shows in the result."""
    torch.manual_seed(0)
    made = SidUnet().eval()
    for parameter in made.parameters():
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter, a=0.2)
        else:
            torch.nn.init.normal_(parameter, 0.0, 0.05)
    return made


@pytest.fixture(scope="module")
def exact(net: SidUnet) -> SidUnet:
    """Copy it in double precision, where rounding hides nothing."""
    return deepcopy(net).double()


def published(net: SidUnet) -> dict[str, Tensor]:
    """Weights under the names of the ports."""
    theirs = {ours: name for name, ours in PUBLISHED_MODULES.items()}
    state = net.state_dict()
    return {
        f"{theirs[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": value
        for name, value in state.items()
    }


def plain(mosaic: Tensor, w: dict[str, Tensor]) -> Tensor:
    """Evaluate the network layer by layer, as the paper's table has it."""

    def conv(x: Tensor, name: str) -> Tensor:
        return leaky_relu(conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=1), 0.2)

    red, green1 = mosaic[..., 0::2, 0::2], mosaic[..., 0::2, 1::2]
    blue, green2 = mosaic[..., 1::2, 1::2], mosaic[..., 1::2, 0::2]
    x = torch.minimum(torch.cat((red, green1, blue, green2), 1), torch.tensor(1.0))
    skips = []
    for level in range(1, 6):
        x = conv(conv(x if level == 1 else max_pool2d(x, 2), f"conv{level}_1"), f"conv{level}_2")
        skips.append(x)
    for level in range(6, 10):
        up = conv_transpose2d(x, w[f"upv{level}.weight"], w[f"upv{level}.bias"], stride=2)
        x = torch.cat((up, skips[9 - level]), 1)
        x = conv(conv(x, f"conv{level}_1"), f"conv{level}_2")
    x = conv2d(x, w["conv10_1.weight"], w["conv10_1.bias"])
    return pixel_shuffle(x, 2).clamp(0, 1)


def test_it_has_the_published_number_of_parameters() -> None:
    assert sum(parameter.numel() for parameter in build("sid").parameters()) == 7_760_748
    assert count_parameters("sid") == 7_760_748


@torch.inference_mode()
def test_it_equals_a_plain_evaluation(net: SidUnet) -> None:
    mosaic = torch.rand(2, 1, 64, 96) * 1.5
    torch.testing.assert_close(net(mosaic), plain(mosaic, published(net)), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_tiles_give_the_whole_picture(exact: SidUnet) -> None:
    mosaic = torch.rand(1, 1, 64, 544, dtype=torch.float64)
    whole = exact(mosaic)
    assert whole.std() > 0.01
    tiled = restore_mosaic(prepare(exact), mosaic, tile=96)
    assert float((whole - tiled).abs().max()) < 1e-10


@torch.inference_mode()
def test_a_smaller_halo_would_not_do(exact: SidUnet, monkeypatch: pytest.MonkeyPatch) -> None:
    mosaic = torch.rand(1, 1, 64, 544, dtype=torch.float64)
    monkeypatch.setattr(SidUnet, "geometry", replace(SidUnet.geometry, render_halo=160))
    tiled = restore_mosaic(prepare(exact), mosaic, tile=128)
    assert float((exact(mosaic) - tiled).abs().max()) > 1e-10


def test_weights_under_the_names_of_ports_load(net: SidUnet, tmp_path: Path) -> None:
    torch.save(published(net), tmp_path / "sid.pth")
    loaded, weights = load_network(tmp_path / "sid.pth")
    assert weights.network == "sid"
    for name, value in net.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


@pytest.mark.parametrize("shape", [(1, 1, 33, 32), (1, 4, 32, 32), (32, 32)])
def test_other_shapes_are_refused(net: SidUnet, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="multiples of 32"):
        net(torch.zeros(shape))


def test_it_is_not_clamped_in_training() -> None:
    torch.manual_seed(1)
    net = SidUnet().train()
    torch.nn.init.constant_(net.picture.bias, 2.0)  # type: ignore[arg-type] # it has one
    assert float(net(torch.rand(1, 1, 32, 32)).detach().max()) > 1.5
