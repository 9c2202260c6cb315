"""A place in an object store such as S3, through fsspec.

An object appears whole or not at all: one PUT is atomic, and so is the end of an upload in parts.
Listings are never cached, since other processes write too.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from rawkit.errors import MissingError, RawkitError, StoreUnreachableError, UsageError
from rawkit.files import output_errors
from rawkit.locations import S3_SCHEMES, Url, refusal, shared_file_system
from rawkit.source import TransferError
from rawkit.store.places.remote import PATIENCE, TRANSFERS, RemoteFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rawkit.source import Transfer

_T = TypeVar("_T")
PART_BYTES = 8 << 20
"""Files of twice this and more are uploaded in such parts, so that none is held in memory whole."""
_PARTS_AT_ONCE = 2
_SMALL_AT_ONCE = 16
"""Small objects written or read at once."""
_BEYOND_END = ("InvalidRange", "416")


class ObjectPlace:
    """All below a URL. Safe in threads; pickled, it connects anew.

    Parameters
    ----------
    location
        The URL.
    transfer
        Time-out and tries.
    """

    def __init__(self, location: Url, transfer: Transfer | None = None) -> None:
        if location.on_web:
            raise UsageError(
                "a web server, which can only be read",
                expected="a folder, or a URL such as s3://bucket/store", where=location,
            )  # fmt: skip
        self.location = location
        self.transfer = PATIENCE if transfer is None else transfer
        self._is_s3 = location.scheme in S3_SCHEMES

    def __reduce__(self) -> tuple[Any, ...]:
        return ObjectPlace, (self.location, self.transfer)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectPlace) and other.location == self.location

    def __hash__(self) -> int:
        return hash(self.location)

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """File system and root."""
        return shared_file_system(self.location, self.transfer.timeout)

    @property
    def transfers(self) -> int:
        """Several: each waits for its server most of the time."""
        return TRANSFERS

    def _path(self, key: str) -> str:
        return f"{self._opened[1].rstrip('/')}/{key}"

    def file(self, key: str) -> RemoteFile:
        """Return the object of a key."""
        return RemoteFile(self, key)

    def read(self, key: str) -> bytes:
        """Read an object."""
        fs, _ = self._opened
        # One request, and no second copy in memory.
        options = {"max_concurrency": 1} if self._is_s3 else {}
        data: bytes = self._asked(key, lambda: fs.cat_file(self._path(key), **options))
        return data

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read pieces (offset, count) of an object at once; shorter only where it ends."""
        fs, _ = self._opened
        path = self._path(key)
        # A range of no bytes cannot be said in HTTP.
        asked = [(offset, count) for offset, count in ranges if count]
        starts = [offset for offset, _ in asked]
        ends = [offset + count for offset, count in asked]

        def fetch() -> list[bytes]:
            found = fs.cat_ranges([path] * len(asked), starts, ends, on_error="return")
            return [_piece(one, count) for one, (_, count) in zip(found, asked, strict=True)]

        pieces = iter(self._asked(key, fetch))
        return [next(pieces) if count else b"" for _, count in ranges]

    def read_tail(self, key: str, count: int) -> bytes:
        """Read the last bytes of an object, all where it has fewer, in one request."""
        fs, _ = self._opened

        def fetch() -> bytes:
            try:
                return _piece(fs.cat_file(self._path(key), start=-count), count)
            except OSError as error:
                return _piece(error, count)

        return self._asked(key, fetch)

    def exists(self, key: str) -> bool:
        """Tell whether an object is there."""
        return self.file(key).exists()

    def size(self, key: str) -> int:
        """Bytes of an object."""
        fs, _ = self._opened
        found = self._asked(key, lambda: fs.info(self._path(key)))
        if found["type"] != "file":
            raise FileNotFoundError(f"{self.location / key} is a folder")
        return int(found["size"])

    def sizes(self) -> dict[str, int]:
        """Bytes of all objects, by key."""
        fs, root = self._opened
        prefix = root.rstrip("/") + "/"
        try:
            found = self._asked("", lambda: fs.find(root, detail=True))
        except FileNotFoundError:
            return {}
        return {
            name[len(prefix) :]: int(one["size"])
            for name, one in found.items()
            if name.startswith(prefix)
        }

    def top(self) -> list[str]:
        """Names of the objects that lie directly here, in one listing."""
        fs, root = self._opened
        try:
            found = self._asked("", lambda: fs.ls(root, detail=True))
        except FileNotFoundError:
            return []
        return sorted(str(one["name"]).rpartition("/")[2] for one in found if one["type"] == "file")

    def write(self, key: str, data: bytes) -> None:
        """Put an object; large ones in parts, which are copied one after the other on their way."""
        fs, _ = self._opened
        options = (
            {"chunksize": PART_BYTES, "max_concurrency": _PARTS_AT_ONCE}
            if self._is_s3 and len(data) >= 2 * PART_BYTES
            else {}
        )
        self._told(key, lambda: fs.pipe_file(self._path(key), data, **options))

    def write_stages(self, stages: Sequence[Mapping[str, bytes]]) -> None:
        """Put objects, those of a stage at once."""
        with ThreadPoolExecutor(_SMALL_AT_ONCE, "rawkit-put") as pool:
            for stage in stages:
                for _ in pool.map(lambda one: self.write(*one), stage.items()):
                    pass

    def create(self, key: str, data: bytes) -> bool:
        """Put an object unless there is one; tells whether it was put.

        Servers that know no conditions put it in any case.
        """
        fs, _ = self._opened

        def put() -> bool:
            try:
                fs.pipe_file(self._path(key), data, mode="create")
            except (OSError, ValueError):
                if self.exists(key):
                    return False
                raise
            return True

        return self._told(key, put)

    def take(self, staged: Path, key: str) -> None:
        """Upload a file of this machine and remove it here.

        botocore sends a checksum along, so the server takes no other bytes; the size is compared
        once the object is there.
        """
        fs, _ = self._opened
        with output_errors(staged):
            count = staged.stat().st_size
        options = (
            {"chunksize": PART_BYTES, "max_concurrency": _PARTS_AT_ONCE} if self._is_s3 else {}
        )

        def upload() -> None:
            fs.put_file(str(staged), self._path(key), **options)
            found = fs.info(self._path(key))["size"]
            if found != count:
                raise OSError(f"{found} bytes arrived of {count}")

        self._told(key, upload)
        staged.unlink(missing_ok=True)

    def adopt(self, staged: RemoteFile, key: str) -> None:
        """Take an object of the same server into place, and delete it where it was.

        The server copies it: no byte of it comes here.

        Raises
        ------
        StoreUnreachableError
            If the server does not answer or refuses, or the object is gone.
        """
        fs, _ = self._opened
        _, root = shared_file_system(staged.place.location, self.transfer.timeout)
        source = f"{root.rstrip('/')}/{staged.key}"
        try:
            self._asked(key, lambda: fs.cp_file(source, self._path(key)))
        except FileNotFoundError as error:
            raise gone(staged) from error
        ObjectPlace(staged.place.location, self.transfer).delete(staged.key)

    def clear(self) -> None:
        """Delete all objects, and drop uploads in parts that were begun."""
        with ThreadPoolExecutor(_SMALL_AT_ONCE, "rawkit-delete") as pool:
            for _ in pool.map(self.delete, self.sizes()):
                pass
        self.sweep()

    def copy(self, key: str, to: str) -> None:
        """Let the server copy an object to another key: no byte of it comes here."""
        fs, _ = self._opened
        self._told(to, lambda: fs.cp_file(self._path(key), self._path(to)))

    def delete(self, key: str) -> None:
        """Delete an object."""
        fs, _ = self._opened

        def remove() -> None:
            try:
                fs.rm_file(self._path(key))
            except FileNotFoundError:
                return

        self._told(key, remove)

    def sweep(self) -> None:
        """Drop uploads in parts that a killed writer has begun; nobody sees them, but they cost."""
        fs, root = self._opened
        if not self._is_s3:
            return
        bucket, _, prefix = root.partition("/")

        def abort() -> None:
            found = fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=f"{prefix}/")
            for one in found.get("Uploads", ()):
                fs.call_s3(
                    "abort_multipart_upload",
                    Bucket=bucket, Key=one["Key"], UploadId=one["UploadId"],
                )  # fmt: skip

        try:
            self._told("", abort)
        except StoreUnreachableError:
            return  # not every account may list them; they harm nobody

    def _told(self, key: str, action: Callable[[], _T]) -> _T:
        """Call for something that changes the place; a bucket that is not there is an error."""
        try:
            return self._asked(key, action)
        except FileNotFoundError as error:
            raise StoreUnreachableError(
                f"no such bucket ({error})", where=self.location / key,
                fix="Create it, or check the address.",
            ) from error  # fmt: skip

    def _asked(self, key: str, action: Callable[[], _T]) -> _T:
        """Call the file system; try again with growing pauses what may pass."""
        where = self.location / key

        def once() -> _T:
            try:
                return action()
            except (FileNotFoundError, RawkitError):
                raise
            except Exception as error:
                refused = refusal(error, where)
                if refused is not None:
                    raise refused from error
                raise TransferError(str(error) or type(error).__name__) from error

        try:
            return self.transfer.retried(once, str(where))
        except MissingError as error:
            raise StoreUnreachableError(
                error.found, where=where,
                fix="Check the connection and the address (AWS_ENDPOINT_URL). What was committed "
                "is there: the same command goes on.",
            ) from error  # fmt: skip


def gone(staged: RemoteFile) -> StoreUnreachableError:
    """Return the error for an object that waited to be taken into place, and is not there."""
    return StoreUnreachableError(
        "what a worker has put there is gone", where=staged,
        fix="Has something cleared the bucket? Run the same command again.",
    )  # fmt: skip


def _piece(found: bytes | Exception, count: int) -> bytes:
    """Return what was read; nothing where a range begins behind the end of an object."""
    if not isinstance(found, Exception):
        if len(found) > count:
            raise OSError(f"{len(found)} bytes for a range of {count}")
        return bytes(found)
    answer = getattr(found.__cause__, "response", None) or {}
    if str(answer.get("Error", {}).get("Code")) in _BEYOND_END:
        return b""
    raise found
