"""The C that an app starts from does what rawkit does: compiled, compared function by function."""

from __future__ import annotations

import ctypes
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rawkit.colour import (
    SENSOR_CONSTANTS,
    CellGrid,
    NoiseModel,
    SensorColour,
    automatic_factor,
    feeding,
    matrix_of,
    overview,
)
from rawkit.models import Area, amplified, describe
from rawkit.pictures import encoded_of, linear_of, quantise
from rawkit.sensor import (
    REFERENCE_NEUTRAL,
    ColourMatrix,
    Mosaic,
    WhiteBalance,
    base_of_histograms,
    gains_to,
)
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCE = REPOSITORY / "docs" / "reference" / "around.c"
BLACK, WHITE = (512.0, 509.5, 511.0, 508.25), 15800.0
MULTIPLIERS = (2.1, 1.0, 1.6, 1.02)
XYZ = (0.7374, -0.2389, -0.0551, -0.5435, 1.3162, 0.2519, -0.1006, 0.1795, 0.6552)
PATTERNS = ((0, 1), (3, 2)), ((1, 0), (2, 3)), ((3, 2), (0, 1)), ((2, 3), (1, 0))


class Described(ctypes.Structure):
    """``rk_mosaic``."""

    _fields_ = (
        ("pixels", ctypes.c_void_p),
        ("height", ctypes.c_int),
        ("width", ctypes.c_int),
        ("row", ctypes.c_int),
        ("column", ctypes.c_int),
        ("black", ctypes.c_double * 4),
        ("white", ctypes.c_double),
    )


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Any:
    library = tmp_path_factory.mktemp("c") / "around.so"
    subprocess.run(
        ["gcc", "-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffp-contract=off",
         "-shared", "-fPIC", str(SOURCE), "-o", str(library), "-lm"],
        check=True,
    )  # fmt: skip
    found = ctypes.CDLL(str(library))
    for name in ("estimate", "automatic_factor", "fed", "encoded", "linear"):
        getattr(found, f"rk_{name}").restype = ctypes.c_double
    found.rk_overview.restype = ctypes.c_size_t
    found.rk_encoded.argtypes = found.rk_linear.argtypes = (ctypes.c_double,)
    return found


@pytest.fixture(params=PATTERNS, ids=str)
def mosaic(request: pytest.FixtureRequest) -> Mosaic:
    return Mosaic.without_margins(request.param, (150, 210), black_level=BLACK, white_level=WHITE)


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint16]:
    generator = np.random.default_rng(3)
    dark = generator.gamma(0.7, 90, (150, 210)) + np.linspace(495, 700, 210)
    dark[:20, :40] = 16000  # beyond white
    return dark.astype(np.uint16)


def described(pixels: NDArray[np.uint16], mosaic: Mosaic) -> Described:
    row, column = mosaic.phase
    return Described(
        pixels.ctypes.data, *pixels.shape, row, column, (ctypes.c_double * 4)(*BLACK), WHITE
    )


def doubles(values: Any) -> Any:
    return (ctypes.c_double * len(values))(*values)


def histograms(pixels: NDArray[np.uint16], mosaic: Mosaic) -> NDArray[np.int64]:
    planes = np.zeros((4, 65536), np.int64)
    for y, x, plane in mosaic.positions():
        planes[plane] += np.bincount(pixels[y::2, x::2].ravel(), minlength=65536)
    return planes


def test_the_amplifier(around: Any, pixels: NDArray[np.uint16], mosaic: Mosaic) -> None:
    one = described(pixels, mosaic)
    gains = gains_to(REFERENCE_NEUTRAL, WhiteBalance(MULTIPLIERS, "camera"), (0, 1, 2, 1))
    assert gains is not None
    own = (ctypes.c_double * 4)()
    around.rk_gains(doubles(REFERENCE_NEUTRAL), doubles(MULTIPLIERS), own)
    assert tuple(own) == pytest.approx(gains, rel=1e-12)
    for c, python in ((None, None), (own, gains)):
        found = around.rk_estimate(ctypes.byref(one), c)
        expected = base_of_histograms(histograms(pixels, mosaic), BLACK, WHITE, python)
        assert 1 < expected < 300
        assert found == pytest.approx(expected, rel=1e-5)


def test_inputs_of_a_network_bit_for_bit(
    around: Any, pixels: NDArray[np.uint16], mosaic: Mosaic
) -> None:
    gains = (0.9, 1.0, 0.7, 1.0)
    for by in (None, gains):
        whole = amplified(pixels, mosaic, 37.5, describe("lamba2021"), by)
        for area in (Area(0, 0, whole.height, whole.width), Area(32, 64, 128, 192)):
            rows, columns = area.shape
            found = np.empty((rows, columns), np.float32)
            around.rk_input(
                ctypes.byref(described(pixels, mosaic)), ctypes.c_float(37.5),
                None if by is None else doubles(by), area.top, area.left, rows, columns,
                found.ctypes.data_as(ctypes.c_void_p),
            )  # fmt: skip
            np.testing.assert_array_equal(found, whole.window(area)[0, 0].numpy())


def test_brightness_and_the_camera_s_matrix(
    around: Any, pixels: NDArray[np.uint16], mosaic: Mosaic
) -> None:
    matrix = matrix_of(ColourMatrix(XYZ, "file"))
    own = (ctypes.c_float * 9)()
    assert around.rk_camera_matrix(doubles(XYZ), own)
    np.testing.assert_allclose(np.reshape(own, (3, 3)), matrix.array(), rtol=0, atol=1e-5)
    assert not around.rk_camera_matrix(doubles((1.0, 0.0, 0.0) * 3), own)
    around.rk_camera_matrix(doubles(XYZ), own)
    colour = SensorColour((2.1, 1.0, 1.6), matrix, NoiseModel(0.0, 1e-9))
    squares = overview(CellGrid(pixels, mosaic))
    one = ctypes.byref(described(pixels, mosaic))
    count = around.rk_overview(one, doubles(colour.balance), own, None)
    assert count == squares[0].size
    light = np.empty((count, 3), np.float32)
    around.rk_overview(one, doubles(colour.balance), own, light.ctypes.data_as(ctypes.c_void_p))
    at = light.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(count)
    expected = automatic_factor(squares, colour)
    assert around.rk_automatic_factor(*at) == pytest.approx(expected, rel=1e-5)
    for factor in (0.1 * expected, expected, 5 * expected, 5000.0):
        fed = around.rk_fed(*at, ctypes.c_double(factor))
        assert fed == pytest.approx(feeding(squares, colour, factor).factor, rel=1e-5)


def test_the_curve_and_pictures_of_8_bits(around: Any) -> None:
    values = np.linspace(0, 1, 4001)
    for name, function in (("rk_encoded", encoded_of), ("rk_linear", linear_of)):
        found = [getattr(around, name)(one) for one in values]
        np.testing.assert_allclose(found, function(values), rtol=0, atol=1e-12)
    picture = np.random.default_rng(0).uniform(-0.1, 1.1, (3, 33, 47)).astype(np.float32)
    eight = np.empty((33, 47, 3), np.uint8)
    around.rk_to_8_bits(
        picture.ctypes.data_as(ctypes.c_void_p), 33, 47, eight.ctypes.data_as(ctypes.c_void_p)
    )
    np.testing.assert_array_equal(eight, quantise(np.moveaxis(picture, 0, -1), 8))


def test_its_constants_are_those_of_the_card() -> None:
    text = SOURCE.read_text("utf-8")
    curve: Any = SENSOR_CONSTANTS["curve"]
    for name, value in (
        ("MIDDLE", SENSOR_CONSTANTS["median_luminance"]),
        ("LARGEST", SENSOR_CONSTANTS["largest_factor"]),
        ("CLIPPED", SENSOR_CONSTANTS["share_clipped"]), ("OFFSET", curve["offset"]),
        ("SLOPE", curve["slope"]), ("END", curve["end"]),
    ):  # fmt: skip
        line = next(one for one in text.splitlines() if one.startswith(f"#define {name} "))
        assert float(line.split()[2]) == pytest.approx(value, rel=1e-12)
