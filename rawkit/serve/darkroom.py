"""The threads that work: one reads photos as they come, one makes pictures, one draws previews.

::

    uploads ──> waiting to be read ──> reader: decode, look, thumbnail ──> ready
                waiting pictures   ──> maker: the pipeline of `rawkit restore`, one warm network
    requests ──────────────────────> drawer: a screen of pixels; the maker waits meanwhile

What waits lies on disk; in memory there are one photo being decoded and one being restored.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from rawkit.errors import RawkitError
from rawkit.pictures import PictureFormat
from rawkit.restore import (
    Brightness,
    DecodeJob,
    Item,
    Output,
    Single,
    decode_single,
    line_of,
    restore_stream,
    watched,
)
from rawkit.serve.board import problem_of
from rawkit.serve.look import facts_of, thumbnail_of, truth_of
from rawkit.serve.mosaics import Mosaics
from rawkit.serve.networks import Networks, brightness_of
from rawkit.serve.words import INTERNAL, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rawkit.restore import Outcome
    from rawkit.serve.board import Board, Photo, Picture
    from rawkit.serve.settings import ServeSettings

_T = TypeVar("_T")
_LOG = logging.getLogger(__name__)
_PATIENCE = 5.0
"""Seconds that a picture in work lets a preview go first, at most."""
_TOLD_SECONDS = 0.25
_END_SECONDS = 10
_UNREAD = ("waiting", "reading")
THUMBNAIL = "thumbnail.jpg"


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file, for `rawkit.restore`: known by the name that the user knows."""

    path: Path
    """Where it lies."""
    where: str
    """What messages and the manifest call it."""

    def contents(self) -> Path:
        """Return the path: LibRaw reads it itself."""
        return self.path


class _DroppedError(RawkitError):
    """The photo was deleted while it was worked on."""

    kind = "dropped"


class Darkroom:
    """What works on a board's photos.

    Parameters
    ----------
    board
        The photos.
    settings
        Weights and limits.
    """

    def __init__(self, board: Board, settings: ServeSettings) -> None:
        self._board, self._settings = board, settings
        self.networks = Networks(settings.weights, settings.network_ram)
        """Weights that can be chosen."""
        self.mosaics = Mosaics(board.folder.parent / "mosaics", settings.frame_seconds,
                               settings.decoder_ram)  # fmt: skip
        self._unread: deque[Photo] = deque()
        self._asked: deque[Picture] = deque()
        self._news = threading.Condition()
        self._closing = False
        self._previews = 0
        self._idle = threading.Event()
        self._idle.set()
        self._drawer = ThreadPoolExecutor(1, "rawkit-draw")
        self._threads = [
            threading.Thread(target=self._read_all, name="rawkit-read", daemon=True),
            threading.Thread(target=self._make_all, name="rawkit-make", daemon=True),
        ]
        self._begun: list[Picture] = []
        self._told = 0.0

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop: what is in work is dropped."""
        with self._news:
            self._closing = True
            self._news.notify_all()
        self._drawer.shutdown(wait=False, cancel_futures=True)
        self.mosaics.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_END_SECONDS)
        self.mosaics.close()

    def waiting(self) -> int:
        """Photos and pictures that wait."""
        return len(self._unread) + len(self._asked)

    def place(self, one: Photo | Picture) -> int | None:
        """How many are before a photo or picture; None if it does not wait."""
        with self._news:
            for queue in (self._unread, self._asked):
                for number, other in enumerate(queue):
                    if other is one:
                        return number
        return None

    def read(self, photo: Photo) -> None:
        """Let a photo be read when its turn comes."""
        with self._news:
            self._unread.append(photo)
            self._news.notify_all()

    def make(self, picture: Picture) -> None:
        """Let a picture be made when its turn comes, once its photo has been read."""
        with self._news:
            self._asked.append(picture)
            self._news.notify_all()

    def draw(self, function: Callable[[], _T]) -> Future[_T]:
        """Do something that somebody looks at: a picture in work waits meanwhile."""

        def drawn() -> _T:
            try:
                return function()
            finally:
                with self._news:
                    self._previews -= 1
                    if not self._previews:
                        self._idle.set()

        with self._news:
            self._previews += 1
            self._idle.clear()
        future = self._drawer.submit(drawn)
        future.add_done_callback(self._forget_cancelled)
        return future

    def _forget_cancelled(self, future: Future[Any]) -> None:
        if future.cancelled():
            with self._news:
                self._previews -= 1
                if not self._previews:
                    self._idle.set()

    def single(self, photo: Photo) -> Single:
        """Return the mosaic of a photo, which is decoded again if it is not kept.

        Raises
        ------
        RawkitError
            If it cannot be had.
        """
        if photo.stored is not None:
            return decode_single(photo.stored)
        found = self.mosaics.decode(DecodeJob(photo.raw, photo.name))
        return Single(found.image, found.base, found.capture)

    # The reader.

    def _read_all(self) -> None:
        while (photo := self._next_unread()) is not None:
            try:
                self._read_one(photo)
            except RawkitError as error:
                if not photo.gone and not self._closing:
                    self._board.refuse(photo, reason_of(error))
            except Exception:  # noqa: BLE001 - one photo's fault is not the next one's
                _LOG.exception("reading a photo failed")
                self._board.refuse(photo, INTERNAL)

    def _next_unread(self) -> Photo | None:
        with self._news:
            while not self._unread:
                if self._closing:
                    return None
                self._news.wait()
            if self._closing:
                return None
            return self._unread.popleft()

    def _read_one(self, photo: Photo) -> None:
        if photo.gone:
            return
        photo.stage = "reading"
        self._board.change(photo)
        if photo.stored is None:
            found = self.mosaics.decode(DecodeJob(photo.raw, photo.name))
            single = Single(found.image, found.base, found.capture)
            warning = found.levels.warning
        else:
            single, warning = self.single(photo), photo.stored.row.level_warning
            photo.truth = truth_of(photo.stored) is not None
        facts = facts_of(single, warning)
        thumbnail = thumbnail_of(single)
        if not photo.folder.is_dir():  # deleted meanwhile
            self.mosaics.forget(photo.raw)
            return
        (photo.folder / THUMBNAIL).write_bytes(thumbnail)
        photo.facts, photo.stage = facts, "ready"
        self._board.change(photo)
        with self._news:
            self._news.notify_all()

    # The maker.

    def _make_all(self) -> None:
        try:
            self.networks.restorer(None)
        except RawkitError:
            _LOG.exception("the weights cannot be loaded")
        while (first := self._next_asked(None)) is not None:
            picture, output = first
            try:
                self._make_stream(picture, output)
            except Exception:  # noqa: BLE001 - likewise
                if not self._closing:
                    _LOG.exception("making a picture failed")
                self._fail_current()

    def _fail_current(self) -> None:
        for picture in self._begun:
            if picture.stage != "done":
                picture.stage, picture.problem = "failed", problem_of(INTERNAL)
                self._board.change(picture.photo)

    def _next_asked(self, like: Output | None) -> tuple[Picture, Output] | None:
        """Take the next picture whose photo has been read, and how it is made.

        With `like` only one that is made likewise, at once or not at all.
        """
        while True:
            with self._news:
                found = next((one for one in self._asked if one.photo.stage not in _UNREAD), None)
                if self._closing or (found is None and like is not None):
                    return None
                if found is None:
                    self._news.wait()
                    continue
            output = self._output(found)
            if output is not None and like is not None and output != like:
                return None
            with self._news:
                self._asked.remove(found)
            if output is not None:
                return found, output

    def _output(self, picture: Picture) -> Output | None:
        """Return how a picture is made; None, and say why, if it cannot be."""
        photo, wanted = picture.photo, picture.wanted
        if photo.gone:
            return None
        if photo.stage == "refused":
            picture.stage, picture.problem = "failed", photo.problem
            self._board.change(photo)
            return None
        try:
            brightness = Brightness()
            if wanted.exposure is not None or wanted.m is not None or wanted.stops:
                single, restorer = self.single(photo), self.networks.restorer(wanted.weights)
                brightness = brightness_of(wanted, single, restorer)
            return Output(
                self._board.folder, PictureFormat(wanted.format, wanted.bits), brightness,
                colour=wanted.colour,
            )  # fmt: skip
        except RawkitError as error:
            picture.stage, picture.problem = "failed", problem_of(reason_of(error))
            self._board.change(photo)
            return None

    def _make_stream(self, first: Picture, output: Output) -> None:
        """Make a picture, and those after it that are made likewise, without a pause."""
        self._begun = []
        weights = first.wanted.weights
        restorer = watched(self.networks.restorer(weights), self._step)
        by_item: dict[Item, Picture] = {}

        def items() -> Iterator[Item]:
            following: tuple[Picture, Output] | None = (first, output)
            while following is not None:
                picture = following[0]
                photo = picture.photo
                what = photo.stored or Upload(photo.raw, photo.name)
                item = Item(what, f"{photo.work.id}/{photo.id}/{picture.id}")
                by_item[item] = picture
                picture.stage = "working"
                self._begun.append(picture)
                self._board.change(photo)
                yield item
                following = self._next_asked(output) if self._same(weights) else None

        def done(outcome: Outcome) -> None:
            picture = by_item.pop(outcome.item)
            self._begun.remove(picture)
            self._finish(picture, outcome)

        restore_stream(items(), output, restorer, self.mosaics, done, last=False)

    def _same(self, weights: str | None) -> bool:
        with self._news:
            found = next((one for one in self._asked if one.photo.stage == "ready"), None)
        return found is not None and found.wanted.weights == weights

    def _step(self, pixels: int) -> None:
        """Between two steps of the network: stop, let a preview go first, tell how far it is."""
        if self._closing:
            raise _DroppedError("the server ends")
        self._idle.wait(_PATIENCE)
        picture = self._begun[0] if self._begun else None
        if picture is None:
            return
        if picture.photo.gone:
            raise _DroppedError("deleted")
        facts = picture.photo.facts
        if facts is not None:
            picture.share = min(0.99, picture.share + pixels / (1.15 * facts.width * facts.height))
        if time.monotonic() > self._told + _TOLD_SECONDS:
            self._told = time.monotonic()
            self._board.change(picture.photo)

    def _finish(self, picture: Picture, outcome: Outcome) -> None:
        photo = picture.photo
        if photo.gone:
            picture.path.unlink(missing_ok=True)
            return
        if outcome.restored:
            line = line_of(outcome.restored[0])
            size = picture.path.stat().st_size
            picture.made = {**line, "picture": picture.name, "plain": None, "bytes": size}
            picture.save()
            picture.stage, picture.share = "done", 1.0
        else:
            reason = INTERNAL if outcome.error is None else reason_of(outcome.error)
            picture.stage, picture.problem = "failed", problem_of(reason)
        self._board.change(photo)
