"""Makers of small raw files, rows and stores, with defaults for all that a test is not about."""

from __future__ import annotations

import struct
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rawkit.sensor import BAYER
from rawkit.store import (
    FrameRow,
    StagedFrame,
    StagedShard,
    compresses,
    encode_shard,
    open_place,
    packed_layout,
    pixel_hash,
    target_layout,
)
from rawkit.synth.dng import BAYER_PATTERNS, DngMeta, Pattern, write_dng

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.locations import Location
    from rawkit.store import ArrayLayout, StoreFile, StoreWriter

COLOUR_STEP: Final = 1000
"""`coloured_mosaic` gives red, green and blue 1, 2 and 3 times this, plus less than this."""

XTRANS: Final[Pattern] = (
    (1, 1, 0, 1, 1, 2),
    (1, 1, 2, 1, 1, 0),
    (2, 0, 1, 0, 2, 1),
    (1, 1, 2, 1, 1, 0),
    (1, 1, 0, 1, 1, 2),
    (0, 2, 1, 2, 0, 1),
)
"""Fuji's cell: 0 red, 1 green, 2 blue."""


def coloured_mosaic(
    shape: tuple[int, int], pattern: str, origin: tuple[int, int] = (0, 0)
) -> NDArray[np.uint16]:
    """Make a mosaic whose values tell their colour and their row.

    `pattern` starts at row and column `origin`; a value is 1000 times 1, 2 or 3 for red, green and
    blue, plus the row.
    """
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    cell = np.array(BAYER_PATTERNS[pattern])
    colours = cell[(rows - origin[0]) % 2, (columns - origin[1]) % 2]
    mosaic: NDArray[np.uint16] = ((colours + 1) * COLOUR_STEP + rows).astype(np.uint16)
    return mosaic


def noise_mosaic(
    shape: tuple[int, int] = (64, 96), *, seed: int = 0, high: int = 4000
) -> NDArray[np.uint16]:
    """Make a mosaic of uniform noise from 0 up to `high`, excluded."""
    return np.random.default_rng(seed).integers(0, high, shape, dtype=np.uint16)


def write_noise_dng(
    path: Path, *, shape: tuple[int, int] = (64, 96), seed: int = 0, **changes: Any
) -> NDArray[np.uint16]:
    """Write a DNG of noise; `changes` are fields of `DngMeta`. Returns the whole mosaic."""
    meta = replace(DngMeta("Rawkit", "Test", iso=400, seconds=0.1, f_number=4.0), black_level=64.0)
    mosaic = noise_mosaic(shape, seed=seed)
    write_dng(path, mosaic, replace(meta, **{"as_shot_neutral": (0.5, 1.0, 0.6), **changes}))
    return mosaic


def patch_tag(dng: bytes, tag: int, kind: int, values: bytes, count: int) -> bytes:
    """Replace an entry of the first directory of a little endian TIFF by up to four bytes."""
    patched = bytearray(dng)
    (entries,) = struct.unpack_from("<H", patched, 8)
    for at in range(10, 10 + 12 * entries, 12):
        if struct.unpack_from("<H", patched, at)[0] == tag:
            struct.pack_into("<HHI4s", patched, at, tag, kind, count, values)
            return bytes(patched)
    raise AssertionError(tag)


def frame_row(**changes: Any) -> FrameRow:
    """Make the row of a dark frame as a worker hands it over; `changes` are its fields."""
    row = FrameRow(
        group="test/4x6",
        index=-1,
        name="scene/short-1.dng",
        source="scene/short-1.dng",
        role="short",
        scene="scene",
        view="",
        pair="scene/",
        split="train",
        make="Rawkit",
        model="Test",
        taken=None,
        orientation=1,
        exposure_time=0.1,
        iso=400.0,
        f_number=4.0,
        pattern="RGGB",
        raw_height=8,
        raw_width=12,
        visible_top=0,
        visible_left=0,
        visible_height=8,
        visible_width=12,
        pixel_aspect=1.0,
        crop_top=0,
        crop_left=0,
        black_level=(64.0, 65.0, 66.0, 67.0),
        white_level=16383.0,
        camera_white_level=None,
        level_source="file",
        level_warning=None,
        saturated_share=0.0,
        white_balance=(2.0, 1.0, 1.5, 1.0),
        white_balance_source="camera",
        amplification_base=7.5,
        target_index=-1,
        target_note=None,
        raw_bytes=1234,
        pixel_hash="blake3:" + "0" * 64,
        duplicate_of=None,
    )
    return replace(row, **changes)


def add_frame(
    writer: StoreWriter,
    row: FrameRow,
    planes: NDArray[np.uint16],
    target: NDArray[np.generic] | None = None,
) -> FrameRow:
    """Stage a frame as a worker does and add it to a store."""
    planes_count, height, width = planes.shape
    assert planes_count == BAYER.planes
    layout = packed_layout(height, width, "lz4")
    row = replace(row, pixel_hash=pixel_hash(planes, writer.version))
    packed = _stage(writer, planes, layout)
    staged = None
    if target is not None:
        bits = 8 * target.dtype.itemsize
        staged = _stage(writer, target, target_layout(layout, bits, "lz4"))
    return writer.add(StagedFrame(row, packed, staged))


def _stage(writer: StoreWriter, array: NDArray[np.generic], layout: ArrayLayout) -> StagedShard:
    layout = replace(layout, codec="lz4" if compresses(array, layout) else "none")
    shard = encode_shard(array, layout)
    path = writer.staging / f"staged.{layout.name}"
    path.write_bytes(shard)
    return StagedShard(path, layout)


def local(place: Location | StoreFile) -> Path:
    """Return a path that a test knows to be one."""
    assert isinstance(place, Path)
    return place


def files_of(folder: Location) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, here or elsewhere, by its path in it."""
    place = open_place(folder)
    return {key: sha256(place.read(key)).hexdigest() for key in sorted(place.sizes())}
