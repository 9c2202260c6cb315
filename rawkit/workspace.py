"""The workspace: the one folder that commands work from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.errors import MissingError, UsageError
from rawkit.locations import Url, folders_in, is_url, location_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rawkit.locations import Location

_SUFFIX = ".zarr"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths of everything rawkit reads and writes, relative to one folder."""

    root: Path
    """The folder itself."""
    stores_at: Location | None = None
    """Where stores lie instead of its ``stores/``: another folder, or a URL."""

    def data(self, collection: str) -> Path:
        """Where raw files of a collection are looked for unless a source is named."""
        return self.root / "data" / collection

    def catalog(self, collection: str) -> Path:
        """Return the table of what the last scan of a collection found."""
        return self.root / "catalogs" / f"{check_name(collection, 'collection')}.parquet"

    def definition(self, collection: str) -> Path:
        """Return where the definition of one's own is kept that a collection was ingested with."""
        return self.catalog(collection).with_suffix(".toml")

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

    def run(self, name: str) -> Path:
        """Return the folder of a training run."""
        return self.root / "runs" / check_name(name, "run")

    def runs(self) -> list[Path]:
        """All runs that have written a checkpoint, the newest last."""
        found = [path.parent for path in (self.root / "runs").glob("*/last.pt")]
        return sorted(found, key=lambda run: ((run / "last.pt").stat().st_mtime_ns, run.name))

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
