"""The U-Net for clips: a plain evaluation, how far it sees, its names, weights of every variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import conv2d, leaky_relu

from rawkit.errors import UsageError, WeightsError
from rawkit.models import (
    DEPTHS,
    NETWORKS,
    Unet3d,
    Unet3dVariant,
    build,
    count_macs,
    count_parameters,
    describe,
    load_network,
    prepare,
    receptive_field,
    receptive_frames,
    save_safetensors,
    variant_named,
)

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

pytestmark = pytest.mark.usefixtures("one_torch_thread")

variants = st.builds(
    Unet3dVariant, st.booleans(), st.sampled_from(DEPTHS), st.integers(1, 16).map(lambda n: 4 * n)
)
CELL = ((0, 0), (0, 1), (1, 0), (1, 1))
SMALL = [Unet3dVariant(residual, depth, 4) for residual in (False, True) for depth in DEPTHS]


def random_network(variant: Unet3dVariant, seed: int = 0) -> Unet3d:
    """Return a network in double precision whose biases are random as well."""
    torch.manual_seed(seed)
    net = Unet3d(variant).eval().double()
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, 0.1, 0.1)
    # Mid-grey, so that the final clamp does not hide differences.
    with torch.no_grad():
        net.picture.weight.mul_(0.05)
        net.get_parameter("picture.bias").fill_(0.5)
    return net


def random_clip(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 1.5 * torch.rand(shape, generator=generator, dtype=torch.float64)


class Plain:
    """The network by its description: frame by frame, with planar convolutions alone."""

    def __init__(self, variant: Unet3dVariant, state: dict[str, Tensor]) -> None:
        self.variant, self.state = variant, state

    def conv(self, frames: list[Tensor], name: str) -> list[Tensor]:
        """Sum three planar convolutions: of the frame before, of this one and of the next."""
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        nothing = torch.zeros_like(frames[0])
        around = [nothing, *frames, nothing]
        made = []
        for t in range(len(frames)):
            planar = [conv2d(around[t + k], weight[:, :, k], padding=1) for k in range(3)]
            made.append(planar[0] + planar[1] + planar[2] + bias[:, None, None])
        return made

    def block(self, frames: list[Tensor], name: str) -> list[Tensor]:
        """Run two activated convolutions, with the projected input where they are residual."""
        second = self.conv([leaky_relu(x, 0.2) for x in self.conv(frames, f"{name}.first")],
                           f"{name}.second")  # fmt: skip
        if self.variant.residual:
            weight = self.state[f"{name}.project.weight"][:, :, 0]
            bias = self.state[f"{name}.project.bias"]
            second = [y + conv2d(x, weight, bias) for x, y in zip(frames, second, strict=True)]
        return [leaky_relu(x, 0.2) for x in second]

    def widened(self, x: Tensor, name: str) -> Tensor:
        """Spread each pixel over four."""
        weight = self.state[f"{name}.weight"][:, :, 0]
        made = x.new_empty(x.shape[0], weight.shape[1], 2 * x.shape[2], 2 * x.shape[3])
        for row, column in CELL:
            cell = torch.einsum("bchw,cd->bdhw", x, weight[:, :, row, column])
            made[..., row::2, column::2] = cell
        return made

    def picture(self, x: Tensor) -> Tensor:
        """Lay twelve channels out as three of twice the side."""
        channels = conv2d(x, self.state["picture.weight"][:, :, 0], self.state["picture.bias"])
        made = x.new_empty(x.shape[0], 3, 2 * x.shape[2], 2 * x.shape[3])
        for number in range(12):
            row, column = CELL[number % 4]
            made[:, number // 4, row::2, column::2] = channels[:, number]
        return made.clamp(0, 1)

    def __call__(self, clip: Tensor) -> Tensor:
        """Restore (N, 4, T, h, w)."""
        frames = [clip[:, :, t].clamp(max=1) for t in range(clip.shape[2])]
        skips = []
        for level in range(self.variant.depth + 1):
            frames = self.block([halved(x) for x in frames] if level else frames, f"down.{level}")
            skips.append(frames)
        skips.pop()
        for level in range(self.variant.depth):
            pairs = zip(frames, skips.pop(), strict=True)
            joined = [torch.cat((self.widened(x, f"widen.{level}"), skip), 1) for x, skip in pairs]
            frames = self.block(joined, f"up.{level}")
        return torch.stack([self.picture(x) for x in frames], 2)


def halved(x: Tensor) -> Tensor:
    """Keep the greatest of each four pixels."""
    return torch.stack([x[..., row::2, column::2] for row, column in CELL]).amax(0)


@pytest.mark.parametrize("variant", SMALL, ids=lambda one: one.name)
@torch.inference_mode()
def test_it_equals_a_plain_evaluation(variant: Unet3dVariant) -> None:
    net = random_network(variant)
    clip = random_clip(2, 4, 3, 16, 32)
    expected = Plain(variant, net.state_dict())(clip)
    assert expected.shape == (2, 3, 3, 32, 64)
    assert 0.01 < float(expected.std()) < 0.4
    torch.testing.assert_close(net(clip), expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(prepare(net)(clip), expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("depth", DEPTHS)
def test_an_area_depends_on_no_more_than_its_halo_in_space_and_time(depth: int) -> None:
    variant = Unet3dVariant(depth=depth, width=4)
    geometry = variant.geometry
    assert receptive_frames(variant.name) == geometry.frames_halo
    reach = receptive_field(variant.name)
    assert geometry.render_halo - geometry.multiple < reach <= geometry.render_halo
    assert geometry.render_halo % geometry.multiple == 0


@torch.inference_mode()
def test_pieces_with_halos_are_the_whole() -> None:
    variant = Unet3dVariant(depth=2, width=4)
    net, geometry = random_network(variant), variant.geometry
    frames, halo = 2 * geometry.frames_halo + 4, geometry.render_halo // 2
    clip = random_clip(1, 4, frames, 16, 2 * halo + 16)
    whole = net(clip)
    # The two frames and the cell in the middle see just as far as their halos.
    middle = slice(geometry.frames_halo, geometry.frames_halo + 2)
    piece = net(clip[:, :, : 2 * geometry.frames_halo + 2])[:, :, middle]
    torch.testing.assert_close(piece, whole[:, :, middle], atol=1e-9, rtol=0)
    piece = net(clip[:, :, 1 : 2 * geometry.frames_halo + 2])[:, :, geometry.frames_halo - 1]
    assert float((piece - whole[:, :, geometry.frames_halo]).abs().max()) > 1e-9
    cell = slice(2 * halo, 2 * halo + 16)
    piece = net(clip[..., : 2 * halo + 8])[..., cell]
    torch.testing.assert_close(piece, whole[..., cell], atol=1e-9, rtol=0)


@pytest.mark.parametrize("residual", [False, True])
def test_computing_activations_again_changes_no_gradient(*, residual: bool) -> None:
    net = random_network(Unet3dVariant(residual=residual, depth=2, width=4)).train()
    gradients = []
    for net.recompute in (False, True):
        net.zero_grad()
        net(random_clip(1, 4, 3, 16, 16)).square().mean().backward()
        gradients.append([parameter.grad for parameter in net.parameters()])
    kept, again = gradients
    for one, other in zip(kept, again, strict=True):
        assert one is not None
        assert other is not None
        assert one.abs().sum() > 0
        assert torch.equal(one, other)


@given(variant=variants)
@settings(max_examples=25, deadline=None)
def test_a_name_says_which_variant_it_is(variant: Unet3dVariant) -> None:
    assert variant_named(variant.name) == variant
    about = describe(variant.name)
    assert about.name == variant.name
    assert about.takes_clips
    assert about.multiple == 2 ** (variant.depth + 1)


@pytest.mark.parametrize("variant", SMALL, ids=lambda one: one.name)
def test_what_a_variant_says_of_itself_is_true(variant: Unet3dVariant) -> None:
    assert variant.parameters == count_parameters(variant.name)
    net = build(variant.name)
    assert isinstance(net, Unet3d)
    assert net.variant == variant


def test_the_published_ones_are_listed() -> None:
    assert NETWORKS["unet3d"].takes_clips
    assert NETWORKS["unet3d-residual"].takes_clips
    for name, about in NETWORKS.items():
        assert bool(build(name).takes_clips) == about.takes_clips
    assert count_parameters("unet3d") == 5_430_412
    # By hand: levels of (ins + outs) outs 27 at a quarter of the pixels each, the widening, the 12.
    down = [(4, 32), (32, 64), (64, 128), (128, 256)]
    work = sum((a + b) * b * 27 / 4**level for level, (a, b) in enumerate(down))
    work += sum(((3 * b) * b * 27 + 2 * b * b) / 4**level for level, (_, b) in enumerate(down[:3]))
    work += 32 * 12
    assert count_macs("unet3d", 4 * 10**6) == pytest.approx(work * 10**6, rel=1e-6)


@pytest.mark.parametrize(
    "name",
    ["unet3d-depth3", "unet3d-width8-depth2", "unet3d-", "unet3d-residual-residual", "unet3d-wide"],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"no network called .*unet3d\[-residual\]"):
        describe(name)


@pytest.mark.parametrize("name", ["unet3d-depth5", "unet3d-depth2-width6", "unet3d-width512"])
def test_other_sizes_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"expected (one of 2, 3, 4|a multiple of 4)"):
        describe(name)


@pytest.mark.parametrize("variant", SMALL, ids=lambda one: one.name)
def test_weights_find_their_variant(variant: Unet3dVariant, tmp_path: Path) -> None:
    state = random_network(variant).float().state_dict()
    save_safetensors(tmp_path / "ours.safetensors", variant.name, state, {})
    torch.save(state, tmp_path / "bare.pt")
    for path in (tmp_path / "ours.safetensors", tmp_path / "bare.pt"):
        net, loaded = load_network(path)
        assert loaded.network == variant.name
        assert all(torch.equal(net.state_dict()[name], value) for name, value in state.items())


def test_weights_that_fit_no_variant_are_refused(tmp_path: Path) -> None:
    state = random_network(Unet3dVariant(depth=2, width=4)).float().state_dict()
    state["up.0.first.weight"] = state["up.0.first.weight"][:, :-1]
    torch.save(state, tmp_path / "bare.pt")
    with pytest.raises(WeightsError, match="other shapes than in unet3d-depth2-width4"):
        load_network(tmp_path / "bare.pt")


@pytest.mark.parametrize(
    "shape",
    [(1, 1, 32, 32), (1, 4, 32, 32), (1, 3, 2, 8, 8), (1, 4, 0, 8, 8), (1, 4, 2, 12, 8),
     (1, 4, 2, 8, 0)],
)  # fmt: skip
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"expected \(N, 4, T, h, w\) with h and w multiples of 8"):
        Unet3d(Unet3dVariant(width=4))(torch.zeros(shape))


def test_it_is_not_clamped_in_training_and_clips_what_goes_in() -> None:
    net = random_network(Unet3dVariant(depth=2, width=4)).train()
    torch.nn.init.constant_(net.get_parameter("picture.bias"), 2.0)
    clip = random_clip(1, 4, 2, 8, 8)
    with torch.no_grad():
        assert float(net(clip).max()) > 1.5
        assert torch.equal(net(clip), net(clip.clamp(max=1)))
        assert float(net.eval()(clip).max()) <= 1.0


def test_the_first_weights_keep_the_scale_of_the_signal() -> None:
    torch.manual_seed(0)
    net = Unet3d(Unet3dVariant(width=8))
    with torch.no_grad():
        made = net(torch.rand(1, 4, 4, 32, 32))
    assert 0.05 < float(made.std()) < 5


def test_a_wider_variant_sees_as_far_as_the_one_that_is_measured() -> None:
    for variant in (Unet3dVariant(depth=2, width=8), Unet3dVariant(residual=True, depth=2)):
        narrow = build(describe(variant.name).sees_like)
        wide = build(variant.name)
        assert [type(one) for one in wide.modules()] == [type(one) for one in narrow.modules()]
