"""Sigma maps: what they say is the noise there is, window by window as on the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rawkit.errors import UsageError
from rawkit.models import (
    ShotAndRead,
    Staged,
    amplified,
    build,
    denoise_bands,
    describe,
    packed_planes,
    prepare,
    restore_mosaic,
    with_sigma,
)
from rawkit.models.tiles import Area
from rawkit.sensor import BAYER, XTRANS, image_of_array
from rawkit.stream import mosaic_of, with_sigma_map

XTRANS_PATTERN = "RBGBRG/GGRGGB/GGBGGR/BRGRBG/GGBGGR/GGRGGB"


@pytest.mark.parametrize("pattern", ["RGGB", "GBRG", XTRANS_PATTERN])
def test_the_map_is_the_noise_of_what_goes_in(pattern: str) -> None:
    noise, black, light = ShotAndRead(3.0, 40.0), [500, 510, 505, 495], 900.0
    if pattern == XTRANS_PATTERN:
        black = [500] * 9
    generator = np.random.default_rng(1)
    pixels = noise.gain * generator.poisson(light / noise.gain, (240, 288)).astype(np.float64)
    pixels += generator.normal(500, noise.variance**0.5, pixels.shape)
    image = image_of_array(np.rint(pixels).astype(np.uint16), pattern=pattern, black=black,
                           white=16383)  # fmt: skip
    name = "raw-unet-sigma" if image.mosaic.cell == BAYER else "raw-unet-sigma-xtrans"
    source = with_sigma(amplified(image.pixels, image.mosaic, 20.0, describe(name)), noise)
    whole = source.window(Area(0, 0, source.height, source.width))
    values, sigma = whole[0].numpy()
    assert values.std() == pytest.approx(float(np.sqrt(np.mean(sigma**2))), rel=0.05)
    window = Area(48, 96, 144, 240)
    assert torch.equal(source.window(window), whole[..., *window.slices()])


def test_planes_that_stream_have_the_map_that_a_mosaic_has() -> None:
    generator = np.random.default_rng(2)
    pixels = generator.integers(400, 9000, (64, 96), np.uint16)
    black = [500.0, 512.0, 505.0, 490.0]
    image = image_of_array(pixels, pattern="RGGB", black=black, white=16383)
    noise, factor = ShotAndRead(1.7, 30.0), 7.0
    about = describe("raw-unet-sigma")
    source = with_sigma(amplified(pixels, image.mosaic, factor, about), noise)
    whole = source.window(Area(0, 0, 64, 96))
    planes = with_sigma_map(
        packed_planes(whole[:, :1], BAYER),
        torch.tensor([[16383 - one for one in black]]),
        torch.tensor([factor]), torch.tensor([noise.gain]), torch.tensor([noise.variance]),
    )  # fmt: skip
    assert torch.allclose(mosaic_of(planes), whole, rtol=1e-5)


@pytest.mark.parametrize("name", ["raw-unet-sigma", "raw-unet-sigma-xtrans"])
def test_networks_that_are_told_run_in_tiles_as_on_the_whole(name: str) -> None:
    torch.manual_seed(1)
    about = describe(name)
    net = build(name).eval()
    assert about.cell == (XTRANS if name.endswith("xtrans") else BAYER)
    side = about.multiple
    mosaic = torch.rand(1, 2, 14 * side, 10 * side)
    with torch.inference_mode():
        whole = net(mosaic)
    tiled = restore_mosaic(prepare(net), mosaic, tile=4 * side)
    assert whole.shape == (1, 1, *mosaic.shape[2:])
    assert (tiled - whole).abs().max() < 1e-4
    with pytest.raises(UsageError, match=r"\(B, 2, H, W\)"):
        net(mosaic[:, :1])


@pytest.mark.parametrize(
    ("network", "k_sigma"),
    [("raw-unet", False), ("raw-unet", True), ("raw-unet-sigma", False), ("pmrid", True)],
)
def test_what_changes_nothing_gives_the_mosaic_back(network: str, *, k_sigma: bool) -> None:
    """Whatever a network is fed, what comes out is in sensor units above black."""
    pixels = np.random.default_rng(6).integers(600, 9000, (66, 94), np.uint16)
    image = image_of_array(pixels, pattern="GRBG", black=[500, 512, 505, 490], white=16383)

    class Same(torch.nn.Module):
        geometry = describe("raw-unet").geometry

        def squeeze(self, mosaic: torch.Tensor) -> torch.Tensor:
            return mosaic.new_empty((1, 0, 1, 1))

        def look_far(self, squeezed: torch.Tensor) -> torch.Tensor:
            return squeezed

        def render(self, mosaic: torch.Tensor, features: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - the stages share it
            return mosaic[:, :1].clone()

    same = Same()
    assert isinstance(same, Staged)
    bands = denoise_bands(
        same, pixels, image.mosaic, describe(network), factor=30.0,
        noise=ShotAndRead(2.0, 90.0), k_sigma=k_sigma,
    )  # fmt: skip
    found = np.concatenate(list(bands))
    wanted = pixels.astype(np.float64)
    for y, x, plane in image.mosaic.positions():
        wanted[y::2, x::2] -= image.mosaic.black_level[plane]
    assert np.abs(found - wanted).max() < 0.05
    if k_sigma or describe(network).takes_sigma:
        with pytest.raises(UsageError, match="without the noise"):
            next(denoise_bands(same, pixels, image.mosaic, describe(network), k_sigma=k_sigma))
    with pytest.raises(UsageError, match="gives pictures"):
        next(denoise_bands(same, pixels, image.mosaic, describe("sid")))
