"""What restoring a video takes, said and checked before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.models import MemoryPlan, describe, plan_inference
from rawkit.restore import Held
from rawkit.video.codecs import CODECS
from rawkit.video.network import takes_clips
from rawkit.video.steady import held_frames

if TYPE_CHECKING:
    from rawkit.restore import Restorer
    from rawkit.sensor import RawImage
    from rawkit.video.clips import Cut
    from rawkit.video.output import VideoOutput

_DECODER = 130 * 10**6
"""Bytes of the process that decodes frames of a folder, and of a frame in it."""
_WAITING = 8
"""Frames beside those of the smooth curve: read ahead, in work, waiting for the encoder."""
_MOSAIC_PIXEL = 2
_ROUNDED_PIXEL = 3 * 2
_WORK_PIXEL = 3 * 4 + 3 * 2
"""Bytes a pixel of the picture while it is rounded."""
_COMPARED_PIXEL = 40
"""Bytes a pixel that the plain conversion takes."""


@dataclass(frozen=True)
class VideoMemory:
    """A plan, and what of it is held beside the network."""

    plan: MemoryPlan
    """All of it."""
    held: Held
    """What is held beside the network."""


def plan_video(
    restorer: Restorer, output: VideoOutput, count: int, first: RawImage, size: tuple[int, int]
) -> tuple[VideoMemory, Cut | None]:
    """Plan the memory of a restoration; for a network of clips choose the pieces.

    Raises
    ------
    UsageError
        If it does not fit.
    """
    pixels, picture = first.pixels.size, size[0] * size[1]
    waiting = min(count, held_frames(output.radius) + _WAITING)
    others = {
        "frames": waiting * pixels * _MOSAIC_PIXEL,
        "pictures": picture * (_ROUNDED_PIXEL * 3 + _WORK_PIXEL),
    }
    if output.suffix == ".mp4" or output.compare:
        base, pixel = CODECS[output.codec].memory
        others["encoder"] = base + pixel * picture
    if output.compare:
        base, pixel = CODECS[output.codec].memory
        others["comparison"] = base + (2 * pixel + _COMPARED_PIXEL) * picture
    held = Held(others)
    height, width = first.pixels.shape
    budget = output.max_ram or 1 << 62
    if takes_clips(restorer):
        raise NotImplementedError
    backend = "torch" if restorer.compute is None else restorer.compute.backend
    plan = plan_inference(
        restorer.network, height, width, budget, backend=backend, others=held.others,
    )  # fmt: skip
    return VideoMemory(plan, held), None
