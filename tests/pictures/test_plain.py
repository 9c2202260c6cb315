"""The plain conversion of a raw file: as bright as another picture, and of the same scene."""

from pathlib import Path

import numpy as np
import pytest

from rawkit.errors import BlankError
from rawkit.pictures import converted, linear_of
from rawkit.sensor import RenderParameters, open_raw
from rawkit.synth import DngMeta, write_dng


@pytest.mark.parametrize("bits", [8, 16])
def test_the_plain_conversion_is_as_bright_as_the_truth(sid_folder: Path, bits: int) -> None:
    short = min((sid_folder / "Sony" / "short").iterdir())
    scene = short.name[:5]
    (long,) = (sid_folder / "Sony" / "long").glob(f"{scene}_*")
    with open_raw(long) as raw:
        truth = raw.render(RenderParameters(bits=bits))
    matched = converted(short, truth)
    assert matched.dtype == np.uint8
    assert matched.shape == truth.shape
    light = float(linear_of(matched / 255).mean())
    assert light == pytest.approx(float(linear_of(truth / (2**bits - 1)).mean()), rel=0.02)
    # It shows the same scene: light and dark are where they are in the truth.
    likeness = np.corrcoef(matched.mean(axis=2).ravel(), truth.mean(axis=2).ravel())[0, 1]
    assert likeness > 0.5


def test_a_blank_file_cannot_be_made_bright(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", np.zeros((64, 96), np.uint16), DngMeta("Rawkit", "Blank"))
    with pytest.raises(BlankError):
        converted(tmp_path / "a.dng", np.full((64, 96, 3), 99, np.uint8))
