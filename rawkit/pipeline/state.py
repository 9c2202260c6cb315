"""What a study remembers: of each step what it was done with, and what came out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rawkit.errors import StoreFormatError
from rawkit.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT: Final = "rawkit-study"
VERSION: Final = 1
STATE: Final = "state.json"


@dataclass(frozen=True, slots=True)
class Made:
    """One thing that a step has made."""

    path: str
    """Where it lies, below the workspace."""
    identity: str
    """What it was when it was made."""


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was done."""

    key: str
    """Digest of settings and inputs."""
    settings: Mapping[str, Any]
    """Its settings, as plain values."""
    inputs: Mapping[str, str]
    """Identity of each input, by kind and name."""
    outputs: Mapping[str, Made]
    """What came out, by kind and name."""


def load_state(path: Path) -> dict[str, Done]:
    """Read what was done, by the label of the step; nothing where there is no file.

    Raises
    ------
    StoreFormatError
        If the file is damaged or of another version.
    """
    if not path.is_file():
        return {}
    try:
        about = json.loads(path.read_bytes())
        if (about["format"], about["version"]) != (FORMAT, VERSION):
            raise ValueError(f"{about['format']} version {about['version']}")  # noqa: TRY301 - caught below
        return {
            label: Done(
                one["key"],
                one["settings"],
                one["inputs"],
                {name: Made(**made) for name, made in one["outputs"].items()},
            )
            for label, one in about["steps"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreFormatError(
            f"not the state of a study ({error})",
            expected=f"{FORMAT} version {VERSION}",
            where=path,
            fix="Delete it: the steps then run again, and find what they made before.",
        ) from error


def save_state(path: Path, steps: Mapping[str, Done]) -> None:
    """Write what was done, atomically.

    Raises
    ------
    OutputError
        If it cannot be written; what was there is intact.
    """
    values = {
        "format": FORMAT,
        "version": VERSION,
        "steps": {
            label: {
                "key": one.key,
                "settings": dict(one.settings),
                "inputs": dict(one.inputs),
                "outputs": {
                    name: {"path": made.path, "identity": made.identity}
                    for name, made in one.outputs.items()
                },
            }
            for label, one in steps.items()
        },
    }
    write_atomically(path, (json.dumps(values, indent=2) + "\n").encode())
