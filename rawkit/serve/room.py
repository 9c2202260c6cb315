"""Everything a running server holds: the board, the darkroom, who listens, who uploads."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rawkit import __version__
from rawkit.errors import RawkitError, UsageError
from rawkit.files import output_errors
from rawkit.serve.answers import RefusedError, busy, missing
from rawkit.serve.board import Board, Photo, Work
from rawkit.serve.darkroom import Darkroom
from rawkit.serve.holdings import has_stores, stored_frame
from rawkit.serve.preview import Drawer
from rawkit.serve.schemas import About, PhotoView, PictureView, WeightsView, WorkView
from rawkit.serve.words import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rawkit.restore import StoredFrame
    from rawkit.serve.board import Picture
    from rawkit.serve.settings import ServeSettings

_FOLDER = "serve"
_WORKS = "works"
_LOCK = "lock"
_RESERVE = 500_000_000
"""Bytes that are left free on the disk."""


class Room:
    """A running server.

    Parameters
    ----------
    settings
        How it runs.

    Raises
    ------
    UsageError
        If another server works in the same folder, or a sandbox is required and there is none.
    OutputError
        If its folder cannot be written.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self.folder = settings.workspace.root / _FOLDER / str(settings.port)
        with output_errors(self.folder):
            (self.folder / _WORKS).mkdir(parents=True, exist_ok=True)
            self._locked = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                "another server works there", expected="one", where=self.folder
            ) from None
        self.folder.chmod(0o700)
        self.board = Board(self.folder / _WORKS, settings.keep_seconds, self._told)
        self.darkroom = Darkroom(self.board, settings)
        self.drawer = Drawer(self.darkroom)
        self._listeners: dict[str, set[asyncio.Event]] = {}
        self._uploads: Counter[str] = Counter()
        self._coming = 0
        self._has_stores = has_stores(settings.workspace)
        self.closing = asyncio.Event()
        """Set when the server ends."""
        self.protections = self._confined()
        """What keeps a hostile raw file from doing harm."""

    def _confined(self) -> str:
        """Start the process that decodes, and say what it cannot do."""
        confinement = self.darkroom.mosaics.confinement()
        if self.settings.require_sandbox and not confinement.whole:
            self.close()
            raise UsageError(
                f"only {confinement.describe()}", expected="a whole sandbox, as is required",
                fix="A newer Linux has it, with Landlock and seccomp switched on.",
            )  # fmt: skip
        return confinement.describe()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take in what a server that was killed has left, and begin to work for `loop`."""
        self._loop = loop
        for photo in self.board.recover(self._frame):
            if photo.stage == "refused":
                continue
            self.darkroom.read(photo)
            for picture in photo.pictures.values():
                if picture.stage == "waiting":
                    self.darkroom.make(picture)
        self.darkroom.start()

    def _frame(self, store: str, frame: str) -> StoredFrame | None:
        try:
            return stored_frame(self.settings.workspace, store, frame)
        except RawkitError:
            return None

    def end(self) -> None:
        """Let those that listen go; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.closing.set)

    def close(self) -> None:
        """Stop, and delete everything."""
        self.darkroom.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._locked)

    def sweep(self) -> None:
        """Delete what has been kept for long enough."""
        self.board.sweep()

    def about(self) -> About:
        """Say what the server is and allows."""
        networks, limits = self.darkroom.networks, self.settings.limits
        weights = []
        for name in networks.weights:
            loaded = networks.loaded.get(name)
            weights.append(WeightsView(
                name=name, network=None if loaded is None else loaded.network,
                licence=None if loaded is None else loaded.licence,
            ))  # fmt: skip
        return About(
            version=__version__, ready=networks.ready, weights=weights,
            protections=self.protections, file_bytes=limits.file_bytes, photos=limits.photos,
            keep_seconds=self.settings.keep_seconds, stores=self._has_stores,
        )  # fmt: skip

    # What requests name.

    def new_work(self) -> Work:
        """Begin a work; raises `RefusedError` if there are too many."""
        if len(self.board.works) >= self.settings.limits.works:
            raise busy("The server is full", "Try again in some minutes.", 60)
        return self.board.new_work()

    def work(self, name: str) -> Work:
        """Return a work; raises `RefusedError` if it is not there."""
        found = self.board.works.get(name)
        if found is None:
            raise missing("This work")
        return found

    def photo(self, work: str, name: str) -> Photo:
        """Return a photo; raises `RefusedError` if it is not there."""
        found = self.work(work).photos.get(name)
        if found is None:
            raise missing("This photo")
        return found

    def picture(self, work: str, photo: str, name: str) -> Picture:
        """Return a picture; raises `RefusedError` if it is not there."""
        found = self.photo(work, photo).pictures.get(name)
        if found is None:
            raise missing("This picture")
        return found

    def view(self, work: Work, since: int = -1) -> WorkView:
        """Say how a work stands, and how many are before what waits."""
        found = self.board.view(work, since)
        return found.model_copy(update={"photos": [
            self._placed(work.photos.get(one.id), one) for one in found.photos
        ]})  # fmt: skip

    def view_photo(self, photo: Photo) -> PhotoView:
        """Say how a photo stands, and how many are before it."""
        return self._placed(photo, self.board.view_photo(photo))

    def _placed(self, photo: Photo | None, view: PhotoView) -> PhotoView:
        if photo is None:
            return view
        pictures: list[PictureView] = []
        for one in view.pictures:
            found = photo.pictures.get(one.id) if one.stage == "waiting" else None
            place = None if found is None else self.darkroom.place(found)
            pictures.append(one.model_copy(update={"place": place}))
        place = self.darkroom.place(photo) if view.stage == "waiting" else None
        return view.model_copy(update={"pictures": pictures, "place": place})

    # Who uploads.

    @contextmanager
    def uploading(self, client: str, work: Work, size: int) -> Iterator[None]:
        """Count an upload of about so many bytes; raises `RefusedError` if it is one too many."""
        limits = self.settings.limits
        if self._uploads[client] >= limits.uploads:
            raise busy("Too many uploads at once", "Wait until some are done.")
        self.may_add(work)
        free = shutil.disk_usage(self.folder).free
        coming = self._coming + size
        if self.board.taken() + coming > limits.disk_bytes or free - coming < _RESERVE:
            raise RefusedError(507, Reason(
                "disk", "The server has no room left",
                "Delete photos that you are done with, or wait until old ones are deleted.",
            ), {"Retry-After": "60"})  # fmt: skip
        self._uploads[client] += 1
        self._coming += size
        try:
            yield
        finally:
            self._coming -= size
            self._uploads[client] -= 1
            if not self._uploads[client]:
                del self._uploads[client]

    def may_add(self, work: Work) -> None:
        """Raise `RefusedError` if a work has photos enough, or too much waits already."""
        most = self.settings.limits.photos
        if len(work.photos) >= most:
            raise RefusedError(409, Reason(
                "full", "There are enough photos here",
                f"{most} photos fit under one address. Delete some, or open a new one.",
            ))  # fmt: skip
        self.may_wait()

    def may_wait(self) -> None:
        """Raise `RefusedError` if too much waits already."""
        if self.darkroom.waiting() >= self.settings.limits.waiting:
            raise busy("There is a queue", "Many photos wait already. Try again in a minute.", 30)

    # Who listens.

    @contextmanager
    def listening(self, work: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever a work has changed, or the server ends."""
        event = asyncio.Event()
        self._listeners.setdefault(work, set()).add(event)
        try:
            yield event
        finally:
            listeners = self._listeners.get(work, set())
            listeners.discard(event)
            if not listeners:
                self._listeners.pop(work, None)

    def _told(self, work: str) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, work)

    def _wake(self, work: str) -> None:
        for event in self._listeners.get(work, ()):
            event.set()
