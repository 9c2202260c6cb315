"""The list of pairs that were found bad: a TOML file that people may edit.

``rawkit verify --pairs`` writes it, ``--without-excluded`` reads it. Each ``[[pair]]`` is one dark
frame. What people change stays when the list is written anew: entries with ``keep = true``, which
count as good, and entries without a ``found``, which they have added themselves.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawkit.errors import DefinitionError
from rawkit.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_FIELDS = {"frame": str, "long": str, "found": list, "note": str, "keep": bool}


@dataclass(frozen=True, slots=True)
class BadPair:
    """A dark frame whose pair is bad."""

    frame: str
    """Name of the dark frame within its collection."""
    long: str = ""
    """Name of its ground truth."""
    found: tuple[str, ...] = ()
    """What was found: ``shift``, ``scene``, ``moved``, ``exposure``, ``dark``, ``clipped``; empty
    where people have added the pair."""
    note: str = ""
    """What was measured, or why people have added it."""
    keep: bool = False
    """Whether people have looked and the pair is good all the same."""


def read_bad_pairs(path: Path) -> tuple[str, tuple[BadPair, ...]]:
    """Read a list: the collection it is of, and its pairs; no pairs where there is no file.

    Raises
    ------
    DefinitionError
        If it is no such list.
    """
    if not path.is_file():
        return path.stem, ()
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        collection, entries = content.get("collection"), content.get("pair", [])
        if not isinstance(collection, str) or not isinstance(entries, list):
            raise TypeError("no collection, or pairs that are none")  # noqa: TRY301 - said once
        return collection, tuple(_pair(one) for one in entries)
    except (OSError, ValueError, TypeError) as error:
        raise DefinitionError(
            f"not a list of bad pairs ({error})",
            expected='collection = "NAME", and [[pair]] with frame, and long, found, note or keep',
            where=path,
            fix="Correct it, or remove it and run `rawkit verify --pairs` again.",
        ) from error


def _pair(values: Any) -> BadPair:
    if not isinstance(values, dict) or "frame" not in values:
        raise TypeError(f"a pair without a frame: {values!r}")
    for name, value in values.items():
        if name not in _FIELDS:
            raise ValueError(f"{name}, which no pair has")
        if not isinstance(value, _FIELDS[name]):
            raise TypeError(f"{name} = {value!r}")
    return BadPair(**{**values, "found": tuple(map(str, values.get("found", ())))})


def write_bad_pairs(
    path: Path, collection: str, pairs: Iterable[BadPair], about: Mapping[str, float]
) -> None:
    """Write a list, by name; `about` says what limits the pairs exceed.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    lines = [
        "# Pairs that `rawkit verify --pairs` has found bad, one for each dark frame.",
        "# --without-excluded leaves them out. Add `keep = true` to a pair that is good all the",
        "# same, or a [[pair]] of your own with its `frame`: both stay when this is written anew.",
        f"collection = {_text(collection)}",
        "",
        "[limits]",
        *(f"{name} = {value!r}" for name, value in about.items()),
    ]
    for one in sorted(pairs, key=lambda pair: pair.frame):
        lines += ["", "[[pair]]", f"frame = {_text(one.frame)}"]
        if one.long:
            lines.append(f"long = {_text(one.long)}")
        if one.found:
            lines.append(f"found = [{', '.join(map(_text, one.found))}]")
        if one.note:
            lines.append(f"note = {_text(one.note)}")
        if one.keep:
            lines.append("keep = true")
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def _text(value: str) -> str:
    """Write a basic string; JSON's escapes are TOML's, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def names_of_bad(paths: Iterable[Path], collection: str | None = None) -> tuple[str, ...]:
    """Dark frames that lists leave out, as ``COLLECTION:NAME``; of one collection, if it is named.

    Raises
    ------
    DefinitionError
        If a file is no such list.
    """
    found = []
    for path in paths:
        name, pairs = read_bad_pairs(path)
        if collection in {None, name}:
            found += [f"{name}:{one.frame}" for one in pairs if not one.keep]
    return tuple(sorted(found))
