"""Noise profiles of darktable's, from a small file of our own."""

import json
from pathlib import Path

import numpy as np
import pytest

from rawkit.errors import MissingError, ProfileError
from rawkit.noise import GAUSSIAN_ONLY, is_darktable, read_darktable
from tests.support.profiles import small_mosaic


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file that knows one camera at two ISOs."""
    entries = [
        {"name": f"Dark 1 iso {iso}", "iso": iso, "a": [1e-6 * iso] * 3, "b": [2e-12 * iso**2] * 3}
        for iso in (400, 100)
    ]
    path = tmp_path / "noiseprofiles.json"
    path.write_text(json.dumps({
        "version": 0, "noiseprofiles": [
            {"maker": "ACME", "models": [{"model": "Dark 1", "comment": "", "profiles": entries}]}
        ],
    }))  # fmt: skip
    return path


def test_variance_is_that_of_the_file(file: Path) -> None:
    assert is_darktable(file)
    mosaic = small_mosaic()
    profile = read_darktable(file, "Acme Inc", "ACME Dark 1", mosaic)
    span = mosaic.white_level - mosaic.black_level[0]
    for iso in (100, 400):
        model = profile.at(iso)
        # a x + b of normalised light, in DN: a span S + b span^2
        np.testing.assert_allclose(model.gain, 1e-6 * iso * span)
        np.testing.assert_allclose(model.pixel_sigma**2, 2e-12 * iso**2 * span**2, rtol=1e-6)
        assert model.row == model.column == 0
    assert profile.notes == (GAUSSIAN_ONLY,)
    assert profile.isos[0].gain_source == "given"


def test_a_camera_that_it_does_not_know(file: Path) -> None:
    with pytest.raises(MissingError, match=r"no Acme Other; expected Dark 1"):
        read_darktable(file, "Acme", "Other", small_mosaic())


@pytest.mark.parametrize("text", ["{", "[]", '{"noiseprofiles": 3}', "[" * 100_000])
def test_what_is_no_such_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ProfileError, match=r"noiseprofiles\.json"):
        read_darktable(path, "Acme", "Dark 1", small_mosaic())
