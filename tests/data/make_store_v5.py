"""Make ``store-v5``: the smallest store of format version 5 that has everything.

Run once, for version 5, and never again: the sample stands for the stores that people have.
``python tests/data/make_store_v5.py FOLDER`` writes another one, to compare with.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from blake3 import blake3

from rawkit.sensor import RenderParameters
from rawkit.store import (
    FrameRow,
    StagedFrame,
    StagedShard,
    compresses,
    encode_shard,
    open_writer,
    packed_layout,
    target_layout,
)

HEIGHT, WIDTH = 16, 24
"""Rows and columns of a packed plane."""
ATTRIBUTES = {
    "collection": "sample",
    "title": "Sample of format version 5",
    "homepage": "",
    "licence": "CC0",
    "citation": "",
}


def planes_of(frame: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """Return dark planes (4, 16, 24): black level, frame and a ramp."""
    ramp = np.arange(4 * HEIGHT * WIDTH).reshape(4, HEIGHT, WIDTH) % 7
    return (512 + 16 * frame + ramp).astype(np.uint16)


def picture() -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """Return a target (3, 32, 48) that does not compress: SHA-256 of 0, 1, 2 and so on."""
    digests = b"".join(sha256(number.to_bytes(2, "little")).digest() for number in range(288))
    values = np.frombuffer(digests, "<u2")
    return values.reshape(3, 2 * HEIGHT, 2 * WIDTH).astype(np.uint16)


def row_of(role: str) -> FrameRow:
    """Return the row of the short or the long."""
    is_long = role == "long"
    planes = planes_of(int(is_long))
    return FrameRow(
        group=f"sample-camera/{HEIGHT}x{WIDTH}",
        index=-1,
        name=f"{role}/0001.ARW",
        source=f"unpacked/{role}/0001.ARW",
        role=role,
        scene="0001",
        view="",
        pair="0001/",
        split="train",
        make="Sample",
        model="Sample Camera",
        taken="2024:01:02 03:04:05",
        orientation=6,
        exposure_time=10.0 if is_long else 0.1,
        iso=100.0 if is_long else 800.0,
        f_number=None if is_long else 4.0,
        pattern="GBRG",
        raw_height=36,
        raw_width=50,
        visible_top=2,
        visible_left=1,
        visible_height=33,
        visible_width=49,
        pixel_aspect=1.0,
        crop_top=1,
        crop_left=0,
        black_level=(512.0, 513.0, 514.0, 515.0),
        white_level=16383.0,
        camera_white_level=(15000.0, 15001.0, 15002.0, 15003.0) if is_long else None,
        white_balance=(2.0, 1.0, 1.5, 1.0),
        level_source="file",
        level_warning=None,
        saturated_share=0.0,
        white_balance_source="camera",
        amplification_base=1.0 if is_long else 123.25,
        target_index=-1,
        target_note=None,
        raw_bytes=4096,
        pixel_hash="blake3:" + blake3(planes.astype("<u2").tobytes()).hexdigest(),
        duplicate_of=None,
        colour_matrix=None if is_long else (0.7, -0.2, -0.1, -0.4, 1.2, 0.2, -0.1, 0.2, 0.6),
        colour_matrix_source=None if is_long else "file",
        decoder="libraw" if is_long else "lossless-jpeg",
    )


def make(store: Path) -> None:
    """Write the sample to a new folder."""
    layout = packed_layout(HEIGHT, WIDTH, "lz4")
    rendering = RenderParameters(adjust_maximum_thr=0.75).describe()
    with open_writer(store, attributes=ATTRIBUTES, target=rendering) as writer:

        def staged(array: np.ndarray[tuple[int, ...], np.dtype[np.uint16]]) -> StagedShard:
            array_layout = (
                layout if len(array) == layout.planes else target_layout(layout, 16, "lz4")
            )
            saves = compresses(array, array_layout)
            array_layout = replace(array_layout, codec="lz4" if saves else "none")
            shard = encode_shard(array, array_layout)
            path = writer.staging / array_layout.name
            path.write_bytes(shard)
            return StagedShard(path, array_layout)

        writer.add(StagedFrame(row_of("short"), staged(planes_of(0)), None))
        writer.add(StagedFrame(row_of("long"), staged(planes_of(1)), staged(picture())))


if __name__ == "__main__":
    make(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("store-v5")))
