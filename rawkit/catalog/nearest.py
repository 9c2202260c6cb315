"""Pairs by number: which long is nearest to a short, where a name says no more than that."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rawkit.catalog.definition import Match
    from rawkit.catalog.rules import NearestRule

_File = TypeVar("_File")


def nearest_number(number: int, longs: Iterable[int]) -> int | None:
    """Return the number that is nearest, the lower of two; None where there are no longs."""
    return min(longs, key=lambda one: (abs(one - number), one), default=None)


def pair_by_number(
    found: Sequence[tuple[_File, Match]], rule: NearestRule | None
) -> list[tuple[_File, Match]]:
    """Divide each pair by its longs: every short goes to the one that is nearest by number.

    The numbers of the longs are those that the rule lists, so that a pair never changes when more
    of a collection arrives; where it lists none, those of the longs that are there. Names whose
    group holds no number, and shorts without any long, keep their pair.
    """
    if rule is None:
        return list(found)
    there: Mapping[str, set[int]] = defaultdict(set)
    for _, match in found:
        number = _number(match, rule)
        if match.role == "long" and number is not None:
            there[match.pair].add(number)
    return [(file, _paired(match, rule, there)) for file, match in found]


def _number(match: Match, rule: NearestRule) -> int | None:
    text = match.groups.get(rule.group, "")
    return int(text) if text.isdecimal() else None


def _paired(match: Match, rule: NearestRule, there: Mapping[str, set[int]]) -> Match:
    number = _number(match, rule)
    if number is None:
        return match
    longs = rule.longs or there.get(match.pair, set())
    nearest = number if match.role == "long" else nearest_number(number, longs)
    return match if nearest is None else replace(match, pair=f"{match.pair}/{nearest}")
