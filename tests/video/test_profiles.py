"""Frames of a folder mended by the profile of their camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import UsageError
from rawkit.restore import Mending
from rawkit.sensor import amplification_base
from rawkit.video import find_footage
from tests.support.factories import write_noise_dng
from tests.support.profiles import profile_of_test_camera

if TYPE_CHECKING:
    from pathlib import Path


def test_each_frame_is_mended(tmp_path: Path) -> None:
    for number in range(2):
        write_noise_dng(tmp_path / f"take_{number}.dng", seed=number)
    mending = Mending((profile_of_test_camera(hot=((4, 4),)),))
    plain, mended = find_footage(tmp_path), find_footage(tmp_path, mending=mending)
    assert plain.identity() != mended.identity()
    try:
        for number in range(2):
            one, other = plain.frame(number), mended.frame(number)
            black = other.image.mosaic.black_level[0]
            red = (other.image.pixels[6::2, ::2].astype(float) - black) / 3
            np.testing.assert_allclose(red, one.image.pixels[6::2, ::2] - 64.0 - 3.0, atol=1e-6)
            assert other.base == amplification_base(other.image)
    finally:
        plain.close()
        mended.close()


def test_packed_frames_have_no_camera(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1, 8, 8, 4), np.uint16))
    with pytest.raises(UsageError, match="packed frames"):
        find_footage(tmp_path / "a.npy", mending=Mending((profile_of_test_camera(),)))
