"""Which frames follow each other: said by their names alone, never by an order of rows or files."""

from __future__ import annotations

import re
from typing import NamedTuple

_NUMBERED = re.compile(r"(.*?)(?<![0-9])(?<![0-9]\.)([0-9]{1,18})", re.DOTALL)
"""A stem that ends with a whole number, not with a fraction such as an exposure of 0.04 s."""


class PlaceInVideo(NamedTuple):
    """Where a frame lies in its video or burst."""

    video: str
    """What its frames share: all of a name but the number, in whose place is ``*``."""
    number: int
    """Number of the frame, as its name has it: the next frame has one more."""


def place_in_video(name: str) -> PlaceInVideo | None:
    """Say where a frame lies in a video; None where its name does not end with a number.

    ``train/dark/v1.npy#0012`` is frame 12 of ``train/dark/v1.npy#*``; of raw files in a folder the
    stem must end with the number: ``short/0001/0007.ARW`` is frame 7 of ``short/0001/*.ARW``.
    Frames are neighbours if they are of one video and their numbers follow each other.
    """
    head, dot, ending = name.rpartition(".")
    if not dot or "/" in ending or "#" in ending or ending.isdecimal():
        head, dot, ending = name, "", ""
    found = _NUMBERED.fullmatch(head)
    if found is None:
        return None
    return PlaceInVideo(f"{found[1]}*{dot}{ending}", int(found[2]))
