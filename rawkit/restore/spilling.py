"""Members of archives that can only be streamed, one after the other."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import RawkitError, UnreadableError
from rawkit.restore.inputs import Item, SourcedRaw
from rawkit.source import Spill

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rawkit.source import Source, SourceFile


@dataclass(frozen=True, slots=True)
class SpilledRaw:
    """A raw file that waits in a temporary file, which goes once it is read."""

    path: Path
    """Where it waits."""
    where: str
    """Archive and path in it."""

    def contents(self) -> bytes:
        """Read it."""
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise UnreadableError(f"cannot be read ({error.strerror})", where=self.where) from error
        self.path.unlink(missing_ok=True)
        return data


@dataclass(frozen=True, slots=True)
class LostRaw:
    """A raw file that its archive does not hand out."""

    where: str
    """Archive and path in it."""
    error: RawkitError
    """Why."""

    def contents(self) -> bytes:
        """Raise the reason."""
        raise self.error


@contextmanager
def spilled(items: Sequence[Item]) -> Iterator[Iterable[Item]]:
    """Read archives that can only be streamed once, as their members' turns come."""
    sources: dict[int, tuple[Source, list[SourceFile]]] = {}
    for item in items:
        if isinstance(item.what, SourcedRaw) and item.what.source.sequential(item.what.file):
            source = item.what.source
            sources.setdefault(id(source), (source, []))[1].append(item.what.file)
    if not sources:
        yield items
        return
    with tempfile.TemporaryDirectory(prefix="rawkit-") as folder:
        spills = {
            key: Spill(source, files, _made(Path(folder) / str(number)))
            for number, (key, (source, files)) in enumerate(sources.items())
        }
        yield (_ready(item, spills) for item in items)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _ready(item: Item, spills: dict[int, Spill]) -> Item:
    if not isinstance(item.what, SourcedRaw):
        return item
    spill = spills.get(id(item.what.source))
    if spill is None:
        return item
    try:
        path = spill.path(item.what.file)
    except RawkitError as error:
        return replace(item, what=LostRaw(item.where, error))
    return item if path is None else replace(item, what=SpilledRaw(path, item.where))
