"""What the server knows of all works: photos, the pictures asked of them, and how far each is.

Everything is on disk, too, so that a server that was killed goes on::

    FOLDER/
      WORK/                 an unguessable name
        PHOTO/
          raw               the upload, complete
          photo.json        its name and when it came
          PICTURE.json      what was asked for, and how it was made once it is there
          PICTURE.png       the picture

Files appear whole or not at all. A photo is there once `photo.json` is, a picture once its line of
the manifest stands in `PICTURE.json`.
"""

from __future__ import annotations

import json
import secrets
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawkit.errors import OutputError
from rawkit.files import write_atomically
from rawkit.serve.schemas import Facts, PhotoView, PictureView, Problem, Wanted, WorkView
from rawkit.serve.words import brightness_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rawkit.restore import StoredFrame
    from rawkit.serve.schemas import PictureStage, Stage
    from rawkit.serve.words import Reason

RAW = "raw"
_PHOTO = "photo.json"
_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif"}
_ID_BYTES = 16


def new_id() -> str:
    """Return a name that nobody guesses: 128 bits, as hexadecimal digits."""
    return secrets.token_hex(_ID_BYTES)


@dataclass(eq=False)
class Picture:
    """A picture that was asked for."""

    id: str
    """Names it within its photo."""
    photo: Photo
    """What it is made of."""
    wanted: Wanted
    """How."""
    stage: PictureStage = "waiting"
    """How far it is."""
    share: float = 0.0
    """Part of the network's work that is done."""
    problem: Problem | None = None
    """Why it failed."""
    made: dict[str, Any] | None = None
    """Its line of the manifest, once it is there."""

    @property
    def path(self) -> Path:
        """Its file."""
        return self.photo.folder / f"{self.id}{_SUFFIXES[self.wanted.format]}"

    @property
    def name(self) -> str:
        """What its file is called for people."""
        stem = self.photo.name.rpartition(".")[0] or self.photo.name
        return f"{stem}{_SUFFIXES[self.wanted.format]}"

    def save(self) -> None:
        """Note on disk what was asked for, and what was made."""
        values = {"wanted": self.wanted.model_dump(), "made": self.made}
        note = self.photo.folder / f"{self.id}.json"
        if self.photo.folder.is_dir():  # deleted meanwhile otherwise
            write_atomically(note, json.dumps(values).encode())


@dataclass(eq=False)
class Photo:
    """An uploaded file, or a frame of a store."""

    id: str
    """Names it within its work."""
    work: Work
    """Where it belongs."""
    name: str
    """What the file was called."""
    size: int
    """Bytes of the file."""
    stored: StoredFrame | None = None
    """The frame, if it is of a store."""
    stage: Stage = "waiting"
    """How far reading it is."""
    problem: Problem | None = None
    """Why it was refused."""
    facts: Facts | None = None
    """What is known of it."""
    truth: bool = False
    """Whether there is a true picture of it."""
    pictures: dict[str, Picture] = field(default_factory=dict)
    """By their ids, in the order they were asked for."""
    used: float = field(default_factory=time.time)
    """When something was last done with it, seconds since 1970."""
    changed: int = 0
    """The work's version at its last change."""
    gone: bool = False
    """Whether it was deleted; what works on it drops it."""

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.work.folder / self.id

    @property
    def raw(self) -> Path:
        """The uploaded file."""
        return self.folder / RAW

    @property
    def busy(self) -> bool:
        """Whether something is to be done with it."""
        return self.stage in ("waiting", "reading") or any(
            one.stage in ("waiting", "working") for one in self.pictures.values()
        )

    def save(self) -> None:
        """Note on disk that it is there."""
        problem = None if self.problem is None else self.problem.model_dump()
        values = {"name": self.name, "size": self.size, "came": self.used, "problem": problem,
                  "stored": None if self.stored is None else
                  [Path(str(self.stored.store)).stem, self.stored.row.name]}  # fmt: skip
        write_atomically(self.folder / _PHOTO, json.dumps(values).encode())


@dataclass(eq=False)
class Work:
    """All photos of one address."""

    id: str
    """Its name."""
    folder: Path
    """Where it lies."""
    photos: dict[str, Photo] = field(default_factory=dict)
    """By their ids, in the order they came."""
    version: int = 0
    """Counts changes."""
    used: float = field(default_factory=time.time)
    """When it was last asked for."""


class Board:
    """Works, photos and pictures. Its methods may be called from any thread.

    Parameters
    ----------
    folder
        Where all of it lies.
    keep_seconds
        How long photos are kept after the last work on them.
    told
        Called with the id of a work that has changed, in whatever thread.
    """

    def __init__(self, folder: Path, keep_seconds: float, told: Callable[[str], None]) -> None:
        self.folder, self._keep, self._told = folder, keep_seconds, told
        self.lock = threading.RLock()
        """Held while several things are read or changed that belong together."""
        self.works: dict[str, Work] = {}

    def new_work(self) -> Work:
        """Begin a work."""
        work = Work(name := new_id(), self.folder / name)
        with self.lock:
            self.works[name] = work
        return work

    def add(self, photo: Photo) -> None:
        """Take a photo in whose files are there."""
        photo.save()
        with self.lock:
            photo.work.photos[photo.id] = photo
            self.change(photo)

    def ask(self, photo: Photo, wanted: Wanted) -> Picture:
        """Ask for a picture."""
        picture = Picture(new_id(), photo, wanted)
        picture.save()
        with self.lock:
            photo.pictures[picture.id] = picture
            self.change(photo)
        return picture

    def change(self, photo: Photo, *, quietly: bool = False) -> None:
        """Tell who listens that something of a photo has changed; `quietly`: it is no use of it."""
        with self.lock:
            if not quietly:
                photo.used = photo.work.used = time.time()
            photo.work.version += 1
            photo.changed = photo.work.version
        self._told(photo.work.id)

    def refuse(self, photo: Photo, reason: Reason) -> None:
        """Note that a photo cannot be used; its file is not kept."""
        with self.lock:
            photo.stage, photo.problem = "refused", problem_of(reason)
            for picture in photo.pictures.values():
                if picture.stage != "done":
                    picture.stage, picture.problem = "failed", photo.problem
        with suppress(OSError, OutputError):
            photo.save()
            photo.raw.unlink(missing_ok=True)
        self.change(photo)

    def remove(self, photo: Photo) -> None:
        """Delete a photo and its pictures."""
        with self.lock:
            photo.gone = True
            photo.work.photos.pop(photo.id, None)
            photo.work.version += 1
        shutil.rmtree(photo.folder, ignore_errors=True)
        self._told(photo.work.id)

    def remove_work(self, work: Work) -> None:
        """Delete a work."""
        with self.lock:
            self.works.pop(work.id, None)
            photos = [*work.photos.values()]
        for photo in photos:
            self.remove(photo)
        shutil.rmtree(work.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Delete what has not been used for as long as things are kept."""
        before = time.time() - self._keep
        with self.lock:
            works = [*self.works.values()]
            photos = [one for work in works for one in work.photos.values()]
        for photo in photos:
            if photo.used < before and not photo.busy:
                self.remove(photo)
        for work in works:
            if work.used < before and not work.photos:
                self.remove_work(work)

    def taken(self) -> int:
        """Bytes that files and pictures take on disk, nearly."""
        with self.lock:
            return sum(
                photo.size * (photo.stage != "refused")
                + sum((one.made or {}).get("bytes", 0) for one in photo.pictures.values())
                for work in self.works.values()
                for photo in work.photos.values()
            )

    def recover(self, frame: Callable[[str, str], StoredFrame | None]) -> Iterator[Photo]:
        """Take in what a server that was killed has left, and yield the photos.

        What is half written is deleted, and what was kept for long enough. `frame` finds a frame
        of a store by the names of both; None if it is gone.
        """
        for place in sorted(self.folder.iterdir()) if self.folder.is_dir() else []:
            work = Work(place.name, place)
            for folder in sorted(place.iterdir()) if place.is_dir() else []:
                photo = _read_photo(folder, work, frame)
                if photo is not None and photo.used >= time.time() - self._keep:
                    work.photos[photo.id] = photo
                else:
                    shutil.rmtree(folder, ignore_errors=True)
            if not work.photos:
                shutil.rmtree(place, ignore_errors=True)
                continue
            work.photos = dict(sorted(work.photos.items(), key=lambda one: one[1].used))
            with self.lock:
                self.works[work.id] = work
            yield from work.photos.values()

    def view(self, work: Work, since: int = -1) -> WorkView:
        """Say how a work stands; with `since` of photos that have changed after that version."""
        with self.lock:
            photos = [self.view_photo(one) for one in work.photos.values() if one.changed > since]
        return WorkView(id=work.id, address=f"/work/{work.id}", photos=photos)

    def view_photo(self, photo: Photo) -> PhotoView:
        """Say how a photo stands."""
        at = f"/api/works/{photo.work.id}/photos/{photo.id}"
        stored = photo.stored
        with self.lock:
            return PhotoView(
                id=photo.id, name=photo.name, bytes=photo.size, stage=photo.stage,
                problem=photo.problem, facts=photo.facts, truth=photo.truth,
                thumbnail=f"{at}/thumbnail" if photo.stage == "ready" else None,
                source=None if stored is None else f"{stored.collection}: {stored.row.name}",
                pictures=[view_picture(one) for one in photo.pictures.values()],
                deleted_at=round(photo.used + self._keep, 1),
            )  # fmt: skip


def view_picture(picture: Picture) -> PictureView:
    """Say how a picture stands."""
    done, photo = picture.stage == "done", picture.photo
    at = f"/api/works/{photo.work.id}/photos/{photo.id}/pictures/{picture.id}"
    return PictureView(
        id=picture.id, stage=picture.stage, share=round(picture.share, 3), wanted=picture.wanted,
        file=f"{at}/file" if done else None, name=picture.name if done else None,
        bytes=(picture.made or {}).get("bytes"), problem=picture.problem, made=picture.made,
        warning=brightness_words((picture.made or {}).get("brightness_warning")),
    )  # fmt: skip


def problem_of(reason: Reason) -> Problem:
    """Return a reason as it goes over the wire."""
    return Problem(kind=reason.kind, title=reason.title, text=reason.text, phone=reason.phone)


def _read_photo(
    folder: Path, work: Work, frame: Callable[[str, str], StoredFrame | None]
) -> Photo | None:
    """Read what is known of a photo; None if it is not all there."""
    try:
        values = json.loads((folder / _PHOTO).read_text("utf-8"))
        photo = Photo(folder.name, work, str(values["name"]), int(values["size"]),
                      used=float(values["came"]))  # fmt: skip
        if values["problem"] is not None:
            photo.problem, photo.stage = Problem.model_validate(values["problem"]), "refused"
        elif values["stored"] is not None:
            photo.stored = frame(*values["stored"])
            if photo.stored is None:
                return None
        elif photo.raw.stat().st_size != photo.size:
            return None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    kept = {folder / _PHOTO} | ({photo.raw} if photo.problem is None else set())
    for note in sorted(folder.glob("*.json"), key=lambda one: one.stat().st_mtime):
        picture = None if note.name == _PHOTO else _read_picture(note, photo)
        if picture is not None:
            photo.pictures[picture.id] = picture
            kept |= {note, picture.path} if picture.stage == "done" else {note}
            photo.used = max(photo.used, note.stat().st_mtime)
    for other in folder.iterdir():
        if other not in kept:
            other.unlink(missing_ok=True)
    return photo


def _read_picture(note: Path, photo: Photo) -> Picture | None:
    try:
        values = json.loads(note.read_text("utf-8"))
        picture = Picture(note.stem, photo, Wanted.model_validate(values["wanted"]))
        made = values["made"]
        if made is not None and picture.path.stat().st_size == made["bytes"]:
            picture.made, picture.stage, picture.share = made, "done", 1.0
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return picture
