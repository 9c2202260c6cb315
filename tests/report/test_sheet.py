"""Contact sheets, and the plain conversion that restored pictures are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import BlankError, UsageError
from rawkit.pictures.curve import linear_of
from rawkit.report.match import brightness_matched
from rawkit.report.sheet import SheetCell, contact_sheet
from rawkit.sensor import RenderParameters, open_raw
from rawkit.synth import DngMeta, write_dng

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HEADINGS = ("plain", "restored", "truth")


def cell(value: int, shape: tuple[int, int] = (40, 120)) -> SheetCell:
    """Return a picture of one colour that no ink has."""
    return SheetCell(np.full((*shape, 3), (value, 0, 200), np.uint8), f"value {value}")


def has(sheet: NDArray[np.uint8], value: int, shape: tuple[int, int] = (40, 120)) -> bool:
    """Tell whether the whole picture of a value lies in the sheet."""
    rows, columns = np.nonzero((sheet == (value, 0, 200)).all(axis=2))
    if rows.size == 0:
        return False
    box = sheet[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return box.shape[:2] == shape and bool((box == (value, 0, 200)).all())


@pytest.mark.parametrize("rows", [1, 3])
def test_a_sheet_holds_every_picture_whole(rows: int) -> None:
    cells = [[cell(100 + 3 * row + column) for column in range(3)] for row in range(rows)]
    sheet = contact_sheet("Title", "and more", HEADINGS, cells)
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] == 2 * 24 + 3 * 120 + 2 * 12
    assert sheet.shape[0] > rows * (40 + 28)
    for row in range(rows):
        for column in range(3):
            assert has(sheet, 100 + 3 * row + column)


def test_captions_and_headings_are_drawn() -> None:
    def dark(title: str, caption: str, headings: tuple[str, ...]) -> int:
        cells = [[SheetCell(np.full((40, 120, 3), 255, np.uint8), caption) for _ in headings]]
        return int((contact_sheet(title, "", headings, cells) < 128).all(axis=2).sum())

    plain = dark("", "", ("", ""))
    assert dark("Title", "", ("", "")) > plain
    assert dark("", "caption", ("", "")) > plain
    assert dark("", "", ("one", "two")) > plain


def test_pictures_of_different_sizes_and_ragged_rows_are_refused() -> None:
    with pytest.raises(UsageError, match="pictures of 2 sizes"):
        contact_sheet("", "", ("a", "b"), [[cell(1), cell(2, (41, 120))]])
    with pytest.raises(UsageError, match="2 to a row"):
        contact_sheet("", "", ("a", "b"), [[cell(1)]])
    with pytest.raises(UsageError, match="pictures of 0 sizes"):
        contact_sheet("", "", ("a", "b"), [])


@pytest.mark.parametrize("start", [10.0, 100.0, 1000.0])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_plain_conversion_is_as_bright_as_the_truth(
    sid_folder: Path, start: float, bits: int
) -> None:
    short = min((sid_folder / "Sony" / "short").iterdir())
    scene = short.name[:5]
    (long,) = (sid_folder / "Sony" / "long").glob(f"{scene}_*")
    with open_raw(long) as raw:
        truth = raw.render(RenderParameters(bits=bits))
    matched = brightness_matched(short, truth, start=start)
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
        brightness_matched(tmp_path / "a.dng", np.full((64, 96, 3), 99, np.uint8), start=10)
