"""What a run remembers of the ingest beside it: enough to take both up again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rawkit.catalog import Selection
from rawkit.errors import TrainingError, UsageError
from rawkit.files import write_atomically
from rawkit.locations import Url
from rawkit.subset import selection_from, selection_values

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rawkit.workspace import Workspace

RECORD = "supply.json"
"""Name of the file in a run's folder."""
_FORMAT, _VERSION = "rawkit-supply", 1
_LAST = "last.pt"


@dataclass(frozen=True, slots=True)
class Record:
    """What was asked for, and what the first scan has found."""

    collection: str
    """Name of the collection."""
    source: tuple[str, ...]
    """Where its raw files are; empty in a run that is replayed from a finished store."""
    selection: Selection = Selection()  # noqa: RUF009 - frozen
    """Which frames."""
    seed: int = 0
    """Seed of the order in which they are fetched."""
    batch: int = 4
    """Pairs that training begins with."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the training that were asked for."""
    recipe: str | None = None
    """Published training that was asked for."""
    replay: str = ""
    """Name of the run whose notes these are; empty in a run of its own."""
    train: tuple[str, ...] = ()
    """Names of the dark frames to train on, as the scan found them."""
    val: tuple[str, ...] = ()
    """Names of those that are validated on."""
    longs: int = 0
    """Long exposures of the pairs to train on."""
    val_longs: int = 0
    """Those of the pairs that are validated on."""
    disk: int | None = None
    """Bytes that the store's frames may take; None: all that there is."""

    def save(self, folder: Path) -> None:
        """Write it into a run's folder.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        values = {
            "format": _FORMAT, "version": _VERSION, **asdict(self),
            "selection": selection_values(self.selection), "changes": dict(self.changes),
        }  # fmt: skip
        write_atomically(folder / RECORD, (json.dumps(values, indent=1) + "\n").encode())


def read_record(folder: Path) -> Record:
    """Read what a run remembers.

    Raises
    ------
    TrainingError
        If it is damaged, or of another version.
    """
    path = folder / RECORD
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if (values.pop("format"), values.pop("version")) != (_FORMAT, _VERSION):
            raise ValueError("another format")  # noqa: TRY301 - as whatever else is wrong with it
        values["selection"] = selection_from(values["selection"])
        for name in ("source", "train", "val"):
            values[name] = tuple(values[name])
        return Record(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"cannot be read ({error})",
            expected="what `rawkit train COLLECTION` remembers of its run",
            where=path,
            fix="Begin another run.",
        ) from error


def run_folder(workspace: Workspace, name: str) -> Path:
    """Return the folder of a run beside which frames land: it lies on this machine.

    Raises
    ------
    UsageError
        If runs are kept elsewhere.
    """
    folder = workspace.run(name)
    if isinstance(folder, Url):
        raise UsageError(
            "runs that are kept elsewhere, and frames that land beside a training",
            expected="a run on this machine, whose notes are written line by line",
            where=folder,
            fix="Leave --runs out, or ingest first and train on the finished store.",
        )
    return folder


def live_run(workspace: Workspace, name: str | None) -> Path | None:
    """Return the folder of a run, the newest if None, if an ingest went on beside it.

    One that was ended before its first step counts: it has no checkpoint yet.
    """
    if name is not None:
        named = workspace.run(name)
        return None if isinstance(named, Url) or not (named / RECORD).is_file() else named
    newest, when = None, -1
    for pattern in (RECORD, _LAST):
        for path in (workspace.root / "runs").glob(f"*/{pattern}"):
            if path.stat().st_mtime_ns >= when:
                newest, when = path.parent, path.stat().st_mtime_ns
    return newest if newest is not None and (newest / RECORD).is_file() else None
