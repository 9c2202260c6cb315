"""From what a user names to a source."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rawkit.errors import MissingError, UsageError
from rawkit.source.folders import LocalFolder, RemoteFolder
from rawkit.source.http import HttpRanges
from rawkit.source.lists import LIST_SUFFIX, UrlList
from rawkit.source.names import TAR_SUFFIXES, is_archive
from rawkit.source.ranges import FsspecRanges, LocalRanges
from rawkit.source.several import Nested, Several, Unpacked
from rawkit.source.split import JoinedRanges, grouped, joined, local_parts, part_of, web_parts
from rawkit.source.tars import TarFile, TarStream
from rawkit.source.transfer import PATIENCE, Transfer
from rawkit.source.zips import ZipArchive

if TYPE_CHECKING:
    from rawkit.source.ranges import Ranges
    from rawkit.source.types import Source

SourceSpec = str | Path | Sequence[str | Path]
"""A folder, an archive or a URL; several with commas between them, or in a sequence."""

_ANY = "a folder with raw files, an archive (.zip, .tar, .tar.gz, .tgz), a list (.urls), or a URL"


def open_source(spec: SourceSpec, transfer: Transfer | None = None) -> Source:
    """Open a folder, an archive, a list of files, a URL, or several of them.

    `transfer` says how patient to be with servers.

    Raises
    ------
    MissingError
        If a folder or file is not there. Whether a URL is there, its listing says.
    UsageError
        If it is a file but no archive, a folder of a web server, or needs a missing package.
    """
    if isinstance(spec, str | Path):
        named: list[str | Path] = [*_split(spec)] if isinstance(spec, str) else [spec]
    else:
        named = [part for one in spec for part in (_split(one) if isinstance(one, str) else [one])]
    if not named:
        raise UsageError("an empty source", expected=_ANY)
    patience = Transfer(patience=PATIENCE) if transfer is None else transfer
    sources = tuple(_open(one, patience) for one in _with_parts_together(named))
    return sources[0] if len(sources) == 1 else Several(sources)


def _split(spec: str) -> list[str]:
    """Split at commas, unless they belong to a name."""
    parts = [part.strip() for part in spec.split(",") if part.strip()]
    if len(parts) > 1 and not Path(spec).exists() and all(_looks_real(part) for part in parts):
        return parts
    return [spec] if spec.strip() else []


def _looks_real(part: str) -> bool:
    return "://" in part or Path(part).expanduser().exists()


def _with_parts_together(named: list[str | Path]) -> list[str | Path | list[str]]:
    """Put parts of one archive together where several of them are named."""
    groups = {first: all_ for first, all_ in grouped(map(str, named)).items() if len(all_) > 1}
    firsts = {name: first for first, names in groups.items() for name in names}
    found: list[str | Path | list[str]] = []
    for one in named:
        first = firsts.get(str(one))
        if first is None:
            found.append(one)
        elif first == str(one):
            found.append(groups[first])
    return found


def _open(spec: str | Path | list[str], transfer: Transfer) -> Source:
    if isinstance(spec, list):
        return _open_archive(spec, transfer)
    if isinstance(spec, str) and "://" in spec:
        return _open_url(spec, transfer)
    path = Path(spec).expanduser()
    if path.is_file() and path.name.lower().endswith(LIST_SUFFIX):
        return UrlList(str(path), transfer)
    if path.is_dir():
        return Unpacked(LocalFolder(path), partial(_open_archive, transfer=transfer))
    if not path.exists():
        what = "no such file" if is_archive(path.name) else "no such folder"
        raise MissingError(what, expected=_ANY, where=path, fix="Name another with --source.")
    parts = [] if is_archive(path.name) else local_parts(path)
    if parts:
        return _open_archive([str(part) for part in parts], transfer)
    if not is_archive(path.name):
        raise UsageError("a file", expected=f"the folder that holds it; or {_ANY}", where=path)
    return _open_archive(str(path), transfer)


def _open_url(url: str, transfer: Transfer) -> Source:
    scheme = url.partition("://")[0].lower()
    if scheme == "file":
        return _open(urlsplit(url).path, transfer)
    if urlsplit(url).path.lower().endswith(LIST_SUFFIX):
        return UrlList(url, transfer)
    if scheme in ("http", "https"):
        if urlsplit(url).path.endswith("/") or not urlsplit(url).path:
            raise UsageError(
                "a folder of a web server, which cannot be listed",
                expected="the address of a zip or tar archive",
                where=url,
            )
        return _open_archive(url, transfer)
    if is_archive(url):
        return _open_archive(url, transfer)
    return Unpacked(
        RemoteFolder(url.rstrip("/"), transfer), partial(_open_archive, transfer=transfer)
    )


def _open_archive(location: str | list[str], transfer: Transfer) -> Source:
    """Open an archive by its path or URL, or by those of its parts.

    One on a web server without a known suffix is a zip. Of a part on a web server the others are
    looked for beside it.
    """
    if isinstance(location, list):
        ranges: Ranges = joined(location, lambda one: _ranges_of(one, transfer))
        name = _base_of(location[0])
    else:
        ranges, name = _ranges_of(location, transfer), _base_of(location)
        if isinstance(ranges, HttpRanges) and part_of(location) is not None:
            ranges = JoinedRanges((ranges,), web_parts)
    if not name.endswith(TAR_SUFFIXES):
        return Nested(ZipArchive(ranges))
    local = isinstance(ranges, LocalRanges) or (
        isinstance(ranges, JoinedRanges) and isinstance(ranges.parts[0], LocalRanges)
    )
    if local and name.endswith(".tar"):
        return TarFile(ranges)
    return TarStream(ranges)


def _ranges_of(location: str, transfer: Transfer) -> Ranges:
    if location.lower().startswith(("http://", "https://")):
        return HttpRanges(location, transfer)
    if "://" in location:
        return FsspecRanges(location, transfer)
    return LocalRanges(Path(location))


def _base_of(location: str) -> str:
    """Name of the whole archive, in small letters, without a query."""
    part = part_of(location)
    if part is not None:
        return part.base.lower()
    if location.lower().startswith(("http://", "https://")):
        return urlsplit(location).path.lower()
    return location.lower()
