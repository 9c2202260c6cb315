"""Which files must be opened at all: those that their names alone do not leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.catalog.select import ISO_ROUNDING, NOMINAL, Selection, is_named, is_within
from rawkit.catalog.splits import split_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.catalog.definition import Definition, Match

_APART = (1 + NOMINAL) / (1 - NOMINAL) - 1
"""A name and EXIF may differ by 5%, and EXIF and a filter by 5%."""


def must_open(definition: Definition, matches: Sequence[Match], selection: Selection) -> list[bool]:
    """Tell for each file whether its EXIF matters to what `select` takes and counts.

    A short is left closed where its name alone decides that a filter leaves it out, and which; a
    long where that is so of all shorts of its pair.
    """
    if selection in (Selection(), Selection(role="long")):
        return [True] * len(matches)
    bad = selection.bad_of(definition.name)
    opened = [
        match.role == "short"
        and match.name not in bad
        and not _left_out(definition, match, selection)
        for match in matches
    ]
    pairs = {match.pair for match, taken in zip(matches, opened, strict=True) if taken}
    return [
        taken or (match.role == "long" and match.pair in pairs)
        for match, taken in zip(matches, opened, strict=True)
    ]


def _left_out(definition: Definition, match: Match, selection: Selection) -> bool:
    """Go through the filters in the order in which `select` counts them, as far as names carry."""
    if selection.excluded and is_named(match.pair, selection.excluded):
        return True
    if selection.splits and split_of(definition, match) not in selection.splits:
        return True
    if selection.scenes and not is_named(match.scene, selection.scenes):
        return True
    if selection.views and not is_named(match.view, selection.views):
        return True
    if selection.cameras:
        return False  # EXIF alone knows the camera
    if selection.isos:
        if "iso" not in match.exact:
            return False
        if not is_within(match.number("iso"), selection.isos, around=ISO_ROUNDING):
            return match.number("iso") is not None
    if not selection.shutters or "seconds" not in match.exact:
        return False
    seconds = match.number("seconds")
    return seconds is not None and not is_within(seconds, selection.shutters, _APART)
