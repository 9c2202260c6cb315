"""Folders: on this machine, and on any file system that fsspec knows."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawkit.errors import MissingError, UnreadableError
from rawkit.locations import file_system
from rawkit.progress import SILENT
from rawkit.source.names import hidden
from rawkit.source.ranges import FsspecRanges, LocalRanges, fsspec_call
from rawkit.source.types import HEAD_BYTES, Listing, Refused, SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rawkit.progress import Progress
    from rawkit.source.transfer import Transfer


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder on this machine; links to folders are followed once, hidden files passed over."""

    root: Path
    """The folder."""

    def files(self, progress: Progress = SILENT) -> Listing:  # noqa: ARG002 - it takes no time
        """List the folder and all below it."""
        files, refused = [], []
        for path in sorted(_walk(self.root)):
            if _waits(self.root / path):
                refused.append(Refused(path, UnreadableError.kind, "it is no regular file"))
            else:
                files.append(self._file(path))
        return Listing(tuple(files), tuple(refused))

    def _file(self, path: str) -> SourceFile:
        try:
            status = (self.root / path).stat()
            size, stamp = status.st_size, str(status.st_mtime_ns)
        except OSError:  # whoever reads it says why
            size, stamp = 0, ""
        return SourceFile(path, size, stamp, str(self.root), size)

    def head(self, file: SourceFile, count: int = HEAD_BYTES) -> bytes:
        """Read the first bytes of a file."""
        return LocalRanges(self.local_path(file)).read(0, count)

    def read(self, file: SourceFile) -> bytes:
        """Read a file."""
        try:
            return self.local_path(file).read_bytes()
        except OSError as error:
            raise UnreadableError(
                f"cannot be read ({error.strerror or error})", where=self.local_path(file)
            ) from error

    def local_path(self, file: SourceFile) -> Path:
        """Path of the file."""
        return self.root / file.path

    def ranges_of(self, file: SourceFile) -> LocalRanges:
        """Pieces of a file."""
        return LocalRanges(self.root / file.path)

    def sequential(self, file: SourceFile) -> bool:  # noqa: ARG002 - the protocol's
        """No."""
        return False

    def stream(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes]]:
        """Read files one after the other."""
        for file in files:
            yield file, self.read(file)

    def describe(self) -> str:
        """Path of the folder."""
        return str(self.root)


def _waits(path: Path) -> bool:
    """Tell whether a path is a pipe, a socket or a device: reading it may never end."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False  # whoever reads it says why
    return not stat.S_ISREG(mode)


def _walk(root: Path) -> Iterator[str]:
    """Yield paths of files below `root`, relative, with forward slashes; each folder once."""
    seen = set[tuple[int, int]]()
    for folder, folders, names in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = os.path.relpath(folder, root).replace(os.sep, "/")
        prefix = "" if below == "." else below + "/"
        yield from (prefix + name for name in names if not name.startswith("."))


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """All below a URL such as ``s3://bucket/prefix``."""

    url: str
    """The URL, without a slash at its end."""
    transfer: Transfer
    """Tries."""

    def files(self, progress: Progress = SILENT) -> Listing:
        """List all below the URL."""
        fs, root = file_system(self.url)
        prefix = root.rstrip("/") + "/"
        with progress.stage("Listing files", None, "files") as advance:
            found: dict[str, Any] = fsspec_call(
                self.transfer, self.url, lambda: fs.find(root, detail=True)
            )
            files = [
                self._file(name[len(prefix) :], info)
                for name, info in sorted(found.items())
                if name.startswith(prefix) and not hidden(name[len(prefix) :])
            ]
            advance(len(files))
        if not files:
            raise MissingError(
                "nothing there",
                expected="raw files, or archives of them",
                where=self.url,
                fix="Check the address.",
            )
        return Listing(tuple(files))

    def _file(self, path: str, info: dict[str, Any]) -> SourceFile:
        stamp = next(
            (str(info[key]) for key in ("ETag", "etag", "LastModified", "mtime") if info.get(key)),
            "",
        )
        size = int(info.get("size") or 0)
        return SourceFile(path, size, stamp.strip('"'), self.url, size)

    def ranges_of(self, file: SourceFile) -> FsspecRanges:
        """Pieces of a file."""
        return FsspecRanges(f"{self.url}/{file.path}", self.transfer)

    def head(self, file: SourceFile, count: int = HEAD_BYTES) -> bytes:
        """Fetch the first bytes of a file."""
        return self.ranges_of(file).read(0, min(count, file.size))

    def read(self, file: SourceFile) -> bytes:
        """Fetch a file."""
        data = self.ranges_of(file).read(0, file.size)
        if len(data) != file.size:
            raise UnreadableError(
                f"{len(data)} bytes", expected=f"{file.size}, as listed", where=file.where
            )
        return data

    def local_path(self, file: SourceFile) -> None:  # noqa: ARG002 - the protocol's
        """Nowhere."""
        return

    def sequential(self, file: SourceFile) -> bool:  # noqa: ARG002 - the protocol's
        """No."""
        return False

    def stream(self, files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes]]:
        """Fetch files one after the other."""
        for file in files:
            yield file, self.read(file)

    def describe(self) -> str:
        """Return the URL."""
        return self.url
