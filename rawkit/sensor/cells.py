"""The cells that mosaics repeat, and how they are packed into planes.

A Bayer cell of 2x2 pixels packs into one pixel of four planes. An X-Trans cell of 6x6 pixels packs
into 2x2 pixels of nine planes, with the mapping of the code published with See-in-the-Dark
(Chen et al., CVPR 2018): planes 0 and 3 are red, 2 and 4 blue, the others green.
"""

from __future__ import annotations

from dataclasses import dataclass

Position = tuple[int, int]
Pattern = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind of mosaic in its canonical phase."""

    name: str
    """As people write it."""
    side: int
    """Rows and columns after which the mosaic repeats, in pixels."""
    block: int
    """Rows and columns of the mosaic that make one packed pixel."""
    positions: tuple[tuple[Position, ...], ...]
    """For each plane the row and column in the cell of its pixels, the packed pixels of a cell in
    reading order; from 0."""
    colours: tuple[int, ...]
    """Colour of each plane: 0 red, 1 green, 2 blue."""

    @property
    def planes(self) -> int:
        """Packed planes."""
        return len(self.positions)

    @property
    def repeats(self) -> int:
        """Packed pixels of a cell, each way."""
        return self.side // self.block

    def pattern(self) -> Pattern:
        """Colour of each pixel of the canonical cell, 0 red, 1 green, 2 blue."""
        colours = [[0] * self.side for _ in range(self.side)]
        for colour, places in zip(self.colours, self.positions, strict=True):
            for y, x in places:
                colours[y][x] = colour
        return tuple(tuple(row) for row in colours)


BAYER = Cell(
    name="Bayer",
    side=2,
    block=2,
    positions=(((0, 0),), ((0, 1),), ((1, 1),), ((1, 0),)),
    colours=(0, 1, 2, 1),
)
XTRANS = Cell(
    name="X-Trans",
    side=6,
    block=3,
    positions=(
        ((0, 0), (0, 4), (3, 1), (3, 3)),
        ((0, 2), (0, 5), (3, 2), (3, 5)),
        ((0, 1), (0, 3), (3, 0), (3, 4)),
        ((1, 2), (2, 5), (5, 2), (4, 5)),
        ((2, 2), (1, 5), (4, 2), (5, 5)),
        ((1, 0), (1, 3), (4, 0), (4, 3)),
        ((1, 1), (1, 4), (4, 1), (4, 4)),
        ((2, 0), (2, 3), (5, 0), (5, 3)),
        ((2, 1), (2, 4), (5, 1), (5, 4)),
    ),
    colours=(0, 1, 2, 0, 2, 1, 1, 1, 1),
)


def find_cell(pattern: Pattern) -> tuple[Cell, Position] | None:
    """Recognise a pattern of LibRaw colours (3 is the second green): its kind and its phase.

    The phase is the row and column at which the canonical cell begins, from 0: (0, 0) for RGGB.
    None if it is neither Bayer nor X-Trans.
    """
    greens = tuple(tuple(1 if colour == 3 else colour for colour in row) for row in pattern)  # noqa: PLR2004
    for cell in (BAYER, XTRANS):
        if len(greens) != cell.side or any(len(row) != cell.side for row in greens):
            continue
        canonical = cell.pattern()
        for top in range(cell.side):
            for left in range(cell.side):
                if _rolled(greens, top, left) == canonical:
                    return cell, (top, left)
    return None


def _rolled(pattern: Pattern, top: int, left: int) -> Pattern:
    side = len(pattern)
    return tuple(
        tuple(pattern[(y + top) % side][(x + left) % side] for x in range(side))
        for y in range(side)
    )
