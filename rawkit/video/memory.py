"""What restoring a video takes, said and checked before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.colour import anchor_memory
from rawkit.errors import UsageError
from rawkit.models import BACKENDS, MemoryPlan, describe, padding_for, plan_inference
from rawkit.restore import Held
from rawkit.sensor import UNKNOWN_BALANCE
from rawkit.video.clips import Cut, Grid
from rawkit.video.codecs import CODECS
from rawkit.video.network import takes_clips
from rawkit.video.steady import held_frames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.models import Geometry
    from rawkit.restore import Restorer
    from rawkit.sensor import Mosaic, RawImage
    from rawkit.video.clips import Size
    from rawkit.video.output import VideoOutput

_DECODER, _DECODED_PIXEL = 130 * 10**6, 8
"""Bytes of the process that decodes frames of a folder, and a pixel of a frame in it."""
_WAITING = 8
"""Frames beside those of the smooth curve: read ahead, in work, waiting for the encoder."""
_MOSAIC_PIXEL = 2
_ROUNDED_PIXEL = 3 * 2
_WORK_PIXEL = 3 * 4 + 3 * 2
"""Bytes a pixel of the picture while it is rounded."""
_COMPARED_PIXEL = 40
"""Bytes a pixel that the plain conversion takes."""
_PROCESS = 380 * 10**6
"""Interpreter, torch, PyAV."""
_PIECE_PIXEL = 4 + 3 * 4
"""Bytes a pixel of a piece: what goes in, and what comes out."""
_TOTAL_PIXEL = 3 * 4 + 2
"""Bytes a pixel of each frame that is being added up, and of its mosaic."""
_FRAMES = (32, 24, 16, 12, 8, 6, 4)
"""Frames of a piece that are tried."""
_OVERLAP = 4, 64
"""Frames and pixels that pieces share; of pieces of few frames a quarter."""
_UNLIMITED = 1 << 62


@dataclass(frozen=True)
class VideoMemory:
    """A plan, and what of it is held beside the network."""

    plan: MemoryPlan
    """All of it."""
    held: Held
    """What is held beside the network."""


def plan_video(
    restorer: Restorer, output: VideoOutput, count: int, first: RawImage, size: tuple[int, int],
    *, decoder: bool = False,
) -> tuple[VideoMemory, Cut | None]:  # fmt: skip
    """Plan the memory of a restoration; for a network of clips choose the pieces.

    `decoder` says whether frames are decoded in a process of their own.

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
    if decoder:
        others["decoder"] = _DECODER + _DECODED_PIXEL * pixels
    height, width = first.pixels.shape
    clips = takes_clips(restorer)
    held = Held(others)
    if output.colour != "network" and first.white_balance.source != UNKNOWN_BALANCE:
        block = first.mosaic.cell.block
        taken = anchor_memory(width, block)
        others["colours"] = taken.kept + taken.at_work if clips else 0
        held = Held(others) if clips else Held(others).anchored(width, block)
    budget = output.max_ram or _UNLIMITED
    if clips:
        plan, cut = _in_pieces(restorer.network, output, count, first.mosaic, others, budget)
        return VideoMemory(plan, held), cut
    backend = "torch" if restorer.compute is None else restorer.compute.backend
    if backend not in BACKENDS:
        backend = "openvino"  # a network in another runtime takes about as much
    plan = plan_inference(
        restorer.network, height, width, budget, backend=backend, others=held.others,
        before=held.before, band_pixel=held.band_pixel,
    )  # fmt: skip
    return VideoMemory(plan, held), None


def _in_pieces(
    network: str, output: VideoOutput, count: int, mosaic: Mosaic, others: dict[str, int],
    budget: int,
) -> tuple[MemoryPlan, Cut]:  # fmt: skip
    padding = padding_for(
        mosaic.height, mosaic.width, mosaic.phase, describe(network).multiple, mosaic.cell
    )
    area = padding.padded_height, padding.padded_width
    return plan_pieces(network, area, count, others, budget, output.pieces, output.overlap)


def plan_pieces(
    network: str,
    area: tuple[int, int],
    count: int,
    others: Mapping[str, int],
    budget: int,
    asked: Size | None = None,
    shared: Size | None = None,
) -> tuple[MemoryPlan, Cut]:
    """Choose the pieces of a video that cost the least work of those that fit.

    Parameters
    ----------
    network
        Name of a network that takes clips.
    area
        Rows and columns of a frame, padded, in pixels of the mosaic.
    count
        Frames of the video.
    others
        What else is held, in bytes by its name.
    budget
        Bytes that all may take.
    asked
        Frames of a piece and its side in pixels; None: what fits best.
    shared
        Frames and pixels that neighbours share; None: 4 and 64.

    Raises
    ------
    UsageError
        If none fit; the message names the smallest budget that would do.
    """
    about = describe(network)
    found: list[tuple[float, MemoryPlan, Cut]] = []
    for pieces in _candidates(about.geometry, asked):
        overlap = shared or (min(_OVERLAP[0], pieces[0] // 4), _OVERLAP[1])
        cut = Cut.of(about.geometry, pieces, overlap)
        grid = Grid.of(count, *area, cut)
        frames = grid.time[0].size
        piece = frames * grid.rows[0].size * grid.columns[0].size
        parts = {
            "process": _PROCESS + about.costs.weights,
            "network": piece * (about.costs.tile_pixel["torch"] + _PIECE_PIXEL),
            "blending": frames * area[0] * area[1] * _TOTAL_PIXEL,
            **others,
        }
        found.append((1 / grid.share_once, MemoryPlan(parts, budget), cut))
    fitting = [one for one in found if one[1].fits]
    if fitting:
        _, plan, cut = min(fitting, key=lambda one: one[0])
        return plan, cut
    least = min((plan for _, plan, _ in found), key=lambda plan: plan.total)
    raise UsageError(
        f"restoring a video of {area[1]}x{area[0]} pixels with {network} needs {least.text()}",
        expected="what fits into the memory allowed",
        fix=f"Allow it {-(-least.total // 10**7) / 100:.2f}GB.",
    )


def _candidates(geometry: Geometry, asked: Size | None) -> list[Size]:
    """Sizes of pieces that are tried: frames, and pixels to a side."""
    if asked is not None:
        return [asked]
    cell, sides, side = geometry.render_multiple, list[int](), geometry.render_tile
    while side > 2 * _OVERLAP[1]:
        sides.append(side)
        side = side * 7 // 8 // cell * cell
    return [(frames, side) for frames in _FRAMES for side in sides]
