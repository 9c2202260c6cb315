"""Names of files in archives: which are safe, hidden, or lie in a folder of the archive's name."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from rawkit.source.split import part_of
from rawkit.source.types import Listing, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawkit.source.types import SourceFile

ZIP_SUFFIXES = (".zip",)
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
ARCHIVE_SUFFIXES = ZIP_SUFFIXES + TAR_SUFFIXES
_DRIVE = re.compile(r"[A-Za-z]:")
_RESOURCE_FORKS = "__MACOSX"


def is_archive(name: str) -> bool:
    """Tell whether a name is that of an archive that can be read."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def archive_stem(location: str) -> str:
    """Return an archive's name without folders, query and suffix: `a/b.tar.gz` -> `b`."""
    if "://" in location:
        location = re.split(r"[?#]", location, maxsplit=1)[0]
    part = part_of(location)
    if part is not None:
        location = part.base
    name = re.split(r"[/\\]", location.rstrip("/\\"))[-1]
    for suffix in sorted(ARCHIVE_SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def unsafe(name: str) -> str | None:
    """Say why the name of a member cannot be used, or None."""
    if "\0" in name:
        return "its name contains a zero byte"
    if "\\" in name:
        return "its name contains a backslash"
    if name.startswith("/") or _DRIVE.match(name):
        return "its name is an absolute path"
    if ".." in name.split("/"):
        return "its name leads out of the archive"
    return None


def plain(name: str) -> str:
    """Drop empty and `.` parts from a safe name."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def hidden(path: str) -> bool:
    """Tell whether a file or a folder above it is hidden."""
    return any(part.startswith(".") or part == _RESOURCE_FORKS for part in path.split("/"))


def listing_of(
    members: Iterable[tuple[str, SourceFile]], refused: Iterable[Refused], stem: str
) -> Listing:
    """List the members of an archive, given by their names as written and in its order.

    Unsafe names are refused, hidden ones passed over; of several members with one name the last
    counts, as for programs that unpack.
    """
    files: dict[str, SourceFile] = {}
    listed = list(refused)
    for name, file in members:
        why = unsafe(name)
        if why is not None:
            listed.append(Refused(name, "name", why))
            continue
        path = plain(name)
        if not path or hidden(path):
            continue
        if path in files:
            listed.append(Refused(path, "same-name", "a later member has the same name"))
        inside = "" if path.startswith(stem + "/") else stem
        files[path] = replace(file, path=path, inside=inside)
    return Listing(tuple(files[path] for path in sorted(files)), tuple(listed))
