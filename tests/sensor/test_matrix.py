"""The matrix of a camera's colours: from the file, from LibRaw's table, or none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rawpy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rawkit.errors import UsageError
from rawkit.sensor import ColourMatrix, decode
from rawkit.synth import DngMeta, write_dng

META = DngMeta("Rawkit", "Testcam")
MOSAIC = np.random.default_rng(0).integers(500, 3000, (64, 96)).astype(np.uint16)
XYZ_OF_SRGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)


def in_srgb(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix from linear sRGB to the camera's balanced colours: rows add up to 1."""
    rows = matrix @ XYZ_OF_SRGB
    balanced: NDArray[np.float64] = rows / rows.sum(axis=1, keepdims=True)
    return balanced


def test_a_dng_s_own_matrix_is_taken(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", MOSAIC, META)
    found = decode(tmp_path / "a.dng").colour_matrix
    assert found is not None
    assert found.source == "file"
    written = np.reshape(META.color_matrix, (3, 3))
    np.testing.assert_allclose(in_srgb(found.array), in_srgb(written), atol=1e-3)


def test_a_raw_file_without_one_has_that_of_libraw_s_table(real_data: Path) -> None:
    found = decode(real_data / "CANON_G2_CRW_0304.CRW").colour_matrix
    assert found is not None
    assert found.source == "libraw"
    with rawpy.imread(str(real_data / "CANON_G2_CRW_0304.CRW")) as raw:
        np.testing.assert_allclose(found.array, raw.rgb_xyz_matrix[:3], atol=1e-6)


def test_where_libraw_knows_the_way_to_srgb_alone_the_matrix_says_the_same(real_data: Path) -> None:
    path = real_data / "Blackmagic_BMPCC_lowlight_GBRG.dng"
    found = decode(path).colour_matrix
    assert found is not None
    assert found.source == "file"
    with rawpy.imread(str(path)) as raw:
        wanted = raw.color_matrix[:3, :3]
    np.testing.assert_allclose(np.linalg.inv(in_srgb(found.array)), wanted, atol=2e-3)


@pytest.mark.parametrize("name", ["RAW_KODAK_DC50.KDC", "KODAK_DC120_P003911_compressed.KDC"])
def test_a_camera_that_nobody_has_measured_has_none(real_data: Path, name: str) -> None:
    assert decode(real_data / name).colour_matrix is None


@pytest.mark.parametrize(
    "values", [(1.0,) * 9, (0.0,) * 9, (1.0,) * 8, (float("nan"), *(1.0,) * 8)], ids=str
)
def test_what_cannot_be_inverted_is_no_matrix(values: tuple[float, ...]) -> None:
    with pytest.raises(UsageError):
        ColourMatrix(values, "file")


def test_a_singular_matrix_in_a_file_is_none(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", MOSAIC, replace(META, color_matrix=(1 / 3,) * 9))
    assert decode(tmp_path / "a.dng").colour_matrix is None


@given(st.lists(st.floats(-0.3, 0.3), min_size=9, max_size=9))
def test_every_sane_matrix_goes_there_and_back(offsets: list[float]) -> None:
    values = tuple(float(one) for one in (np.eye(3).ravel() + offsets))
    matrix = ColourMatrix(values, "file")
    np.testing.assert_allclose(matrix.array @ np.linalg.inv(matrix.array), np.eye(3), atol=1e-9)
