"""Contact sheets: pictures side by side with a line of text under each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MARGIN, _GAP = 24, 12
_TITLE_SIZE, _HEAD_SIZE, _TEXT_SIZE = 26, 18, 16
_LINE = 28
_BACKGROUND, _INK, _FAINT = (250, 250, 248), (28, 28, 30), (96, 96, 100)


@dataclass(frozen=True, slots=True)
class SheetCell:
    """One picture of a sheet."""

    picture: NDArray[np.uint8]
    """RGB, shape (H, W, 3); all of a sheet have one size."""
    caption: str
    """Line under it."""


def contact_sheet(
    title: str, subtitle: str, headings: Sequence[str], rows: Sequence[Sequence[SheetCell]]
) -> NDArray[np.uint8]:
    """Lay out rows of cells under headings; returns RGB, shape (height, width, 3).

    Raises
    ------
    UsageError
        If rows differ in length, or pictures in size.
    """
    sizes = {cell.picture.shape for row in rows for cell in row}
    if len(sizes) != 1 or any(len(row) != len(headings) for row in rows):
        raise UsageError(
            f"pictures of {len(sizes)} sizes in rows of {sorted({len(row) for row in rows})}",
            expected=f"one size, {len(headings)} to a row",
        )
    height, width, _ = sizes.pop()
    top = _MARGIN + 2 * _LINE + _LINE
    step = height + _LINE + _GAP
    sheet = Image.new(
        "RGB",
        (
            2 * _MARGIN + max(len(headings) * (width + _GAP) - _GAP, _width_of(title, subtitle)),
            top + len(rows) * step + _MARGIN,
        ),
        _BACKGROUND,
    )
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN - 6), title, _INK, _font(_TITLE_SIZE))
    draw.text((_MARGIN, _MARGIN + _LINE), subtitle, _FAINT, _font(_TEXT_SIZE))
    for column, heading in enumerate(headings):
        left = _MARGIN + column * (width + _GAP)
        draw.text((left, top - _LINE), heading, _INK, _font(_HEAD_SIZE))
        for number, row in enumerate(rows):
            y = top + number * step
            sheet.paste(Image.fromarray(row[column].picture), (left, y))
            draw.text((left, y + height + 5), row[column].caption, _FAINT, _font(_TEXT_SIZE))
    return np.asarray(sheet)


def _width_of(title: str, subtitle: str) -> int:
    """Pixels that the lines above the pictures take up."""
    lines = ((title, _TITLE_SIZE), (subtitle, _TEXT_SIZE))
    return max(math.ceil(_font(size).getbbox(text)[2]) for text, size in lines)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
