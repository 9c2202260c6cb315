"""Geometry of chunks, names of groups, and metadata that reads back."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import StoreFormatError
from rawkit.store import ArrayLayout, group_name, packed_layout, target_layout
from rawkit.store.layout import (
    COORDINATES,
    chunk_side,
    coordinate_metadata,
    data_array_metadata,
    encode_json,
    layout_of_metadata,
)
from rawkit.store.rows import SCHEMA
from tests.support.strategies import layouts

HERE = Path("zarr.json")


@pytest.mark.parametrize(
    ("length", "side"), [(1424, 238), (2128, 266), (256, 256), (64, 64), (1, 1)]
)
def test_chunks_of_known_frames_divide_them_near_256(length: int, side: int) -> None:
    assert chunk_side(length) == side


@given(st.integers(1, 20_000))
def test_chunks_are_near_256_and_pad_less_than_a_pixel_for_each(length: int) -> None:
    side = chunk_side(length)
    count = math.ceil(length / side)
    assert count * side - length < count
    if length >= 128:
        assert 128 <= side <= 384
    else:
        assert side == length


@given(st.integers(1, 6000), st.integers(1, 6000), st.sampled_from([8, 16]))
def test_the_target_has_the_grid_of_the_planes_at_twice_the_size(
    height: int, width: int, bits: int
) -> None:
    packed = packed_layout(height, width, "lz4")
    target = target_layout(packed, bits, "none")
    assert target.grid == packed.grid
    assert (target.height, target.width) == (2 * height, 2 * width)
    assert target.chunk == (2 * packed.chunk[0], 2 * packed.chunk[1])
    assert target.itemsize * 8 == bits


@given(layouts(), st.integers(0, 10_000))
def test_a_layout_reads_back_from_its_metadata(layout: ArrayLayout, count: int) -> None:
    layout = ArrayLayout(
        layout.name, count, layout.planes, layout.height, layout.width, layout.chunk, layout.dtype,
        layout.codec,
    )  # fmt: skip
    written = encode_json(data_array_metadata(layout, {"rendering": {"bits": 16}}))
    assert layout_of_metadata(layout.name, json.loads(written), HERE) == layout


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the metadata of an array with one value replaced, given its path."""
    metadata: dict[str, Any] = json.loads(
        encode_json(data_array_metadata(packed_layout(100, 200, "lz4"), {}))
    )
    *parents, last = path.split(".")
    place: Any = metadata
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place[key]
    place[last] = value
    return metadata


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"node_type": "group", "zarr_format": 3},
        changed("zarr_format", 2),
        changed("shape", [1, 4, 100]),
        changed("shape", "wide"),
        changed("shape", [1, 3, 100, 200]),
        changed("shape", [1, 4, 0, 200]),
        changed("shape", [-1, 4, 100, 200]),
        changed("shape", [1, 4, 100.0, 200]),
        changed("data_type", "int16"),
        changed("data_type", "uint8"),
        changed("codecs.0.configuration.chunk_shape", [1, 4, 0, 200]),
        changed("fill_value", 1),
        changed("codecs", []),
        changed("codecs.0.configuration.index_location", "start"),
        changed("codecs.0.configuration.chunk_shape", [1, 4]),
        changed("codecs.0.configuration.codecs", [{"name": "bytes"}]),
        changed("dimension_names", None),
        changed("chunk_grid.configuration.chunk_shape", [1, 4, 50, 50]),
    ],
)
def test_metadata_that_this_version_does_not_write_is_refused(metadata: dict[str, Any]) -> None:
    with pytest.raises(StoreFormatError) as caught:
        layout_of_metadata("packed", metadata, HERE)
    assert caught.value.kind == "store-format"
    assert caught.value.where == str(HERE)


@pytest.mark.parametrize(
    ("model", "make", "name"),
    [
        ("ILCE-7SM2", "SONY", "ilce-7sm2/10x20"),
        ("Canon EOS 5D Mark IV", "Canon", "canon-eos-5d-mark-iv/10x20"),
        ("../../etc", None, "etc/10x20"),
        (None, "SONY", "sony/10x20"),
        ("", None, "unknown-camera/10x20"),
        ("写真機", "写", "unknown-camera/10x20"),
        (None, None, "unknown-camera/10x20"),
    ],
)
def test_groups_are_named_after_camera_and_size(
    model: str | None, make: str | None, name: str
) -> None:
    assert group_name(model, make, 10, 20) == name


@given(st.text(), st.text())
def test_no_camera_name_leaves_the_store(model: str, make: str) -> None:
    first, second = group_name(model, make, 10, 20).split("/")
    assert first.replace("-", "").isalnum()
    assert first.isascii()
    assert second == "10x20"


@pytest.mark.parametrize("name", COORDINATES)
def test_every_coordinate_has_one_chunk_for_1024_frames(name: str) -> None:
    metadata = coordinate_metadata(name, 5)
    assert metadata["shape"][0] == 5
    assert metadata["chunk_grid"]["configuration"]["chunk_shape"][0] == 1024
    assert metadata["dimension_names"] == list(COORDINATES[name][1])


PAGE = Path(__file__).parents[2] / "docs" / "reference" / "store-format.md"


def test_the_reference_page_has_every_coordinate_with_its_type_and_dimensions() -> None:
    text = PAGE.read_text("utf-8")
    for name, (dtype, dimensions) in COORDINATES.items():
        assert f"| `{name}` | {dtype} | {', '.join(dimensions)} |" in text


def test_the_reference_page_has_every_column_of_the_table() -> None:
    table = PAGE.read_text("utf-8").partition("## `frames.parquet`")[2].partition("\n## ")[0]
    lines = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    kinds = {"string": "string", "int64": "int64", "double": "double", "list of double": "list"}
    found = {
        name.strip(" `"): (kinds[line[2].strip(" ?")], "?" in line[2])
        for line in lines
        for name in line[1].split(",")
    }
    expected = {
        field.name: (
            "list" if pa.types.is_list(field.type) else str(field.type),
            field.nullable,
        )
        for field in SCHEMA
    }
    assert found == expected
