"""What is written for each mosaic, and where."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rawkit.colour import NETWORK_COLOUR, asked_colour
from rawkit.errors import UsageError
from rawkit.locations import location_of
from rawkit.pictures import PictureFormat
from rawkit.restore.amplify import Brightness
from rawkit.restore.gallery import key_of, looked_at
from rawkit.restore.manifest import MANIFEST, read_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rawkit.colour import ColourMode
    from rawkit.locations import Location
    from rawkit.restore.inputs import Item
    from rawkit.restore.known_noise import NoiseChoice
    from rawkit.restore.mending import Mending
    from rawkit.sensor import Headerless, Levels

PLAIN = ".plain"
"""Stands before the suffix of a plain conversion."""


@dataclass(frozen=True, slots=True)
class Output:
    """What is written for each mosaic."""

    folder: Location
    """Where the pictures go: a folder, or a URL such as ``s3://bucket/out``."""
    format: PictureFormat = field(default_factory=PictureFormat)
    """File format and bits."""
    brightness: Brightness = field(default_factory=Brightness)
    """How mosaics are amplified; one picture for each of its values."""
    linear: bool = False
    """Whether linear light is written instead of the BT.709 curve."""
    skip_existing: bool = False
    """Whether files are left alone all of whose pictures are there, made by the same weights."""
    compare: bool = False
    """Whether LibRaw's conversion, as bright as the picture, is written beside it."""
    levels: Levels | None = None
    """Levels that override those of every file, to see what wrong ones do."""
    colour: ColourMode = "auto"
    """Whose colours pictures have, see `rawkit.restore.develop`."""
    headerless: Headerless | None = None
    """What files hold that do not say so themselves."""

    noise: NoiseChoice | None = None
    """Where the noise of frames is known from, for networks that ask for it; None: the frame, or
    its profile where there is one."""
    mending: Mending | None = None
    """Profiles of cameras, and what is done to mosaics by them; None: nothing."""

    def pictures(self, name: str) -> list[Location]:
        """Paths of the pictures of a mosaic, one for each value of `brightness`."""
        labels = [""] if self.format.name == "dng" else self.brightness.labels()
        return [self._path(name + label) for label in labels]

    def plain(self, picture: Location) -> Location:
        """Path of the plain conversion beside a picture."""
        return picture.with_name(f"{picture.name.removesuffix(picture.suffix)}{PLAIN}"
                                 f"{self.format.suffix}")  # fmt: skip

    def all_files(self, name: str) -> list[Location]:
        """Paths of all that is written for a mosaic."""
        pictures = self.pictures(name)
        return pictures + [self.plain(path) for path in pictures] if self.compare else pictures

    def _path(self, name: str) -> Location:
        return self.folder / (name + self.format.suffix)


def planned(items: Sequence[Item], output: Output) -> dict[Item, list[Location]]:
    """Return all files that are written for each item, in order.

    Raises
    ------
    UsageError
        If two would be written to one file, or one outside of the folder.
    """
    plan = {item: output.all_files(item.name) for item in items}
    counts = Counter(path for paths in plan.values() for path in paths)
    for item, paths in plan.items():
        for path in paths:
            if counts[path] > 1:
                others = [one.where for one, its in plan.items() if path in its and one != item]
                raise UsageError(
                    f"two pictures called {path.name}: of {item.where} and "
                    f"{', '.join(others) or 'itself'}",
                    expected="different names",
                    fix="Restore them into different folders.",
                )
            if ".." in PurePosixPath(item.name).parts or path.name == MANIFEST:
                raise UsageError(f"a picture at {path}", expected=f"one in {output.folder}")
    return plan


def existing(plan: Mapping[Item, Sequence[Location]], output: Output, weights: str) -> set[Item]:
    """Return the items all of whose pictures are there, by these weights, colours and profiles.

    The manifest of the folder tells; a picture that it does not know counts as made with others.
    Lines of before there was a choice have the network's colours.

    Parameters
    ----------
    plan
        Of `planned`.
    output
        What is written.
    weights
        SHA-256 of the file of the weights, hexadecimal.

    Raises
    ------
    OutputError, StoreUnreachableError
        If there is a manifest that cannot be read.
    """
    lines = read_manifest(output.folder)
    mending = output.mending
    wanted = (weights, asked_colour(output.colour), None if mending is None else mending.asked)
    there = looked_at(output.folder)
    made = {
        key_of(location_of(path)): (
            line.get("weights"), line.get("colour_asked", NETWORK_COLOUR), line.get("profile_asked")
        )
        for path, line in lines.items()
    }  # fmt: skip
    return {
        item
        for item, paths in plan.items()
        if all(there(path) for path in paths)
        and all(made.get(key_of(path)) == wanted for path in output.pictures(item.name))
    }
