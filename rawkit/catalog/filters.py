"""Filters as people give them, on the command line or as keywords, and the selection they make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, TypeVar

from rawkit.catalog.bad_pairs import names_of_bad
from rawkit.catalog.definition import known_collections, load_definition
from rawkit.catalog.expression import compile_where
from rawkit.catalog.select import Selection
from rawkit.errors import UsageError
from rawkit.numbers import band

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.catalog.definition import Definition, Split
    from rawkit.catalog.rules import Role
    from rawkit.catalog.select import Band

_SPLITS = ("train", "val", "test")
_T = TypeVar("_T")

Numbers = float | str | tuple[float, float] | Iterable["float | str | tuple[float, float]"]
"""Numbers and ranges: ``100``, ``"400-1600"``, ``(400, 1600)``, or several of them in a list."""
Names = str | Iterable[str]
"""One name, several separated by commas, or a list of them; ``*`` and ``?`` are wild."""


def selection_of(
    *,
    iso: Numbers | None = None,
    shutter: Numbers | None = None,
    ratio: Numbers | None = None,
    scene: Names | None = None,
    view: Names | None = None,
    camera: Names | None = None,
    split: Names | None = None,
    role: Role | None = None,
    per_long: Literal["darkest", "first"] | None = None,
    where: str | None = None,
    without_excluded: bool = False,
    limit: int | None = None,
    definition: Definition | None = None,
    bad_pairs: Iterable[Path] = (),
) -> Selection:
    """Return the selection that filters ask for; see `Selection` for what each means.

    Pairs are excluded by `definition`, or by those of all collections that ship; and by the lists
    of pairs that were found bad, files as `write_bad_pairs` makes them.

    Raises
    ------
    UsageError
        If a filter makes no sense; the message says which.
    DefinitionError
        If a list of bad pairs is none.
    """
    if where:
        compile_where(where)  # so that a mistake is found before anything is read
    excluded: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    if without_excluded:
        found = [definition] if definition else map(load_definition, known_collections())
        excluded = tuple(pair for one in found for pair in one.excluded_pairs)
        bad = names_of_bad(bad_pairs, None if definition is None else definition.name)
    if limit is not None and limit < 1:
        raise UsageError(f"limit = {limit}", expected="1 or more")
    return Selection(
        isos=_bands("iso", iso),
        shutters=_bands("shutter", shutter),
        ratios=_bands("ratio", ratio),
        scenes=_names(scene),
        views=_names(view),
        cameras=_names(camera),
        splits=_splits(split),
        role=_one_of("role", role, ("short", "long")),
        per_long=_one_of("per_long", per_long, ("darkest", "first")),
        excluded=excluded,
        bad=bad,
        where=where or "",
        limit=limit,
    )


def _bands(name: str, given: Numbers | None) -> tuple[Band, ...]:
    if given is None:
        return ()
    # A pair as a tuple is a range, as one in a list is; so a list says several.
    several = [given] if isinstance(given, int | float | str | tuple) else list(given)
    return tuple(found for one in several for found in _band(name, one))


def _band(name: str, given: object) -> list[Band]:
    try:
        if isinstance(given, str):
            return [band(part) for part in given.split(",") if part.strip()]
        if isinstance(given, tuple):
            low, high = (float(end) for end in given)
            if not 0 <= low <= high:
                raise ValueError(given)  # noqa: TRY301 - said once, below
            return [(low, high)]
        return [band(repr(float(given)))]  # type: ignore[arg-type] # what is no number raises
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise UsageError(
            f"{name} = {given!r}",
            expected='numbers above 0 and ranges: 100, [100, 200], "400-1600" or (400, 1600)',
        ) from error


def _names(given: Names | None) -> tuple[str, ...]:
    if given is None:
        return ()
    parts = given.split(",") if isinstance(given, str) else list(given)
    return tuple(part.strip() for part in parts if part.strip())


def _splits(given: Names | None) -> tuple[Split, ...]:
    names = _names(given)
    for name in names:
        _one_of("split", name, _SPLITS)
    return names  # type: ignore[return-value] # checked


def _one_of(name: str, given: _T | None, known: tuple[str, ...]) -> _T | None:
    if given is not None and given not in known:
        raise UsageError(f"{name} = {given!r}", expected=" or ".join(known))
    return given
