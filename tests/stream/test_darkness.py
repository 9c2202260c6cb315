"""Crops without what their cameras put into them, against mending whole mosaics and cutting."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import ProfileError, UsageError
from rawkit.noise import CameraProfile, mended
from rawkit.sensor import Amplification, image_of_array, pack
from rawkit.stream import Batch, CropMender, Origin
from rawkit.stream.mended import mended_planes
from rawkit.stream.tensors import tensors_of
from tests.support.profiles import small_profile

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEIGHT, WIDTH, WHITE = 46, 62, 4000
"""Mosaic pixels of a stored frame, and a white level that some of them reach."""
BLACK = 512.0
N = 8
TEXTS = {(0, 0): "RGGB", (0, 1): "GRBG", (1, 0): "GBRG", (1, 1): "BGGR"}
"""First cell of what begins so many rows and columns into a canonical mosaic."""


def profile_of(at: tuple[int, int], hot: int, seed: int) -> CameraProfile:
    """Return a profile of a camera that sees a little more than what is stored from `at` on."""
    size = HEIGHT + at[0] + 1, WIDTH + at[1] + 1
    rng = np.random.default_rng(seed)
    places = rng.choice(size[0] * size[1], hot, replace=False)
    found = small_profile(*size)
    text = TEXTS[at]
    numbers, seen = {"R": 0, "B": 2}, {"R": 0, "G": 0, "B": 0}
    cells = [[0, 0], [0, 0]]
    for place, letter in enumerate(text):
        row, column = divmod(place, 2)
        in_row = text[2 * row : 2 * row + 2]
        cells[row][column] = numbers.get(letter, 1 if "R" in in_row else 3)
        seen[letter] += 1
    pattern = tuple(tuple(row) for row in cells)
    hot_pixels = np.stack(np.divmod(places, size[1]), axis=1).astype(np.int32)
    return replace(found, mosaic=replace(found.mosaic, pattern=pattern), hot=hot_pixels)


def frame_of(seed: int) -> NDArray[np.uint16]:
    """Return a stored frame as a mosaic; some pixels saturate, some lie below black."""
    rng = np.random.default_rng(seed)
    values = rng.normal(BLACK + 20, 12, (HEIGHT, WIDTH))
    values[rng.random(values.shape) < 0.05] = WHITE + 3
    return values.round().clip(0, 65535).astype(np.uint16)


def in_units(
    pixels: NDArray[np.uint16], text: str, profile: CameraProfile, iso: float, at: tuple[int, int]
) -> tuple[NDArray[np.float64], int]:
    """Mend a mosaic; returns it in sensor units, black still in it, and the steps of a unit."""
    image = image_of_array(pixels, pattern=text, black=BLACK, white=WHITE)
    size = profile.mosaic.height, profile.mosaic.width
    done = mended(image, profile, iso, at=at, visible=size)
    lift = done.image.mosaic.black_level[0] - done.steps * BLACK
    return (done.image.pixels - lift) / done.steps, done.steps


def turned(region: NDArray[Any], augmentation: int) -> NDArray[Any]:
    region = region[:, ::-1] if augmentation & 1 else region
    region = region[::-1] if augmentation & 2 else region
    return region.T if augmentation & 4 else region


def origin_of(profile: CameraProfile, at: tuple[int, int], top: int, left: int, augmentation: int,
              iso: float = 1600) -> Origin:  # fmt: skip
    size = profile.mosaic.height, profile.mosaic.width
    return Origin("store", "test/frame", "scene", iso, 0.1, 0, 0, top, left, augmentation,
                  camera=profile.model, area=(*size, *at))  # fmt: skip


def batch_of(crops: list[NDArray[np.uint16]], origins: list[Origin]) -> Batch:
    count = len(crops)
    numbers = np.ones(count, np.float32)
    return Batch(
        packed=np.stack(crops), target=np.zeros((count, 3, 2 * N, 2 * N), np.uint8),
        black_level=np.full((count, 4), BLACK, np.float32),
        white_level=np.full(count, WHITE, np.float32), amplification_base=numbers,
        exposure_ratio=numbers, gain_ratio=numbers,
        iso=np.array([one.iso for one in origins], np.float32),
        white_balance=np.ones((count, 4), np.float32), names=("test/frame",) * count,
        position=count, origins=tuple(origins),
    )  # fmt: skip


def without_darkness(batch: Batch, mender: CropMender) -> NDArray[np.float32]:
    found = mender(batch)
    arrays = (batch.packed, batch.white_level, found.down, found.across, found.hot, found.near,
              found.count)  # fmt: skip
    return mended_planes(*(torch.from_numpy(one) for one in arrays)).numpy()


@settings(max_examples=100)
@given(
    augmentations=st.lists(st.integers(0, 7), min_size=1, max_size=3), data=st.data(),
    at=st.sampled_from(sorted(TEXTS)), hot=st.integers(0, 300), seed=st.integers(0, 99),
    iso=st.sampled_from([400.0, 1000.0, 1600.0, 5000.0, 25600.0]), bare=st.booleans(),
)  # fmt: skip
def test_a_crop_is_mended_as_what_it_holds_of_the_mosaic_is(
    augmentations: list[int], data: st.DataObject, at: tuple[int, int], hot: int, seed: int,
    iso: float, *, bare: bool,
) -> None:  # fmt: skip
    profile, frame = profile_of(at, hot, seed), frame_of(seed)
    if bare:
        profile = replace(profile, ranges=())
    whole, steps = in_units(frame, "RGGB", profile, iso, at)
    crops, origins, slow, far = [], [], [], []
    for augmentation in augmentations:
        down, across = augmentation >> 1 & 1, augmentation & 1
        top, left = (
            data.draw(st.integers(0, (length - 2 * N) // 2 - flipped), label="place")
            for length, flipped in ((HEIGHT, down), (WIDTH, across))
        )
        rows, columns = (
            slice(2 * first + offset, 2 * first + offset + 2 * N)
            for first, offset in ((top, down), (left, across))
        )
        begin = at[0] + rows.start, at[1] + columns.start
        region, _ = in_units(frame[rows, columns], TEXTS[down, across], profile, iso, begin)
        slow.append(pack(turned(region, augmentation)))
        inner = np.zeros((2 * N, 2 * N))
        inner[4:-4, 4:-4] = 1
        far.append((pack(turned(whole[rows, columns], augmentation)), pack(inner) > 0))
        crops.append(pack(turned(frame[rows, columns], augmentation)))
        origins.append(origin_of(profile, at, top, left, augmentation, iso))
    batch = batch_of(crops, origins)
    found = without_darkness(batch, CropMender([], {"store": [profile]}))
    assert found.dtype == np.float32
    # What is mended is rounded to steps of a unit, medians of an even number twice; crops are not.
    np.testing.assert_allclose(found, slow, atol=1 / steps + 2e-3, rtol=0)
    for crop, (expected, inside) in zip(found, far, strict=True):
        np.testing.assert_allclose(crop[inside], expected[inside], atol=1 / steps + 2e-3, rtol=0)


@pytest.mark.parametrize("augmentation", range(8))
def test_shading_is_that_of_the_mosaic_to_float_rounding(augmentation: int) -> None:
    at = (1, 0)
    profile, frame = profile_of(at, 0, 3), frame_of(4)
    down, across = augmentation >> 1 & 1, augmentation & 1
    rows, columns = slice(6 + down, 6 + down + 2 * N), slice(10 + across, 10 + across + 2 * N)
    shading = profile.shading(1600)[at[0] :, at[1] :][rows, columns]
    pixels = frame[rows, columns].astype(np.float64)
    plain = np.where(pixels >= WHITE, pixels, pixels - shading)
    crop = pack(turned(frame[rows, columns], augmentation))
    batch = batch_of([crop], [origin_of(profile, at, 3, 5, augmentation)])
    found = without_darkness(batch, CropMender([profile]))
    np.testing.assert_allclose(found[0], pack(turned(plain, augmentation)), atol=3e-4, rtol=0)
    assert np.abs(shading).max() > 1


def test_tensors_are_mended_before_black_is_subtracted() -> None:
    profile, frame = profile_of((0, 0), 40, 1), frame_of(2)
    crop = pack(frame[: 2 * N, : 2 * N])
    batch = batch_of([crop, crop], [origin_of(profile, (0, 0), 0, 0, 0)] * 2)
    mender = CropMender([profile])
    found = tensors_of(batch, Amplification("number", 3.0), mender=mender)
    expected = (without_darkness(batch, mender) - BLACK).clip(0) / (WHITE - BLACK) * 3
    np.testing.assert_allclose(found.planes.numpy(), expected, rtol=1e-6, atol=1e-9)
    plain = tensors_of(batch, Amplification("number", 3.0))
    assert not torch.equal(plain.planes, found.planes)
    assert torch.equal(plain.target, found.target)
    np.testing.assert_array_equal(batch.packed[0], crop)


def test_a_hot_pixel_without_a_neighbour_keeps_its_value() -> None:
    size = HEIGHT + 1, WIDTH + 1
    every = np.argwhere(np.ones(size, np.bool_)).astype(np.int32)
    profile = replace(profile_of((0, 0), 0, 0), ranges=(), hot=every)
    nothing = replace(profile, hot=np.empty((0, 2), np.int32))
    crop = pack(frame_of(0)[: 2 * N, : 2 * N])
    batch = batch_of([crop], [origin_of(profile, (0, 0), 0, 0, 0)])
    np.testing.assert_array_equal(
        without_darkness(batch, CropMender([profile])),
        without_darkness(batch, CropMender([nothing])),
    )


def test_what_cannot_be_mended_is_refused() -> None:
    profile = profile_of((0, 0), 3, 0)
    crop = pack(frame_of(0)[: 2 * N, : 2 * N])
    good = origin_of(profile, (0, 0), 0, 0, 0)
    mender = CropMender([profile])

    def refused(match: str, origin: Origin, mender: CropMender = mender) -> None:
        with pytest.raises(ProfileError, match=match):
            mender(batch_of([crop], [origin]))

    refused("does not say its ISO", replace(good, iso=float("nan")))
    refused("a frame of Other", replace(good, camera="Other"))
    refused("for a frame of 62x46", replace(good, area=(46, 62, 0, 0)))
    refused("the pattern", replace(good, area=(*good.area[:2], 0, 1)))
    refused("does not say its camera", replace(good, camera=""), CropMender([]))
    clip = batch_of([crop], [good])
    with pytest.raises(UsageError, match="clips"):
        mender(replace(clip, packed=clip.packed[:, None]))
