"""Coordinates of the frames of a group, derived from the columns of the table.

They follow from all rows: when a long arrives after its shorts, their ``target_index`` and ratios
follow by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rawkit.arrow import array_of, values_of
from rawkit.sensor import Exposure
from rawkit.store.frames import FrameRows, FrameTable, codes_of, column_of
from rawkit.store.layout import COORDINATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from rawkit.store.rows import FrameRow

NO_TARGET = -1
NOBODY = -1
"""Stands for the number of a row where there is none."""


def exposure_of(row: FrameRow) -> Exposure:
    """Exposure of a row."""
    return Exposure(row.exposure_time, row.iso, row.f_number)


def long_of_pair(rows: Iterable[FrameRow]) -> dict[str, FrameRow]:
    """Return the ground truth of each pair of one group: its longest exposure, first by name.

    A duplicate counts: the pixels it repeats are the ground truth of its pair too.
    """
    best: dict[str, FrameRow] = {}
    longs = (row for row in rows if row.role == "long")
    for row in sorted(longs, key=lambda row: (-(row.exposure_time or 0.0), row.name)):
        best.setdefault(row.pair, row)
    return best


class Members(Mapping[str, "GroupFrames"]):
    """Which rows of a table belong to which group, by its name, in the order of names."""

    def __init__(self, table: FrameTable) -> None:
        self.table = table
        """The table."""
        found = table.columns("group", "index", "duplicate_of")
        codes, names = codes_of(found, "group")
        stored = values_of(column_of(found, "duplicate_of").is_null())
        index = values_of(column_of(found, "index"))
        present = np.unique(codes)
        self._groups: dict[str, GroupFrames] = {}
        for code in sorted(present.tolist(), key=lambda code: str(names[code])):
            inside = codes == code
            numbers = np.flatnonzero(inside & stored)
            places = index[numbers]
            if np.any(places[1:] < places[:-1]):
                numbers = numbers[np.argsort(places, kind="stable")]
            self._groups[names[code]] = GroupFrames(
                table, str(names[code]), numbers, np.flatnonzero(inside & ~stored)
            )

    def __getitem__(self, name: str) -> GroupFrames:
        return self._groups[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)


class GroupFrames:
    """The frames of a group by the numbers of their rows in the table, from 0."""

    def __init__(
        self,
        table: FrameTable,
        name: str,
        stored: NDArray[np.int64],
        duplicates: NDArray[np.int64],
    ) -> None:
        self.table, self.name = table, name
        self.stored, self.duplicates = stored, duplicates
        """Rows whose pixels are stored, by index; rows that repeat others."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupFrames):
            return NotImplemented
        if self.table is other.table or self.name != other.name:
            return self.name == other.name
        return self.rows == other.rows and self.repeated == other.repeated

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def rows(self) -> FrameRows:
        """Stored frames, by index."""
        return FrameRows(self.table, self.stored)

    @property
    def repeated(self) -> FrameRows:
        """Rows whose pixels are those of a stored frame."""
        return FrameRows(self.table, self.duplicates)

    def of_stored(self, *names: str) -> pa.Table:
        """Read columns of the stored frames, by index."""
        return self._taken(self.table.columns(*names))

    def _taken(self, columns: pa.Table) -> pa.Table:
        count = columns.num_rows
        if len(self.stored) == count and np.array_equal(self.stored, np.arange(count)):
            return columns
        return columns.take(array_of(self.stored)).combine_chunks()

    @cached_property
    def truth(self) -> NDArray[np.int32]:
        """Row of the ground truth of each stored frame, itself for a long, `NOBODY` if none."""
        return np.where(self.table.is_long[self.stored], self.stored.astype(np.int32), self.long)

    @cached_property
    def long(self) -> NDArray[np.int32]:
        """Row of the long of each stored frame's pair, of a long's pair too; `NOBODY` if none.

        It is the longest exposure of the pair, the first by name. A duplicate counts.
        """
        return self.long_of(self.stored)

    def long_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int32]:
        """Do the same for other rows of the group."""
        pairs, names = codes_of(self.table.columns("pair"), "pair")
        longs = np.concatenate([self.stored, self.duplicates])
        longs = longs[self.table.is_long[longs]]
        best = np.full(len(names), NOBODY, np.int32)
        ordered = self._longest_first(longs, pairs[longs])
        best[pairs[ordered[::-1]]] = ordered[::-1]  # so that the first of each pair stays
        return best[pairs[numbers]]

    def _longest_first(
        self, longs: NDArray[np.int64], pairs: NDArray[np.int32]
    ) -> NDArray[np.int64]:
        """Order longs by pair, by exposure from the longest, and by name where those are equal."""
        seconds = np.nan_to_num(self.table.numbers("exposure_time")[longs], nan=0.0)
        order = np.lexsort((-seconds, pairs))
        equal = (np.diff(pairs[order]) == 0) & (np.diff(seconds[order]) == 0)
        if not equal.any():
            return longs[order]
        names = column_of(self.table.columns("name"), "name").take(array_of(longs)).to_pylist()
        ranks = np.empty(len(longs), np.int64)
        ranks[sorted(range(len(longs)), key=names.__getitem__)] = np.arange(len(longs))
        return longs[np.lexsort((ranks, -seconds, pairs))]


class Coordinates(Mapping[str, "NDArray[np.generic]"]):
    """Coordinate arrays of a group, (frames,) or (frames, planes); each is made when asked for."""

    def __init__(self, frames: GroupFrames) -> None:
        self._frames = frames
        self._made: dict[str, NDArray[np.generic]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(COORDINATES)

    def __len__(self) -> int:
        return len(COORDINATES)

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        if name not in self._made:
            dtype, dimensions = COORDINATES[name]
            found = self._values(name, by_plane=len(dimensions) > 1)
            self._made[name] = found.astype(dtype, copy=False)
        return self._made[name]

    def _values(self, name: str, *, by_plane: bool) -> NDArray[np.generic]:
        frames = self._frames
        if name == "role":
            return np.asarray(frames.table.is_long[frames.stored])
        if name == "target_index":
            return targets_of(frames)
        if name == "exposure_ratio":
            return self._exposure_ratio()
        if name == "gain_ratio":
            return self._gain_ratio()
        column = column_of(frames.of_stored(name), name)
        if by_plane:
            planes = values_of(column.flatten())
            return np.asarray(planes.reshape(len(column), -1))
        return np.asarray(values_of(column))

    def _both(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a known, positive value of each frame and of its ground truth, else NaN."""
        values = known_of(self._frames.table, name)
        truth = self._frames.truth
        return values[self._frames.stored], np.where(truth == NOBODY, np.nan, values[truth])

    def _exposure_ratio(self) -> NDArray[np.float64]:
        short, long = self._both("exposure_time")
        return ratio_of(long, short)

    def _gain_ratio(self) -> NDArray[np.float64]:
        """Return `rawkit.sensor.gain_ratio` of each frame, to the last bit."""
        iso, long_iso = self._both("iso")
        aperture, long_aperture = self._both("f_number")
        ratio = np.asarray(self["exposure_ratio"], np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            ratio = ratio * ratio_of(long_iso, iso)
            squares = _squared(ratio_of(aperture, long_aperture))
            return np.where(np.isnan(squares), ratio, ratio * squares)


def known_of(table: FrameTable, name: str) -> NDArray[np.float64]:
    """Values of a column where they are known, finite and above 0, else NaN, as in `Exposure`."""
    values = np.asarray(table.numbers(name), np.float64)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def ratio_of(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide; NaN where either is unknown."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return values / others


def _squared(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square as Python does: its power and numpy's product may differ in the last bit."""
    distinct, places = np.unique(values, return_inverse=True)
    squares = [value**2 for value in distinct.tolist()]
    return np.array(squares, np.float64)[places.reshape(values.shape)]


def targets_of(frames: GroupFrames) -> NDArray[np.int64]:
    """Index of the target of each stored frame: its own, else that of its ground truth."""
    own = frames.table.numbers("target_index")
    truth = frames.truth
    others = np.where(truth == NOBODY, NO_TARGET, own[truth])
    mine = own[frames.stored]
    return np.where(mine != NO_TARGET, mine, others)  # a short may bring its own


def stored_rows(rows: Iterable[FrameRow], group: str) -> list[FrameRow]:
    """Rows of a group whose pixels are stored, by index; duplicates are left out."""
    found = [row for row in rows if row.group == group and row.duplicate_of is None]
    return sorted(found, key=lambda row: row.index)


def coordinates(rows: Sequence[FrameRow], group: str) -> dict[str, NDArray[np.generic]]:
    """Coordinate arrays of a group, (frames,) or (frames, planes), from the rows of a store."""
    return dict(Coordinates(Members(FrameTable.of(rows))[group]))
