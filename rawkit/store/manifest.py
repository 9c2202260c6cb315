"""Every file of a store but its shards and its table, derived from what the table says.

The writer writes these files; `rawkit.store.verify` compares them with what is there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.errors import StoreFormatError
from rawkit.store.coordinates import NO_TARGET, Coordinates, Members
from rawkit.store.frames import FrameTable
from rawkit.store.layout import (
    COORDINATE_CHUNK,
    COORDINATES,
    FORMAT,
    METADATA,
    PARTS,
    VERSION,
    ArrayLayout,
    ArrayName,
    coordinate_metadata,
    data_array_metadata,
    encode_json,
    group_metadata,
)
from rawkit.store.rows import VERSION_KEY
from rawkit.store.shard import CRC_BYTES, with_crc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from rawkit.store.coordinates import GroupFrames
    from rawkit.store.rows import FrameRow


@dataclass(frozen=True, slots=True)
class About:
    """What a store's table says beside its rows; enough to derive all metadata."""

    attributes: Mapping[str, Any]
    """Title, licence, citation and the like, for the root."""
    rendering: Mapping[str, Any]
    """How targets are rendered."""
    layouts: Mapping[tuple[str, ArrayName], ArrayLayout]
    """Layout of each array, by group and name."""
    version: int = VERSION
    """Format version that the store is written in."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values to be stored in the table; counts follow from the rows."""
        layouts = {
            f"{group}/{name}": {**asdict(layout), "count": 0}
            for (group, name), layout in sorted(self.layouts.items())
        }
        version = {} if self.version == 1 else {VERSION_KEY: self.version}
        return {
            **version,  # version 1 did not say
            "attributes": dict(self.attributes),
            "rendering": dict(self.rendering),
            "layouts": layouts,
        }


def about_of(values: Mapping[str, Any], members: Members, where: object) -> About:
    """Read `About` back, with the counts that the rows vouch for.

    Raises
    ------
    StoreFormatError
        If the values are of another kind.
    """
    try:
        layouts: dict[tuple[str, ArrayName], ArrayLayout] = {}
        for key, layout in values["layouts"].items():
            group, _, name = key.rpartition("/")
            count = _count(members, group, name)
            chunk = tuple(layout["chunk"])
            layouts[group, name] = ArrayLayout(**{**layout, "chunk": chunk, "count": count})
        version = values.get(VERSION_KEY, 1)
        return About(values["attributes"], values["rendering"], layouts, version)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreFormatError(
            "a table of frames that does not describe its store",
            expected=f"{FORMAT} version {VERSION}",
            where=where,
        ) from error


def stored_count(rows: Sequence[FrameRow], group: str, name: ArrayName) -> int:
    """Count the shards of an array that the rows vouch for."""
    return _count(Members(FrameTable.of(rows)), group, name)


def _count(members: Members, group: str, name: ArrayName) -> int:
    if group not in members:
        return 0
    stored = members[group].stored
    if name == "packed":
        return len(stored)
    targets = members.table.numbers("target_index")[stored]
    return int(np.count_nonzero(targets != NO_TARGET))


def derived_stages(about: About, members: Members) -> Iterator[dict[str, bytes]]:
    """Yield every derived file by path, in the stages in which they are replaced.

    Coordinates come first, their chunks before their metadata, then the arrays they belong to,
    then the groups; within a stage any order will do. The root is not among them: it follows the
    table.
    """
    groups = list(members)
    found = {
        path: data
        for group in groups
        for name, values in Coordinates(members[group]).items()
        for path, data in _coordinate(f"{group}/{name}", name, values)
    }
    metadata = {path: data for path, data in found.items() if path.endswith(METADATA)}
    yield {path: data for path, data in found.items() if path not in metadata}
    yield metadata
    yield {
        f"{group}/{name}/{METADATA}": _array(about, layout)
        for (group, name), layout in about.layouts.items()
        if group in groups
    }
    stage: dict[str, bytes] = {}
    for group in groups:
        first = members[group].rows[0]
        camera = {"make": first.make, "model": first.model}
        stage[f"{group}/{METADATA}"] = encode_json(group_metadata(camera))
        stage[f"{group.partition('/')[0]}/{METADATA}"] = encode_json(group_metadata({}))
    yield stage


def derived_files(about: About, rows: Sequence[FrameRow]) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of every derived file, in the order of `derived_stages`."""
    for stage in derived_stages(about, Members(FrameTable.of(rows))):
        yield from stage.items()


def chunk_keys(members: Members) -> Iterator[str]:
    """Yield the paths of all chunks of coordinates."""
    for group, frames in members.items():
        for name, (_, dimensions) in COORDINATES.items():
            rest = "/0" * (len(dimensions) - 1)
            for number in range(_chunks(frames)):
                yield f"{group}/{name}/c/{number}{rest}"


def chunk_bytes(about: About, members: Members) -> int:
    """Bytes of all chunks of coordinates: each is as large as if it were full."""
    total = 0
    for group, frames in members.items():
        for dtype, dimensions in COORDINATES.values():
            values = COORDINATE_CHUNK
            if len(dimensions) > 1:
                values *= about.layouts[group, "packed"].planes
            total += _chunks(frames) * (values * np.dtype(dtype).itemsize + CRC_BYTES)
    return total


def _chunks(frames: GroupFrames) -> int:
    return -(-len(frames.stored) // COORDINATE_CHUNK)


def metadata_keys(members: Members) -> list[str]:
    """Paths of all derived metadata, without the root's."""
    keys = []
    for group in members:
        keys += [f"{group}/{name}/{METADATA}" for name in COORDINATES]
        arrays: tuple[ArrayName, ...] = ("packed", "target")
        keys += [f"{group}/{name}/{METADATA}" for name in arrays if _count(members, group, name)]
        keys.append(f"{group}/{METADATA}")
    return keys + sorted({f"{group.partition('/')[0]}/{METADATA}" for group in members})


def _array(about: About, layout: ArrayLayout) -> bytes:
    """Metadata of ``packed`` or ``target``."""
    attributes = (
        {"coordinates": " ".join(COORDINATES)}
        if layout.name == "packed"
        else {"rendering": dict(about.rendering)}
    )
    return encode_json(data_array_metadata(layout, attributes))


def root_file(about: About, parts: Sequence[tuple[int, int]] = ()) -> tuple[str, bytes]:
    """Path and bytes of the root's metadata, the last file of a commit.

    `parts` are those of the table while it is written: number of the first row, and rows.
    """
    attributes = {"format": FORMAT, VERSION_KEY: about.version, **about.attributes}
    written = {PARTS: [list(part) for part in parts]} if parts else {}
    return METADATA, encode_json(group_metadata({**attributes, **written}))


def _coordinate(folder: str, name: str, values: NDArray[np.generic]) -> Iterator[tuple[str, bytes]]:
    """Yield the chunks of a coordinate, then its metadata; chunks only ever gain entries."""
    fill = np.nan if values.dtype.kind == "f" else 0
    for start in range(0, len(values), COORDINATE_CHUNK):
        chunk = np.full((COORDINATE_CHUNK, *values.shape[1:]), fill, values.dtype.newbyteorder("<"))
        piece = values[start : start + COORDINATE_CHUNK]
        chunk[: len(piece)] = piece
        key = "/".join(["c", str(start // COORDINATE_CHUNK), *["0"] * (values.ndim - 1)])
        yield f"{folder}/{key}", with_crc(chunk.tobytes())
    yield f"{folder}/{METADATA}", encode_json(coordinate_metadata(name, *values.shape))
