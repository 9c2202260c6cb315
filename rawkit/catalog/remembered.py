"""The definition that a store was last ingested with, for commands that know its name alone."""

from __future__ import annotations

from pathlib import Path

from rawkit.catalog.definition import Definition, load_definition
from rawkit.files import write_atomically


def remember_definition(named: str, path: Path) -> None:
    """Keep a copy of a TOML of one's own at `path`; a shipped collection needs none.

    `named` is what `load_definition` was given.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    if named.endswith(".toml"):
        write_atomically(path, Path(named).read_bytes())
    else:
        path.unlink(missing_ok=True)


def remembered_definition(name: str, path: Path) -> Definition:
    """Load the copy at `path`; where there is none, the shipped definition of that name.

    Raises what `load_definition` raises.
    """
    return load_definition(str(path) if path.is_file() else name)
