"""Networks that take clips, run over a video of any length piece by piece, blended.

Pieces overlap in time and in space. For each run of frames all pieces of the picture are added up
with their weights; what no later run touches is handed out, and its memory given back::

    run 1  ├──────────────┤
    run 2            ├──────────────┤
    run 3                      ├──────────────┤
           handed out┤ after run 1
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch

from rawkit.errors import UsageError
from rawkit.models import Area, device_of, packed_planes
from rawkit.sensor import BAYER
from rawkit.video.blending import Piece, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rawkit.models import AmplifiedMosaic, Geometry

Value = TypeVar("Value")
Size = tuple[int, int]
"""Frames, and pixels of the mosaic to a side."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How a video is cut into pieces."""

    frames: int
    """Frames of a piece, at most."""
    side: int
    """Rows and columns of a piece in pixels of the mosaic, at most."""
    frame_overlap: int
    """Frames that neighbours share, at least."""
    side_overlap: int
    """Pixels that they share each way, at least."""
    frame_guard: int
    """Frames next to a cut that count nothing."""
    side_guard: int
    """Pixels next to a cut that count nothing."""
    multiple: int
    """Pixels that borders of pieces are multiples of."""

    @classmethod
    def of(cls, geometry: Geometry, pieces: Size, overlap: Size) -> Cut:
        """Choose guards for pieces and overlaps of so many frames and pixels.

        Where the overlap has room for all that the network sees to both sides, the guard is that,
        and the result the one of the whole video at once; else it is a quarter of the overlap.
        Pixels are rounded up to what the network's cells allow.

        Raises
        ------
        UsageError
            If the overlap is as large as the pieces.
        """
        multiple = geometry.render_multiple
        frames, side = pieces[0], _up(pieces[1], multiple)
        frame_overlap, side_overlap = overlap[0], _up(overlap[1], multiple)
        if not 0 <= frame_overlap < frames or not 0 <= side_overlap < side:
            raise UsageError(
                f"an overlap of {frame_overlap}x{side_overlap} of pieces of {frames}x{side}",
                expected="fewer frames, and fewer pixels, than the pieces have",
            )
        return cls(
            frames, side, frame_overlap, side_overlap,
            _guard(frame_overlap, geometry.frames_halo),
            _guard(side_overlap, geometry.render_halo), multiple,
        )  # fmt: skip


def _up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def _guard(overlap: int, halo: int) -> int:
    return halo if overlap >= 2 * halo + 2 else overlap // 4


@dataclass(frozen=True)
class Grid:
    """All pieces of a video."""

    time: tuple[Piece, ...]
    """Runs of frames."""
    rows: tuple[Piece, ...]
    """In pixels of the padded mosaic."""
    columns: tuple[Piece, ...]
    """Likewise."""

    @classmethod
    def of(cls, count: int, height: int, width: int, cut: Cut) -> Grid:
        """Cut a video of so many frames, whose padded mosaics have so many pixels.

        Raises
        ------
        UsageError
            If the sizes do not fit each other.
        """
        rows, columns = (
            pieces(length, size=min(cut.side, length), overlap=_less(cut, length),
                   guard=cut.side_guard, multiple=cut.multiple)
            for length in (height, width)
        )  # fmt: skip
        time = pieces(
            count, size=min(cut.frames, count),
            overlap=min(cut.frame_overlap, max(0, min(cut.frames, count) - 1)),
            guard=cut.frame_guard,
        )  # fmt: skip
        return cls(tuple(time), tuple(rows), tuple(columns))

    def first_run(self, frame: int) -> int:
        """Return the first run, from 0, that a frame is part of."""
        return next(number for number, run in enumerate(self.time) if run.stop > frame)

    def text(self) -> str:
        """Say how many pieces there are, and how large, for people."""
        time, row, column = self.time, self.rows, self.columns
        return (
            f"{len(time)}x{len(row)}x{len(column)} of {time[0].size} frames of "
            f"{column[0].size}x{row[0].size} pixels, {1 / self.share_once:.2f} times the video"
        )

    @property
    def share_once(self) -> float:
        """Pixels of the video over pixels that the network computes: 1 without overlaps."""
        share = 1.0
        for axis in (self.time, self.rows, self.columns):
            share *= axis[-1].stop / sum(piece.size for piece in axis)
        return share


def _less(cut: Cut, length: int) -> int:
    return min(cut.side_overlap, max(0, min(cut.side, length) - cut.multiple))


def blended(
    frames: Iterator[tuple[Value, AmplifiedMosaic]], net: nn.Module, grid: Grid, run: int = 0
) -> Iterator[tuple[Value, NDArray[np.float32]]]:
    """Run a network that takes clips over the frames of a video.

    Parameters
    ----------
    frames
        What is to come out with each frame, and its padded, amplified Bayer mosaic; from the first
        frame of `run` on, to the end of the video.
    net
        Takes float32 (1, 4, T, h, w), gives (1, 3, T, 2h, 2w).
    grid
        The pieces of the whole video.
    run
        The run of frames to begin with, from 0. Frames that an earlier one shares come out wrong,
        for want of it.

    Yields
    ------
    value, picture
        Each frame's value, and its picture, float32 (rows, columns, 3) of the visible area.
    """
    waiting: deque[tuple[Value, AmplifiedMosaic, Tensor]] = deque()
    for number, piece in enumerate(grid.time[run:], run):
        while len(waiting) < piece.size:
            value, mosaic = next(frames)
            empty = torch.zeros((3, mosaic.height, mosaic.width))
            waiting.append((value, mosaic, empty))
        _add_run([one[1] for one in waiting], [one[2] for one in waiting], piece, net, grid)
        following = grid.time[number + 1].start if number + 1 < len(grid.time) else piece.stop
        for _ in range(following - piece.start):
            value, mosaic, total = waiting.popleft()
            # Not kept while the caller has it: the next run wants the room.
            yield value, mosaic.padding.cut(total).permute(1, 2, 0).numpy()
            del value, mosaic, total


@torch.inference_mode()
def _add_run(
    mosaics: list[AmplifiedMosaic], totals: list[Tensor], run: Piece, net: nn.Module, grid: Grid
) -> None:
    """Add all pieces of a run of frames to the frames' totals, float32 (3, rows, columns)."""
    device, dtype = device_of(net)
    for row in grid.rows:
        for column in grid.columns:
            area = Area(row.start, column.start, row.stop, column.stop)
            planes = [packed_planes(one.window(area), BAYER)[0] for one in mosaics]
            clip = torch.stack(planes, dim=1)[None].to(device, dtype)
            found = net(clip)[0].float().cpu()
            del clip, planes
            weights = torch.from_numpy(row.weights)[:, None] * torch.from_numpy(column.weights)
            for index, total in enumerate(totals):
                share = weights * float(run.weights[index])
                total[:, row.start : row.stop, column.start : column.stop].addcmul_(
                    found[:, index], share
                )
