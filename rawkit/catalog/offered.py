"""What a user means by the name of a place where a collection is offered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import MissingError, UsageError
from rawkit.source import open_source

if TYPE_CHECKING:
    from rawkit.catalog.definition import Definition
    from rawkit.catalog.select import Selection
    from rawkit.source import Source, SourceSpec, Transfer


def place_names(definition: Definition) -> tuple[str, ...]:
    """Names of the places where a collection is offered, each once, in their order."""
    return tuple(dict.fromkeys(place.name for place in definition.places))


def usual_place(definition: Definition) -> str:
    """Return the first place of a definition from which single files can be read.

    Raises
    ------
    UsageError
        If there is none; says step by step how to get the files.
    """
    for name in place_names(definition):
        if all(place.ranges for place in definition.places if place.name == name):
            return name
    raise _not_offered(definition, "official")


def source_of(
    definition: Definition, given: SourceSpec, selection: Selection | None = None
) -> SourceSpec:
    """Put addresses where a user's source names a place of the definition, such as ``official``.

    Everything else stays as it is, so a source may be resolved again. Archives that a selection
    cannot need are left out. A path of the name of a place is meant only as ``./official``.

    Raises
    ------
    UsageError
        If the place gives no single frames; says step by step how to get the files. Or if nothing
        there can hold what is selected.
    """
    texts = [given] if isinstance(given, str | Path) else list(given)
    known = place_names(definition)
    found: list[str | Path] = []
    resolved = False
    for text in texts:
        parts = [part.strip() for part in text.split(",")] if isinstance(text, str) else []
        if not any(part in known for part in parts):
            if isinstance(text, str) and text == "official" and not Path(text).exists():
                raise _not_offered(definition, text)
            found.append(text)
            continue
        resolved = True
        for part in parts:
            found += _addresses(definition, part, selection) if part in known else [part]
    if not resolved:
        return given
    return found


def open_collection(
    definition: Definition,
    given: SourceSpec | None,
    selection: Selection | None = None,
    transfer: Transfer | None = None,
) -> Source:
    """Open what a user names for a collection; the names of its places are known.

    Where nothing is named it is the first place from which single files can be read.

    Raises
    ------
    MissingError
        If it is not there; says how to get the files.
    UsageError
        If it cannot be read, or is a place that gives no single frames.
    """
    given = usual_place(definition) if given is None else given
    try:
        return open_source(source_of(definition, given, selection), transfer)
    except MissingError as error:
        raise missing_files(definition, error) from error


def missing_files(definition: Definition, error: MissingError) -> MissingError:
    """Say of a place that is not there how the files are got."""
    return MissingError(
        error.found,
        expected=f"the raw files of {definition.title}",
        where=error.where,
        fix=in_one_line(definition.obtain) or error.fix,
    )


def in_one_line(steps: str) -> str:
    """Put numbered steps one after the other."""
    return steps.replace("\n", " ")


def _addresses(definition: Definition, name: str, selection: Selection | None) -> list[str]:
    places = [place for place in definition.places if place.name == name]
    if not all(place.ranges for place in places):
        raise _not_offered(definition, name)
    cameras = () if selection is None else selection.cameras
    needed = [place for place in places if place.may_hold(cameras)]
    if not needed:
        there = [camera for place in places for camera in place.cameras]
        raise UsageError(
            f"no part of {name} holds what --camera takes",
            expected=f"one of {', '.join(there)}",
            where=definition.name,
        )
    return [one for place in needed for one in ((place.list,) if place.list else place.urls)]


def _not_offered(definition: Definition, name: str) -> UsageError:
    """Say that single frames cannot be read from a place, and how the files are got."""
    offering = [
        other
        for other in place_names(definition)
        if all(place.ranges for place in definition.places if place.name == other)
    ]
    expected = f"{', '.join(offering)}, or " if offering else ""
    return UsageError(
        f"{definition.title} is not offered where single frames can be read",
        expected=f"{expected}a folder, an archive or a URL of its files",
        where=f"--source {name}",
        fix=f"To get them:\n{definition.obtain}" if definition.obtain else None,
    )
