"""LibRaw's matrix, where it does not hand it out, is read from what it renders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rawpy

from rawkit.colour import find_matrix
from rawkit.sensor import open_raw
from rawkit.sensor.matrix import probe_matrix
from tests.support.factories import write_noise_dng

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("shape", [(64, 96), (200, 130)])
def test_the_matrix_of_a_dng_is_the_one_that_libraw_says(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path, shape=shape)
    with open_raw(path) as raw:
        mosaic = raw.image().mosaic
    with rawpy.imread(str(path)) as opened:
        said = opened.color_matrix[:, :3]
        np.testing.assert_allclose(probe_matrix(opened, mosaic), said, atol=0.02)


@pytest.mark.parametrize("name", ["CANON_G2_CRW_0304.CRW", "Blackmagic_BMPCC_lowlight_GBRG.dng"])
def test_it_is_the_matrix_of_real_cameras_too(real_data: Path, name: str) -> None:
    with open_raw(real_data / name) as raw:
        mosaic = raw.image().mosaic
    with rawpy.imread(str(real_data / name)) as opened:
        said = find_matrix(opened.color_matrix, opened.rgb_xyz_matrix)
        found = probe_matrix(opened, mosaic)
    np.testing.assert_allclose(found, said.array(), atol=0.02)


def test_an_old_camera_has_one_that_nobody_says(real_data: Path) -> None:
    path = real_data / "RAW_KODAK_DC50.KDC"
    with open_raw(path) as raw:
        mosaic = raw.image().mosaic
    with rawpy.imread(str(path)) as opened:
        assert find_matrix(opened.color_matrix, opened.rgb_xyz_matrix).source == "none"
        found = find_matrix(None, None, probe_matrix(opened, mosaic))
    assert found.source == "libraw"
    assert found.values[2][2] > 2
