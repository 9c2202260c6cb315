"""LibRaw's matrix, where it does not hand it out, is read from what it renders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.colour import matrix_of
from rawkit.sensor import open_raw
from tests.support.factories import write_noise_dng

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("shape", [(64, 96), (200, 130)])
def test_the_matrix_of_a_dng_is_the_one_that_libraw_says(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    write_noise_dng(tmp_path / "a.dng", shape=shape)
    with open_raw(tmp_path / "a.dng") as raw:
        said, found = raw.image().colour_matrix, raw.probe_matrix()
    np.testing.assert_allclose(matrix_of(found).array(), matrix_of(said).array(), atol=0.02)


@pytest.mark.parametrize("name", ["CANON_G2_CRW_0304.CRW", "Blackmagic_BMPCC_lowlight_GBRG.dng"])
def test_it_is_the_matrix_of_real_cameras_too(real_data: Path, name: str) -> None:
    with open_raw(real_data / name) as raw:
        said, found = raw.image().colour_matrix, raw.probe_matrix()
    np.testing.assert_allclose(matrix_of(found).array(), matrix_of(said).array(), atol=0.02)


def test_an_old_camera_has_one_that_nobody_says(real_data: Path) -> None:
    with open_raw(real_data / "RAW_KODAK_DC50.KDC") as raw:
        assert raw.image().colour_matrix is None
        found = raw.probe_matrix()
    assert matrix_of(found).source == "libraw"
    assert matrix_of(found).values[2][2] > 2
