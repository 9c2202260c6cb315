"""Where everything lies in a store, and the zarr metadata that says so.

The reference page is ``docs/reference/store-format.md``. Metadata is written here instead of by
zarr-python because a growing array must change its shape in one atomic replacement, after its
shards are in place; zarr-python, xarray and dask read the result as any other zarr v3 hierarchy.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rawkit.errors import StoreFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "rawkit-store"
VERSION = 5
"""What new stores are written in."""
READABLE = (1, 2, 3, 4, 5)
"""Versions that are read and added to, each in its own form."""
FRAMES_TABLE = "frames.parquet"
PARTS = "parts"
"""Attribute of the root that names the parts of the table while a store is written."""
FRAME_RATES = "frame_rates"
"""Attribute of the root with the frames a second of videos, by scene, where they are known."""
_PART = re.compile(r"frames\.\d{9,}\.parquet")
METADATA = "zarr.json"
TARGET_SCALE: Mapping[int, int] = {4: 2, 9: 3}
"""Pixels of the mosaic, each way, that make one packed pixel of so many planes."""
COORDINATE_CHUNK = 1024
"""Frames in one chunk of a coordinate."""
CHUNK_TARGET = 256
"""Chunks come as near to this many packed pixels a side as dividing the frame evenly allows."""

Codec = Literal["lz4", "none"]
ArrayName = Literal["packed", "target"]

COORDINATES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "role": ("uint8", ("frame",)),
    "iso": ("float64", ("frame",)),
    "exposure_time": ("float64", ("frame",)),
    "f_number": ("float64", ("frame",)),
    "black_level": ("float32", ("frame", "plane")),
    "white_level": ("float32", ("frame",)),
    "white_balance": ("float32", ("frame", "plane")),
    "target_index": ("int32", ("frame",)),
    "exposure_ratio": ("float64", ("frame",)),
    "gain_ratio": ("float64", ("frame",)),
    "amplification_base": ("float64", ("frame",)),
    "crop_top": ("uint8", ("frame",)),
    "crop_left": ("uint8", ("frame",)),
}
"""Data type and dimensions of every coordinate of a frame."""


@dataclass(frozen=True, slots=True)
class ArrayLayout:
    """Geometry and codec of ``packed`` or ``target``: all that a reader of its shards needs."""

    name: ArrayName
    """Which of the two."""
    count: int
    """Frames (or longs) along the first axis."""
    planes: int
    """Planes: 4 packed ones, or 3 of RGB."""
    height: int
    """Rows of a plane, in pixels."""
    width: int
    """Columns of a plane, in pixels."""
    chunk: tuple[int, int]
    """Rows and columns of a chunk, in pixels."""
    dtype: Literal["uint8", "uint16"]
    """Data type of a value."""
    codec: Codec
    """How each chunk is compressed."""

    @property
    def grid(self) -> tuple[int, int]:
        """Chunks of a shard down and across."""
        return math.ceil(self.height / self.chunk[0]), math.ceil(self.width / self.chunk[1])

    @property
    def itemsize(self) -> int:
        """Bytes of a value."""
        return 1 if self.dtype == "uint8" else 2

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a decoded chunk."""
        return self.planes * self.chunk[0] * self.chunk[1] * self.itemsize

    def key(self, index: int) -> str:
        """Path of a shard below the group, `index` from 0."""
        return f"{self.name}/c/{index}/0/0/0"


def chunk_side(length: int) -> int:
    """Side of a chunk that divides `length` packed pixels evenly, near `CHUNK_TARGET`."""
    return math.ceil(length / max(1, round(length / CHUNK_TARGET)))


def packed_layout(height: int, width: int, codec: Codec, planes: int = 4) -> ArrayLayout:
    """Layout of ``packed`` for so many planes of (height, width), still without frames."""
    chunk = (chunk_side(height), chunk_side(width))
    return ArrayLayout("packed", 0, planes, height, width, chunk, "uint16", codec)


def target_layout(packed: ArrayLayout, bits: int, codec: Codec) -> ArrayLayout:
    """Layout of the ``target`` beside `packed`: the same grid at 2 (X-Trans: 3) times the size."""
    scale = TARGET_SCALE[packed.planes]
    chunk = (scale * packed.chunk[0], scale * packed.chunk[1])
    dtype: Literal["uint8", "uint16"] = "uint8" if bits == 8 else "uint16"  # noqa: PLR2004
    height, width = scale * packed.height, scale * packed.width
    return ArrayLayout("target", 0, 3, height, width, chunk, dtype, codec)


def part_name(first: int) -> str:
    """File of a part of the table, by the number of its first row, from 0."""
    return f"frames.{first:09d}.parquet"


def is_part(name: str) -> bool:
    """Tell whether a file of a store is a part of its table."""
    return _PART.fullmatch(name) is not None


def group_name(model: str | None, make: str | None, height: int, width: int) -> str:
    """Name a group after camera and packed size, such as ``ilce-7sm2/1424x2128``."""
    slug = re.sub(r"[^a-z0-9]+", "-", (model or make or "").lower()).strip("-")
    return f"{slug or 'unknown-camera'}/{height}x{width}"


def data_array_metadata(layout: ArrayLayout, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """``zarr.json`` of ``packed`` or ``target``."""
    grid, chunk = layout.grid, layout.chunk
    rows, columns = ("y", "x") if layout.name == "packed" else ("target_y", "target_x")
    first, second = ("frame", "plane") if layout.name == "packed" else ("long", "rgb")
    shuffle = {"typesize": layout.itemsize, "cname": "lz4", "clevel": 5}
    blosc = {"shuffle": "bitshuffle", "blocksize": 0, **shuffle}
    compression = [{"name": "blosc", "configuration": blosc}] if layout.codec == "lz4" else []
    sharding = {
        "chunk_shape": [1, layout.planes, *chunk],
        "codecs": [_bytes(layout.itemsize), *compression, {"name": "crc32c"}],
        "index_codecs": [_bytes(8), {"name": "crc32c"}],
        "index_location": "end",
    }
    return _array_metadata(
        shape=(layout.count, layout.planes, layout.height, layout.width),
        dtype=layout.dtype,
        chunk=(1, layout.planes, grid[0] * chunk[0], grid[1] * chunk[1]),
        codecs=[{"name": "sharding_indexed", "configuration": sharding}],
        dimensions=(first, second, rows, columns),
        fill_value=0,
        attributes=attributes,
    )


def coordinate_metadata(name: str, count: int, planes: int = 4) -> dict[str, Any]:
    """``zarr.json`` of a coordinate of `count` frames with so many planes."""
    dtype, dimensions = COORDINATES[name]
    extra = (planes,) if len(dimensions) > 1 else ()
    return _array_metadata(
        shape=(count, *extra),
        dtype=dtype,
        chunk=(COORDINATE_CHUNK, *extra),
        codecs=[_bytes(1 if dtype == "uint8" else 8), {"name": "crc32c"}],
        dimensions=dimensions,
        fill_value="NaN" if dtype.startswith("float") else 0,
        attributes={},
    )


def group_metadata(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """``zarr.json`` of a group."""
    return {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}


def encode_json(metadata: Mapping[str, Any]) -> bytes:
    """Encode metadata, the same bytes for the same content."""
    return (json.dumps(metadata, indent=2, ensure_ascii=False) + "\n").encode()


def _bytes(itemsize: int) -> dict[str, Any]:
    """Describe the bytes codec; a single byte has no order."""
    return (
        {"name": "bytes"}
        if itemsize == 1
        else {"name": "bytes", "configuration": {"endian": "little"}}
    )


def _array_metadata(
    *,
    shape: tuple[int, ...],
    dtype: str,
    chunk: tuple[int, ...],
    codecs: list[dict[str, Any]],
    dimensions: tuple[str, ...],
    fill_value: float | str,
    attributes: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill_value,
        "codecs": codecs,
        "attributes": dict(attributes),
        "dimension_names": list(dimensions),
        "storage_transformers": [],
    }


def _check(layout: ArrayLayout) -> None:
    """Refuse geometry and types that are no `packed` or `target`."""
    packed = layout.name == "packed"
    planes, dtypes = (TARGET_SCALE, {"uint16"}) if packed else ({3}, {"uint8", "uint16"})
    numbers = (layout.count, layout.planes, layout.height, layout.width, *layout.chunk)
    if not all(isinstance(number, int) for number in numbers):
        raise TypeError(numbers)
    if layout.planes not in planes or layout.count < 0 or min(numbers[1:]) < 1:
        raise ValueError(numbers)
    if layout.dtype not in dtypes:
        raise ValueError(layout.dtype)


def layout_of_metadata(name: ArrayName, metadata: Mapping[str, Any], where: object) -> ArrayLayout:
    """Read a layout back from ``zarr.json``.

    Raises
    ------
    StoreFormatError
        If the array was not written by this version of the format.
    """
    try:
        count, planes, height, width = metadata["shape"]
        (sharding,) = metadata["codecs"]
        _, _, *chunk = sharding["configuration"]["chunk_shape"]
        codecs = [codec["name"] for codec in sharding["configuration"]["codecs"]]
        layout = ArrayLayout(
            name, count, planes, height, width, (chunk[0], chunk[1]),
            metadata["data_type"], "lz4" if "blosc" in codecs else "none",
        )  # fmt: skip
        _check(layout)
        written = data_array_metadata(layout, metadata["attributes"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise StoreFormatError(
            "array metadata of another kind", expected=f"{FORMAT} version {VERSION}", where=where
        ) from error
    if written != metadata:
        raise StoreFormatError(
            "array metadata that this version does not write",
            expected=f"{FORMAT} version {VERSION}",
            where=where,
        )
    return layout
