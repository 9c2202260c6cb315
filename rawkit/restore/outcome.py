"""What became of the mosaics of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawkit.colour import ColourNote
    from rawkit.errors import RawkitError
    from rawkit.locations import Location
    from rawkit.noise import MendNote
    from rawkit.restore.inputs import Item


@dataclass(frozen=True, slots=True)
class Restored:
    """One picture that was written."""

    source: str
    """The raw file: its path, or archive or store and the path in it."""
    picture: Location
    """The picture."""
    plain: Location | None
    """The plain conversion beside it."""
    amplification: float
    """What the normalised mosaic was multiplied by."""
    amplification_base: float
    """The amplifier's estimate, of which `amplification` may be a multiple."""
    fed: float
    """What the normalised mosaic was multiplied by before the network; the rest was given back in
    linear light."""
    note: ColourNote
    """Whose colours it has."""
    brightness_warning: str | None
    """What is beyond the weights."""
    black_level: tuple[float, ...]
    """Black level of each plane that was subtracted, in sensor units."""
    white_level: float
    """White level, in sensor units."""
    level_warning: str | None
    """Why the levels may not fit the pixels."""
    memory_warning: str | None
    """Why it may have taken more memory than was allowed."""
    resampled: str | None
    """What was done to a file that holds no mosaic; None for all others."""
    network: str
    """Name of the network."""
    weights: str
    """SHA-256 of the file of its weights, hexadecimal."""
    noise: str | None
    """Noise that the network was told of, and whence; None where it was not told any."""
    mended: MendNote | None
    """What was done to the mosaic by its camera's profile; None where nothing was asked for."""
    profile_asked: str | None
    """What was asked of profiles: which they are, and what is done by them."""
    decode_seconds: float
    """Time to decode the raw file and to estimate the amplification."""
    restore_seconds: float
    """Time in the network."""
    write_seconds: float
    """Time to write after the network: the end of turning, encoding, and the plain conversion."""

    @property
    def seconds(self) -> float:
        """Time of all stages; those of neighbouring files overlap."""
        return self.decode_seconds + self.restore_seconds + self.write_seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item."""

    item: Item
    """The item."""
    restored: tuple[Restored, ...] = ()
    """Pictures written."""
    error: RawkitError | None = None
    """Why it failed, in whole or in part."""
    fatal: bool = False
    """Whether the next one would fail as well: a full disk, a bucket that takes nothing."""
