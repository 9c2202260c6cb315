"""Pictures of pixels that are not square, stretched as LibRaw does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rawkit.models import build, prepare
from rawkit.pictures import linear_of, stretch_bands
from rawkit.restore import Output, Restorer, restore_files
from rawkit.sensor import Amplification, RenderParameters, decode, open_raw

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DC120 = "KODAK_DC120_P003911_compressed.KDC"
NO_BANDS = np.empty((0, 5, 3), np.float32)


def by_libraw(picture: NDArray[np.float32], wanted: int, aspect: float) -> NDArray[np.float64]:
    """LibRaw's loop, for rows: one after the other, each between two of the picture."""
    rows, at = [], 0.0
    for _ in range(wanted):
        row = int(at)
        below = min(row + 1, len(picture) - 1)
        rows.append(picture[row] * (1 - (at - row)) + picture[below] * (at - row))
        at += aspect
    return np.array(rows, np.float64)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 40), aspect=st.floats(0.3, 0.99), cuts=st.lists(st.integers(0, 40)),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_bands_cut_anywhere_give_what_libraw_gives_for_the_whole(
    height: int, aspect: float, cuts: list[int], seed: int
) -> None:
    picture = np.random.default_rng(seed).random((height, 5, 3), np.float32)
    wanted = int(height / aspect + 0.5)
    assume(wanted > height)  # so small that nothing is to be done
    bands = np.split(picture.copy(), sorted(min(cut, height) for cut in cuts))
    tall = stretch_bands((one for one in bands if len(one)), (height, 5), (wanted, 5), aspect)
    assert np.allclose(np.concatenate([NO_BANDS, *tall]), by_libraw(picture, wanted, aspect),
                       atol=1e-5)  # fmt: skip
    across = picture.transpose(1, 0, 2).copy()
    wide = stretch_bands(iter([across]), (5, height), (5, wanted), 1 / aspect)
    expected = by_libraw(picture, wanted, aspect).transpose(1, 0, 2)
    assert np.allclose(np.concatenate(list(wide)), expected, atol=1e-5)


def test_the_stretched_size_is_libraw_s(real_data: Path) -> None:
    with open_raw(real_data / DC120) as raw:
        mosaic = raw.image().mosaic
        picture = raw.render(RenderParameters(bits=8), square=True)
    assert (mosaic.height, mosaic.width) == (976, 848)
    assert mosaic.square_size == picture.shape[:2] == (976, 1301)
    assert not mosaic.is_square
    assert replace(mosaic, pixel_aspect=1.004).square_size == (976, 848)
    assert replace(mosaic, pixel_aspect=0.5).square_size == (1952, 848)


@pytest.mark.parametrize("linear", [False, True])
def test_a_restored_picture_lies_on_libraw_s(
    real_data: Path, tmp_path: Path, *, linear: bool
) -> None:
    torch.manual_seed(0)
    restorer = Restorer(prepare(build("lamba2021")), "lamba2021", None, Amplification())
    output = Output(tmp_path, compare=True, linear=linear)
    report = restore_files([real_data / DC120], output, restorer)
    assert not report.failed
    (one,) = report.restored
    assert one.plain is not None
    sizes = [np.asarray(cv2.imread(str(path))).shape for path in (one.picture, one.plain)]
    assert sizes == [(976, 1301, 3)] * 2


def test_the_mosaic_s_own_light_is_stretched_to_libraw_s_place(real_data: Path) -> None:
    image = decode(real_data / DC120)
    mosaic = image.mosaic
    with open_raw(real_data / DC120) as raw:
        rendered = raw.render(RenderParameters(bits=8), square=True)
    green = linear_of(rendered[..., 1] / 255).mean(0)
    own = np.repeat(image.pixels.astype(np.float32)[:, :, None], 3, axis=2)
    bands = np.array_split(own, 7)
    wide = np.concatenate(
        list(stretch_bands(bands, own.shape[:2], mosaic.square_size, mosaic.pixel_aspect))
    )[..., 1].mean(0)
    smooth = np.ones(9) / 9
    one, other = (np.convolve(line, smooth, "valid") for line in (green, wide))
    # Moved by some columns, the two agree less.
    fits = {
        by: float(np.corrcoef(one[20:-20], np.roll(other, by)[20:-20])[0, 1]) for by in (-8, 0, 8)
    }
    assert max(fits, key=lambda by: fits[by]) == 0
