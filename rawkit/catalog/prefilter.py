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
    long where that is so of all shorts of its pair. So is a short that passes by its name and is
    more than ``limit`` or ``per_long`` takes. Matches are in the order of names. All this holds
    where the files that are opened can be read.
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
    if _counts_by_name(selection):
        sure = [
            one and _passes(match, selection) for match, one in zip(matches, opened, strict=True)
        ]
        unneeded = _too_many(matches, sure, selection, decided=sure == opened)
        opened = [one and not drop for one, drop in zip(opened, unneeded, strict=True)]
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


def _counts_by_name(selection: Selection) -> bool:
    """Tell whether names can decide how many shorts are taken, and whether that matters."""
    return bool(selection.limit or selection.per_long) and not (
        selection.cameras or selection.ratios or selection.where
    )


def _passes(match: Match, selection: Selection) -> bool:
    """Tell whether a short that its name does not leave out passes for sure."""
    if selection.isos and ("iso" not in match.exact or match.number("iso") is None):
        return False
    if not selection.shutters:
        return True
    seconds = match.number("seconds")
    if seconds is None or "seconds" not in match.exact:
        return False
    ends = (seconds * (1 - NOMINAL), seconds * (1 + NOMINAL))
    return any(all(is_within(end, (band,), NOMINAL) for end in ends) for band in selection.shutters)


def _too_many(
    matches: Sequence[Match], sure: Sequence[bool], selection: Selection, *, decided: bool
) -> list[bool]:
    """Tell which of the shorts that pass for sure cannot be among those taken.

    Where some others may pass (not `decided`), one of them may be what its pair is taken for, and
    its place in the order is not known.
    """
    longs = {match.pair for match in matches if match.role == "long"}
    groups: dict[object, list[int]] = {}
    for index, (match, passes) in enumerate(zip(matches, sure, strict=True)):
        if passes:
            alone = selection.per_long is None or match.pair not in longs
            groups.setdefault(index if alone else match.pair, []).append(index)
    unneeded = [False] * len(matches)
    ends = sorted(indices[-1] for indices in groups.values())
    limit = selection.limit if decided or selection.per_long is None else None
    last = ends[limit - 1] if limit is not None and limit <= len(ends) else len(matches)
    for indices in groups.values():
        needed = set() if indices[0] > last else _best(matches, indices, selection)
        for index in indices:
            unneeded[index] = index not in needed
    return unneeded


def _best(matches: Sequence[Match], indices: Sequence[int], selection: Selection) -> set[int]:
    """Return those of the shorts of a pair that may be the one of it that is taken."""
    if selection.per_long != "darkest" or len(indices) == 1:
        return {indices[0]}
    seconds = {
        index: matches[index].number("seconds") if "seconds" in matches[index].exact else None
        for index in indices
    }
    known = [value for value in seconds.values() if value is not None]
    if len(known) < len(indices):
        return set(indices)
    most = min(known) * (1 + _APART)
    return {index for index, value in seconds.items() if value is not None and value <= most}
