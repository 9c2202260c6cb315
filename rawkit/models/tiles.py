"""How a picture is cut into tiles that overlap: whole numbers only, no pixels."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels, counted from 0, ends excluded."""

    top: int
    """First row."""
    left: int
    """First column."""
    bottom: int
    """One past the last row."""
    right: int
    """One past the last column."""

    def slices(self, scale: int = 1) -> tuple[slice, slice]:
        """Return the rows and columns to index with, where a cell is `scale` pixels wide."""
        return (
            slice(self.top // scale, self.bottom // scale),
            slice(self.left // scale, self.right // scale),
        )


@dataclass(frozen=True)
class Tile:
    """One tile: what is kept of it, and what must be read to compute that."""

    core: Window
    """Pixels of the picture that this tile alone provides."""
    outer: Window
    """The core and its halo, cut at the picture's border; pixels of the picture."""

    @property
    def inner(self) -> Window:
        """The core within the outer window: pixels counted from the outer window's corner."""
        return Window(
            self.core.top - self.outer.top,
            self.core.left - self.outer.left,
            self.core.bottom - self.outer.top,
            self.core.right - self.outer.left,
        )


def tiles(height: int, width: int, *, tile: int, halo: int, multiple: int) -> "Iterator[Tile]":
    """Cut a picture into tiles, row by row.

    The cores cover every pixel once. All sizes are in pixels; every start and end is a multiple
    of `multiple`. Tiles are made nearly equal, so that none is a sliver that is mostly halo.

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
    return _grid(height, width, tile, halo, multiple)


def _grid(height: int, width: int, tile: int, halo: int, multiple: int) -> "Iterator[Tile]":
    for top, bottom in _spans(height, tile, multiple):
        for left, right in _spans(width, tile, multiple):
            yield Tile(
                core=Window(top, left, bottom, right),
                outer=Window(
                    max(top - halo, 0),
                    max(left - halo, 0),
                    min(bottom + halo, height),
                    min(right + halo, width),
                ),
            )


def _spans(length: int, tile: int, multiple: int) -> list[tuple[int, int]]:
    count = -(-length // tile)
    # Rounding the even share up never exceeds the tile, itself a multiple.
    step = -(-length // (count * multiple)) * multiple
    return [(start, min(start + step, length)) for start in range(0, length, step)]
