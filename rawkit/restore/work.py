"""A mosaic on its way to its pictures, and what is noted of each that is written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rawkit.errors import RawFileError
from rawkit.pictures import as_bright, orient, write_picture
from rawkit.restore.gallery import written
from rawkit.restore.network import tile_for
from rawkit.restore.outcome import Restored
from rawkit.sensor import RESAMPLED

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.colour import Development
    from rawkit.errors import RawkitError
    from rawkit.locations import Location
    from rawkit.noise import CameraProfile, Mended
    from rawkit.pictures import Capture, LightMeter
    from rawkit.restore.inputs import Item
    from rawkit.restore.memory import Held
    from rawkit.restore.output import Output
    from rawkit.restore.restorer import Restorer
    from rawkit.sensor import RawImage


@dataclass(frozen=True, slots=True)
class Loaded:
    """A mosaic on its way to the network."""

    image: RawImage
    base: float
    capture: Capture
    warning: str | None
    plain: NDArray[np.uint16] | RawFileError | None
    gain_ratio: float | None
    seconds: float
    mended: Mended | None = None
    """What was done by a profile; `image` is then what came of it."""
    profile: CameraProfile | None = None
    """Profile of its camera, where there is one."""

    @property
    def source(self) -> RawImage:
        """The mosaic with the levels of its file, in sensor units; pixels may be in finer steps."""
        return self.image if self.mended is None else replace(self.image, mosaic=self.mended.source)

    @property
    def steps(self) -> int:
        """Steps of the pixels in a sensor unit."""
        return 1 if self.mended is None else self.mended.steps


@dataclass(slots=True)
class Work:
    """An item that was begun."""

    item: Item
    """What is restored."""
    futures: list[Future[Restored]] = field(default_factory=list)
    """Its pictures that are being written, or were."""
    error: RawkitError | None = None
    """Why it has not all of them."""
    ended: bool = False
    """Whether all was tried; False if the user has interrupted it."""


def restored_of(
    item: Item,
    loaded: Loaded,
    path: Location,
    plain: Location | None,
    development: Development,
    restorer: Restorer,
    held: Held,
    seconds: tuple[float, float],
    noise: str | None = None,
    asked: str | None = None,
) -> Restored:
    """Say what was written; `seconds` are those of the network and of writing.

    `asked` is what was to be done by profiles.
    """
    mosaic, by = loaded.source.mosaic, loaded.mended
    return Restored(
        source=item.where,
        picture=path,
        plain=plain,
        amplification=development.amplification,
        amplification_base=loaded.base,
        fed=development.fed,
        note=development.note,
        brightness_warning=development.warning,
        black_level=mosaic.black_level,
        white_level=mosaic.white_level,
        level_warning=loaded.warning,
        memory_warning=tile_for(restorer, mosaic.height, mosaic.width, held)[1],
        resampled=RESAMPLED if loaded.image.resampled else None,
        network=restorer.network,
        weights=restorer.identity,
        noise=noise,
        mended=None if by is None else by.note,
        profile_asked=asked,
        decode_seconds=loaded.seconds,
        restore_seconds=seconds[0],
        write_seconds=seconds[1],
    )


def asked_of(output: Output) -> str | None:
    """Return what is asked of profiles."""
    return None if output.mending is None else output.mending.asked


def write_plain(
    picture: Location, loaded: Loaded, output: Output, meter: LightMeter
) -> Location | None:
    """Write LibRaw's conversion beside a picture, as bright as that."""
    if loaded.plain is None or isinstance(loaded.plain, RawFileError):
        return None
    path = output.plain(picture)
    bits = output.format.bits
    matched = as_bright(loaded.plain, meter.light(), bits, linear=output.linear)
    upright = orient(matched, loaded.capture.orientation)
    with written(path) as here:
        write_picture(here, upright, output.format, linear=output.linear, capture=loaded.capture)
    return path
