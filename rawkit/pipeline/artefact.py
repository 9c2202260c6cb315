"""What steps take and make: raw files, stores, subsets, runs, evaluations, files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rawkit.errors import UsageError
from rawkit.evaluate import SUMMARY_JSON
from rawkit.files import sha256_of
from rawkit.store import FRAMES_TABLE
from rawkit.subset import encode_subset, load_subset
from rawkit.train import weights_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rawkit.locations import Location
    from rawkit.workspace import Workspace

Kind = Literal["data", "catalog", "store", "subset", "run", "evaluation", "file", "folder"]


@dataclass(frozen=True, slots=True, order=True)
class Artefact:
    """One thing that a step takes or makes, by kind and name."""

    kind: Kind
    """Kind of thing."""
    name: str
    """Name within the workspace; a path below it for files and folders. Inputs may have ``*`` and
    ``?`` for all that steps of the pipeline make."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def is_pattern(self) -> bool:
        """Tell whether the name stands for several."""
        return any(mark in self.name for mark in "*?[")

    def matching(self, made: Iterable[Artefact]) -> list[Artefact]:
        """Return those of its kind that its pattern fits, by name."""
        return sorted(
            one for one in made if one.kind == self.kind and fnmatchcase(one.name, self.name)
        )


def usual_path(artefact: Artefact, workspace: Workspace) -> Path:
    """Return where an artefact lies unless a step has put it elsewhere.

    Raises
    ------
    UsageError
        If it is a store or a run that is not on this machine.
    """
    name = artefact.name
    places: dict[Kind, Callable[[], Location]] = {
        "data": lambda: workspace.data(name),
        "catalog": lambda: workspace.catalog(name),
        "store": lambda: workspace.store(name),
        "subset": lambda: workspace.subset(name),
        "run": lambda: workspace.run(name),
        "evaluation": lambda: workspace.evaluations(name),
        "file": lambda: workspace.root / name,
        "folder": lambda: workspace.root / name,
    }
    place = places[artefact.kind]()
    if not isinstance(place, Path):
        raise UsageError(
            f"a {artefact.kind} at {place}",
            expected=f"{artefact.kind}s on this machine, for a study",
            fix=f"Leave --{artefact.kind}s out.",
        )  # fmt: skip
    return place


def identity_of(artefact: Artefact, path: Path) -> str | None:
    """Return what changes whenever the artefact does, hexadecimal; None where there is none.

    Raw files and other folders are told by names, sizes and times of change; stores by the table
    that holds a digest of every frame; subsets by their content, but not by when they were made;
    runs by the weights that would be used; evaluations by their summary; files by their bytes.
    """
    if artefact.kind in ("data", "folder"):
        return _listing(path)
    if artefact.kind == "subset":
        if not path.is_file():
            return None
        return sha256(encode_subset(replace(load_subset(path), created=""))).hexdigest()
    inside = {"store": FRAMES_TABLE, "evaluation": SUMMARY_JSON}
    if artefact.kind == "run":
        return _file(weights_in(path))
    return _file(path / inside[artefact.kind] if artefact.kind in inside else path)


def _file(path: Path) -> str | None:
    return sha256_of(path) if path.is_file() else None


def _listing(folder: Path) -> str | None:
    """SHA-256 over names, sizes and times of change of the files below a folder."""
    if not folder.is_dir():
        return None
    digest = sha256()
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            about = path.stat()
            name = path.relative_to(folder).as_posix()
            digest.update(repr((name, about.st_size, about.st_mtime_ns)).encode())
    return digest.hexdigest()
