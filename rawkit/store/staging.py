"""Where shards wait until they are moved into their store.

In a folder that the committer and all workers see; or, for a store in a bucket, in the bucket
itself, beside the store, where workers that have nothing else in common put them.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from rawkit.errors import RawkitError, StoreUnreachableError
from rawkit.files import output_errors
from rawkit.locations import TIMEOUT, Url
from rawkit.source import Transfer
from rawkit.store.places.objects import ObjectPlace
from rawkit.store.shard import encode_shard, write_shard
from rawkit.workers import scratch_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rawkit.locations import Location
    from rawkit.store.layout import ArrayLayout
    from rawkit.store.places.place import StoreFile
    from rawkit.store.places.remote import RemoteFile


_PATIENCE = Transfer(tries=2, timeout=TIMEOUT, pause=1.0)
"""A worker whose line is cut gives up before the clock of its frame ends it."""

_IN_MEMORY_BYTES = 32_000_000
"""Frames of more bytes, such as targets of 12 MP, pass through a file of the worker on their way
into a bucket: encoded in memory they would take as much as rendering them."""
_ASKED = Transfer(tries=2, timeout=10, pause=0.5)
"""How patient a worker is that is asked whether it can write to the bucket."""


def staging_of(location: Location, folder: Path | None = None) -> Path:
    """Return the folder in which shards of a store wait, and files of a killed run are swept.

    For a store of this machine it lies beside it, on the same disk. For one elsewhere it lies in
    `folder`, or else in the user's cache, under a name that follows from the URL.
    """
    if not isinstance(location, Url):
        return location.with_name(location.name + ".part")
    mark = sha256(str(location).encode()).hexdigest()[:12]
    return (folder or _cache()) / f"{location.name}-{mark}.part"


def _cache() -> Path:
    """Return the folder for what may be lost, as the XDG base directories have it."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if named else Path.home() / ".cache") / "rawkit" / "staging"


@dataclass(frozen=True, slots=True)
class ObjectStaging:
    """A folder of one run in a bucket, into which workers put what they make. Pickles.

    Every object gets a name that nobody else has: of two workers that make the same frame neither
    can touch what the other has put, however late it comes.
    """

    place: ObjectPlace
    """The folder, below `objects_of` the store."""

    @classmethod
    def of(cls, location: Url) -> ObjectStaging:
        """Return that of a new run, for whatever lies at a URL."""
        return cls(ObjectPlace(objects_of(location) / uuid4().hex, _PATIENCE))

    def put(self, data: bytes, name: str) -> RemoteFile:
        """Put a file; `name` is the beginning of its name.

        Raises
        ------
        StoreUnreachableError
            If the server does not answer, or refuses.
        """
        key = f"{name}.{uuid4().hex}"
        self.place.write(key, data)
        return self.place.file(key)

    def take(self, path: Path, name: str) -> RemoteFile:
        """Do the same with a file of this machine, which is removed here."""
        key = f"{name}.{uuid4().hex}"
        self.place.take(path, key)
        return self.place.file(key)


Staging = Path | ObjectStaging
"""Where shards wait."""


def objects_of(location: Url) -> Url:
    """Return the folder beside a store in a bucket where files of all its runs wait."""
    return location.with_name(location.name + ".part")


def stage_shard(
    frame: NDArray[np.generic], layout: ArrayLayout, staging: Staging, name: str
) -> tuple[StoreFile, int]:
    """Encode a frame as `write_shard` does and put it where shards wait.

    Returns
    -------
        Where it waits, and its bytes.

    Raises
    ------
    OutputError, StoreUnreachableError
        If it cannot be put there.
    """
    if not isinstance(staging, ObjectStaging):
        path = staging / name
        with output_errors(path):
            return path, write_shard(frame, layout, path)
    if frame.nbytes <= _IN_MEMORY_BYTES:
        data = encode_shard(frame, layout)
        return staging.put(data, name), len(data)
    with tempfile.TemporaryDirectory(prefix="rawkit-", dir=scratch_folder()) as folder:
        path = Path(folder) / name
        with output_errors(path):
            count = write_shard(frame, layout, path)
        return staging.take(path, name), count


def can_put(objects: ObjectStaging) -> None:
    """Try, in a worker, to put something into the bucket.

    Raises
    ------
    StoreUnreachableError
        If that is not possible; says what may be the matter on that machine.
    """
    try:
        ObjectStaging(ObjectPlace(objects.place.location, _ASKED)).put(b"", "token")
    except RawkitError as error:
        raise StoreUnreachableError(
            f"a worker cannot write to the bucket: {error.found}",
            where=error.where,
            fix="Every worker needs credentials for it in its own environment (AWS_ACCESS_KEY_ID "
            "or AWS_PROFILE, AWS_ENDPOINT_URL), a way to it, and s3fs.",
        ) from error


def discard(file: StoreFile) -> None:
    """Remove a staged file; one that a server keeps goes when its run ends."""
    if isinstance(file, Path):
        file.unlink(missing_ok=True)
    elif isinstance(file.place, ObjectPlace):
        with suppress(StoreUnreachableError):
            file.place.delete(file.key)
