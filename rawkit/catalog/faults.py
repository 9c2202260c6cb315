"""What is wrong with the TOML of a collection, in the words of whoever writes one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from rawkit.errors import DefinitionError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

FORMS = {
    "name": 'a short name of a-z, 0-9 and -, such as name = "my-set"',
    "title": 'text, such as title = "My collection"',
    "homepage": 'text, such as homepage = "https://example.org"',
    "licence": 'text, such as licence = "CC-BY-4.0"',
    "citation": "text in quotes",
    "obtain": "text in quotes that says how to get the files, or a list of steps",
    "places": "[[places]], each with name, urls and holds",
    "places.name": 'a short name of a-z, 0-9 and -, such as name = "official"',
    "places.urls": 'a list of addresses, such as urls = ["https://example.org/part.zip"]',
    "places.holds": 'text, such as holds = "Sony"',
    "places.size": "a whole number of bytes above 0, such as size = 25_000_000_000",
    "places.ranges": "ranges = true or ranges = false",
    "places.cameras": 'a list of models as EXIF spells them, such as cameras = ["ILCE-7SM2"]',
    "places.licence": 'text, such as licence = "CC-BY-4.0"',
    "places.checksums": 'a path or an address in quotes, such as checksums = "sid.sha256"',
    "places.list": 'a path or an address in quotes, such as list = "my-set.urls"',
    "files": "one [[files]] at least, each with role, pattern and scene",
    "files.role": 'role = "short" or role = "long"',
    "files.pattern": r"a regular expression, such as pattern = '(?P<scene>[^/]+)/dark_\d+\.dng'",
    "files.scene": 'a template of the pattern\'s groups and {folder}, such as scene = "{folder}"',
    "files.view": 'a template of the pattern\'s groups and {folder}, such as view = "{camera}"',
    "files.pair": 'a template of the pattern\'s groups and {folder}, such as pair = "{scene}"',
    "files.name": 'a template of the pattern\'s groups and {folder}, such as name = "{scene}/{n}"',
    "files.example": 'a path that the pattern fits, such as example = "scene-1/dark_1.dng"',
    "files.any_raw": "any_raw = true or any_raw = false",
    "files.exact": 'exact = ["iso"], ["seconds"] or both',
    "files.video": 'a table, such as video = { mosaic = "RGGB" }',
    "files.video.mosaic": 'mosaic = "RGGB", "GRBG", "GBRG" or "BGGR"',
    "files.video.truth": 'a template of a path, such as truth = "{scene}/truth.npy"',
    "files.frames": 'a table, such as frames = { truth = "{folder}.npy" }',
    "files.frames.truth": 'a template of a path, such as truth = "{folder}.npy"',
    "files.mosaic": 'a table, such as mosaic = { pattern = "GBRG", bits = 12, black = 240, '
    "white = 4095 }",
    "files.mosaic.pattern": 'pattern = "RGGB", "GRBG", "GBRG" or "BGGR"',
    "files.mosaic.bits": "a whole number of 8 to 16, such as bits = 12",
    "files.mosaic.black": "a whole number of 0 or more, such as black = 240",
    "files.mosaic.white": "a whole number above black, such as white = 4095",
    "files.mosaic.width": "a whole number of pixels, such as width = 1920",
    "files.mosaic.height": "a whole number of pixels, such as height = 1080",
    "files.mosaic.make": 'text, such as make = "Sony"',
    "files.mosaic.model": 'text, such as model = "IMX385"',
    "files.time": 'a table, such as time = { group = "shutter", per_second = 1000 }',
    "files.time.group": "the name of a group of the pattern",
    "files.time.base": "base = 10 or base = 16",
    "files.time.plus": "a whole number, such as plus = 1",
    "files.time.per_second": "a number above 0, such as per_second = 32768",
    "nearest": "a table [nearest] with group, and longs where their numbers are known",
    "nearest.group": "the name of a group of every pattern",
    "nearest.longs": "a list of whole numbers, such as longs = [1, 6, 11, 16]",
    "split": '[split] with by = "name", "lists" or "hash"',
    "split.name.group": "the name of a group of every pattern",
    "split.name.values": 'a split for each value, such as values = { a = "train", b = "test" }',
    "split.name.values.*": '"train", "val" or "test"',
    "split.lists.group": "the name of a group of every pattern, or a template of such",
    "split.lists.train": 'a list of text, such as train = ["0001", "0002"]',
    "split.lists.val": 'a list of text, such as val = ["0001", "0002"]',
    "split.lists.test": 'a list of text, such as test = ["0001", "0002"]',
    "split.lists.otherwise": 'otherwise = "train", "val" or "test"',
    "split.hash.seed": "a whole number, such as seed = 0",
    "split.hash.train": "a share of 0 to 1, such as train = 0.8",
    "split.hash.val": "a share of 0 to 1, such as val = 0.1",
    "target": "a table [target]",
    "target.bits": "bits = 8 or bits = 16",
    "target.adjust_maximum_thr": "a number of 0 to 1, such as adjust_maximum_thr = 0.0",
    "target.given": "given = true or given = false",
    "levels": "[[levels]], each with a reason and black, white or both",
    "levels.camera": 'a model as EXIF spells it, such as camera = "ILCE-7SM2" or "ILCE-*"',
    "levels.iso": "a list of numbers, such as iso = [100, 200]",
    "levels.black": "a whole number of 0 or more, such as black = 512",
    "levels.white": "a whole number above 0, such as white = 16383",
    "levels.reason": "text that is not empty",
    "excluded": "[[excluded]], each with pairs and reason",
    "excluded.pairs": 'a list of text, not empty, such as pairs = ["Indoor/pair1/*"]',
    "excluded.reason": "text that is not empty",
    "kinds": 'a pattern of scenes for each kind, such as indoor = "Indoor/*"',
    "kinds.*": 'a pattern of scenes in quotes, such as indoor = "Indoor/*"',
}
"""What each field looks like, by its path without numbers."""
_LONGEST = 60
"""Characters of a wrong value that a message shows."""


def definition_error(error: ValidationError, path: Path) -> DefinitionError:
    """Say which field is wrong first, what is there, what it looks like, and which others are."""
    details = error.errors()
    # A list whose items are wrong is reported once more as too short: say what is wrong with them.
    faults = [
        one
        for one in details
        if not any(
            other["loc"][: len(one["loc"])] == one["loc"] and len(other["loc"]) > len(one["loc"])
            for other in details
        )
    ]
    first, *rest = faults
    others = ", ".join(dict.fromkeys(_place(one) for one in rest))
    more = f"Mend {others} as well. " if rest else ""
    return DefinitionError(
        f"{_place(first)}: {_found(first)}",
        expected=_expected(first),
        where=path,
        fix=f"{more}The shipped catalogs/ are examples.",
    )


def _place(fault: ErrorDetails) -> str:
    """Name a field as TOML has it, tables of a list counted from 0."""
    return ".".join(str(part) for part in fault["loc"]) or "the file"


def _found(fault: ErrorDetails) -> str:
    match fault["type"]:
        case "missing":
            return "missing"
        case "extra_forbidden":
            return "no such field"
        case "value_error":
            return fault["msg"].removeprefix("Value error, ")
        case "union_tag_not_found":
            return "it has no by"
        case "union_tag_invalid":
            return f"by = {fault['ctx']['tag']!r}"
    shown = repr(fault["input"])
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def _expected(fault: ErrorDetails) -> str | None:
    parts = [str(part) for part in fault["loc"] if not isinstance(part, int)]
    if fault["type"] == "extra_forbidden":
        return _of_known(parts)
    path = ".".join(parts)
    if fault["type"] == "value_error" and (
        not parts or isinstance(fault["loc"][-1], int) or path in ("split.hash", "split.lists")
    ):
        return None  # a rule across the fields of a table has said all
    for end in range(len(parts), 0, -1):
        form = FORMS.get(".".join(parts[:end])) or FORMS.get(".".join([*parts[: end - 1], "*"]))
        if form is not None:
            return form
    return None


def _of_known(parts: list[str]) -> str:
    """Name the fields there are, the one most like it first."""
    above = "".join(f"{part}." for part in parts[:-1])
    known = [
        field.removeprefix(above)
        for field in FORMS
        if field.startswith(above) and "." not in field.removeprefix(above)
    ]
    close = get_close_matches(parts[-1], known, 1)
    ordered = close + [field for field in known if field not in close]
    return f"one of {', '.join(ordered)}"
