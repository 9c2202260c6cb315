"""Look-alikes: fabricated collections of true raw files, with known ground truth.

`make_collection` writes SID, MID or SMID in their true layout: scenes painted in linear light
(`paint_scene`), seen through the filters of their cameras (`Camera`, `mosaic_of`), exposed by a
sensor with photon, read and row noise (`SensorModel`, `expose`), and written as DNG files that
LibRaw decodes bit for bit (`write_dng`). `scene_truth` gives back what a file shows. `make_videos`
writes packed Bayer videos and their pictures, as the collection of moving objects has them, and
`make_cinema` videos as folders of CinemaDNG frames. `make_darkroom` writes dark and flat frames of
cameras whose noise is known (`known_camera`).
"""

from rawkit.late import callable_as
from rawkit.synth.cameras import Camera, mosaic_of
from rawkit.synth.cinema import CINEMA, make_cinema, write_cinema_dng
from rawkit.synth.collection_cameras import CAMERAS
from rawkit.synth.collections import (
    COLLECTIONS,
    DEFAULT_SIZE,
    NOTE_NAME,
    SynthReport,
    make_collection,
    scene_truth,
)
from rawkit.synth.darkroom import (
    DARKROOM_SIZE,
    KNOWN_CAMERAS,
    KnownCamera,
    known_camera,
    make_darkroom,
    of_look_alike,
)
from rawkit.synth.dng import BAYER_PATTERNS, DngMeta, encode_dng, write_dng
from rawkit.synth.noise import Level, SensorModel, expose, predict_flat_patch
from rawkit.synth.profiles import profile_of
from rawkit.synth.scene import paint_scene, view_of
from rawkit.synth.videos import MOVING_OBJECTS, make_videos

callable_as(__name__, "rawkit.api:synth")

__all__ = [
    "BAYER_PATTERNS",
    "CAMERAS",
    "CINEMA",
    "COLLECTIONS",
    "DARKROOM_SIZE",
    "DEFAULT_SIZE",
    "KNOWN_CAMERAS",
    "MOVING_OBJECTS",
    "NOTE_NAME",
    "Camera",
    "DngMeta",
    "KnownCamera",
    "Level",
    "SensorModel",
    "SynthReport",
    "encode_dng",
    "expose",
    "known_camera",
    "make_cinema",
    "make_collection",
    "make_darkroom",
    "make_videos",
    "mosaic_of",
    "of_look_alike",
    "paint_scene",
    "predict_flat_patch",
    "profile_of",
    "scene_truth",
    "view_of",
    "write_cinema_dng",
    "write_dng",
]
