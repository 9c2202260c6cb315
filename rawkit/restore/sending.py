"""What workers of a cluster are sent where pictures go to a bucket and no folder is shared.

Weights and raw files that they do not see are put beside the pictures, and pictures under names of
their own there, until this process takes them into place: what a worker that was cut off puts
later changes nothing.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from rawkit.errors import RawkitError, StoreUnreachableError, UnreadableError
from rawkit.files import write_atomically
from rawkit.restore.spilling import LostRaw, SpilledRaw, spilled
from rawkit.restore.stored import StoredFrame
from rawkit.store import ObjectPlace, ObjectStaging, RemoteFile, can_put, discard, gone, objects_of
from rawkit.workers import see

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rawkit.locations import Location, Url
    from rawkit.restore.inputs import Item
    from rawkit.restore.outcome import Restored
    from rawkit.restore.output import Output
    from rawkit.workers import Cluster


@dataclass(frozen=True, slots=True)
class SentRaw:
    """A raw file that waits in a bucket."""

    file: RemoteFile
    """Where it waits."""
    where: str
    """Where it came from."""

    def contents(self) -> bytes:
        """Fetch it."""
        try:
            return self.file.read_bytes()
        except FileNotFoundError as error:
            raise UnreadableError("it is gone from the bucket", where=self.where) from error


@dataclass(frozen=True, slots=True)
class SentWeights:
    """Weights that wait in a bucket."""

    file: RemoteFile
    """Where they wait."""
    name: str
    """Name of their file."""
    digest: str
    """SHA-256, hexadecimal."""

    def fetched(self, folder: Path) -> Path:
        """Return them as a file below a folder; what was fetched before is not fetched again.

        Raises
        ------
        StoreUnreachableError
            If the server does not answer, or they are gone.
        """
        path = folder / self.digest / self.name
        if not path.exists():
            try:
                data = self.file.read_bytes()
            except FileNotFoundError as error:
                raise gone(self.file) from error
            write_atomically(path, data)
        return path


@dataclass(frozen=True, slots=True)
class Sending:
    """How things pass between this process and workers, for pictures that go to a bucket."""

    folder: Url
    """Where the pictures go."""
    objects: ObjectStaging
    """Where things wait."""
    weights: SentWeights | None
    """The weights, if a worker does not see them."""
    unseen: frozenset[Path]
    """Folders, archives and stores of this machine that a worker does not see."""

    def describe(self) -> str:
        """Say it, in a few words."""
        sent = ["weights"] * (self.weights is not None) + ["raw files"] * bool(self.unseen)
        more = f"; {' and '.join(sent)} are sent there, too" if sent else ""
        return f"workers put pictures into {objects_of(self.folder)}{more}"

    def items(self, items: Sequence[Item]) -> Iterator[Item]:
        """Yield items that workers can read; what they do not see is sent when its turn comes."""
        with spilled(items) as ready:
            for item in ready:
                yield self._sent(item)

    def _sent(self, item: Item) -> Item:
        what = item.what
        if not isinstance(what, SpilledRaw) and item.origin not in self.unseen:
            return item
        if isinstance(what, StoredFrame):  # the worker says that it does not see its store
            return item
        try:
            found = what.contents()
            data = found.read_bytes() if isinstance(found, Path) else found
        except StoreUnreachableError:
            raise
        except RawkitError as error:
            return replace(item, what=LostRaw(item.where, error))
        except OSError as error:
            lost = UnreadableError(f"cannot be read ({error.strerror})", where=item.where)
            return replace(item, what=LostRaw(item.where, lost))
        return replace(item, what=SentRaw(self.objects.put(data, "raw"), item.where))

    def adopted(self, restored: Restored) -> Restored:
        """Take a picture into place, and what lies beside it.

        Raises
        ------
        StoreUnreachableError
            If the server does not answer, refuses, or the picture is gone.
        """
        plain = restored.plain
        return replace(
            restored,
            picture=self._adopted(restored.picture),
            plain=None if plain is None else self._adopted(plain),
        )

    def _adopted(self, staged: Location) -> Location:
        key = str(staged).removeprefix(f"{self.objects.place.location}/")
        final = key.partition("/")[2]  # behind the folder of its try
        ObjectPlace(self.folder).adopt(self.objects.place.file(key), final)
        return self.folder / final

    def done(self, item: Item) -> None:
        """Remove what was sent for an item."""
        if isinstance(item.what, SentRaw):
            discard(item.what.file)


@contextmanager
def sending(
    cluster: Cluster, items: Iterable[Item], output: Output, weights: Path
) -> Iterator[Sending | None]:
    """Ask the workers what they see, and send the weights if need be; all is cleared at the end.

    Yields None where pictures go into a folder, which all workers must see.

    Raises
    ------
    StoreUnreachableError
        If a worker cannot write to the bucket.
    ClusterError
        If one does not answer.
    """
    if isinstance(output.folder, Path):
        yield None
        return
    waiting = ObjectPlace(objects_of(output.folder))
    waiting.clear()  # the lock of the folder is ours
    objects = ObjectStaging.of(output.folder)
    try:
        origins = sorted({item.origin for item in items if item.origin is not None})
        wanted = [(path.absolute(), _size(path)) for path in (weights, *origins)]
        answers = list(cluster.ask(see, wanted).values())
        cluster.ask(can_put, objects)
        # A worker that joins later may see nothing.
        seen = [
            bool(answers) and all(one[number] for one in answers) for number in range(len(wanted))
        ]
        sent = None if seen[0] else _sent_weights(objects, weights)
        unseen = (path for path, there in zip(origins, seen[1:], strict=True) if not there)
        yield Sending(output.folder, objects, sent, frozenset(unseen))
    finally:
        with suppress(StoreUnreachableError):  # the next run clears them
            waiting.clear()


def _sent_weights(objects: ObjectStaging, weights: Path) -> SentWeights:
    data = weights.read_bytes()
    return SentWeights(objects.put(data, "weights"), weights.name, sha256(data).hexdigest())


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
