"""What memory an evaluation takes, said and checked before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rawkit.colour import anchor_memory
from rawkit.errors import UsageError
from rawkit.models import describe, padding_for, plan_inference
from rawkit.video import plan_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawkit.evaluate.pairs import Pair
    from rawkit.video import Cut

MAX_RAM: Final = 2 * 10**9
"""Bytes that an evaluation may take unless told otherwise."""

# Measured as peak resident memory at 12 and 50 MP, rounded up.
_PROCESS: Final = 330 * 10**6
"""Bytes of interpreter, libraries, network, and of what is worked on band by band."""
_MEASURING_PIXEL: Final = 48
"""Bytes a pixel of a picture that is compared: it, its truth, the half-size ones of MS-SSIM, and
the planes of both frames."""
_VIDEO_PROCESS: Final = 100 * 10**6
"""Bytes more for videos: what is loaded for them, and their curves."""
_VIDEO_PIXEL: Final = 20
"""Bytes a pixel more of a frame of a video: how bright it, its truth and those before them are."""
_HELD_FRAME_PIXEL: Final = 2 + 2
"""Bytes a pixel of each frame of a piece: its packed planes, and its mosaic."""
_USUAL_FRAMES: Final = 32
"""Frames of a piece that memory is planned for."""
_RESTORED_PIXEL: Final = 3 * 4 + 2
"""Bytes a pixel held while a network runs: the picture so far, and the packed planes."""


def largest(pairs: Iterable[Pair]) -> tuple[int, int]:
    """Height and width in pixels of the largest picture."""
    sizes = ((2 * one.group.packed.height, 2 * one.group.packed.width) for one in pairs)
    return max(sizes, key=lambda size: size[0] * size[1])


def check_memory(max_ram: int, height: int, width: int, *, videos: bool = False) -> None:
    """Refuse pictures, or frames of videos, that cannot be compared within so many bytes.

    Raises
    ------
    UsageError
        If that is so; the message names what would do.
    """
    needed = _PROCESS + _MEASURING_PIXEL * height * width
    if videos:
        needed += _VIDEO_PROCESS + _VIDEO_PIXEL * height * width
    if needed > max_ram:
        raise UsageError(
            f"comparing {width}x{height} pixels takes {needed / 1e9:.2f} GB",
            expected=f"what fits into the {max_ram / 1e9:.2f} GB allowed",
            fix=f"Allow it --max-ram {-(-needed // 10**7) / 100:.2f}GB (in a pipeline: max_ram "
            "of the step, in bytes), or leave these pictures out with --camera or --store.",
        )


def cut_within(
    network: str, max_ram: int, height: int, width: int, pieces: tuple[int, int] | None
) -> Cut:
    """Return how videos are cut so that a network of clips stays within so many bytes.

    Raises
    ------
    UsageError
        If there is no way, or not with pieces of so many frames and pixels to a side.
    """
    padding = padding_for(height, width, (0, 0), describe(network).multiple)
    area = padding.padded_height, padding.padded_width
    held = {"picture": _HELD_FRAME_PIXEL * _USUAL_FRAMES * height * width}
    held["comparing"] = (_MEASURING_PIXEL + _VIDEO_PIXEL) * height * width
    return plan_pieces(network, area, _USUAL_FRAMES, held, max_ram, pieces)[1]


def tile_within(
    network: str, max_ram: int, height: int, width: int, *, anchored: bool = False
) -> int:
    """Return the side of the largest tiles with which a network stays within so many bytes.

    `anchored` tells whether pictures may have the sensor's colours.

    Raises
    ------
    UsageError
        If there are none.
    """
    others, before, band_pixel = {"picture": _RESTORED_PIXEL * height * width}, 0, 0
    if anchored:
        taken = anchor_memory(width)
        others["colours"] = taken.kept
        before, band_pixel = taken.at_work, taken.band_pixel
    return plan_inference(
        network, height, width, max_ram, others=others, before=before, band_pixel=band_pixel
    ).tile
