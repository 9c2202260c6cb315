"""Videos whose frames are raw files: what belongs together, what is missing, and their pictures."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rawkit.catalog.neighbours import place_in_video
from rawkit.catalog.types import GivenPicture, LeftOut
from rawkit.catalog.video import find_truth, open_truth
from rawkit.errors import CorruptError, RawFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rawkit.catalog.definition import Match
    from rawkit.catalog.types import Entry
    from rawkit.source import Frames, Source, SourceFile


@dataclass(frozen=True, slots=True)
class _Take:
    """A video: its frames by their numbers."""

    video: str
    """Name of all its frames, ``*`` in the place of the number."""
    frames: Mapping[int, Match]
    """What the names of its files say."""

    @property
    def first(self) -> int:
        """The lowest number."""
        return min(self.frames)

    @property
    def last(self) -> int:
        """The highest number."""
        return max(self.frames)

    @property
    def truth(self) -> Match:
        """One of the frames, for the path of the pictures that they share."""
        return self.frames[self.first]


def join_takes(
    source: Source,
    listed: Mapping[str, SourceFile],
    matches: Iterable[Match],
    entries: Sequence[Entry],
) -> tuple[list[Entry], list[LeftOut]]:
    """Give the frames of videos their pictures, and list the frames that are missing.

    Parameters
    ----------
    source
        Where the pictures come from.
    listed
        Files of the source by their paths.
    matches
        What the names of all files say, whether they can be read or not.
    entries
        Frames that can be read. Those of a video whose pictures cannot be used are left out: it
        would be trained on without them.
    """
    takes = _takes(matches)
    if not takes:
        return list(entries), []
    left_out = [one for take in takes for one in _gaps(take)]
    pictures: dict[str, GivenPicture] = {}
    unusable: set[str] = set()
    for take in takes:
        try:
            pictures |= _pictures(source, listed, take)
        except RawFileError as error:
            names = {match.name for match in take.frames.values()}
            unusable |= names
            where = "" if error.where is None else f"{error.where}: "
            fix = "" if error.fix is None else f". {error.fix}"
            reason = f"{where}{error.reason}{fix}; its {len(names)} frames are left out"
            left_out.append(LeftOut(take.video, error.kind, reason))
    kept = (entry for entry in entries if entry.frame.name not in unusable)
    found = [replace(entry, picture=pictures.get(entry.frame.name)) for entry in kept]
    return found, left_out


def rates_of(entries: Iterable[Entry]) -> dict[str, float]:
    """Frames a second of videos, by scene, as most of their frames say; of those that say so."""
    said: dict[str, Counter[float]] = defaultdict(Counter)
    for entry in entries:
        rate = None if entry.exif is None else entry.exif.frame_rate
        if rate is not None:
            said[entry.scene][rate] += 1
    return {scene: rates.most_common(1)[0][0] for scene, rates in sorted(said.items())}


def _takes(matches: Iterable[Match]) -> list[_Take]:
    videos: dict[str, dict[int, Match]] = defaultdict(dict)
    for match in matches:
        place = place_in_video(match.name) if match.frames is not None else None
        if place is not None:
            videos[place.video].setdefault(place.number, match)
    return [_Take(video, frames) for video, frames in sorted(videos.items())]


def _gaps(take: _Take) -> Iterator[LeftOut]:
    """List the frames that are missing between the first and the last one, a line for each gap."""
    numbers = sorted(take.frames)
    for before, after in pairwise(numbers):
        first, last = before + 1, after - 1
        if first <= last:
            what = f"frame {first} is" if first == last else f"frames {first} to {last} are"
            ends = f"clips end with frame {before}, and others begin with frame {after}"
            yield LeftOut(_name(take, before), "missing-frame", f"{what} not there: {ends}")


def _name(take: _Take, before: int) -> str:
    """Name of the frame after one, with as many digits."""
    near = take.frames[before].name
    head, tail = take.video.split("*", 1)
    digits = len(near) - len(head) - len(tail)
    return f"{head}{before + 1:0{digits}d}{tail}"


def _pictures(
    source: Source, listed: Mapping[str, SourceFile], take: _Take
) -> dict[str, GivenPicture]:
    """Return the picture of each frame, by its name; nothing where the video has none."""
    file = find_truth(take.truth, listed)
    if file is None:
        return {}
    frames = open_truth(source, file)
    first = _number_of_first_picture(take, frames, file)
    return {
        match.name: GivenPicture(frames, number - first) for number, match in take.frames.items()
    }


def _number_of_first_picture(take: _Take, frames: Frames, file: SourceFile) -> int:
    """Return the number of the frame that the first picture belongs to.

    It is that of the first frame where there are as many pictures as numbers, missing ones
    included; where there are more, frames that are counted from 0 or 1 may be missing at an end.

    Raises
    ------
    CorruptError
        If that cannot be known.
    """
    count, span = frames.shape[0], take.last - take.first + 1
    if count == span:
        return take.first
    counted = 0 if take.first == 0 else 1
    if take.first <= 1 and count > span:
        return counted
    raise CorruptError(
        f"{count} pictures for frames {take.first} to {take.last}",
        expected=f"{span}, one for each number, missing frames included",
        where=str(PurePosixPath(file.path)),
    )
