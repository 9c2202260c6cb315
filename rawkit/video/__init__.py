"""Raw videos to finished ones: read, keep steady, restore, blend, compress.

`find` opens an ``.npy`` of packed frames or a folder of CinemaDNG files, `developing` decides
how bright each frame is on one smooth curve, `network` runs a network frame by frame or in pieces
that overlap (`blending`, `clips`), `sinks` write what comes out segment by segment (`codecs`), and
`run` does all of it in bounded memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.late import late
from rawkit.video.codecs import CODECS, Encoder, decoded, require_codec
from rawkit.video.find import find_footage
from rawkit.video.folder import FolderFootage
from rawkit.video.footage import Footage, RawFrame
from rawkit.video.output import VideoOutput
from rawkit.video.packed import PackedFootage
from rawkit.video.sheet import contact_sheet, poster, small_mp4
from rawkit.video.steady import RADIUS, steadied

if TYPE_CHECKING:
    from rawkit.video.clips import Cut, Grid, blended
    from rawkit.video.memory import plan_pieces
    from rawkit.video.outcome import VideoReport
    from rawkit.video.run import VideoPlan, plan_restoration, restore_video

__getattr__ = late(
    __name__,
    {
        "Cut": "clips",
        "Grid": "clips",
        "VideoPlan": "run",
        "VideoReport": "outcome",
        "blended": "clips",
        "plan_pieces": "memory",
        "plan_restoration": "run",
        "restore_video": "run",
    },
)

__all__ = [
    "CODECS",
    "RADIUS",
    "Cut",
    "Encoder",
    "FolderFootage",
    "Footage",
    "Grid",
    "PackedFootage",
    "RawFrame",
    "VideoOutput",
    "VideoPlan",
    "VideoReport",
    "blended",
    "contact_sheet",
    "decoded",
    "find_footage",
    "plan_pieces",
    "plan_restoration",
    "poster",
    "require_codec",
    "restore_video",
    "small_mp4",
    "steadied",
]
