"""Which files belong to a collection, and what they are, as its definition says."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from rawkit.errors import UsageError
from rawkit.sensor import TiffMosaic

Role = Literal["short", "long"]


def whole_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a rule's pattern so that it matches from a folder boundary to the end of a path."""
    return re.compile(rf"(?:^|.*/)(?P<_name>{pattern})$", re.IGNORECASE)


class Strict(BaseModel):
    """A table of a definition, without fields that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class VideoRule(Strict):
    """What the files of a rule hold, if they are videos of packed Bayer frames in NumPy files."""

    mosaic: Literal["RGGB", "GRBG", "GBRG", "BGGR"]
    """Colours of the 2x2 cell whose places the four channels are, in reading order."""
    truth: str = ""
    """Template of the path within the collection of the NumPy file with a picture for each frame,
    from the pattern's groups and ``{folder}``; empty where there are none."""


class FramesRule(Strict):
    """Says of raw files that each is a frame of a video: the number at the end of its name.

    A video is what has all else of the name, see `rawkit.catalog.place_in_video`.
    """

    truth: str = ""
    """Template of the path within the collection of the NumPy file with a picture for each frame,
    or of the movie of the same name, from the pattern's groups and ``{folder}``; empty where there
    are none."""


class MosaicRule(Strict):
    """What the files of a rule hold, if they are TIFF files whose pixels are a mosaic."""

    pattern: Literal["RGGB", "GRBG", "GBRG", "BGGR"]
    """Colours of the first 2x2 cell, in reading order."""
    bits: int = Field(ge=8, le=16)
    """Bits of a pixel that mean something: 8 lie in bytes, more in 16-bit values."""
    black: int = Field(ge=0)
    """Black level of all planes, in sensor units."""
    white: int = Field(gt=0)
    """White level, in sensor units."""
    width: int | None = Field(default=None, gt=0)
    """Columns that each file must have, in pixels; any where it is missing."""
    height: int | None = Field(default=None, gt=0)
    """Rows, likewise."""
    make: str | None = None
    """Maker of the camera, which the files do not say."""
    model: str | None = None
    """Model of the camera, likewise."""

    @model_validator(mode="after")
    def _can_be(self) -> MosaicRule:
        try:
            self.described()
        except UsageError as error:
            raise ValueError(error.reason) from error
        return self

    def described(self) -> TiffMosaic:
        """Return it as the sensor's reader takes it."""
        return TiffMosaic(**self.model_dump())


class TimeRule(Strict):
    """How a name tells the exposure time where it is no number of seconds."""

    group: str
    """Named group of the pattern: a whole number."""
    base: Literal[10, 16] = 10
    """Base in which it is written."""
    plus: int = 0
    """What is added to it."""
    per_second: float = Field(gt=0)
    """How many of its units a second has."""

    def seconds(self, text: str) -> float | None:
        """Exposure time in seconds; None where the text is no such number."""
        try:
            return (int(text, self.base) + self.plus) / self.per_second
        except ValueError:
            return None


class NearestRule(Strict):
    """Of files of one pair, that each short belongs to the long whose number is nearest."""

    group: str
    """Named group of every pattern: a whole number."""
    longs: tuple[int, ...] = ()
    """Numbers of the longs, where they are known; those that are there where it is empty. Of two
    that are as near the lower one counts."""


class FileRule(Strict):
    """One kind of file of a collection, told by its path."""

    role: Role
    """``short`` for a dark frame, ``long`` for the ground truth of its pair."""
    pattern: str
    """Regular expression with named groups for the path within the collection, matched without
    regard to case from any folder boundary to the end of the path."""
    scene: str
    """Template of what one split never divides, from the pattern's groups and ``{folder}``."""
    view: str = ""
    """Template of a camera position of the scene; empty where there is one."""
    pair: str = ""
    """Template of what a short and its long share; scene and view where it is empty."""
    name: str = ""
    """Template of the frame's identity; the matched part of the path where it is empty."""
    example: str = ""
    """A path that the pattern fits, for people."""
    any_raw: bool = False
    """Whether files that the pattern fits and whose ending is none of raw files are taken if their
    content is that of one; for the others it is said why they are not."""
    exact: frozenset[Literal["iso", "seconds"]] = frozenset()
    """Groups of the pattern that EXIF always confirms, the ISO exactly and the seconds within 5%:
    files that a filter leaves out by them are not opened."""

    video: VideoRule | None = None
    """How to read files that are videos; raw files where it is missing."""
    frames: FramesRule | None = None
    """That raw files are frames of videos; photographs where it is missing."""
    mosaic: MosaicRule | None = None
    """What TIFF files hold that are mosaics; raw files where it is missing."""
    time: TimeRule | None = None
    """How the name tells the exposure time; the group ``seconds`` where it is missing."""

    @property
    def truth(self) -> str:
        """Template of the path of a video's pictures; empty where there are none."""
        return "".join(one.truth for one in (self.video, self.frames) if one is not None)

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            whole_pattern(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _templates_fit(self) -> FileRule:
        known = {*re.compile(self.pattern).groupindex, "folder"}
        templates = {field: getattr(self, field) for field in ("scene", "view", "pair", "name")}
        if self.video is not None and self.frames is not None:
            raise ValueError("video and frames in one rule: a file is a video or a frame of one")
        if self.video is not None and self.mosaic is not None:
            raise ValueError("video and mosaic in one rule: a file is a NumPy file or a TIFF")
        if self.time is not None and self.time.group not in known - {"folder"}:
            raise ValueError(f"time.group names {self.time.group}, no named group of the pattern")
        if self.video is not None:
            templates["video.truth"] = self.video.truth
        if self.frames is not None:
            templates["frames.truth"] = self.frames.truth
        for field, template in templates.items():
            try:
                template.format_map(dict.fromkeys(known, "0"))
            except KeyError as error:
                raise ValueError(
                    f"{field} uses {{{error.args[0]}}}, which is no named group of the pattern; "
                    f"there are: {', '.join(sorted(known))}"
                ) from error
            except (ValueError, AttributeError, IndexError, TypeError) as error:
                raise ValueError(f"{field} is no template: {template!r} ({error})") from error
        for group in sorted(self.exact - known):
            raise ValueError(f"exact names {group}, which is no named group of the pattern")
        return self
