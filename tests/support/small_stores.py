"""Makers of stores to choose subsets from: small frames, many scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rawkit.store import open_writer
from tests.support.factories import add_frame, frame_row

if TYPE_CHECKING:
    from rawkit.locations import Location

CAMERAS = {"alpha": 10, "beta": 5}
"""Training scenes of each camera of the first collection."""


def fill(path: Location, collection: str, cameras: dict[str, int]) -> None:
    """Make a store: of each camera so many training scenes, one val, one test; two shorts each."""
    planes = np.zeros((4, 4, 6), np.uint16)
    with open_writer(path, attributes={"collection": collection}, target={}) as writer:
        number = 0
        for camera, count in cameras.items():
            scenes = [(f"{camera}-{scene:02d}", "train") for scene in range(count)]
            for scene, split in [*scenes, (f"{camera}-val", "val"), (f"{camera}-test", "test")]:
                common: dict[str, Any] = {
                    "group": f"{camera}/4x6", "scene": scene, "split": split, "pair": scene,
                }  # fmt: skip
                for shot in range(2):
                    number += 1
                    planes[0, 0, 0] = number
                    row = frame_row(
                        name=f"{scene}/short-{shot}", exposure_time=0.1 * (1 + shot), **common
                    )
                    add_frame(writer, row, planes)
                number += 1
                planes[0, 0, 0] = number
                long = frame_row(name=f"{scene}/long", role="long", exposure_time=10.0, **common)
                add_frame(writer, long, planes, np.full((3, 8, 12), number, np.uint16))


def fill_varied(path: Location, collection: str = "varied") -> None:
    """Make a store of 3 ISO speeds by 2 shutters in 4 scenes, two cameras, indoors and outdoors.

    Scenes ``In/1`` and ``Out/1`` to ``Out/3``; ``Out/2`` is val, ``Out/3`` has another camera.
    """
    planes = np.zeros((4, 4, 6), np.uint16)
    with open_writer(path, attributes={"collection": collection}, target={}) as writer:
        for number, scene in enumerate(("In/1", "Out/1", "Out/2", "Out/3")):
            common: dict[str, Any] = {
                "scene": scene, "pair": scene, "split": "val" if scene == "Out/2" else "train",
                "group": "b/4x6" if scene == "Out/3" else "a/4x6",
                "model": "B" if scene == "Out/3" else "A",
            }  # fmt: skip
            for iso in (100.0, 200.0, 400.0):
                for seconds in (0.1, 0.02):
                    planes[0, 0] = number, iso, 100 * seconds, 0, 0, 0
                    name = f"{scene}/{iso:g}-{seconds:g}"
                    row = frame_row(
                        name=name, source=f"{name}.dng", iso=iso, exposure_time=seconds, **common
                    )
                    add_frame(writer, row, planes)
            planes[0, 0] = number, 0, 0, 1, 0, 0
            long = frame_row(
                name=f"{scene}/long", source=f"{scene}/long.dng", role="long", iso=100.0,
                exposure_time=10.0, **common,
            )  # fmt: skip
            add_frame(writer, long, planes, np.full((3, 8, 12), number, np.uint16))
