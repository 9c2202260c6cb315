"""From what a user names to a list of mosaics, each with the name of its pictures.

A file is named after itself; what lies in a folder, in an archive, below a URL or in a store keeps
its path there. No two inputs share a name: files of one stem keep their suffix, and what would
still be written to one picture is an error before anything starts.
"""

from __future__ import annotations

import glob
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from rawkit.catalog import by_content, has_raw_suffix
from rawkit.errors import MissingError, UnreadableError, UsageError
from rawkit.locations import file_system, is_on_web
from rawkit.progress import SILENT
from rawkit.restore.stored import StoredFrame
from rawkit.sensor import is_raw
from rawkit.source import (
    FsspecRanges,
    HttpRanges,
    Refused,
    Transfer,
    fsspec_call,
    is_archive,
    open_source,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rawkit.progress import Progress
    from rawkit.source import Ranges, Source, SourceFile

_WILD = frozenset("*?[")


class Raw(Protocol):
    """A raw file, wherever it lies. Can be pickled."""

    @property
    def where(self) -> str:
        """Path or address, for people."""

    def contents(self) -> Path | bytes:
        """Return its path on this machine, or its bytes.

        Raises
        ------
        RawFileError, MissingError
            If they cannot be had.
        """


@dataclass(frozen=True, slots=True)
class LocalRaw:
    """A raw file on this machine."""

    path: Path
    """The file."""

    @property
    def where(self) -> str:
        """Its path."""
        return str(self.path)

    def contents(self) -> Path | bytes:
        """Return the path: LibRaw reads it itself."""
        return self.path


@dataclass(frozen=True, slots=True)
class SourcedRaw:
    """A raw file in an archive, or below a URL."""

    source: Source
    """Where it lies."""
    file: SourceFile
    """Which of its files."""

    @property
    def where(self) -> str:
        """Archive or URL, and path in it."""
        return self.file.where

    def contents(self) -> Path | bytes:
        """Return its path where it has one, else fetch it; raises as `Source.read`."""
        path = self.source.local_path(self.file)
        return self.source.read(self.file) if path is None else path


@dataclass(frozen=True, slots=True)
class RemoteRaw:
    """A raw file with an address of its own."""

    ranges: Ranges
    """Its bytes."""

    @property
    def where(self) -> str:
        """Its address."""
        return self.ranges.where

    def contents(self) -> bytes:
        """Fetch it; raises `MissingError` if it is not there."""
        try:
            return self.ranges.read(0, self.ranges.size())
        except MissingError as error:
            raise UnreadableError(error.found, where=self.where) from error


@dataclass(frozen=True, slots=True)
class Item:
    """One mosaic to restore."""

    what: Raw | StoredFrame
    """Where it comes from."""
    name: str
    """Path of its pictures below the output folder, with forward slashes, without suffix."""

    @property
    def where(self) -> str:
        """Path, for people."""
        return self.what.where

    @property
    def origin(self) -> Path | None:
        """Folder, archive or store on this machine that must be there to read it."""
        what = self.what
        if isinstance(what, LocalRaw):
            return what.path.parent
        if isinstance(what, SourcedRaw):
            return None if what.file.remote else Path(what.file.origin)
        if isinstance(what, StoredFrame) and isinstance(what.store, Path):
            return what.store
        return None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was found."""

    items: tuple[Item, ...]
    """Mosaics, in the order they were named; their names are all different."""
    refused: tuple[Refused, ...] = ()
    """Parts of archives and folders that cannot be used."""


_Found = tuple[Raw | StoredFrame, str]
"""A raw file, and its name with suffix."""


def find_inputs(
    specs: Iterable[str | Path],
    stored: Sequence[StoredFrame] = (),
    *,
    progress: Progress = SILENT,
    transfer: Transfer | None = None,
) -> Inputs:
    """List the raw files that are named, then frames of stores.

    Parameters
    ----------
    specs
        Files, folders, archives, patterns with ``*``, ``?`` and ``**``, and URLs, of buckets also
        such patterns. Folders and archives stand for the raw files in them and below.
    stored
        Frames of stores, see `rawkit.restore.stored`.

    Raises
    ------
    MissingError
        If something is not there, or holds no raw file.
    UnreadableError
        If an archive is damaged.
    UsageError
        If two inputs would be written to one picture.
    """
    patience = transfer or Transfer()
    found: list[_Found] = []
    refused: list[Refused] = []
    for one in specs:
        more, bad = _find(str(one), patience, progress)
        found += more
        refused += bad
    found += [(frame, frame.name) for frame in stored]
    return Inputs(named(_once(found)), tuple(refused))


def _find(
    spec: str, transfer: Transfer, progress: Progress
) -> tuple[list[_Found], Sequence[Refused]]:
    if "://" in spec and not spec.startswith("file://"):
        if _WILD & set(spec) and not is_on_web(spec):
            return _matching_there(spec, transfer), ()
        if has_raw_suffix(urlsplit(spec).path):
            return [_remote(spec, transfer)], ()
        return _below(spec, transfer, progress)
    path = Path(spec.removeprefix("file://")).expanduser()
    if path.is_dir() or (path.exists() and is_archive(path.name)):
        return _below(path, transfer, progress)
    if path.exists() or path.is_symlink():  # whoever reads a dead link says so
        return [(LocalRaw(path), path.name)], ()
    if _WILD & set(spec):
        return _matching(path), ()
    raise MissingError(
        "no such file", expected="a file, folder, archive, pattern, URL or store", where=path
    )


def _remote(url: str, transfer: Transfer) -> _Found:
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    web = is_on_web(url)
    ranges: Ranges = HttpRanges(url, transfer) if web else FsspecRanges(url, transfer)
    return (RemoteRaw(ranges), name)


def _below(
    place: str | Path, transfer: Transfer, progress: Progress
) -> tuple[list[_Found], Sequence[Refused]]:
    """List the raw files in a folder or archive, under their paths there."""
    source = open_source([place], transfer)
    listing = source.files(progress)
    unsaid = [file for file in listing.files if not has_raw_suffix(file.path)]
    raw, others = by_content(source, unsaid)
    taken = set(raw)
    found: list[_Found] = []
    for file in listing.files:
        if has_raw_suffix(file.path) or file in taken:
            local = source.local_path(file)
            what: Raw = SourcedRaw(source, file) if local is None else LocalRaw(local)
            found.append((what, file.path))
    if not found:
        kind = "an archive" if is_archive(str(place)) else "a folder"
        raise MissingError(f"{kind} without raw files", where=place)
    return found, [*listing.refused, *(Refused(one.name, one.kind, one.reason) for one in others)]


def _matching(pattern: Path) -> list[_Found]:
    """List the raw files that a pattern names, under their paths below its fixed beginning."""
    fixed: list[str] = []
    for part in pattern.parts:
        if _WILD & set(part):
            break
        fixed.append(part)
    root = Path(*fixed)
    paths = [Path(path) for path in sorted(glob.glob(str(pattern), recursive=True))]  # noqa: PTH207 - Path.glob has no absolute patterns
    found: list[_Found] = [
        (LocalRaw(path), path.relative_to(root).as_posix())
        for path in paths
        if path.is_file() and _looks_raw(path)
    ]
    if not found:
        raise MissingError("a pattern that no raw file matches", where=pattern)
    return found


def _matching_there(pattern: str, transfer: Transfer) -> list[_Found]:
    """List the objects with the name of a raw file that a pattern of a URL names."""
    scheme, _, rest = pattern.partition("://")
    fixed: list[str] = []
    for part in rest.split("/"):
        if _WILD & set(part):
            break
        fixed.append(part)
    fs, path = file_system(pattern)
    paths: list[str] = fsspec_call(transfer, pattern, lambda: fs.glob(path))
    found: list[_Found] = []
    for one in sorted(paths):
        if has_raw_suffix(one):
            name = one.removeprefix("/".join(fixed)).lstrip("/")
            found.append((RemoteRaw(FsspecRanges(f"{scheme}://{one}", transfer)), name))
    if not found:
        raise MissingError("a pattern that no raw file matches", where=pattern)
    return found


def _looks_raw(path: Path) -> bool:
    """Tell by its ending, or else by its first bytes, whether a file is a raw file."""
    if has_raw_suffix(path.name):
        return True
    try:
        with path.open("rb") as file:
            return is_raw(file)
    except OSError:
        return False


def _once(found: Iterable[_Found]) -> list[_Found]:
    """Drop what was named before, by whatever way."""
    seen = set[object]()
    kept = []
    for one in found:
        what = one[0]
        key: object = what.path.resolve() if isinstance(what, LocalRaw) else what.where
        if key not in seen:
            seen.add(key)
            kept.append(one)
    return kept


def named(found: Sequence[_Found]) -> tuple[Item, ...]:
    """Name pictures by the path without suffix; with it where two would be the same.

    Raises
    ------
    UsageError
        If two are the same all the same.
    """
    stems = [PurePosixPath(path).with_suffix("").as_posix() for _, path in found]
    counts = Counter(stems)
    items = [
        Item(what, stem if counts[stem] == 1 else path)
        for (what, path), stem in zip(found, stems, strict=True)
    ]
    first: dict[str, Item] = {}
    for item in items:
        if item.name in first:
            raise UsageError(
                f"two files named {item.name}: {first[item.name].where} and {item.where}",
                expected="different names",
                fix="Restore them into different folders.",
            )
        first[item.name] = item
    return tuple(items)
