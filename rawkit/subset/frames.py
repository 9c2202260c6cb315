"""The frames of a subset as columns; each is an object when it is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rawkit.arrow import array_of, empty_table, values_of
from rawkit.errors import StoreError
from rawkit.store import column_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from rawkit.locations import Location

_AT_ONCE = 1024
"""Frames that are made at once for who goes through all of them."""


@dataclass(frozen=True, slots=True)
class SubsetFrame:
    """One frame of a subset."""

    collection: str
    """Collection it comes from."""
    group: str
    """Group within that collection's store."""
    index: int
    """Position along the frame axis of the group, from 0."""
    name: str
    """Identity within the collection."""
    scene: str
    """What one split never divides."""
    split: str
    """``train``, ``val`` or ``test``."""
    role: str
    """``short`` or ``long``."""
    iso: float | None
    """ISO speed."""
    ratio: float | None
    """Exposure ratio to its long; None where there is no long, or a time is unknown."""
    paired: bool
    """Whether its long is there and has a target."""

    @property
    def camera(self) -> str:
        """Camera, as the first part of the group spells it."""
        return camera_of(self.group)

    @property
    def place(self) -> str | None:
        """First part of a scene with a slash, such as MID's ``indoor``; None for other scenes."""
        return place_of(self.scene)

    @property
    def rounded_ratio(self) -> float | None:
        """Ratio to two digits, as it is counted."""
        return rounded(self.ratio)


def camera_of(group: str) -> str:
    """Camera of a group, its first part."""
    return group.partition("/")[0]


def place_of(scene: str) -> str | None:
    """First part of a scene with a slash; None for other scenes."""
    place, slash, _ = scene.partition("/")
    return place if slash else None


def rounded(ratio: float | None) -> float | None:
    """Round a ratio to two digits."""
    return None if ratio is None else float(f"{ratio:.2g}")


_TYPES = {"index": pa.int64(), "iso": pa.float64(), "ratio": pa.float64(), "paired": pa.bool_()}
FRAME_SCHEMA = pa.schema(
    [pa.field(field.name, _TYPES.get(field.name, pa.string())) for field in fields(SubsetFrame)]
)
"""Columns of a subset's file."""
SHARED = ("collection", "group", "scene", "split", "role")
"""Columns of texts that many frames share: each text is held once."""


class SubsetFrames(Sequence[SubsetFrame]):
    """Frames of a subset over the columns of `FRAME_SCHEMA`.

    Parameters
    ----------
    table
        The columns; texts may be dictionaries.
    """

    def __init__(self, table: pa.Table) -> None:
        arrays = [
            column if not (name in SHARED and pa.types.is_string(column.type))
            else column.dictionary_encode()
            for name, column in zip(table.column_names, table.columns, strict=True)
        ]  # fmt: skip
        coded = pa.table(arrays, names=table.column_names)
        self.table = coded.unify_dictionaries().combine_chunks()
        """The columns, those of `SHARED` as dictionaries, each of one chunk."""

    @classmethod
    def of(cls, frames: Iterable[SubsetFrame]) -> SubsetFrames:
        """Return the columns of frames."""
        if isinstance(frames, SubsetFrames):
            return frames
        found = list(frames)
        if not found:
            return cls(empty_table(FRAME_SCHEMA))
        arrays = [
            pa.array([getattr(one, field.name) for one in found], field.type)
            for field in FRAME_SCHEMA
        ]
        return cls(pa.Table.from_arrays(arrays, schema=FRAME_SCHEMA))

    def plain(self) -> pa.Table:
        """Return the columns of `FRAME_SCHEMA`, without dictionaries."""
        return self.table.cast(FRAME_SCHEMA)

    def where(self, **wanted: object) -> SubsetFrames:
        """Keep frames whose columns have these values."""
        return self.take(np.flatnonzero(self.which(**wanted)))

    def which(self, **wanted: object) -> NDArray[np.bool_]:
        """Tell of each frame whether its columns have these values."""
        keep = np.ones(len(self), np.bool_)
        for name, value in wanted.items():
            keep &= self.equal(name, value)
        return keep

    def take(self, places: NDArray[np.int64]) -> SubsetFrames:
        """Return frames by their places, from 0, in the order given."""
        return SubsetFrames(self.table.take(array_of(places)))

    def equal(self, name: str, value: object) -> NDArray[np.bool_]:
        """Tell of each frame whether a column has this value."""
        column = self.table.column(name)
        same: NDArray[np.bool_]
        if name in SHARED:
            codes, texts = self.coded(name)
            same = np.equal(codes, texts.index(str(value)) if value in texts else -1)
        elif pa.types.is_string(column.type):
            same = values_of(pc.equal(column, value), null=False)
        else:
            same = values_of(column) == value
        return same

    def coded(self, name: str) -> tuple[NDArray[np.int32], list[str]]:
        """Codes of a column of `SHARED`, shape (frames,), and the texts they stand for."""
        return self.codes(name), self.texts(name).to_pylist()

    def distinct(self, name: str) -> tuple[NDArray[np.int32], list[Any]]:
        """Codes of any column, shape (frames,), and the values they stand for; null is the last."""
        if name in SHARED:
            return self.coded(name)
        coded = column_of(self.table, name).dictionary_encode()
        values = coded.dictionary.to_pylist()
        return values_of(coded.indices, null=len(values)), [*values, None]

    def codes(self, name: str) -> NDArray[np.int32]:
        """Codes of a column of `SHARED`, shape (frames,)."""
        column = self.table.column(name)
        return values_of(column.chunk(0).indices) if column.num_chunks else np.empty(0, np.int32)

    def texts(self, name: str) -> pa.Array:
        """Texts that the codes of a column of `SHARED` stand for."""
        column = self.table.column(name)
        return column.chunk(0).dictionary if column.num_chunks else pa.nulls(0, pa.string())

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, index: int) -> SubsetFrame: ...
    @overload
    def __getitem__(self, index: slice) -> SubsetFrames: ...
    def __getitem__(self, index: int | slice) -> SubsetFrame | SubsetFrames:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        place = range(len(self))[index]  # raises IndexError beyond the end
        return _made(self.table.slice(place, 1))[0]

    def __iter__(self) -> Iterator[SubsetFrame]:
        for start in range(0, len(self), _AT_ONCE):
            yield from _made(self.table.slice(start, _AT_ONCE))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SubsetFrames):
            return bool(self.plain().equals(other.plain()))
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment] # like a list's

    def __repr__(self) -> str:
        return f"<{len(self)} frames of a subset>"


def _made(table: pa.Table) -> list[SubsetFrame]:
    columns = [column.to_pylist() for column in table.cast(FRAME_SCHEMA).columns]
    return [SubsetFrame(*values) for values in zip(*columns, strict=True)]


def no_longer(frame: SubsetFrame, store: Location) -> StoreError:
    """Return the error for a frame that a store does not hold any more where a subset has it."""
    return StoreError(
        f"{frame.name} is no longer frame {frame.index} of {frame.group}",
        expected="the store that the subset was made from",
        where=store,
        fix="Make the subset anew with `rawkit subset --refresh`.",
    )
