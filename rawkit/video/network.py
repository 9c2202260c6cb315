"""A network over the frames of a video: one by one, or in pieces that overlap."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from torch import nn

from rawkit.errors import UsageError
from rawkit.models import amplified, describe, padding_for
from rawkit.pictures import orient
from rawkit.restore import restore_bands, toned
from rawkit.sensor import equalised_image
from rawkit.video.clips import Grid, blended
from rawkit.video.tones import finished

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from rawkit.models import AmplifiedMosaic
    from rawkit.restore import Held, Restorer
    from rawkit.sensor import RawImage
    from rawkit.video.clips import Cut
    from rawkit.video.developing import Developed
    from rawkit.video.tones import Curve

Value = TypeVar("Value")
Picture = tuple["Developed", "NDArray[np.unsignedinteger]"]


@dataclass
class Clock:
    """Seconds that pass inside the network."""

    seconds: float = 0.0
    """So far."""
    _since: float = field(default=0.0, repr=False)

    def __enter__(self) -> None:
        """Start."""
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.seconds += time.monotonic() - self._since


def takes_clips(restorer: Restorer) -> bool:
    """Tell whether a network takes clips instead of single frames."""
    return bool(getattr(restorer.net, "takes_clips", False))


@dataclass(frozen=True)
class OneByOne:
    """A network of single frames."""

    restorer: Restorer
    """The network."""
    held: Held
    """What is held beside it, which decides the size of tiles."""
    tables: NDArray[np.uint16] | None = None
    """Curves that equalise the video, for a network trained on equalised planes."""

    def begins_at(self, frame: int) -> int:
        """Return the frame to begin with so that `frame` comes out: itself."""
        return frame

    def run(
        self, frames: Iterable[Developed], bits: int, curve: Curve, clock: Clock
    ) -> Iterator[Picture]:
        """Yield each frame with its picture, (rows, columns, 3) of so many bits, upright."""
        for one in frames:
            image = one.frame.image
            bands = restore_bands(image, self.restorer, one.development, self.held, self.tables)
            yield one, _finished(_timed(bands, clock), one, bits, curve)


@dataclass(frozen=True)
class InPieces:
    """A network of clips."""

    restorer: Restorer
    """The network."""
    cut: Cut
    """How the video is cut."""
    grid: Grid
    """The pieces."""
    tables: NDArray[np.uint16] | None = None
    """Curves that equalise the video, for a network trained on equalised planes."""

    @classmethod
    def of(cls, restorer: Restorer, cut: Cut, count: int, first: RawImage) -> InPieces:
        """Cut a video of so many frames like `first`."""
        about = describe(restorer.network)
        mosaic = first.mosaic
        padding = padding_for(
            mosaic.height, mosaic.width, mosaic.phase, about.multiple, mosaic.cell
        )
        grid = Grid.of(count, padding.padded_height, padding.padded_width, cut)
        return cls(restorer, cut, grid)

    def begins_at(self, frame: int) -> int:
        """Return the first frame of the first piece that `frame` is part of."""
        return self.grid.time[self.grid.first_run(frame)].start

    def run(
        self, frames: Iterable[Developed], bits: int, curve: Curve, clock: Clock
    ) -> Iterator[Picture]:
        """Yield each frame with its picture; the first must be one that `begins_at` has named.

        Raises
        ------
        UsageError
            If the network was compiled for single frames.
        """
        net = self.restorer.net
        if not isinstance(net, nn.Module):
            raise UsageError("a network of clips that is compiled", expected="--backend torch")
        source = iter(frames)
        first = next(source, None)
        if first is None:
            return
        run = next(n for n, one in enumerate(self.grid.time) if one.start == first.frame.number)
        mosaics = (self._amplified(one) for one in _chain(first, source))
        for one, picture in _timed(blended(mosaics, net, self.grid, run), clock):
            coloured = one.development.coloured(iter([picture]))
            yield one, _finished(coloured, one, bits, curve)

    def _amplified(self, one: Developed) -> tuple[Developed, AmplifiedMosaic]:
        image, how = one.frame.image, one.development
        about = describe(self.restorer.network)
        if self.tables is not None:
            image = equalised_image(image, self.tables)
        return one, amplified(image.pixels, image.mosaic, how.fed, about, how.gains)


def _chain(first: Developed, rest: Iterator[Developed]) -> Iterator[Developed]:
    yield first
    del first
    yield from rest


def _timed(values: Iterable[Value], clock: Clock) -> Iterator[Value]:
    """Pass an iterator on, and count the seconds that it takes."""
    source = iter(values)
    while True:
        with clock:
            try:
                value = next(source)
            except StopIteration:
                return
        yield value
        del value


def _finished(
    bands: Iterable[NDArray[np.float32]], one: Developed, bits: int, curve: Curve
) -> NDArray[np.unsignedinteger]:
    """Make pixels square, round, and turn upright."""
    square = toned(bands, one.frame.image.mosaic, linear=False)
    whole = np.concatenate([finished(band, bits, curve) for band in square])
    return orient(whole, one.frame.capture.orientation)
