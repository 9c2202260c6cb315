"""The place where pictures go: a folder of this machine, or one in a bucket."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.locations import Url
from rawkit.store import ObjectPlace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rawkit.locations import Location


@contextmanager
def written(path: Location) -> Iterator[Path]:
    """Yield the path at which a picture is to be written, and see to it that it comes to `path`.

    In a bucket it appears whole, once the block ends without an error.

    Raises
    ------
    StoreUnreachableError
        If the server does not answer, or refuses.
    """
    if isinstance(path, Path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="rawkit-") as folder:
        here = Path(folder) / path.name
        yield here
        ObjectPlace(path.parent).take(here, path.name)


def looked_at(folder: Location) -> Callable[[Location], bool]:
    """Look once at what lies in a place; return what tells whether a file is there.

    Raises
    ------
    StoreUnreachableError
        If the server does not answer, or refuses.
    """
    if isinstance(folder, Path):
        return _is_file
    names = frozenset(str(folder / key) for key in ObjectPlace(folder).sizes())
    return lambda path: str(path) in names


def _is_file(path: Location) -> bool:
    return isinstance(path, Path) and path.is_file()


def key_of(path: Location) -> str:
    """Return what names a file, however it was spelt."""
    return str(path) if isinstance(path, Url) else str(path.resolve())
