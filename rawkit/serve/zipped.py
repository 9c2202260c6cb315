"""All pictures of a work as one zip, made while it is sent: nothing of it is held."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from zipstream import ZIP_STORED, ZipStream

from rawkit.restore import MANIFEST

if TYPE_CHECKING:
    from rawkit.serve.board import Picture, Work

_LEFT_OUT = "left-out.txt"


def zip_of(work: Work) -> Any:
    """Return a stream of a zip of the pictures that are done, with their manifest.

    Of several pictures of one photo all are in it. None if there is none.
    """
    done: list[Picture] = []
    left: list[str] = []
    for photo in [*work.photos.values()]:
        found = [one for one in photo.pictures.values() if one.stage == "done"]
        done += found
        if photo.problem is not None:
            left.append(f"{photo.name}: {photo.problem.title}. {photo.problem.text}")
        elif not found:
            left.append(f"{photo.name}: not done when the zip was asked for.")
    if not done:
        return None
    # Pictures are compressed already; so stored, the zip's size is known before it is made.
    stream = ZipStream(compress_type=ZIP_STORED, sized=True)
    lines, names = [], set[str]()
    for picture in done:
        name = _unlike(picture.name, names)
        stream.add_path(picture.path, name)
        lines.append(json.dumps({**(picture.made or {}), "picture": name}))
    stream.add("".join(f"{one}\n" for one in lines), MANIFEST)
    if left:
        stream.add("".join(f"{one}\n" for one in left), _LEFT_OUT)
    return stream


def _unlike(name: str, names: set[str]) -> str:
    """Return a name that is not taken yet, and take it."""
    stem, dot, suffix = name.rpartition(".")
    found, number = name, 2
    while found.lower() in names:
        found, number = f"{stem} ({number}){dot}{suffix}", number + 1
    names.add(found.lower())
    return found
