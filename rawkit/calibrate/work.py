"""What is done in other processes: a look at a frame, and all frames of one ISO measured.

A process that reads raw files of strangers is limited in memory and time, and can write nowhere.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from rawkit.calibrate.darkness import Darkness, measure_darkness
from rawkit.calibrate.look import Look, look_at
from rawkit.calibrate.matched import Matched, match
from rawkit.calibrate.patches import patches_of
from rawkit.calibrate.transfer import Transfer, measure_pair
from rawkit.errors import RawFileError, StoreError, UsageError
from rawkit.workers import (
    confine,
    limit_memory,
    silence_c_libraries,
    start_cluster,
    time_limit,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from rawkit.calibrate.frames import FrameToRead, ReadFrame
    from rawkit.progress import Progress
    from rawkit.sensor import Mosaic
    from rawkit.workers import Resources

    Floats = NDArray[np.float64]

_MAIN: Final = 400_000_000
"""What the process that gathers takes at most."""
_WORKER: Final = 200_000_000
"""What a worker takes before its first frame."""
_LOOK: Final = 500_000_000
"""What a frame of 12 MP takes while it is decoded and looked at."""
_PIXEL: Final = 48
"""Bytes a pixel takes while dark frames are measured, at most; as measured."""
_DEAD: Final = 0.5
"""Light of a dead pixel, of its neighbours', at most."""


@dataclass(frozen=True)
class Unread:
    """A frame that could not be decoded."""

    name: str
    """Path within the folder."""
    reason: str
    """Why, for people."""


@dataclass(frozen=True, eq=False)
class Lit:
    """What frames with light of one ISO tell."""

    pairs: tuple[Transfer, ...] = ()
    """Pairs of flat frames."""
    patches: tuple[NDArray[np.float32], ...] = ()
    """Patches of ordinary frames."""
    matched: tuple[Matched, ...] = ()
    """Shorts held against their longs."""
    dead: NDArray[np.int32] | None = None
    """Pixels that stay dark in flat frames, (n, 2)."""


def look_job(frame: FrameToRead) -> Look | Unread:
    """Look at one frame."""
    try:
        found = frame.read()
    except (RawFileError, StoreError, UsageError) as error:
        return Unread(frame.name, error.reason)
    except OSError as error:
        return Unread(frame.name, f"cannot be read ({error.strerror})")
    except MemoryError:
        return Unread(frame.name, "not enough memory to decode it; --max-ram may allow more")
    try:
        return look_at(found.image, frame.name, found.make, found.model, found.exposure.iso)
    except (ValueError, IndexError):
        return Unread(frame.name, "too small to be calibrated from")


def dark_job(frames: Sequence[FrameToRead], mosaic: Mosaic, iso: float, step: float) -> Darkness:
    """Measure the dark frames of one ISO, each decoded twice."""
    return measure_darkness(
        lambda: (frame.read().image.pixels for frame in frames), mosaic, iso, step
    )


def lit_job(
    flats: Sequence[FrameToRead], ordinary: Sequence[FrameToRead], mosaic: Mosaic,
    dark: Floats, variance: Floats, white: float,
) -> Lit:  # fmt: skip
    """Measure flat frames, of which two follow each other that belong together, and ordinary."""
    pairs, dead = [], None
    for first, second in zip(flats[::2], flats[1::2], strict=False):
        one, other = first.read().image.pixels, second.read().image.pixels
        pairs.append(measure_pair(one, other, mosaic, dark, variance, white))
        if dead is None:
            dead = _dead(one, other, mosaic, dark)
    patches = [patches_of(one.read().image.pixels, mosaic, dark, white) for one in ordinary]
    return Lit(tuple(pairs), tuple(patches), dead=dead)


def _dead(
    one: NDArray[np.uint16], other: NDArray[np.uint16], mosaic: Mosaic, dark: Floats
) -> NDArray[np.int32]:
    """Pixels that are dark in both of two flat frames."""
    side, found = mosaic.cell.side, np.zeros(one.shape, np.bool_)
    for y, x, plane in mosaic.positions():
        low = np.ones(one[y::side, x::side].shape, np.bool_)
        for pixels in (one, other):
            part = np.ascontiguousarray(pixels[y::side, x::side])
            around = cv2.medianBlur(part, 5).astype(np.float32) - np.float32(dark[plane])
            low &= part - np.float32(dark[plane]) < _DEAD * around
        found[y::side, x::side] = low
    return np.argwhere(found).astype(np.int32)


def pairs_job(
    frames: Sequence[FrameToRead], whites: Sequence[tuple[float, float]], gains: Sequence[float]
) -> Lit:
    """Hold shorts against their longs: a short, its long, the next short and so on.

    Of each pair `whites` says where its frames saturate, and `gains` the gain of the long over that
    of the short. Pairs of the same long follow each other.
    """
    found: list[Matched] = []
    read: tuple[str, ReadFrame] | None = None
    for number, (short, long) in enumerate(zip(frames[::2], frames[1::2], strict=True)):
        if read is None or read[0] != long.name:
            read = long.name, long.read()
        one, other = short.read().image, read[1].image
        found.append(match(one.pixels, one.mosaic, other.pixels, other.mosaic,
                           gains[number], whites[number]))  # fmt: skip
    return Lit(matched=tuple(found))


@dataclass(frozen=True)
class Crew:
    """Takes work, one piece after the other."""

    submit: Callable[..., Any]
    """Hands over a function and its arguments."""
    result: Callable[[Any], Any]
    """Waits for what came of it; None where the process died of it."""


@contextmanager
def open_crew(resources: Resources, jobs: int, pixels: int | None) -> Iterator[Crew]:
    """Start processes for so many jobs; none of its own where `workers` is 0, or for one frame.

    `pixels` are those of a frame whose ISO is measured; None: frames are only looked at.

    Raises
    ------
    UsageError
        If memory does not suffice for one.
    """
    need = _LOOK if pixels is None else _LOOK // 4 + _PIXEL * pixels
    if resources.workers == 0:
        yield Crew(lambda function, *given: function(*given), lambda found: found)
        return
    room = resources.max_ram - _MAIN
    fitting = room // (_WORKER + need)
    if fitting < 1:
        raise UsageError(
            f"{resources.max_ram / 1e6:.0f} MB of memory for all processes",
            expected=f"at least {(_MAIN + _WORKER + need) / 1e6:.0f} MB for frames of this size",
            fix="Raise --max-ram.",
        )
    wanted = resources.workers or os.cpu_count() or 1
    count = max(1, min(wanted, jobs, fitting))
    each = room // count - _WORKER
    with TemporaryDirectory(prefix="rawkit-") as folder, start_cluster(count) as cluster:
        numbers = iter(range(1 << 60))

        def submit(function: Callable[..., Any], *given: object) -> Any:
            note = Path(folder) / f"{next(numbers)}"
            seconds = resources.frame_seconds * (1 + (0 if pixels is None else len(given[0])))  # type: ignore[arg-type]  # frames come first
            return cluster.submit(_confined, function, given, each, seconds, note)

        def result(future: Any) -> Any:
            from distributed import KilledWorker  # noqa: PLC0415 - half a second

            try:
                return cluster.result(future)
            except (KilledWorker, MemoryError):
                return None

        yield Crew(submit, result)


def _confined(
    function: Callable[..., Any], given: tuple[Any, ...], count: int, seconds: float, note: Path
) -> Any:
    silence_c_libraries()
    _give_up(note.parent)
    limit_memory(count)
    with time_limit(seconds, note):
        return function(*given)


@lru_cache(maxsize=1)
def _give_up(folder: Path) -> None:
    # Raw files are read where they are; those that come over a network are fetched by the worker.
    confine(read=None, write=[folder], calls=None)


def looked_at(
    frames: Sequence[FrameToRead], resources: Resources, progress: Progress
) -> list[Look | Unread]:
    """Look at frames, in their order."""
    found: list[Look | Unread] = []
    with (
        open_crew(resources, len(frames), None) as crew,
        progress.stage("Looking at frames", len(frames), "frames") as advance,
    ):
        futures = (
            [crew.submit(look_job, frame) for frame in frames] if resources.workers != 0 else []
        )
        for number, frame in enumerate(frames):
            one = crew.result(futures[number]) if futures else look_job(frame)
            dead = Unread(frame.name, "the process that decoded it died, or took too long")
            found.append(one or dead)
            advance(1, frame.name)
    return found
