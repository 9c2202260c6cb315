"""The workspace: the one folder that commands work from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawkit.errors import MissingError, UsageError
from rawkit.locations import Url, folders_in, is_url, location_of, times_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from rawkit.locations import Location

_SUFFIX = ".zarr"
_CHECKPOINT = "last.pt"
"""What every run has that has written a checkpoint."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths of everything rawkit reads and writes, relative to one folder."""

    root: Path
    """The folder itself."""
    stores_at: Location | None = None
    """Where stores lie instead of its ``stores/``: another folder, or a URL."""
    runs_at: Location | None = None
    """Where runs lie instead of its ``runs/``: another folder, or a URL."""

    def data(self, collection: str) -> Path:
        """Where raw files of a collection are looked for unless a source is named."""
        return self.root / "data" / collection

    def catalog(self, collection: str) -> Path:
        """Return the table of what the last scan of a collection found."""
        return self.root / "catalogs" / f"{check_name(collection, 'collection')}.parquet"

    def definition(self, collection: str) -> Path:
        """Return where the definition of one's own is kept that a collection was ingested with."""
        return self.catalog(collection).with_suffix(".toml")

    def cameras(self) -> Path:
        """Folder of the profiles of cameras."""
        return self.root / "cameras"

    def bad_pairs(self, collection: str) -> Path:
        """Return the list of pairs of a collection that were found bad."""
        return self.root / "pairs" / f"{check_name(collection, 'collection')}.toml"

    def bad_pair_lists(self) -> list[Path]:
        """All such lists there are, by name."""
        return sorted((self.root / "pairs").glob("*.toml"))

    @property
    def stores_folder(self) -> Location:
        """Where stores lie."""
        return self.root / "stores" if self.stores_at is None else self.stores_at

    @property
    def staging(self) -> Path:
        """Where shards of stores elsewhere wait for their transfer."""
        return self.root / "staging"

    def store(self, collection: str) -> Location:
        """Return the store of a collection."""
        return self.stores_folder / f"{collection}{_SUFFIX}"

    def stores(self) -> list[Location]:
        """All stores there are, by name.

        Raises
        ------
        StoreUnreachableError
            If they lie elsewhere and their server does not answer, or refuses.
        UsageError
            If they lie on a web server, which does not say what it has.
        """
        folder = self.stores_folder
        if isinstance(folder, Url):
            return [one for one in folders_in(folder) if one.suffix == _SUFFIX]
        return [*sorted(folder.glob(f"*{_SUFFIX}"))]

    def locate(self, text: str) -> Location:
        """Return what a text names: a URL, or a path as seen from the workspace."""
        return location_of(text) if is_url(text) else self.root / text

    def subset(self, name: str) -> Path:
        """Return the file of a subset."""
        return self.root / "subsets" / f"{check_name(name, 'subset')}.parquet"

    def subsets(self) -> list[Path]:
        """All subsets there are, by name."""
        return sorted((self.root / "subsets").glob("*.parquet"))

    @property
    def runs_folder(self) -> Location:
        """Where runs lie."""
        return self.root / "runs" if self.runs_at is None else self.runs_at

    def run(self, name: str) -> Location:
        """Return the folder of a training run."""
        return self.runs_folder / check_name(name, "run")

    def runs(self) -> list[Location]:
        """All runs that have written a checkpoint, the newest last.

        Raises
        ------
        StoreUnreachableError
            If they lie elsewhere and their server does not answer, or refuses.
        UsageError
            If they lie on a web server, which does not say what it has.
        """
        folder = self.runs_folder
        times: Mapping[Any, float]
        if isinstance(folder, Url):
            times = times_of(folder, _CHECKPOINT)
        else:
            found = folder.glob(f"*/{_CHECKPOINT}")
            times = {path.parent: path.stat().st_mtime_ns for path in found}
        return sorted(times, key=lambda run: (times[run], run.name))

    @property
    def evaluated_runs(self) -> Path:
        """Where evaluations of runs lie, below a folder for each; of runs elsewhere, too."""
        folder = self.runs_folder
        return self.root / "runs" if isinstance(folder, Url) else folder

    def run_evaluations(self, name: str) -> Path:
        """Return the folder of the evaluations of a run."""
        return self.evaluated_runs / check_name(name, "run") / "evaluations"

    def fetched(self, run: str) -> Path:
        """Return the folder for weights of a run that lies elsewhere."""
        return self.root / "fetched" / check_name(run, "run")

    def evaluations(self, name: str) -> Path:
        """Return the folder of the evaluations of weights that are of no run, or of no weights."""
        return self.root / "evaluations" / check_name(name, "evaluated method")

    def study(self, name: str) -> Path:
        """Return the folder of what a pipeline makes and remembers."""
        return self.root / "studies" / check_name(name, "study")

    def find_store(self, name: str) -> Location:
        """Return the store named `name`: a collection's name, a path or a URL.

        Raises
        ------
        MissingError
            If there is none. Whether one is at a URL, opening it says.
        """
        if is_url(name) and isinstance(named := location_of(name), Url):
            return named
        if isinstance(self.stores_folder, Url) and self.stores_folder.on_web:
            return self.store(name)
        stores = self.stores()
        for path in (self.store(name), self.locate(name)):
            if path in stores if isinstance(path, Url) else path.is_dir():
                return path
        raise MissingError(
            f"no store named {name}",
            expected=f"one of: {listed(path.stem for path in stores)}",
            where=self.stores_folder,
            fix=f"`rawkit ingest {name}` makes one.",
        )


def no_store(folder: Location) -> MissingError:
    """Return the error for a folder without any store."""
    return MissingError(
        "no store", expected="at least one", where=folder,
        fix="`rawkit ingest COLLECTION` makes one; --workspace names another workspace.",
    )  # fmt: skip


def check_name(name: str, what: str) -> str:
    """Return a name that stays in its folder.

    Raises
    ------
    UsageError
        If it is none.
    """
    if not name or name != name.strip() or name.startswith(".") or set(name) & set("/\\:\0"):
        raise UsageError(f"{name!r} as the name of a {what}", expected="letters, digits, - _ .")
    return name


def listed(names: Iterable[str], most: int = 12) -> str:
    """Join names for an error message, cutting long lists; "none" if there are none."""
    found = list(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more if found else "none"
