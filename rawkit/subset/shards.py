"""Which rows and shards of a store a choice of frames needs: their longs and targets come along."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rawkit.store import long_of_pair
from rawkit.subset.frames import no_longer

if TYPE_CHECKING:
    from rawkit.store import FrameRow, Store
    from rawkit.subset.frames import SubsetFrame


@dataclass(frozen=True)
class Needs:
    """What the frames of a store need to be of use."""

    store: Store
    """The store."""

    @cached_property
    def longs(self) -> dict[tuple[str, str], FrameRow]:
        """Ground truth of each pair, by group and pair."""
        return {
            (name, pair): row
            for name, group in self.store.groups.items()
            for pair, row in long_of_pair([*group.rows, *group.duplicates]).items()
        }

    @cached_property
    def rows(self) -> dict[str, FrameRow]:
        """All rows, by name."""
        return {row.name: row for row in self.store.rows}

    def long(self, row: FrameRow) -> FrameRow | None:
        """Ground truth of a frame's pair, if it is there."""
        return self.longs.get((row.group, row.pair))

    def of(self, row: FrameRow) -> list[FrameRow]:
        """Return a frame, the long of a short, and whose pixels that one repeats."""
        needed = [row]
        long = self.long(row) if row.role == "short" else None
        if long is not None:
            needed.append(long)
        return needed + [
            self.rows[one.duplicate_of] for one in needed if one.duplicate_of is not None
        ]

    def row_of(self, frame: SubsetFrame) -> FrameRow:
        """Return the row of a subset's frame.

        Raises
        ------
        StoreError
            If the store does not hold it any more.
        """
        row = self.rows.get(frame.name)
        if row is None or (row.group, row.index) != (frame.group, frame.index):
            raise no_longer(frame, self.store.path)
        return row
