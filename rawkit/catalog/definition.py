"""A collection as data: names, roles, pairing, split, target, all from one TOML file."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from rawkit.catalog.faults import definition_error
from rawkit.catalog.places import OfferedPlace, Steps  # noqa: TC001 - pydantic reads them
from rawkit.catalog.rules import (
    FileRule,
    FramesRule,
    MosaicRule,
    NearestRule,
    Role,
    Strict,
    VideoRule,
    whole_pattern,
)
from rawkit.errors import DefinitionError, MissingError
from rawkit.files import write_atomically
from rawkit.shipped import shipped_folder

Split = Literal["train", "val", "test"]


class SplitByName(Strict):
    """The split is written in the name."""

    by: Literal["name"]
    """Tells the kinds of split apart."""
    group: str
    """Named group of the pattern that tells the split."""
    values: dict[str, Split]
    """Split for each value of the group."""


class SplitByLists(Strict):
    """The split is published as lists."""

    by: Literal["lists"]
    """Tells the kinds of split apart."""
    group: str
    """Named group of the pattern that the lists name, or a template of groups such as
    ``{place}/{number}``."""
    train: frozenset[str] = frozenset()
    """Values that belong to train."""
    val: frozenset[str] = frozenset()
    """Values that belong to val."""
    test: frozenset[str] = frozenset()
    """Values that belong to test."""
    otherwise: Split
    """Split of what no list names."""

    @model_validator(mode="after")
    def _lists_are_apart(self) -> SplitByLists:
        for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
            both = sorted(getattr(self, one) & getattr(self, other))
            if both:
                raise ValueError(f"{both[0]!r} is in {one} and in {other}")
        return self


class SplitByHash(Strict):
    """Nothing is published: whole scenes by a seeded hash."""

    by: Literal["hash"]
    """Tells the kinds of split apart."""
    seed: int = 0
    """Part of what is hashed."""
    train: float = Field(default=0.8, ge=0, le=1)
    """Share of scenes in train."""
    val: float = Field(default=0.1, ge=0, le=1)
    """Share of scenes in val; the rest is test."""

    @model_validator(mode="after")
    def _shares_fit(self) -> SplitByHash:
        if self.train + self.val > 1 + 1e-9:
            raise ValueError(
                f"train and val are {self.train + self.val:g} together, more than 1; test gets "
                "what they leave"
            )
        return self


class TargetRule(Strict):
    """How the target of a long is rendered."""

    bits: Literal[8, 16] = 16
    """Bits per channel."""
    adjust_maximum_thr: float = Field(default=0.0, ge=0, le=1)
    """LibRaw's threshold of the same name; 0 is off."""
    given: bool = False
    """Whether the collection brings the pictures itself: 8 bit sRGB, nothing is rendered."""


class LevelRule(Strict):
    """Levels that are right where a camera's files are known to be wrong."""

    camera: str = "*"
    """Models it applies to, as EXIF spells them; ``*`` and ``?`` are wild."""
    iso: tuple[float, ...] = ()
    """ISO speeds it applies to; all where empty."""
    black: int | None = Field(default=None, ge=0)
    """Black level of all planes, in sensor units; the file's where it is missing."""
    white: int | None = Field(default=None, gt=0)
    """White level, in sensor units; the file's where it is missing."""
    reason: str = Field(min_length=1)
    """Why, in a few words; kept with every frame it was used for."""

    @model_validator(mode="after")
    def _says_something(self) -> LevelRule:
        if self.black is None and self.white is None:
            raise ValueError("neither black nor white; give one of them, or both")
        if self.black is not None and self.white is not None and self.black >= self.white:
            raise ValueError(f"black = {self.black} is not below white = {self.white}")
        return self

    def fits(self, model: str | None, iso: float | None) -> bool:
        """Tell whether it applies to a frame."""
        return fnmatchcase(model or "", self.camera) and (not self.iso or iso in self.iso)

    @property
    def holds_for_all(self) -> bool:
        """Whether it gives both levels to every frame."""
        return (self.camera, self.iso) == ("*", ()) and None not in (self.black, self.white)


class Exclusion(Strict):
    """Pairs that are known to be bad; they are left out only when that is asked for."""

    pairs: tuple[str, ...] = Field(min_length=1)
    """What short and long share, as the file rules make it; ``*`` and ``?`` are wild."""
    reason: str = Field(min_length=1)
    """What is wrong with them, in a few words."""


class Definition(Strict):
    """A collection of raw files."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Short name, as in ``rawkit ingest NAME``."""
    title: str
    """Name as people write it."""
    homepage: str = ""
    """Where it is described."""
    licence: str = ""
    """Under which terms it may be used."""
    citation: str = ""
    """What to cite."""
    obtain: Steps = ""
    """How to get the files; a list in the TOML becomes numbered steps, one a line."""
    places: tuple[OfferedPlace, ...] = ()
    """Where it is offered."""
    files: tuple[FileRule, ...] = Field(min_length=1)
    """Kinds of files; the first rule that matches a path decides."""
    split: Annotated[SplitByName | SplitByLists | SplitByHash, Field(discriminator="by")]
    """How scenes are divided into train, val and test."""
    target: TargetRule = TargetRule()
    """How targets are rendered."""
    nearest: NearestRule | None = None
    """That shorts of a pair belong to the long nearest by number; one long a pair where it is
    missing."""
    levels: tuple[LevelRule, ...] = ()
    """Levels that override the files' own; the first rule that fits decides."""
    excluded: tuple[Exclusion, ...] = ()
    """Pairs known to be bad, which ``--without-excluded`` leaves out."""
    kinds: dict[str, str] = Field(default_factory=dict)
    """Kinds of scenes, each with a pattern of their names in which ``*`` and ``?`` are wild; the
    first that fits decides."""

    @model_validator(mode="after")
    def _split_group_is_in_every_pattern(self) -> Definition:
        if not isinstance(self.split, SplitByHash):
            by_template = isinstance(self.split, SplitByLists) and "{" in self.split.group
            self._check_group("split.group", self.split.group, template=by_template)
        if self.nearest is not None:
            self._check_group("nearest.group", self.nearest.group)
        return self

    def _check_group(self, field: str, group: str, *, template: bool = False) -> None:
        """Raise ValueError where a pattern has not the group, or those of a template."""
        for number, rule in enumerate(self.files):
            known = re.compile(rule.pattern).groupindex
            try:
                fits = bool(group.format_map(dict.fromkeys(known, "0"))) if template else False
            except (KeyError, ValueError, AttributeError, IndexError, TypeError):
                fits = False
            if not (fits or group in known):
                raise ValueError(
                    f"{field} is {group!r}, which is no named group of files.{number}.pattern"
                )

    @model_validator(mode="after")
    def _videos_are_described(self) -> Definition:
        videos = [rule.video for rule in self.files if rule.video is not None]
        if videos and len(videos) != len(self.files):
            raise ValueError("videos and raw files in one collection; make two definitions")
        if videos and not any(rule.holds_for_all for rule in self.levels):
            raise ValueError(
                "a video says nothing of its levels: add [[levels]] with black, white and reason, "
                "without camera and iso"
            )
        given = any(rule.truth for rule in self.files)
        if self.target.given and not given:
            raise ValueError("target.given is for collections of videos; no rule has their truth")
        if given and not (self.target.given and self.target.bits == 8):  # noqa: PLR2004
            raise ValueError(
                "the pictures of videos are 8 bit and given: with video.truth or frames.truth, "
                "[target] needs bits = 8 and given = true, and without it neither"
            )
        return self

    @property
    def has_videos(self) -> bool:
        """Whether any of its files is a video, or a frame of one."""
        return any(rule.video is not None or rule.frames is not None for rule in self.files)

    @property
    def excluded_pairs(self) -> tuple[str, ...]:
        """All pairs known to be bad, whatever the reason."""
        return tuple(pair for one in self.excluded for pair in one.pairs)

    def kind_of(self, scene: str) -> str | None:
        """Kind of a scene, such as indoor; None where the collection has no kinds."""
        fitting = (kind for kind, names in self.kinds.items() if fnmatchcase(scene, names))
        return next(fitting, None)


@dataclass(frozen=True, slots=True)
class Match:
    """What a path says of a frame."""

    name: str
    """Identity within the collection."""
    role: Role
    """Short or long."""
    scene: str
    """What one split never divides."""
    view: str
    """Camera position of the scene."""
    pair: str
    """What a short and its long share."""
    groups: dict[str, str]
    """All named groups of the pattern."""
    exact: frozenset[str] = frozenset()
    """Those of `iso` and `seconds` that EXIF confirms."""
    video: VideoRule | None = None
    """How to read it, if it is a video."""
    frames: FramesRule | None = None
    """That it is a frame of a video, if it is one in a file of its own."""
    truth: str = ""
    """Path of the pictures of a video, as a source would list it; empty where there are none."""
    path: str = ""
    """The part of the path that the pattern fits: where the file lies in the collection."""
    mosaic: MosaicRule | None = None
    """What it holds, if it is a mosaic in a TIFF."""
    seconds: float | None = None
    """Exposure time, where a rule tells how the name says it."""

    def number(self, group: str) -> float | None:
        """Value of a group that is a number; None where it is none."""
        if group == "seconds" and self.seconds is not None:
            return self.seconds
        try:
            return float(self.groups[group])
        except (KeyError, ValueError):
            return None


class Matcher:
    """The file rules of a definition, compiled."""

    def __init__(self, definition: Definition) -> None:
        self._rules = [(rule, whole_pattern(rule.pattern)) for rule in definition.files]

    def match(self, path: str) -> Match | None:
        """Match a path with forward slashes, relative to the source; None if no rule fits."""
        for rule, pattern in self._rules:
            found = pattern.match(path)
            if found:
                return _fill(rule, found)
        return None


def _fill(rule: FileRule, found: re.Match[str]) -> Match:
    groups = {key: value or "" for key, value in found.groupdict().items()}
    matched = groups.pop("_name")
    fields = {**groups, "folder": matched.rpartition("/")[0] or "."}
    scene, view = rule.scene.format_map(fields), rule.view.format_map(fields)
    return Match(
        name=rule.name.format_map(fields) or matched,
        role=rule.role,
        scene=scene,
        view=view,
        pair=rule.pair.format_map(fields) or f"{scene}/{view}",
        groups=groups,
        exact=rule.exact,
        path=matched,
        video=rule.video,
        frames=rule.frames,
        mosaic=rule.mosaic,
        seconds=None if rule.time is None else rule.time.seconds(groups[rule.time.group]),
        truth=_truth(rule, found, fields),
    )


def _truth(rule: FileRule, found: re.Match[str], fields: dict[str, str]) -> str:
    if not rule.truth:
        return ""
    path = found.string[: found.start("_name")] + rule.truth.format_map(fields)
    return path.removeprefix("./")  # of files that lie in no folder


def known_collections() -> list[str]:
    """Names of the collections that rawkit ships a definition of."""
    return sorted(path.stem for path in shipped_folder("catalogs").glob("*.toml"))


def load_definition(name: str) -> Definition:
    """Load the definition of a shipped collection, or of a TOML file of one's own.

    Raises
    ------
    MissingError
        If there is no such collection or file.
    DefinitionError
        If the TOML is wrong; says which field and what was expected.
    """
    path = Path(name) if name.endswith(".toml") else shipped_folder("catalogs") / f"{name}.toml"
    if not path.is_file():
        raise MissingError(
            f"no collection {name!r}",
            expected=f"one of {', '.join(known_collections())}, or the path of a TOML file",
        )
    try:
        return _beside(Definition.model_validate(tomllib.loads(path.read_text("utf-8"))), path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"not a TOML file ({error})", where=path) from error
    except OSError as error:
        raise MissingError(f"cannot be read ({error.strerror})", where=path) from error
    except ValidationError as error:
        raise definition_error(error, path) from error


def _beside(definition: Definition, path: Path) -> Definition:
    """Find the lists that a definition names beside it, or else among the shipped ones."""
    places = []
    for place in definition.places:
        found = place.list
        if found and "://" not in found:
            near = path.resolve().parent / found
            found = str(near if near.is_file() else shipped_folder("catalogs") / found)
        places.append(place.model_copy(update={"list": found}))
    return definition.model_copy(update={"places": tuple(places)})


def remember_definition(named: str, path: Path) -> None:
    """Keep a copy of a TOML of one's own at `path`; a shipped collection needs none.

    `named` is what `load_definition` was given.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    if named.endswith(".toml"):
        write_atomically(path, Path(named).read_bytes())
    else:
        path.unlink(missing_ok=True)


def remembered_definition(name: str, path: Path) -> Definition:
    """Load the copy at `path`; where there is none, the shipped definition of that name.

    Raises what `load_definition` raises.
    """
    return load_definition(str(path) if path.is_file() else name)
