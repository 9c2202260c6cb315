"""The target: the long exposure as LibRaw renders it, lying exactly on the mosaic."""

from pathlib import Path

import numpy as np
import pytest
import rawpy

from rawkit.errors import MosaicError, UsageError
from rawkit.sensor import RenderParameters, open_raw
from tests.support.factories import write_noise_dng


@pytest.mark.parametrize("area", [(0, 0, 64, 96), (2, 4, 63, 95), (1, 1, 64, 96), (0, 0, 64, 95)])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_picture_has_the_size_of_the_visible_area(
    tmp_path: Path, area: tuple[int, int, int, int], bits: int
) -> None:
    write_noise_dng(tmp_path / "a.dng", active_area=area)
    with open_raw(tmp_path / "a.dng") as raw:
        pixels = raw.image().pixels
        picture = raw.render(RenderParameters(bits=bits))
    assert picture.shape == (*pixels.shape, 3)
    assert picture.dtype == (np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize("threshold", [0.0, 0.75])
def test_the_picture_is_what_libraw_renders_with_the_published_parameters(
    tmp_path: Path, threshold: float
) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path)
    with rawpy.imread(str(path)) as raw:
        expected = raw.postprocess(
            use_camera_wb=True,
            no_auto_bright=True,
            output_bps=16,
            user_flip=0,
            adjust_maximum_thr=threshold,
        )
    with open_raw(path) as raw:
        found = raw.render(RenderParameters(adjust_maximum_thr=threshold))
    np.testing.assert_array_equal(found, expected)


def test_the_threshold_of_the_published_targets_changes_most_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path, white_level=5000)
    with open_raw(path) as raw:
        published = raw.render(RenderParameters(adjust_maximum_thr=0.75))
    with open_raw(path) as raw:
        plain = raw.render(RenderParameters())
    assert (published != plain).mean() > 0.8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_no_orientation_turns_the_picture(tmp_path: Path, orientation: int) -> None:
    write_noise_dng(tmp_path / "upright.dng")
    write_noise_dng(tmp_path / "turned.dng", orientation=orientation)
    pictures = []
    for name in ("upright", "turned"):
        with open_raw(tmp_path / f"{name}.dng") as raw:
            pictures.append(raw.render(RenderParameters()))
    np.testing.assert_array_equal(pictures[0], pictures[1])


def test_rendering_leaves_the_mosaic_as_it_was(tmp_path: Path) -> None:
    mosaic = write_noise_dng(tmp_path / "a.dng")
    with open_raw(tmp_path / "a.dng") as raw:
        raw.render(RenderParameters())
        np.testing.assert_array_equal(raw.image().pixels, mosaic)


def test_pixels_that_are_not_square_have_no_picture(real_data: Path) -> None:
    with (
        open_raw(real_data / "KODAK_DC120_P003911_compressed.KDC") as raw,
        pytest.raises(MosaicError, match=r"pixels of aspect 1\.535"),
    ):
        raw.render(RenderParameters())


def test_an_unusable_as_shot_balance_is_rendered_with_daylight(real_data: Path) -> None:
    path = real_data / "CANON_EOS_D30_5s.CRW"
    with rawpy.imread(str(path)) as raw:
        expected = raw.postprocess(
            use_camera_wb=False,
            no_auto_bright=True,
            output_bps=8,
            user_flip=0,
            adjust_maximum_thr=0,
        )
    with open_raw(path) as raw:
        found = raw.render(RenderParameters(bits=8))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"bits": 12}, "a target of 12 bits; expected 8 or 16"),
        ({"adjust_maximum_thr": -0.1}, r"adjust_maximum_thr = -0\.1"),
        ({"adjust_maximum_thr": 1.1}, r"adjust_maximum_thr = 1\.1"),
    ],
)
def test_parameters_that_libraw_does_not_take_are_refused(
    parameters: dict[str, float], text: str
) -> None:
    with pytest.raises(UsageError, match=text):
        RenderParameters(**parameters)  # type: ignore[arg-type]  # values of both fields


def test_the_description_holds_every_parameter_and_the_right_curve() -> None:
    described = RenderParameters(bits=8, adjust_maximum_thr=0.75).describe()
    assert described["bits"] == 8
    assert described["adjust_maximum_thr"] == 0.75
    assert described["tone_curve"] == "BT.709"
    assert described["gamma"] == [2.222, 4.5]
    assert described["primaries"] == "sRGB"
