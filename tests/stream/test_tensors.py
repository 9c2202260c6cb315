"""Batches as tensors: the arithmetic against plain numpy."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from rawkit.errors import UsageError
from rawkit.sensor import Amplification, unpack
from rawkit.stream import Batch, BatchStream, PlanSettings
from rawkit.stream.dataset import TorchStream
from rawkit.stream.tensors import mosaic_of, normalise_planes, tensors_of
from tests.support.fixtures_stream import Shape, make_sources

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SETTINGS = PlanSettings(crop=12, crops_per_window=2, live_windows=8, window_chunks=2)


def batch_of(bits: int = 16) -> Batch:
    """Make a batch of three crops of 4 packed pixels with levels that differ everywhere."""
    generator = np.random.default_rng(5)
    return Batch(
        packed=generator.integers(0, 4000, (3, 4, 4, 4), np.uint16),
        target=generator.integers(0, 2**bits, (3, 3, 8, 8), np.uint8 if bits == 8 else np.uint16),
        black_level=np.array([[512, 500, 520, 530], [0, 1, 2, 3], [2048] * 4], np.float32),
        white_level=np.array([16383, 1023, 4095], np.float32),
        amplification_base=np.array([1.5, 20, 300], np.float32),
        exposure_ratio=np.array([100, 250, 3000], np.float32),
        gain_ratio=np.array([100, 250, 470], np.float32),
        iso=np.array([100, 200, 6400], np.float32),
        white_balance=np.array([[2, 1, 1.6, 1], [2.5, 1.1, 1, 1], [1, 1, 1, 1]], np.float32),
        names=("a", "b", "c"),
        position=3,
    )


def normalised(batch: Batch, crop: int, plane: int, factor: float) -> NDArray[np.float64]:
    """Write the formula down once more."""
    black, white = float(batch.black_level[crop, plane]), float(batch.white_level[crop])
    values = batch.packed[crop, plane].astype(np.float64)
    found: NDArray[np.float64] = np.maximum(values - black, 0) / (white - black) * factor
    return found


def test_planes_are_normalised_each_with_its_own_black_level() -> None:
    batch, factors = batch_of(), [2.0, 30.0, 0.5]
    found = normalise_planes(
        torch.from_numpy(batch.packed),
        torch.from_numpy(batch.black_level),
        torch.from_numpy(batch.white_level),
        torch.tensor(factors),
    ).numpy()
    assert found.dtype == np.float32
    for crop, factor in enumerate(factors):
        for plane in range(4):
            np.testing.assert_allclose(
                found[crop, plane], normalised(batch, crop, plane, factor), rtol=2e-6
            )
    # The test holds values below black, which must not turn negative.
    assert (batch.packed[2] < 2048).any()
    assert found.min() == 0


def test_gains_multiply_each_plane_beside_the_factor() -> None:
    batch = batch_of()
    values = (
        torch.from_numpy(batch.packed),
        torch.from_numpy(batch.black_level),
        torch.from_numpy(batch.white_level),
        torch.tensor([2.0, 30.0, 0.5]),
    )
    plain = normalise_planes(*values)
    gains = torch.tensor([[0.5, 1.0, 0.7, 1.0], [2.0, 3.0, 4.0, 5.0], [1.0, 1.0, 1.0, 1.0]])
    gained = normalise_planes(*values, gains)
    torch.testing.assert_close(gained, plain * gains[:, :, None, None], rtol=1e-6, atol=0)
    torch.testing.assert_close(gained[2], plain[2], rtol=0, atol=0)


def test_a_mosaic_of_planes_is_what_unpack_makes() -> None:
    planes = np.random.default_rng(6).random((2, 4, 3, 5), np.float32)
    mosaic = mosaic_of(torch.from_numpy(planes)).numpy()
    assert mosaic.shape == (2, 1, 6, 10)
    for one, expected in zip(mosaic, planes, strict=True):
        np.testing.assert_array_equal(one[0], unpack(expected))


@pytest.mark.parametrize(
    ("amplification", "factors"),
    [
        (Amplification(), [1.5, 20, 300]),
        (Amplification("auto", 8.0), [12, 160, 2400]),
        (Amplification("ratio"), [100, 250, 300]),
        (Amplification("number", 7.5), [7.5, 7.5, 7.5]),
    ],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_tensors_are_the_amplified_mosaic_and_the_target_of_0_to_1(
    amplification: Amplification, factors: list[float], bits: int
) -> None:
    batch = batch_of(bits)
    found = tensors_of(batch, amplification)
    assert found.position == batch.position
    assert found.mosaic.dtype == found.target.dtype == torch.float32
    for crop, factor in enumerate(factors):
        planes = np.stack([normalised(batch, crop, plane, factor) for plane in range(4)])
        np.testing.assert_allclose(found.mosaic[crop, 0].numpy(), unpack(planes), rtol=2e-6)
    np.testing.assert_allclose(
        found.target.numpy(), batch.target.astype(np.float64) / (2**bits - 1), rtol=1e-6, atol=1e-9
    )


def test_a_ratio_that_is_unknown_cannot_be_amplified_by() -> None:
    batch = replace(batch_of(), gain_ratio=np.array([1, np.nan, 2], np.float32))
    tensors_of(batch, Amplification())
    with pytest.raises(UsageError, match="unknown") as caught:
        tensors_of(batch, Amplification("ratio"))
    assert "auto" in (caught.value.fix or "")


def test_balanced_planes_have_grey_where_it_is_wanted() -> None:
    batch, neutral = batch_of(), (0.4, 1.0, 0.39)
    plain = tensors_of(batch, Amplification())
    found = tensors_of(batch, Amplification(), neutral=neutral)
    for crop, (red, first, blue, second) in enumerate(batch.white_balance.tolist()):
        green = (first + second) / 2
        for plane, gain in enumerate((0.4 * red / green, 1, 0.39 * blue / green, 1)):
            torch.testing.assert_close(
                found.planes[crop, plane], plain.planes[crop, plane] * gain, rtol=1e-6, atol=0
            )
    torch.testing.assert_close(found.target, plain.target, rtol=0, atol=0)


def test_planes_of_an_unknown_balance_cannot_be_balanced() -> None:
    balance = np.full((3, 4), np.nan, np.float32)
    batch = replace(batch_of(), white_balance=balance)
    tensors_of(batch, Amplification())
    with pytest.raises(UsageError, match="white balance"):
        tensors_of(batch, Amplification(), neutral=(0.4, 1.0, 0.39))


def test_a_torch_dataset_gives_the_batches_of_the_stream_from_its_position(tmp_path: Path) -> None:
    sources = make_sources(tmp_path, [Shape(24, 32, (8, 8))] * 2)
    stream = BatchStream(sources, SETTINGS, batch_size=3)
    plain = list(islice(stream.batches(), 4))
    data = TorchStream(stream, Amplification("number", 2.0), position=plain[1].position)
    loader = DataLoader(data, batch_size=None)
    for batch, found in zip(plain[2:], loader, strict=False):
        expected = tensors_of(batch, Amplification("number", 2.0))
        assert found.position == batch.position
        torch.testing.assert_close(found.mosaic, expected.mosaic, rtol=0, atol=0)
        torch.testing.assert_close(found.target, expected.target, rtol=0, atol=0)
