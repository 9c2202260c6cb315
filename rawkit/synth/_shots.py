"""One file of a look-alike: what it shows, and how it is taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from rawkit.synth._seeds import generator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rawkit.synth.cameras import Camera

FIRST_DAY: Final = datetime(2017, 3, 1, tzinfo=UTC)
_DAYS: Final = 700


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """What a camera looks at, and from where."""

    scene: str
    """Key of the scene within its collection."""
    kind: str
    """``indoor`` or ``outdoor``."""
    view: int = 0
    """Camera position, from 0."""
    frame: int = 0
    """Step of a moving camera, from 0; 0 where nothing moves."""
    wide: bool = False
    """Whether the scene is painted wider than the view, so that a camera can move in it."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One file to be made."""

    name: str
    """Path within the collection, with forward slashes."""
    viewpoint: Viewpoint
    """What it shows."""
    role: str
    """``short``, ``long``, ``clean`` (the mean of several shorts) or ``preview`` (a processed copy
    of the long)."""
    seconds: float
    """Exposure time in seconds."""
    iso: int
    """ISO speed."""
    f_number: float
    """Aperture as the f-number N."""
    white: tuple[float, int]
    """Seconds and ISO at which the scene's white just reaches the white level: the long's."""
    taken: str
    """Date and time of capture, `YYYY:MM:DD HH:MM:SS`."""
    noise_key: str
    """Files with equal keys have equal bytes; the name, save for duplicates."""
    camera: Camera | None = None
    """What takes it; None for the collection's one camera."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller asked for; None takes the collection's own habit."""

    scenes: int
    """Number of scenes; for MID of pairs of views, for SMID of static videos."""
    seed: int
    """Seed of everything."""
    isos: Sequence[int] | None
    """ISO speeds of the dark frames."""
    shutters: Sequence[float] | None
    """Exposure times of the dark frames in seconds."""
    shots: int | None
    """SID: shots of each burst. SMID: frames of each video. MID takes one of each exposure."""


class Layout(Protocol):
    """How one collection names and arranges its files."""

    @property
    def default_scenes(self) -> int:
        """Scenes where the caller does not say."""
        ...

    @property
    def folders(self) -> tuple[str, ...]:
        """Names of the folders at the collection's root."""
        ...

    def shots(self, wishes: Wishes) -> Iterator[Shot]:
        """Yield all files, those of one viewpoint together."""
        ...

    def viewpoint(self, name: str) -> Viewpoint | None:
        """Tell what the file of this name shows; None where the name is not the collection's."""
        ...


def taken(seed: int, collection: str, scene: str, step: int) -> str:
    start = generator(seed, collection, scene, "date")
    day = FIRST_DAY + timedelta(
        days=int(start.integers(_DAYS)), seconds=int(start.integers(17 * 3600, 22 * 3600))
    )
    return (day + timedelta(seconds=12 * step)).strftime("%Y:%m:%d %H:%M:%S")


def shutter_text(seconds: float) -> str:
    """Exposure time as file names spell it, at most three decimals: 0.1, 0.033, 30."""
    return f"{round(seconds, 3):g}"


def kind_of_number(number: int) -> str:
    """Return ``indoor`` or ``outdoor``, in turn."""
    return "outdoor" if number % 2 else "indoor"
