"""Contact sheets, and the plain conversion that restored pictures are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import UsageError
from rawkit.report.sheet import SheetCell, contact_sheet

if TYPE_CHECKING:
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
