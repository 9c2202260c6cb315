"""Pieces of clips: as one run over the whole video, or without a seam."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from rawkit.errors import UsageError
from rawkit.models import Geometry, amplified, describe
from rawkit.sensor import Levels, image_of_packed
from rawkit.video.clips import Cut, Grid, blended
from tests.support.videos import CLIPS, packed_frames, restorer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rawkit.models import AmplifiedMosaic

pytestmark = pytest.mark.usefixtures("one_torch_thread")
GEOMETRY = describe(CLIPS).geometry
COUNT, SIZE = 26, (160, 176)


def mosaics(start: int = 0) -> Iterator[tuple[int, AmplifiedMosaic]]:
    """Frames of a GBRG video from one on, whose first row is padded."""
    frames = packed_frames(COUNT, SIZE)
    for number in range(start, COUNT):
        image = image_of_packed(frames[number], "GBRG", Levels(200, 16383), where="here")
        yield number, amplified(image.pixels, image.mosaic, 4.0, describe(CLIPS))


def run(net: nn.Module, cut: Cut, first: int = 0) -> NDArray[np.float32]:
    """Run a network over the video; returns (frames, rows, columns, 3)."""
    _, one = next(mosaics())
    grid = Grid.of(COUNT, one.height, one.width, cut)
    found = list(blended(mosaics(grid.time[first].start), net, grid, first))
    assert [number for number, _ in found] == list(range(grid.time[first].start, COUNT))
    return np.stack([picture for _, picture in found])


def whole(net: nn.Module) -> NDArray[np.float32]:
    """Run a network over the whole video at once."""
    return run(net, Cut.of(GEOMETRY, (COUNT, 512), (0, 0)))


def test_pieces_that_share_all_that_the_network_sees_are_the_whole() -> None:
    net = restorer_of().net
    assert isinstance(net, nn.Module)
    halo = GEOMETRY.frames_halo, GEOMETRY.render_halo
    overlap = 2 * halo[0] + 2, 2 * halo[1] + 8
    cut = Cut.of(GEOMETRY, (overlap[0] + 2, overlap[1] + 40), overlap)
    assert (cut.frame_guard, cut.side_guard) == halo
    _, one = next(mosaics())
    grid = Grid.of(COUNT, one.height, one.width, cut)
    assert min(len(grid.time), len(grid.rows), len(grid.columns)) > 1
    apart = np.abs(run(net, cut) - whole(net)).max()
    assert apart <= 1e-5


class _Small(nn.Module):
    """Sees one frame and one packed pixel to each side."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv3d(4, 12, 3, padding=1)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        """Return pictures."""
        made = torch.nn.functional.pixel_shuffle(self.conv(clip)[0].transpose(0, 1), 2)
        return made.transpose(0, 1)[None]


def test_a_run_in_the_middle_gives_the_same_frames_as_one_from_the_start() -> None:
    net = _Small()
    cut = Cut.of(GEOMETRY, (8, 128), (3, 32))
    _, one = next(mosaics())
    grid = Grid.of(COUNT, one.height, one.width, cut)
    later = run(net, cut, first=2)
    begun = COUNT - len(later)
    right = grid.time[1].stop - begun  # before that an earlier run has its share
    assert np.array_equal(later[right:], run(net, cut)[begun + right :])


class _Moody(nn.Module):
    """Gives each piece a level of its own, and darkens what lies near its borders."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        """Return pictures without any detail."""
        self.calls += 1
        _, _, frames, height, width = clip.shape
        made = torch.full((1, 3, frames, 2 * height, 2 * width), 0.5 + 0.05 * (self.calls % 2))
        made[..., :4] -= 0.1
        made[..., -4:] -= 0.1
        made[:, :, :1] -= 0.1
        made[:, :, -1:] -= 0.1
        return made


def published_way(net: nn.Module, size: int, overlap: int) -> NDArray[np.float64]:
    """Blend a row of pieces as the published code does: a plain mean of unclipped uint16."""
    _, one = next(mosaics())
    total, count = np.zeros(one.width, np.uint16), np.zeros(one.width, np.uint16)
    start = 0
    for start in range(0, one.width - size + 1, size - overlap):
        clip = torch.zeros(1, 4, 1, 8, size // 2)
        row = net(clip)[0, 0, 0, 8].numpy()
        total[start : start + size] += (row * 255).astype(np.uint16)
        count[start : start + size] += 1
    return total[: start + size] / np.maximum(1, count[: start + size]) / 255


def test_there_is_no_jump_at_a_border_where_the_published_way_has_one() -> None:
    # As hard as it gets: neighbours that differ everywhere, and most at their borders.
    cut = Cut.of(GEOMETRY, (8, 96), (4, 32))
    assert cut.side_guard == 8
    found = run(_Moody(), cut)
    across = [np.abs(np.diff(found, axis=axis)) for axis in (0, 1, 2)]
    steps = [float(one[2:-2, 8:-8, 8:-8].max()) for one in across]
    published = np.abs(np.diff(published_way(_Moody(), 80, 2)))[8:-8].max()
    assert max(steps[1:]) < 0.012
    assert steps[0] < 0.05  # three steps are all there are
    assert published > 0.08


def test_a_padded_row_is_cut_off_again() -> None:
    assert run(_Moody(), Cut.of(GEOMETRY, (8, 96), (0, 0))).shape == (COUNT, *SIZE, 3)


def test_work_is_counted() -> None:
    grid = Grid.of(28, 128, 256, Cut(16, 128, 4, 0, 0, 0, 8))
    assert len(grid.time) == 2
    assert grid.share_once == pytest.approx(28 / 32)
    assert grid.text() == "2x1x2 of 16 frames of 128x128 pixels, 1.14 times the video"
    assert [grid.first_run(frame) for frame in (0, 11, 12, 15, 16, 27)] == [0, 0, 0, 0, 1, 1]


def test_an_overlap_as_large_as_the_pieces_is_refused() -> None:
    with pytest.raises(UsageError, match="an overlap of 8x32 of pieces of 8x64"):
        Cut.of(GEOMETRY, (8, 64), (8, 32))
    with pytest.raises(UsageError, match="fewer pixels"):
        Cut.of(replace(GEOMETRY, render_multiple=16), (8, 64), (2, 64))


def test_geometry_of_a_network_of_pictures_has_no_frames() -> None:
    plain = Geometry(2, 0, 0, 2, 4, 64)
    assert Cut.of(plain, (1, 64), (0, 16)).frame_guard == 0
