"""Stores of look-alike pairs, some of them with faults, without raw files on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rawkit.store import open_writer
from tests.support.factories import add_frame, frame_row
from tests.support.faults import faulty_pair

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.faults import Fault, Shot

SIZE = (512, 768)
"""Height and width of the frames, in pixels of the mosaic."""


def paired_store(
    path: Path, faults: Mapping[str, Fault], *, shorts: int = 2, collection: str = "sid"
) -> None:
    """Make a store with a scene for each fault, named as asked for, with so many shorts.

    All shorts of a scene are the same frame but for their name and one pixel.
    """
    with open_writer(path, attributes={"collection": collection}, target={}) as writer:
        for seed, (scene, fault) in enumerate(faults.items()):
            short, long = faulty_pair(collection, SIZE, fault, seed=seed, iso=200, ratio=100)
            for number in range(shorts):
                planes = short.planes.copy()
                planes[0, 0, 0] += number
                row = _row(short, role="short", name=f"{scene}/short-{number}", scene=scene)
                add_frame(writer, row, planes)
            row = _row(long, role="long", name=f"{scene}/long", scene=scene)
            add_frame(writer, row, long.planes)


def _row(shot: Shot, *, scene: str, **changes: Any) -> Any:
    height, width = shot.planes.shape[1:]
    return frame_row(
        group=f"cam/{height}x{width}", scene=scene, pair=f"Sony/{scene}", source=changes["name"],
        exposure_time=shot.seconds, iso=float(shot.iso), f_number=4.0,
        black_level=(float(shot.black),) * 4, white_level=float(shot.white),
        camera_white_level=None, raw_height=2 * height, raw_width=2 * width,
        visible_height=2 * height, visible_width=2 * width, **changes,
    )  # fmt: skip
