"""A camera's profile: between and beyond its ISOs, its shading, and its files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rawkit.errors import MissingError, ProfileError, UsageError
from rawkit.noise import (
    CameraProfile,
    Estimate,
    NoiseModel,
    ShadingRange,
    is_profile,
    profile_name,
    read_profile,
    relations,
    write_profile,
)
from tests.support.profiles import small_mosaic, small_profile


def test_what_was_measured_is_given_back() -> None:
    model = small_profile().at(1600)
    assert model.source == "measured"
    np.testing.assert_allclose(model.gain, 4.0)
    np.testing.assert_allclose(model.read_shape, 0.02)


def test_between_isos_logarithms_are_linear() -> None:
    model = small_profile().at(800)
    assert model.source == "between ISO 400 and 1600"
    np.testing.assert_allclose(model.gain, 2.0)
    np.testing.assert_allclose(model.read_scale, 0.8 * 2**0.9)
    np.testing.assert_allclose(model.read_shape, 0.07)
    assert model.row == pytest.approx(0.2)


def test_beyond_isos_the_lines_go_on() -> None:
    profile = small_profile()
    above, below = profile.at(25_600), profile.at(100)
    assert above.source == "beyond ISO 6400, the highest looked at"
    assert below.source == "beyond ISO 400, the lowest looked at"
    np.testing.assert_allclose(above.gain, 64.0)
    np.testing.assert_allclose(below.read_scale, 0.8 * 0.25**0.9)
    np.testing.assert_allclose(above.read_shape, -0.1)


def test_of_one_iso_gain_and_noise_go_with_iso() -> None:
    one = NoiseModel.of_values(100, 0.5, 2.0, 0.1)
    model = CameraProfile.known("A", "B", small_mosaic(), [one]).at(400)
    np.testing.assert_allclose(model.gain, 2.0)
    np.testing.assert_allclose(model.read_scale, 8.0)
    assert model.row == 0


def test_relations_are_those_the_models_were_made_by() -> None:
    found = relations([one.model() for one in small_profile().isos])
    assert found["read"].slope == pytest.approx(0.9)
    assert np.exp(found["read"].intercept) == pytest.approx(0.8)
    assert found["row"].scatter == pytest.approx(0, abs=1e-9)
    assert "column" not in found


def test_shading_has_the_bias_in_it_and_is_held_beyond_a_range() -> None:
    profile = small_profile(480, 640)
    shading = profile.shading(3200)
    assert shading.shape == (480, 640)
    assert shading.dtype == np.float32
    found = profile.range_at(3200)
    assert found is not None
    for y, x, plane in profile.mosaic.positions():
        lines = found.rows[0, y::2].mean() + found.columns[0, x::2].mean()
        mean = shading[y::2, x::2].mean()
        assert mean == pytest.approx(profile.planes_at(3200)[plane] + lines, abs=0.15)
    np.testing.assert_array_equal(profile.shading(25_600), profile.shading(6400))
    assert not np.array_equal(profile.shading(400), profile.shading(1600))


def test_shading_is_a_line_over_iso_within_a_range() -> None:
    profile = small_profile()
    middle = (profile.shading(1600) + profile.shading(4800)) / 2
    np.testing.assert_allclose(profile.shading(3200), middle, atol=1e-4)


def test_without_dark_frames_the_shading_is_the_bias() -> None:
    profile = replace(small_profile(), ranges=())
    assert profile.shading(400)[0, 1] == pytest.approx(-0.2)
    assert profile.shading(400)[1, 1] == pytest.approx(0.3)


@pytest.mark.parametrize("iso", [0.0, -1.0, float("nan")])
def test_no_iso_has_no_noise(iso: float) -> None:
    with pytest.raises(UsageError, match="expected an ISO above 0"):
        small_profile().at(iso)
    with pytest.raises(UsageError, match="expected an ISO above 0"):
        small_profile().shading(iso)


def with_intervals() -> CameraProfile:
    profile = small_profile()
    first = replace(profile.isos[0], gain=Estimate.within([1.0] * 4, [0.01] * 4), white_seen=True)
    return replace(profile, isos=(first, *profile.isos[1:]), notes=('ISO 1600 has "no" flats\n',))


def test_files_give_back_what_was_written(tmp_path: Path) -> None:
    profile = with_intervals()
    path = tmp_path / "cameras" / profile_name(profile)
    assert path.name == "Acme-Dark-1.toml"
    write_profile(profile, path)
    assert sorted(one.name for one in path.parent.iterdir()) == [
        "Acme-Dark-1.npz", "Acme-Dark-1.toml",
    ]  # fmt: skip
    assert is_profile(path)
    again = read_profile(path)
    assert again.notes == profile.notes
    assert again.isos[0].gain == profile.isos[0].gain
    assert np.isnan(again.isos[1].gain.low).all()
    np.testing.assert_array_equal(again.hot, profile.hot)
    np.testing.assert_array_equal(again.shading(1600), profile.shading(1600))
    for iso in (400, 900, 6400):
        np.testing.assert_allclose(again.at(iso).read_scale, profile.at(iso).read_scale, rtol=1e-6)
    before = {one: one.read_bytes() for one in path.parent.iterdir()}
    write_profile(again, path)
    assert before == {one: one.read_bytes() for one in path.parent.iterdir()}


def test_what_is_no_profile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    with pytest.raises(MissingError, match="rawkit calibrate"):
        read_profile(path)
    write_profile(small_profile(), path)
    good, beside = path.read_text(), path.with_suffix(".npz")
    path.write_text(good.replace("format = 1", "format = 2"))
    with pytest.raises(ProfileError, match="newer rawkit"):
        read_profile(path)
    path.write_text(good.replace("iso = 400.0", "iso = -400.0"))
    with pytest.raises(ProfileError, match=r"iso\.0\.iso: Input should be greater than 0"):
        read_profile(path)
    path.write_text(good.replace("height = 48", "height = 46"))
    with pytest.raises(ProfileError, match="dark shading of"):
        read_profile(path)
    path.write_text("not = [toml")
    with pytest.raises(ProfileError, match="no TOML file"):
        read_profile(path)
    assert not is_profile(path)
    path.write_text(good)
    beside.write_bytes(beside.read_bytes()[:-1])
    with pytest.raises(ProfileError, match="not the one it was written with"):
        read_profile(path)
    beside.unlink()
    with pytest.raises(MissingError):
        read_profile(path)


def test_a_map_that_would_fill_memory_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    profile = small_profile()
    write_profile(replace(profile, hot=np.zeros((40_000_000, 2), np.int32)), path)
    with pytest.raises(ProfileError, match="bytes unpacked"):
        read_profile(path)


def test_parts_that_do_not_go_together_are_refused() -> None:
    profile = small_profile()
    with pytest.raises(UsageError, match="none twice"):
        replace(profile, isos=(profile.isos[0], profile.isos[0]))
    with pytest.raises(UsageError, match="outside the mosaic"):
        replace(profile, hot=np.array([[48, 0]], np.int32))
    with pytest.raises(UsageError, match="dark shading"):
        replace(profile, mosaic=small_mosaic(50, 64))
    with pytest.raises(UsageError, match="offset and slope"):
        ShadingRange(1, 2, np.zeros((1, 4, 2, 2), np.float32), np.zeros((2, 48), np.float32),
                     np.zeros((2, 64), np.float32))  # fmt: skip
    with pytest.raises(UsageError, match="within its interval"):
        Estimate((1.0,), (1.5,), (2.0,))
