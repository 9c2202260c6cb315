"""How shards, and raw files where need be, pass between the committer and workers of a cluster.

Where all workers see the committer's folder they go through that. Where they do not, and the store
lies in a bucket, they go through the bucket, so that machines need nothing else in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from rawkit.errors import ClusterError, UnreadableError
from rawkit.files import output_errors
from rawkit.store import ObjectStaging, can_put, discard
from rawkit.workers import see

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rawkit.catalog import Entry
    from rawkit.ingest.frame import FrameJob
    from rawkit.source import Source, SourceFile
    from rawkit.store import Staging, StoreFile
    from rawkit.workers import Cluster


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where workers put shards, and what they are sent because they do not see it."""

    staging: Staging
    """Where they put shards."""
    unseen: frozenset[str] = frozenset()
    """Folders and archives of this machine that a worker does not see."""

    def describe(self) -> str:
        """Say it, in a few words."""
        if not isinstance(self.staging, ObjectStaging):
            return f"shards go through the folder {self.staging}, which all workers see"
        text = f"workers put shards into {self.staging.place.location.parent}"
        return f"{text}; raw files are sent there, too" if self.unseen else text

    def origin_of(self, job: FrameJob) -> Path | None:
        """Folder or archive that a worker must see to read the raw file."""
        return None if job.file.origin in self.unseen else job.origin

    def sends(self, entry: Entry) -> bool:
        """Whether workers cannot read the raw file of an entry where it lies."""
        return entry.file is not None and entry.file.origin in self.unseen

    def hold(self, path: Path) -> StoreFile:
        """Return where workers find a file of the committer's folder; it may move there.

        Raises
        ------
        StoreUnreachableError
            If it has to, and the server does not answer.
        """
        if isinstance(self.staging, ObjectStaging):
            return self.staging.take(path, path.name)
        return path

    def send(self, source: Source | None, file: SourceFile | None, name: str) -> StoreFile | None:
        """Send a raw file, if workers do not see it; None if they do, or nobody can read it.

        Raises as `hold`.
        """
        if source is None or file is None or file.origin not in self.unseen:
            return None
        if not isinstance(self.staging, ObjectStaging):
            return None
        try:
            return self.staging.put(source.read(file), name)
        except UnreadableError:
            return None


def agree(
    cluster: Cluster,
    folder: Path,
    objects: ObjectStaging | None,
    files: Iterable[SourceFile] = (),
    source: Source | None = None,
) -> Exchange:
    """Ask the workers what they see, and choose.

    Parameters
    ----------
    cluster
        The workers.
    folder
        The committer's folder, which must be there.
    objects
        Where in the bucket of the store they could put shards; None: the store is in none.
    files
        Raw files that are wanted.
    source
        Where these come from.

    Raises
    ------
    ClusterError
        If a worker does not see the folder, and there is no bucket.
    StoreUnreachableError
        If a worker cannot write to the bucket.
    """
    token = folder / f"{uuid4().hex}.token"
    with output_errors(token):
        token.touch()
    try:
        samples = {} if source is None else _samples(files, source)
        wanted = [(token.absolute(), 0), *samples.values()]
        answers: dict[str, Sequence[bool]] = cluster.ask(see, wanted)
    finally:
        discard(token)
    if answers and all(seen[0] for seen in answers.values()):
        return Exchange(folder)
    if objects is None:
        if not answers:  # workers that join say themselves what they do not see
            return Exchange(folder)
        blind = next(where for where, seen in answers.items() if not seen[0])
        raise ClusterError(
            f"worker {blind} does not see the folder for new shards",
            expected="the same path on every machine of the cluster, or a store in a bucket",
            where=folder,
            fix="Put the store on s3:// (--stores s3://BUCKET/FOLDER), or on a file system that "
            "all workers share, or go without --scheduler.",
        )
    cluster.ask(can_put, objects)
    # A worker that joins later may see nothing.
    unseen = (
        origin
        for number, origin in enumerate(samples, start=1)
        if not answers or not all(seen[number] for seen in answers.values())
    )
    return Exchange(objects, frozenset(unseen))


def _samples(files: Iterable[SourceFile], source: Source) -> dict[str, tuple[Path, int]]:
    """One path of each folder or archive of this machine, by that, with its bytes."""
    first: dict[str, SourceFile] = {}
    for file in files:
        if not file.remote:
            first.setdefault(file.origin, file)
    found = {}
    for origin, file in first.items():
        path = source.local_path(file)
        if path is None or not path.is_file():
            path = Path(origin)
        size = path.stat().st_size if path.is_file() else 0
        found[origin] = path.absolute(), size
    return found
