"""One file on its way: its bytes beside its name, checked, and then under its name."""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rawkit.catalog import LeftOut
from rawkit.errors import UnreadableError
from rawkit.fetch.plan import partial
from rawkit.fetch.record import Fetched, sums
from rawkit.files import output_errors
from rawkit.source import Inflated, Piece, tag_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from threading import Event

    from rawkit.fetch.plan import FetchPlan, Wanted
    from rawkit.fetch.record import Record
    from rawkit.source import Ranges, SourceFile

_BLOCK = 4 << 20
"""Bytes of one request; as much is held in memory for each file on its way."""
Published = tuple[str, str] | None
"""Algorithm and checksum that a list says; None where none does."""


class Stopped(Exception):  # noqa: N818 - no error: somebody wished it
    """A file was left half way, to go on later."""


@dataclass(frozen=True, slots=True)
class _Version:
    """What a half file is half of; another version is begun anew."""

    origin: str
    """Archive or folder."""
    path: str
    """Path within it."""
    size: int
    """Bytes of the contents."""
    stored: int
    """Bytes at the source."""
    stamp: str
    """What the source calls the version of the file."""
    tag: str
    """ETag or date of the archive."""


def fetch_member(
    plan: FetchPlan,
    one: Wanted,
    record: Record,
    published: Published,
    stop: Event,
    count: Callable[[int], None],
) -> None:
    """Fetch a file, or the rest of it; what comes damaged is fetched once more from its beginning.

    Raises
    ------
    UnreadableError
        If it is damaged at the source.
    MissingError
        If the server is gone.
    OutputError
        If it cannot be written.
    Stopped
        If `stop` is set before it is whole.
    """
    try:
        _fetch(plan, one, record, published, stop, count)
    except UnreadableError:
        _forget(plan.folder / one.path)
        try:
            _fetch(plan, one, record, published, stop, count)
        except UnreadableError:
            _forget(plan.folder / one.path)
            raise


def _fetch(
    plan: FetchPlan,
    one: Wanted,
    record: Record,
    published: Published,
    stop: Event,
    count: Callable[[int], None],
) -> None:
    target, file = plan.folder / one.path, one.file
    ranges = plan.source.ranges_of(file)
    if ranges is None:
        raise UnreadableError("it cannot be read in pieces", where=file.where)
    deflated = isinstance(ranges, Inflated)
    stored: Ranges = (
        Piece(ranges.ranges, ranges.start, ranges.compressed, file.where)
        if isinstance(ranges, Inflated)
        else ranges
    )
    length = ranges.compressed if isinstance(ranges, Inflated) else file.size
    part = partial(target)
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        tag = tag_of(ranges)
        _begin(part, _Version(file.origin, file.path, file.size, file.stored, file.stamp, tag))
        with part.open("ab") as opened:
            at = opened.tell()
            if at > length:
                raise UnreadableError(f"{at} bytes of {length} have come", where=file.where)
            while at < length:
                if stop.is_set():
                    raise Stopped
                block = stored.read(at, min(_BLOCK, length - at))
                if not block:
                    raise UnreadableError(f"ends after {at} of {length} bytes", where=file.where)
                opened.write(block)
                at += len(block)
                count(len(block))
            opened.flush()
            os.fsync(opened.fileno())
        whole = _inflated(part, file) if deflated else part
        _finish(plan, one, whole, record, published, tag)
        _forget(target)


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _begin(part: Path, version: _Version) -> None:
    """Go on with a half file only if it is half of this version."""
    note, now = _note(part), json.dumps(asdict(version))
    with suppress(OSError):
        if note.read_text("utf-8") == now:
            return
    with suppress(FileNotFoundError):
        part.unlink()
    note.write_text(now, "utf-8")


def _forget(target: Path) -> None:
    part = partial(target)
    for path in (part, _note(part), _whole(part)):
        with suppress(FileNotFoundError):
            path.unlink()


def _whole(part: Path) -> Path:
    return part.with_name(part.name + ".whole")


def _inflated(part: Path, file: SourceFile) -> Path:
    """Inflate what has come into a file beside it."""
    inflater, written = zlib.decompressobj(-zlib.MAX_WBITS), 0
    whole = _whole(part)
    with part.open("rb") as packed, whole.open("wb") as plain:
        data = packed.read(_BLOCK)
        while data and written <= file.size:  # no more than it says: a zip bomb
            try:
                piece = inflater.decompress(data, _BLOCK)
            except zlib.error as error:
                raise UnreadableError(f"cannot be inflated ({error})", where=file.where) from error
            plain.write(piece)
            written += len(piece)
            data = inflater.unconsumed_tail or packed.read(_BLOCK)
        plain.write(inflater.flush())
        plain.flush()
        os.fsync(plain.fileno())
    return whole


def _finish(
    plan: FetchPlan, one: Wanted, whole: Path, record: Record, published: Published, tag: str
) -> None:
    """Check a file that has come, give it its name, and write it down."""
    file, target = one.file, plan.folder / one.path
    size = whole.stat().st_size
    if size != file.size:
        raise UnreadableError(f"{size} bytes", expected=f"{file.size}, as listed", where=file.where)
    crc, sha = sums(whole)
    if file.crc is not None and crc != file.crc:
        raise UnreadableError(
            f"it has the CRC {crc}", expected=f"{file.crc}, as the archive says", where=file.where
        )
    if published is not None:
        algorithm, listed = published
        has = sha if algorithm == "sha256" else sums(whole, algorithm)[1]
        if has != listed:
            raise UnreadableError(
                f"its {algorithm} is {has}",
                expected=f"{listed}, as the published list says",
                where=file.where,
            )
    whole.replace(target)
    _sync_folder(target.parent)
    mtime = target.stat().st_mtime_ns
    record.add(Fetched(one.path, size, crc, sha, file.origin, file.stamp, tag, mtime))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put_down(
    plan: FetchPlan,
    wanted: list[Wanted],
    record: Record,
    published: dict[str, Published],
    count: Callable[[int], None],
    failed: list[LeftOut],
) -> Iterator[Wanted]:
    """Put down files of archives that can only be streamed; yield each that is there."""
    by_file = {one.file: one for one in wanted}
    for origin in dict.fromkeys(one.file.origin for one in wanted):
        files = [one.file for one in wanted if one.file.origin == origin]
        for file, data in plan.source.stream(files):
            one = by_file[file]
            target = plan.folder / one.path
            whole = partial(target)
            with output_errors(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                with whole.open("wb") as opened:
                    opened.write(data)
                    opened.flush()
                    os.fsync(opened.fileno())
                count(len(data))
                try:
                    _finish(plan, one, whole, record, published[one.path], "")
                except UnreadableError as error:
                    failed.append(LeftOut(one.path, error.kind, error.reason))
                    continue
                finally:
                    _forget(target)
            yield one
