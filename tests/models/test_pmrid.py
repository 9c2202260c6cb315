"""PMRID beside the published network, its weights, tiles, and the k-sigma transform."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle, relu

from rawkit.errors import MosaicError, UsageError
from rawkit.models import (
    RENO_1600,
    KSigma,
    Pmrid,
    RawUnet,
    RawXtransUnet,
    ShotAndRead,
    Staged,
    describe,
    load_network,
    packed_planes,
    prepare,
    read_tensors,
    restore_bands,
    restore_mosaic,
    stabilised,
)
from rawkit.models.sid_unet import laid_out
from rawkit.sensor import BAYER, XTRANS, image_of_array
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = REPOSITORY.parent / "shared" / "weights" / "pmrid" / "torch_pretrained.ckp"


@cache
def published() -> dict[str, Tensor]:
    found = read_tensors(WEIGHTS)
    assert isinstance(found, dict)
    return found


def _convolved(x: Tensor, name: str, stride: int = 1) -> Tensor:
    """Convolve by the published name of a separable layer, as the published code does."""
    state = published()
    depth = state[f"{name}.depthwise.weight"]
    side = depth.shape[-1] // 2
    x = nn.functional.conv2d(x, depth, None, stride, side, groups=len(depth))
    return nn.functional.conv2d(
        x, state[f"{name}.pointwise.weight"], state[f"{name}.pointwise.bias"]
    )


def _whole(x: Tensor, name: str) -> Tensor:
    return nn.functional.conv2d(x, published()[f"{name}.conv.weight"],
                                published()[f"{name}.conv.bias"], padding=1)  # fmt: skip


def _refined(x: Tensor, name: str) -> Tensor:
    return x + _convolved(relu(_convolved(x, f"{name}.conv0")), f"{name}.conv1")


def published_network(planes: Tensor) -> Tensor:
    """Write models/net_torch.py of MegEngine/PMRID down once more, (B, 4, h, w) R, G, G, B."""
    levels = [relu(_whole(planes, "conv0"))]
    for stage, blocks in enumerate((2, 2, 4, 4), start=1):
        x = levels[-1]
        for block in range(blocks):
            name, stride = f"enc{stage}.{block}", 1 if block else 2
            inner = _convolved(relu(_convolved(x, f"{name}.conv1", stride)), f"{name}.conv2")
            x = relu(inner + (x if block else _convolved(x, f"{name}.proj", 2)))
        levels.append(x)
    x = relu(_convolved(levels.pop(), "encdec"))
    for stage in range(1, 5):
        name, state = f"dec{stage}", published()
        x = _refined(x, f"{name}.decode_conv")
        x = nn.functional.conv_transpose2d(
            x, state[f"{name}.upsample.weight"], state[f"{name}.upsample.bias"], 2
        )
        x = x + relu(_convolved(levels.pop(), f"{name}.proj_conv"))
    return planes + _whole(_refined(x, "out0"), "out1")


def test_it_gives_what_the_published_network_gives() -> None:
    net, loaded = load_network(WEIGHTS)
    assert loaded.network == "pmrid"
    assert loaded.published
    assert (loaded.licence or "").startswith("Apache-2.0")
    assert sum(value.numel() for value in net.state_dict().values()) == 1_031_908
    planes = torch.rand(2, 4, 64, 48) * 256
    with torch.inference_mode():
        wanted, found = published_network(planes), net(pixel_shuffle(planes, 2))
    assert torch.equal(pixel_unshuffle(found, 2), wanted)


@pytest.mark.parametrize("tile", [128, 192])
def test_tiles_give_what_the_whole_gives(tile: int) -> None:
    net, _ = load_network(WEIGHTS)
    mosaic = torch.rand(1, 1, 640, 448) * 256
    with torch.inference_mode():
        whole = net(mosaic)
    assert (restore_mosaic(prepare(net), mosaic, tile=tile) - whole).abs().max() < 1e-3


@given(st.floats(1e-3, 1e3), st.floats(0, 1e6), st.floats(0, 65535), st.sampled_from([1.0, 256.0]))
def test_the_transform_is_undone(gain: float, variance: float, value: float, white: float) -> None:
    one = KSigma.of(ShotAndRead(gain, variance), white)
    light = np.array(value)
    tolerance = 1e-9 * (abs(one.offset / one.scale) + value + 1)
    assert abs(one.inverse(one.forward(light)) - light) <= tolerance


def test_noise_of_any_camera_becomes_that_of_the_anchor() -> None:
    generator = np.random.default_rng(2)
    unit = 1.0 / 959
    for gain, sigma in ((0.3, 2.0), (4.0, 9.0)):
        one = KSigma.of(ShotAndRead(gain, sigma**2), 1.0)
        for light in (5.0, 400.0):
            seen = gain * generator.poisson(light / gain, 400_000)
            seen = seen + generator.normal(0, sigma, seen.shape)
            found = one.forward(seen) / unit
            expected = RENO_1600.gain * one.forward(np.array(light)) / unit + RENO_1600.variance
            assert found.var() == pytest.approx(expected, rel=0.01)
    with pytest.raises(UsageError, match="gain of 0"):
        ShotAndRead(0, 1)


def test_mosaics_in_sensor_units_are_put_through_the_published_steps() -> None:
    """Clip to black, k-sigma in units of the sensor, scale to 256; the anchor's is x 256 / V."""
    pixels = np.random.default_rng(4).integers(40, 1023, (64, 96), np.uint16)
    image = image_of_array(pixels, pattern="RGGB", black=64, white=1023)
    net, _ = load_network(WEIGHTS)
    one = KSigma.of(RENO_1600, 256.0)
    source = stabilised(image.pixels, image.mosaic, one, describe("pmrid"))
    ready = prepare(net)
    assert isinstance(ready, Staged)
    found = np.concatenate([band for _, band in restore_bands(ready, source)])[..., 0]
    light = (pixels.astype(np.float32) - 64).clip(0) / 959
    with torch.inference_mode():
        wanted = published_network(pixel_unshuffle(torch.from_numpy(light)[None, None] * 256, 2))
    assert found.shape == pixels.shape
    assert np.abs(found - pixel_shuffle(wanted, 2)[0, 0].numpy()).max() < 1e-3
    pattern = "RBGBRG/GGRGGB/GGBGGR/BRGRBG/GGBGGR/GGRGGB"
    other = image_of_array(pixels, pattern=pattern, black=64, white=1023)
    with pytest.raises(MosaicError, match="reads no other"):
        stabilised(other.pixels, other.mosaic, one, describe("pmrid"))


def test_planes_are_laid_out_as_they_were_packed() -> None:
    for cell, sides in ((BAYER, (64, 96)), (XTRANS, (48, 96))):
        mosaic = torch.rand(2, 1, *sides)
        assert torch.equal(laid_out(packed_planes(mosaic, cell), cell), mosaic)


@pytest.mark.parametrize("kind", [RawUnet, RawXtransUnet])
def test_unets_from_planes_to_planes_give_mosaics(kind: type[RawUnet]) -> None:
    net = kind().eval()
    side = net.geometry.multiple
    mosaic = torch.rand(1, 1, side, 2 * side)
    with torch.inference_mode():
        found = net(mosaic)
    assert found.shape == mosaic.shape
    assert net.picture.out_channels == kind.CELL.planes


def test_other_sizes_are_refused() -> None:
    with pytest.raises(UsageError, match="multiples of 32"):
        Pmrid()(torch.zeros(1, 1, 48, 64))
