"""The scripts that draw and measure for the pages work with the code as it is."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.pictures.curve import encoded_of
from rawkit.restore import decode_single
from rawkit.synth import make_collection
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

FIGURES = REPOSITORY / "docs" / "figures"
SCRIPTS = sorted(path.stem for path in FIGURES.glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_script_imports_is_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FIGURES)
    assert importlib.import_module(name).__doc__


def test_a_darkened_file_is_so_much_darker_and_keeps_its_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(FIGURES)
    darkened = importlib.import_module("darkened")
    make_collection("sid", tmp_path / "sid", scenes=1, size=(128, 192), shots=1, shutters=(0.1,))
    (bright,) = (tmp_path / "sid/Sony/long").iterdir()
    made = darkened.darken(bright, tmp_path, 60)
    before, after = decode_single(bright).image, decode_single(made.dark).image
    means = []
    for image in (before, after):
        black, white = np.mean(image.mosaic.black_level), image.mosaic.white_level
        means.append((image.pixels.mean() - black) / (white - black))
    assert means[0] / means[1] == pytest.approx(60, rel=0.05)
    assert after.white_balance.multipliers == pytest.approx(
        before.white_balance.multipliers, rel=1e-3
    )
    assert before.colour_matrix is not None
    assert after.colour_matrix is not None
    rows = [
        image.array / image.array.sum(axis=1, keepdims=True)
        for image in (before.colour_matrix, after.colour_matrix)
    ]
    np.testing.assert_allclose(rows[1], rows[0], atol=2e-3)
    itself = darkened.compare(encoded_of(made.truth), made.truth)
    assert itself.chroma == pytest.approx(0, abs=0.02)
    assert itself.ssim == pytest.approx(1, abs=1e-3)
    darker = darkened.compare(encoded_of(made.truth / 3), made.truth)
    assert darker.chroma == pytest.approx(itself.chroma, abs=0.02)
    purple = made.truth * np.array([1.5, 1, 1.5], np.float32)
    assert darkened.compare(encoded_of(purple), made.truth).chroma > 5


def test_the_script_on_scale_measures_and_computes_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(FIGURES)
    scale = importlib.import_module("scale")
    monkeypatch.setattr(scale, "ROWS", (50, 500))
    costs = scale.measure(tmp_path, (256, 384), crop=None)
    assert 1 < costs.frame_writes < 5
    assert 1 < costs.crop_reads < 5
    assert 20 < costs.row_bytes < 300
    lines = scale.at_scale(costs, scale.Prices(), scale.Rates())
    page = (REPOSITORY / "docs" / "explanation" / "scale.md").read_text("utf-8")
    for name, *cells in lines:
        assert f"| {name} | " in page
        assert len(cells) == len(scale.COUNTS)
    for name, _ in scale.constants(costs):
        assert f"| {name} | " in page
