"""An exported network that restores: whole pictures in windows of the sizes that it takes.

A phone's network takes mosaics of one size. A larger picture is cut into windows of it that
overlap; each gives the middle of what it shows. `Lamba2021` looks 544 pixels far, beyond any
overlap: windows differ a little from one run on the whole, and this shows by how much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.errors import RawkitError, UsageError, WeightsError
from rawkit.models.exports.card import read_card
from rawkit.models.exports.formats import exporter_of
from rawkit.models.registry import describe
from rawkit.models.tiles import Area

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from rawkit.models.amplified import AmplifiedMosaic
    from rawkit.models.exports.card import Card
    from rawkit.models.exports.formats import Exporter
    from rawkit.models.exports.request import Run, Size

_FREE_SIDE = 1536
"""Pixels: longest side of a window where any size is taken; larger ones take only memory."""
_OVERLAP = 8
"""Of a window's side one part in so many is given up at each end that another window shows."""


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of rows or columns that is run, and what of it is kept."""

    start: int
    """Its first pixel, from 0."""
    first: int
    """First pixel that is kept."""
    last: int
    """One past the last that is."""


class ExportedNetwork:
    """A network in a file of another runtime; made by `open_exported`."""

    def __init__(self, card: Card, run: Run) -> None:
        self.card = card
        self._run = run
        about = describe(card.network)
        self._multiple = about.multiple
        self._reach = -(-about.geometry.render_halo // about.multiple) * about.multiple

    def __call__(self, mosaic: Tensor) -> Tensor:
        """Restore one mosaic (1, 1, H, W) that is no larger than a size: (1, 3, H, W)."""
        height, width = mosaic.shape[-2:]
        size = self.size_for(height, width)
        if height > size[0] or width > size[1]:
            raise self._not_exported(height, width)
        # Repeated by itself, whole cells at a time, so that the pattern goes on.
        rows, columns = (
            torch.arange(most) % side for most, side in zip(size, (height, width), strict=True)
        )
        picture = self._restored(mosaic[..., rows, :][..., columns])
        return torch.from_numpy(picture[:, :, :height, :width])

    def size_for(self, height: int, width: int) -> Size:
        """Return the size of windows that a mosaic takes the least work with."""
        if not self.card.sizes:
            return min(height, _rounded(_FREE_SIDE, self._multiple)), min(
                width, _rounded(_FREE_SIDE, self._multiple)
            )
        return min(self.card.sizes, key=lambda size: self._work(height, width, size))

    def bands(self, mosaic: AmplifiedMosaic) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Restore a mosaic band by band, as `rawkit.models.restore_bands` does.

        Yields the first row of each band in the visible area, from 0, and float32
        (rows, width, 3), RGB of 0 to 1.
        """
        size = self.size_for(mosaic.height, mosaic.width)
        padding = replace(
            mosaic.padding,
            padded_height=max(mosaic.height, size[0]),
            padded_width=max(mosaic.width, size[1]),
        )
        padded = replace(mosaic, padding=padding)
        rows = self._windows(padded.height, size[0])
        columns = self._windows(padded.width, size[1])
        for row in rows:
            top, bottom = _inside(row, padding.top, padding.height)
            if top >= bottom:
                continue
            band = np.empty((bottom - top, padding.width, 3), np.float32)
            for column in columns:
                left, right = _inside(column, padding.left, padding.width)
                if left >= right:
                    continue
                area = Area(row.start, column.start, row.start + size[0], column.start + size[1])
                picture = self._restored(padded.window(area))[0]
                part = picture[
                    :, top - row.start : bottom - row.start,
                    left - column.start : right - column.start,
                ]  # fmt: skip
                band[:, left - padding.left : right - padding.left] = part.transpose(1, 2, 0)
            yield top - padding.top, band

    def _restored(self, mosaic: Tensor) -> NDArray[np.float32]:
        values = np.ascontiguousarray(mosaic.numpy())
        return self._run(values)

    def _windows(self, length: int, size: int) -> list[Window]:
        return windows(length, size, self._overlap(size), self._multiple)

    def _overlap(self, size: int) -> int:
        wanted = max(self._reach, size // _OVERLAP)
        # A window must keep something: one that is small keeps a third.
        return min(_rounded(wanted, self._multiple), max(0, (size - self._multiple) // 3))

    def _work(self, height: int, width: int, size: Size) -> tuple[int, int]:
        rows, columns = (
            len(self._windows(max(length, side), side))
            for length, side in zip((height, width), size, strict=True)
        )
        return rows * columns * size[0] * size[1], rows * columns

    def _not_exported(self, height: int, width: int) -> UsageError:
        there = ", ".join(f"{h}x{w}" for h, w in self.card.sizes)
        return UsageError(
            f"a mosaic of {height}x{width} for {self.card.file}",
            expected=f"at most one of the sizes that were exported: {there}",
            fix="Export it again with --size.",
        )


def windows(length: int, size: int, overlap: int, step: int) -> list[Window]:
    """Cut `length` pixels into windows of `size` that show `overlap` beyond what each keeps.

    Parameters
    ----------
    length
        Pixels to cover, at least `size`.
    size
        Pixels of a window.
    overlap
        Pixels given up where another window follows, about: windows are spread evenly.
    step
        What starts are multiples of, in pixels; `length` and `size` are such, too.

    Returns
    -------
    list of Window
        What they keep covers `length` without gap or overlap.
    """
    inner = size - 2 * overlap
    count = 1 if length <= size else max(2, -(-(length - 2 * overlap) // inner))
    last = (length - size) // step
    starts = [0] if count == 1 else [round(n * last / (count - 1)) * step for n in range(count)]
    cuts = [0, *((one + size + two) // 2 for one, two in pairwise(starts)), length]
    return [
        Window(start, first, end)
        for start, (first, end) in zip(starts, pairwise(cuts), strict=True)
    ]


def open_exported(path: Path) -> ExportedNetwork:
    """Open a file that `rawkit export` wrote, with its card, in its own runtime.

    Raises
    ------
    MissingError
        If the file, its card or the runtime is not there; the message says which extra.
    WeightsError
        If the card is another file's, or the runtime cannot open the file.
    UsageError
        If no runtime for it is to be had here, or the network takes clips.
    """
    card, exporter = described(path)
    if describe(card.network).takes_clips:
        raise UsageError(
            f"{card.network}, which takes clips, in an exported file", expected="single mosaics",
            fix="Restore videos with the weights themselves: --backend torch.",
        )  # fmt: skip
    if card.unchecked is not None:
        raise UsageError(
            f"{path.name}, which cannot be run here ({card.unchecked})",
            expected=f"a file for {exporter.delegates[0]}" if exporter.delegates else None,
            fix="Restore with the weights themselves.",
        )
    return ExportedNetwork(card, opened(exporter, path))


def described(path: Path) -> tuple[Card, Exporter]:
    """Return the card of an exported file and its format; raises as `open_exported`."""
    exporter = exporter_of(path)
    if exporter is None:
        raise UsageError(f"a file named {path.name}", expected="one that rawkit export wrote")
    card = read_card(path)
    if card.format != exporter.name:
        raise WeightsError(
            f"a card of a file for {card.format}", expected=exporter.name, where=path
        )
    try:
        describe(card.network)
    except UsageError as error:
        raise WeightsError(error.found, expected=error.expected, where=path) from error
    return card, exporter


def opened(exporter: Exporter, path: Path) -> Run:
    """Open a file in its runtime, whose own errors become ours."""
    try:
        return exporter.open(path)
    except RawkitError:
        raise
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"{exporter.name} cannot open it ({first})",
            expected="a file that this version of the runtime reads",
            where=path,
            fix="Export it again with: rawkit export.",
        ) from error


def _inside(window: Window, before: int, length: int) -> tuple[int, int]:
    """Return which of the pixels that are kept are no padding, in pixels of the padded side."""
    return max(window.first, before), min(window.last, before + length)


def _rounded(pixels: int, multiple: int) -> int:
    return -(-pixels // multiple) * multiple
