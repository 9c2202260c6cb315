"""Where a collection is offered, as its definition says it."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - pydantic reads it
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator


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

    list: str = ""
    """Path beside the definition, or address, of a list of the files, each with an address of its
    own; empty where it is an archive."""

    def may_hold(self, cameras: Sequence[str]) -> bool:
        """Tell whether it can hold frames of one of some cameras; any where none is named."""
        if not cameras or not self.cameras:
            return True
        wanted = [name.lower() for name in cameras]
        return any(fnmatchcase(camera.lower(), name) for camera in self.cameras for name in wanted)
