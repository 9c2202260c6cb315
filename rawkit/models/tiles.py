"""How a picture is cut into tiles that overlap: whole numbers only, no pixels.

All tiles of a picture, halos included, have one size. So a network compiled for one shape does for
all, and memory freed by a tile fits the next one. Tiles at the border see more than the halo on
their inner sides, as they cannot reach beyond the picture::

    picture  0 ─────────────────────────────────────────── length
    tile 1   [███████████████·····]
    tile 2              [·····█████████·····]         █ core: what is kept
    tile 3                         [·····██████████]  · halo: what is only looked at
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Area:
    """A rectangle of pixels, counted from 0, ends excluded."""

    top: int
    """First row."""
    left: int
    """First column."""
    bottom: int
    """One past the last row."""
    right: int
    """One past the last column."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    def slices(self, scale: int = 1) -> tuple[slice, slice]:
        """Return the rows and columns to index with, where a cell is `scale` pixels wide."""
        return (
            slice(self.top // scale, self.bottom // scale),
            slice(self.left // scale, self.right // scale),
        )


@dataclass(frozen=True)
class Tile:
    """One tile: what is kept of it, and what must be read to compute that."""

    core: Area
    """What is kept, in pixels of the picture."""
    outer: Area
    """The core with its halo, in pixels of the picture, inside the picture."""

    @property
    def inner(self) -> Area:
        """The core, in pixels of `outer`."""
        return Area(
            self.core.top - self.outer.top,
            self.core.left - self.outer.left,
            self.core.bottom - self.outer.top,
            self.core.right - self.outer.left,
        )


def tiles(height: int, width: int, *, tile: int, halo: int, multiple: int) -> "Iterator[Tile]":
    """Cut a picture into tiles, row by row.

    The cores cover every pixel once; all outer windows have one shape, at most `tile` and two
    halos each way. All sizes are in pixels; every start and end is a multiple of `multiple`. A core
    is at most `tile` long between others; one at the border may be longer by a halo, or two where
    there is no other.

    Parameters
    ----------
    height, width
        Size of the picture: multiples of `multiple`.
    tile
        Greatest side of a core: a multiple of `multiple`.
    halo
        How far a tile sees beyond its core: a multiple of `multiple`, or 0.
    multiple
        Side of the cells that no border may cut.

    Raises
    ------
    UsageError
        If a size is no multiple of `multiple`, or not positive. Raised by the call itself, before
        the first tile is asked for.
    """
    _check(height, width, tile, halo, multiple)
    rows, columns = (
        spans(length, tile=tile, halo=halo, multiple=multiple) for length in (height, width)
    )
    return _grid(rows, columns)


def tile_shape(height: int, width: int, *, tile: int, halo: int, multiple: int) -> tuple[int, int]:
    """Return rows and columns of the one shape that all outer windows of `tiles` have.

    Raises
    ------
    UsageError
        As for `tiles`.
    """
    _check(height, width, tile, halo, multiple)
    (first, *_), (second, *_) = (
        spans(length, tile=tile, halo=halo, multiple=multiple) for length in (height, width)
    )
    return first.stop - first.start, second.stop - second.start


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in pixels."""

    start: int
    """First pixel, halo included."""
    stop: int
    """One past the last pixel, halo included."""
    first: int
    """First pixel that is kept."""
    last: int
    """One past the last pixel that is kept."""


def _check(height: int, width: int, tile: int, halo: int, multiple: int) -> None:
    if multiple < 1:
        raise UsageError(f"tiles aligned to {multiple} pixels", expected="1 or more")
    sizes = {"height": height, "width": width, "tile": tile, "halo": halo}
    for name, size in sizes.items():
        least = 0 if name == "halo" else multiple
        if size < least or size % multiple:
            raise UsageError(
                f"a {name} of {size} pixels",
                expected=f"a multiple of {multiple}, {least} or more",
            )


def _grid(rows: list[Span], columns: list[Span]) -> "Iterator[Tile]":
    for row in rows:
        for column in columns:
            yield Tile(
                core=Area(row.first, column.first, row.last, column.last),
                outer=Area(row.start, column.start, row.stop, column.stop),
            )


def spans(length: int, *, tile: int, halo: int, multiple: int) -> list[Span]:
    """Cut one axis of a picture as `tiles` cuts both.

    Sizes are in pixels and as for `tiles`, which checks them.
    """
    inside = length - 2 * halo
    if inside <= tile:
        return [Span(0, length, 0, length)]
    count = -(-inside // tile)
    # Rounding the even share up never exceeds the tile, itself a multiple.
    size = -(-inside // (count * multiple)) * multiple + 2 * halo
    starts = [
        index * (length - size) // ((count - 1) * multiple) * multiple for index in range(count)
    ]
    firsts = [0, *(start + halo for start in starts[1:]), length]
    return [
        Span(start, start + size, first, last)
        for start, first, last in zip(starts, firsts[:-1], firsts[1:], strict=True)
    ]
