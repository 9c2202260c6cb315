"""The network against its description, written down a second time without modules."""

import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rawkit.errors import UsageError
from rawkit.models import (
    NETWORKS,
    Lamba2021,
    build,
    count_macs,
    count_parameters,
    fold_weight_norm,
    is_folded,
    load_network,
    prepare,
    receptive_field,
    restore_mosaic,
)
from rawkit.models.lamba2021_fused import FusedLamba2021
from tests.bench.published import as_published

SHARED = Path(os.environ.get("RAWKIT_SHARED", Path(__file__).parents[3] / "shared"))
PUBLISHED = SHARED / "weights" / "lamba2021" / "weights"

needs_published = pytest.mark.skipif(
    not PUBLISHED.is_file(), reason=f"the published weights are not at {PUBLISHED}"
)


pytestmark = pytest.mark.usefixtures("one_torch_thread")


def random_network(seed: int = 1) -> Lamba2021:
    """Return a network whose norms and biases are random as well."""
    torch.manual_seed(seed)
    net = Lamba2021().eval()
    for name, parameter in net.named_parameters():
        if name.endswith("original0"):
            nn.init.uniform_(parameter, 0.2, 0.9)
        elif name.endswith("bias"):
            nn.init.uniform_(parameter, -0.3, 0.3)
    # Mid-grey, so that the final clamp does not hide differences.
    with torch.no_grad():
        net.get_parameter("output2.parametrizations.weight.original0").mul_(0.1)
        net.get_parameter("output2.bias").fill_(0.5)
    return net


def random_mosaic(*shape: int, seed: int = 2) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


class Reference:
    """The published description in plain functions, from a state dict with weight norm."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def convolve(self, name: str, x: Tensor, groups: int = 1) -> Tensor:
        """Convolve with weight = norm * direction / its length."""
        norm = self.state[f"{name}.parametrizations.weight.original0"]
        direction = self.state[f"{name}.parametrizations.weight.original1"]
        length = direction.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        weight = norm * direction / length
        bias = self.state.get(f"{name}.bias")
        return functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2, groups=groups)

    @staticmethod
    def unshuffle(x: Tensor, r: int) -> Tensor:
        """Gather each r x r cell into channels."""
        planes = [
            x[:, channel, row::r, column::r]
            for channel in range(x.shape[1])
            for row in range(r)
            for column in range(r)
        ]
        return torch.stack(planes, dim=1)

    @staticmethod
    def shuffle(x: Tensor, r: int) -> Tensor:
        """Spread channels over r x r cells."""
        batch, channels, height, width = x.shape
        out = x.new_zeros(batch, channels // r**2, height * r, width * r)
        for channel in range(channels):
            row, column = divmod(channel % r**2, r)
            out[:, channel // r**2, row::r, column::r] = x[:, channel]
        return out

    @staticmethod
    def leaky(x: Tensor) -> Tensor:
        """Multiply negative values by 0.2."""
        return torch.where(x < 0, 0.2 * x, x)

    def dense(self, name: str, x: Tensor, depth: int) -> Tensor:
        """Run one residual dense block."""
        known = x
        for layer in range(depth):
            middle = layer not in {0, depth - 1}
            new = self.convolve(f"{name}.layers.{layer}", self.leaky(known) if middle else known)
            known = torch.cat([known, new], 1)
        return self.convolve(f"{name}.fuse", known) + x

    def __call__(self, mosaic: Tensor) -> Tensor:
        """Restore a (B, 1, H, W) mosaic."""
        x2 = self.unshuffle(mosaic, 2)
        a = self.convolve("enter32", self.convolve("squeeze32", self.unshuffle(x2, 16), 128))
        d1 = self.dense("dense32.0", a, 4)
        d2 = self.dense("dense32.1", d1, 5)
        d3 = self.dense("dense32.2", d2, 5)
        far = self.convolve("fuse32", torch.cat([d1, d2, d3], 1)) + a
        far = self.convolve("lift8", self.shuffle(far, 4))
        x8 = self.unshuffle(x2, 4)
        near = self.convolve("residual8.first", x8)
        near = self.convolve("residual8.second", self.leaky(near)) + x8
        joined = torch.cat([near, far], 1)
        mixed = joined[:, [half * 64 + index for index in range(64) for half in range(2)]]
        x = self.convolve("expand8", self.convolve("merge8", mixed, 4))
        x = self.shuffle(self.leaky(x), 4)
        x = self.convolve("output2", torch.cat([self.convolve("local2", x2), x], 1))
        return self.shuffle(x, 2).clamp(min=0, max=1)


def test_the_form_that_benchmarks_compare_with_is_the_same_network() -> None:
    net = random_network()
    mosaic = random_mosaic(2, 1, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(as_published(net)(mosaic), net(mosaic), atol=1e-6, rtol=0)


def test_the_network_does_what_its_description_says() -> None:
    net = random_network()
    mosaic = random_mosaic(2, 1, 64, 96)
    with torch.no_grad():
        picture = net(mosaic)
        expected = Reference(net.state_dict())(mosaic)
    assert picture.shape == (2, 3, 64, 96)
    assert picture.dtype == torch.float32
    assert ((picture > 0) & (picture < 1)).float().mean() > 0.9
    torch.testing.assert_close(picture, expected, rtol=0, atol=2e-6)


@needs_published
def test_the_published_weights_give_what_the_description_says() -> None:
    net, _ = load_network(PUBLISHED, expect="lamba2021")
    mosaic = random_mosaic(1, 1, 96, 64)
    with torch.no_grad():
        torch.testing.assert_close(
            net(mosaic), Reference(net.state_dict())(mosaic), rtol=0, atol=5e-6
        )


def test_parameters_are_as_many_as_published() -> None:
    net = Lamba2021()
    assert sum(parameter.numel() for parameter in net.parameters()) == 784_768
    assert count_parameters("lamba2021") == 784_768
    fold_weight_norm(net)
    assert sum(parameter.numel() for parameter in net.parameters()) == 783_432


@pytest.mark.parametrize(("name", "gmac"), [("lamba2021", 41.2), ("sid", 388.0)])
def test_the_work_is_as_published(name: str, gmac: float) -> None:
    assert count_macs(name) / 1e9 == pytest.approx(gmac, rel=2e-3)


def test_a_cell_depends_on_just_its_receptive_field() -> None:
    # In float64, where even the faintest dependence has a gradient.
    net = random_network().double()
    multiple, reach = NETWORKS["lamba2021"].multiple, receptive_field("lamba2021")
    assert reach == 544
    start = reach + 2 * multiple
    mosaic = random_mosaic(1, 1, multiple, 2 * start + multiple).double().requires_grad_()
    cell = net(mosaic)[..., start : start + multiple]
    (gradient,) = torch.autograd.grad(cell.sum(), mosaic)
    touched = gradient.abs().sum(dim=(0, 1, 2)).nonzero().flatten().tolist()
    assert touched[0] == start - reach
    assert touched[-1] == start + multiple + reach - 1


def test_the_stages_are_the_whole() -> None:
    net = random_network()
    mosaic = random_mosaic(1, 1, 64, 64)
    with torch.no_grad():
        features = net.look_far(net.squeeze(mosaic))
        assert features.shape == (1, net.geometry.features, 8, 8)
        assert torch.equal(net.render(mosaic, features), net(mosaic))


def test_the_fused_form_does_the_same() -> None:
    net = random_network()
    fused = prepare(net)
    mosaic = random_mosaic(2, 1, 96, 160)
    with torch.no_grad():
        squeezed = net.squeeze(mosaic)
        assert isinstance(fused, FusedLamba2021)
        torch.testing.assert_close(fused.squeeze(mosaic), squeezed, rtol=0, atol=1e-6)
        torch.testing.assert_close(fused(mosaic), net(mosaic), rtol=0, atol=2e-6)


def test_every_parameter_learns() -> None:
    net = random_network().train()
    net(random_mosaic(1, 1, 64, 64)).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_first_weights_keep_the_scale_of_the_signal() -> None:
    torch.manual_seed(0)
    net = Lamba2021()
    with torch.no_grad():
        features = net.look_far(net.squeeze(random_mosaic(1, 1, 256, 256)))
    assert 0.1 < features.std() < 100
    assert all((net.get_parameter(n) != 0).any() for n in net.state_dict() if n.endswith("bias"))


@pytest.mark.parametrize(
    "shape", [(1, 1, 48, 64), (1, 1, 64, 40), (1, 3, 64, 64), (1, 64, 64), (1, 1, 0, 64)]
)
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError) as error:
        Lamba2021()(torch.zeros(shape))
    assert str(shape) in str(error.value)
    assert "multiples of 32" in str(error.value)


def test_features_of_another_tile_are_refused() -> None:
    net = Lamba2021()
    features = torch.zeros(1, 4, 8, 8)
    assert net.render(torch.zeros(1, 1, 64, 64), features).shape == (1, 3, 64, 64)
    with pytest.raises(UsageError, match="features of shape"):
        net.render(torch.zeros(1, 1, 64, 72), features)
    with pytest.raises(UsageError, match="multiples of 8"):
        net.render(torch.zeros(1, 1, 64, 68), features)


def test_folding_changes_no_output_and_may_be_repeated() -> None:
    net = random_network()
    mosaic = random_mosaic(1, 1, 64, 64)
    with torch.no_grad():
        before = net(mosaic)
        assert not is_folded(net)
        assert fold_weight_norm(net) is net
        assert is_folded(net)
        once = {name: value.clone() for name, value in net.state_dict().items()}
        fold_weight_norm(net)
        assert all(torch.equal(once[name], value) for name, value in net.state_dict().items())
        torch.testing.assert_close(net(mosaic), before, rtol=0, atol=1e-6)


def test_folding_a_copy_leaves_the_original_in_training() -> None:
    net = random_network().train()
    mosaic = random_mosaic(1, 1, 32, 32)
    twin = deepcopy(net)
    ready = prepare(net)
    assert is_folded(ready)
    assert not ready.training
    assert net.training
    for other in (net, twin):
        assert not is_folded(other)
        torch.testing.assert_close(ready(mosaic), other(mosaic), rtol=0, atol=4e-6)


@pytest.mark.parametrize("tile", [8, 64, 96, 256, None])
@pytest.mark.parametrize("weights", ["random", pytest.param("published", marks=needs_published)])
def test_tiles_give_the_whole_picture(tile: int | None, weights: str) -> None:
    net: nn.Module = random_network() if weights == "random" else load_network(PUBLISHED)[0]
    # The small tile on a small picture: it is nearly all halo.
    mosaic = 3 * (random_mosaic(1, 1, 96, 128) if tile == 8 else random_mosaic(1, 1, 224, 288))
    with torch.no_grad():
        whole = net(mosaic)
    tiled = restore_mosaic(net, mosaic, tile=tile)
    assert tiled.is_contiguous()
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-5)


def test_a_smaller_halo_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    net = prepare(random_network())
    mosaic = random_mosaic(1, 1, 256, 256)
    monkeypatch.setattr(net, "geometry", replace(Lamba2021.geometry, render_halo=32))
    with torch.no_grad():
        difference = (restore_mosaic(net, mosaic, tile=64) - net(mosaic)).abs().max()
    assert difference > 1e-5


MEASURE = """
import re, sys, torch
from pathlib import Path
from rawkit.models import Lamba2021, prepare, restore_mosaic

def peak():
    # Not ru_maxrss: a child begins with that of the process that started it.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024 / 1e6

torch.set_num_threads(1)
net = prepare(Lamba2021())
restore_mosaic(net, torch.rand(1, 1, 64, 64))
mosaic = torch.rand(1, 1, 2048, 3072)
before = peak()
restore_mosaic(net, mosaic, tile=int(sys.argv[1]))
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in the units of Linux")
def test_tiles_bound_the_memory() -> None:
    whole, tiled = (
        float(
            subprocess.run(
                [sys.executable, "-c", MEASURE, tile], check=True, capture_output=True, text=True
            ).stdout
        )
        for tile in ("3072", "512")
    )
    picture = 3 * 2048 * 3072 * 4 / 1e6
    assert tiled - picture < 130
    assert tiled < whole / 2


def test_restoring_refuses_what_does_not_fit() -> None:
    net = prepare(Lamba2021())
    with pytest.raises(UsageError, match="expected one mosaic"):
        restore_mosaic(net, torch.zeros(2, 1, 32, 32))
    with pytest.raises(UsageError, match="multiples of 32"):
        restore_mosaic(net, torch.zeros(1, 1, 40, 32))
    with pytest.raises(UsageError, match="a tile of 100 pixels"):
        restore_mosaic(net, torch.zeros(1, 1, 32, 32), tile=100)


def test_a_network_of_one_stage_runs_whole() -> None:
    net = nn.Conv2d(1, 3, 1)
    mosaic = random_mosaic(1, 1, 10, 14)
    with torch.no_grad():
        torch.testing.assert_close(restore_mosaic(net, mosaic), net(mosaic))
    with pytest.raises(UsageError, match="tiles of 64 pixels for Conv2d"):
        restore_mosaic(net, mosaic, tile=64)


def test_the_registry_builds_by_name_and_lists_names() -> None:
    assert isinstance(build("lamba2021"), Lamba2021)
    assert all(name == network.name for name, network in NETWORKS.items())
    with pytest.raises(UsageError, match=r"'lamba'; expected one of .*lamba2021"):
        build("lamba")


def test_the_smaller_network_in_tiles_gives_its_whole_picture() -> None:
    torch.manual_seed(3)
    net = build("lamba2021-lite").eval()
    mosaic = 3 * random_mosaic(1, 1, 224, 288)
    with torch.no_grad():
        whole = net(mosaic)
    assert count_macs("lamba2021-lite") < 0.4 * count_macs("lamba2021")
    for tile in (64, 96, None):
        tiled = restore_mosaic(net, mosaic, tile=tile)
        torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["lamba2021", "lamba2021-lite"])
def test_what_is_fused_takes_batches_and_half_precision(name: str) -> None:
    torch.manual_seed(3)
    net = build(name).eval()
    mosaic = random_mosaic(2, 1, 96, 64)
    with torch.no_grad():
        plain = net(mosaic)
        torch.testing.assert_close(prepare(net)(mosaic), plain, rtol=0, atol=1e-5)
        # Rows that begin at an odd address cannot be moved two numbers at a time as they are.
        wider = random_mosaic(1, 1, 96, 71)[..., 7:]
        torch.testing.assert_close(prepare(net)(wider), net(wider), rtol=0, atol=1e-5)
        half = prepare(net, dtype=torch.bfloat16)(mosaic.bfloat16())
    assert half.dtype == torch.bfloat16
    assert (half.float() - plain).abs().max() < 0.1
