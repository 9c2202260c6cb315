"""Where a collection is offered, and what a user means by the name of such a place."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from rawkit.errors import MissingError, UsageError
from rawkit.source import open_source

if TYPE_CHECKING:
    from rawkit.catalog.definition import Definition
    from rawkit.catalog.select import Selection
    from rawkit.source import Source, SourceSpec, Transfer


def _numbered(steps: object) -> object:
    """Make numbered lines of a list of steps; anything else stays what it is."""
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        return steps
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


Steps = Annotated[str, BeforeValidator(_numbered)]
"""Text, or a list of steps that becomes numbered lines."""


class OfferedPlace(BaseModel):
    """An archive of a collection, and where it is offered. Several of one name belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    """What ``--source`` calls it, such as ``official``."""
    urls: tuple[str, ...] = Field(min_length=1)
    """Addresses: of one archive, of its parts in their order, or of the page that links it."""
    holds: str = Field(min_length=1)
    """What is in it, for people: a camera, a part."""
    size: int | None = Field(default=None, gt=0)
    """Bytes, about; None where unknown."""
    ranges: bool = True
    """Whether it answers range requests, so that single frames can be read from it. From others
    the files must be got by hand, as ``obtain`` says."""
    cameras: tuple[str, ...] = ()
    """Models of the cameras in it, as EXIF spells them: it stays closed where ``--camera`` takes
    none of them. Any where empty."""
    licence: str = ""
    """Under which terms it is offered there, where they are others than the collection's."""
    checksums: str = ""
    """Path or address of a list as ``sha256sum`` writes it, with the paths of the files in the
    archive; empty where there is none."""

    @field_validator("urls")
    @classmethod
    def _are_addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if "://" not in url:
                raise ValueError(f"{url!r} is no address, such as https://example.org/part.zip")
        return urls

    def may_hold(self, selection: Selection | None) -> bool:
        """Tell whether it can hold frames that a selection takes."""
        if selection is None or not selection.cameras or not self.cameras:
            return True
        wanted = [name.lower() for name in selection.cameras]
        return any(fnmatchcase(camera.lower(), name) for camera in self.cameras for name in wanted)


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
    given: SourceSpec,
    selection: Selection | None = None,
    transfer: Transfer | None = None,
) -> Source:
    """Open what a user names for a collection; the names of its places are known.

    Raises
    ------
    MissingError
        If it is not there; says how to get the files.
    UsageError
        If it cannot be read, or is a place that gives no single frames.
    """
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
    needed = [place for place in places if place.may_hold(selection)]
    if not needed:
        cameras = [camera for place in places for camera in place.cameras]
        raise UsageError(
            f"no part of {name} holds what --camera takes",
            expected=f"one of {', '.join(cameras)}",
            where=definition.name,
        )
    return [url for place in needed for url in place.urls]


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
