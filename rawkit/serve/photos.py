"""Requests about photos: upload one, how it stands, look at it, have a picture made of it."""

from __future__ import annotations

import asyncio
import mimetypes
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, get_args
from urllib.parse import quote

from pydantic import ValidationError
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from rawkit.errors import OutputError, RawkitError
from rawkit.restore import parse_exposure
from rawkit.serve.answers import RefusedError, answer, busy, invalid, missing, read_body, usage
from rawkit.serve.board import Photo, new_id, problem_of, view_picture
from rawkit.serve.darkroom import THUMBNAIL
from rawkit.serve.preview import Box, Side, View
from rawkit.serve.schemas import Wanted
from rawkit.serve.uploads import receive
from rawkit.serve.words import INTERNAL, Reason

if TYPE_CHECKING:
    from starlette.requests import Request

    from rawkit.serve.board import Picture, Work
    from rawkit.serve.room import Room
    from rawkit.serve.schemas import PictureView

_PICTURES = 20
"""Pictures of one photo, at most."""
_NOT_RAW = 415
_ALIVE_SECONDS = 1.0
_PART = "upload.part"
_SIDES: dict[str, Side] = {one: one for one in get_args(Side)}
_LEAST_PIXELS, _MOST_PIXELS = 1_000, 4_000_000
_DRAWN = ("side", "left", "top", "right", "bottom", "pixels", "picture")


async def upload(request: Request) -> Response:
    """Take in a file; unless `restore=0` is asked for, its picture is made at once."""
    room: Room = request.app.state.room
    work = room.work(request.path_params["work"])
    query = dict(request.query_params)
    restores = query.pop("restore", "1") != "0"
    photo, _ = await _take_in(request, work, query, restores=restores)
    location = f"/api/works/{work.id}/photos/{photo.id}"
    return answer(room.view_photo(photo), 201, {"Location": location})


async def restore_one(request: Request) -> Response:
    """Take in one file, and answer with its picture once that is made; nothing is kept."""
    room: Room = request.app.state.room
    work = room.new_work()
    try:
        _, picture = await _take_in(request, work, dict(request.query_params), restores=True)
        if picture is None:  # pragma: no cover - one was asked for
            raise missing("The picture")  # noqa: TRY301 - as above
        with room.listening(work.id) as news:
            while picture.stage not in ("done", "failed"):
                news.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), _ALIVE_SECONDS)
                if room.closing.is_set() or await request.is_disconnected():
                    raise busy("The server ends", "Start it again.")  # noqa: TRY301 - cleared up
        if picture.stage == "failed":
            raise _failed(picture)  # noqa: TRY301 - as above
    except BaseException:
        await asyncio.shield(asyncio.to_thread(room.board.remove_work, work))
        raise
    return _file(picture, "attachment", BackgroundTask(room.board.remove_work, work))


async def _take_in(
    request: Request, work: Work, query: dict[str, str], *, restores: bool
) -> tuple[Photo, Picture | None]:
    """Receive a file into a work, let it be read, and a picture be made of it."""
    room: Room = request.app.state.room
    query.pop("name", None)
    wanted = _wanted(room, query)
    client = request.client.host if request.client else ""
    length = request.headers.get("content-length", "")
    with room.uploading(client, work, int(length) if length.isdigit() else 0):
        photo = Photo(new_id(), work, "", 0)
        photo.folder.mkdir(parents=True)
        try:
            part = photo.folder / _PART
            photo.name, photo.size = await receive(request, part, room.settings.limits)
            part.replace(photo.raw)
            if work.id not in room.board.works:
                raise missing("This work")  # noqa: TRY301 - it is answered like all refusals
            await asyncio.to_thread(room.board.add, photo)
        except RefusedError as error:
            if error.status != _NOT_RAW:
                await asyncio.to_thread(_discard, photo)
                raise
            # Listed with the reason: who looks at the page later wants to know, too.
            photo.name, photo.size = error.name or photo.name, error.size
            photo.stage, photo.problem = "refused", problem_of(error.reason)
            await asyncio.to_thread(room.board.add, photo)
            raise
        except OSError as error:
            await asyncio.to_thread(_discard, photo)
            raise OutputError(f"cannot be written ({error.strerror or error})") from error
        except BaseException:
            photo.gone = True
            await asyncio.shield(asyncio.to_thread(_discard, photo))
            raise
    picture = None
    if restores:
        picture = await asyncio.to_thread(room.board.ask, photo, wanted)
        room.darkroom.make(picture)
    room.darkroom.read(photo)
    return photo, picture


def _discard(photo: Photo) -> None:
    shutil.rmtree(photo.folder, ignore_errors=True)


async def show_photo(request: Request) -> Response:
    """Say how a photo stands."""
    room: Room = request.app.state.room
    return answer(room.view_photo(_photo(request)))


async def delete_photo(request: Request) -> Response:
    """Delete a photo and its pictures."""
    room: Room = request.app.state.room
    photo = _photo(request)
    room.darkroom.mosaics.forget(photo.raw)
    await asyncio.to_thread(room.board.remove, photo)
    return Response(status_code=204)


async def show_thumbnail(request: Request) -> Response:
    """Send a small picture of a photo, a plain conversion."""
    photo = _photo(request)
    path = photo.folder / THUMBNAIL
    if photo.stage != "ready" or not path.is_file():
        raise missing("This thumbnail")
    return FileResponse(path, media_type="image/jpeg")


async def show_view(request: Request) -> Response:
    """Draw a part of a photo at the size of a screen: restored, plain, its truth, or a picture."""
    room: Room = request.app.state.room
    photo = _photo(request)
    if photo.stage != "ready":
        raise busy("The photo is not read yet", "Try again in a second.", 1)
    query = dict(request.query_params)
    drawn = {name: query.pop(name) for name in _DRAWN if name in query}
    wanted = _wanted(room, query)
    side = _SIDES.get(drawn.get("side", "network"))
    if side is None:
        raise usage("There is no such side", "network, plain, truth or picture.")
    picture = None
    if side == "picture":
        picture = photo.pictures.get(drawn.get("picture", ""))
        if picture is None:
            raise missing("This picture")
    view = View(photo, side, wanted, _box(drawn), _pixels(drawn), picture)
    if await request.is_disconnected():
        return Response(status_code=204)
    data = await asyncio.wrap_future(room.darkroom.draw(lambda: room.drawer.draw(view)))
    return Response(data, media_type="image/jpeg")


async def ask_picture(request: Request) -> Response:
    """Have a picture made of a photo."""
    room: Room = request.app.state.room
    photo = _photo(request)
    if photo.stage == "refused":
        raise RefusedError(409, Reason(
            "refused", "No picture can be made of this file",
            photo.problem.title if photo.problem else "It cannot be used.",
        ))  # fmt: skip
    room.may_wait()
    if len(photo.pictures) >= _PICTURES:
        raise RefusedError(409, Reason(
            "full", "There are enough pictures of this photo",
            f"{_PICTURES} pictures fit. Delete the photo and send it again.",
        ))  # fmt: skip
    wanted = await read_body(request, Wanted)
    _check(room, wanted)
    picture = await asyncio.to_thread(room.board.ask, photo, wanted)
    room.darkroom.make(picture)
    return answer(_view(room, picture), 202)


async def show_picture(request: Request) -> Response:
    """Say how a picture stands."""
    return answer(_view(request.app.state.room, _picture(request)))


async def send_picture(request: Request) -> Response:
    """Send a finished picture."""
    picture = _picture(request)
    if picture.stage == "failed":
        raise _failed(picture)
    if picture.stage != "done" or not picture.path.is_file():
        raise RefusedError(409, Reason(
            "unfinished", "The picture is not done yet", "Try again when its stage is `done`.",
        ), {"Retry-After": "1"})  # fmt: skip
    return _file(picture, "inline" if "inline" in request.query_params else "attachment")


def _failed(picture: Picture) -> RefusedError:
    problem = picture.problem
    if problem is None:
        return RefusedError(409, INTERNAL)
    return RefusedError(409, Reason(problem.kind, problem.title, problem.text, problem.phone))


def _file(picture: Picture, disposition: str, after: BackgroundTask | None = None) -> Response:
    kind = mimetypes.guess_type(picture.path.name)[0] or "application/octet-stream"
    name = f"{disposition}; filename*=utf-8''{quote(picture.name)}"
    headers = {"Content-Disposition": name}
    return FileResponse(picture.path, media_type=kind, headers=headers, background=after)


def _view(room: Room, picture: Picture) -> PictureView:
    view = view_picture(picture)
    place = room.darkroom.place(picture) if view.stage == "waiting" else None
    return view.model_copy(update={"place": place})


def _photo(request: Request) -> Photo:
    room: Room = request.app.state.room
    return room.photo(request.path_params["work"], request.path_params["photo"])


def _picture(request: Request) -> Picture:
    room: Room = request.app.state.room
    names = request.path_params
    return room.picture(names["work"], names["photo"], names["picture"])


def _wanted(room: Room, query: dict[str, str]) -> Wanted:
    """Read settings from a query; empty values are as if they were not given."""
    query.pop("token", None)
    values: dict[str, object] = {name: value for name, value in query.items() if value}
    try:
        if "bits" in values:
            values["bits"] = int(str(values["bits"]))
        wanted = Wanted.model_validate(values)
    except ValidationError as error:
        raise invalid(error) from None
    except ValueError:
        raise usage("bits is no number", "8 or 16.") from None
    _check(room, wanted)
    return wanted


def _check(room: Room, wanted: Wanted) -> None:
    if wanted.weights is not None and wanted.weights not in room.darkroom.networks.weights:
        raise usage(
            "There are no such weights", f"One of {', '.join(room.darkroom.networks.weights)}."
        )
    if wanted.exposure is not None:
        try:
            parse_exposure(wanted.exposure)
        except RawkitError:
            raise usage("That is no exposure", "Write it as 10s or 10s,iso100,f/8.") from None


def _box(drawn: dict[str, str]) -> Box:
    try:
        whole = Box()
        box = Box(*(float(drawn.get(name, getattr(whole, name)))
                    for name in ("left", "top", "right", "bottom")))  # fmt: skip
    except ValueError:
        box = Box(1, 1, 0, 0)
    if not (0 <= box.left < box.right <= 1 and 0 <= box.top < box.bottom <= 1):
        raise usage("That is no part of a picture", "left < right and top < bottom, 0 to 1.")
    return box


def _pixels(drawn: dict[str, str]) -> int:
    text = drawn.get("pixels", "600000")
    wanted = int(text[:12]) if text.isascii() and text.isdigit() else 0
    if not _LEAST_PIXELS <= wanted <= _MOST_PIXELS:
        raise usage("So many pixels cannot be drawn", "1000 to 4000000.")
    return wanted


_PHOTO = "/api/works/{work}/photos/{photo}"
ROUTES = [
    Route("/api/restore", restore_one, methods=["POST"]),
    Route("/api/works/{work}/photos", upload, methods=["POST"]),
    Route(_PHOTO, show_photo),
    Route(_PHOTO, delete_photo, methods=["DELETE"]),
    Route(f"{_PHOTO}/thumbnail", show_thumbnail),
    Route(f"{_PHOTO}/view", show_view),
    Route(f"{_PHOTO}/pictures", ask_picture, methods=["POST"]),
    Route(_PHOTO + "/pictures/{picture}", show_picture),
    Route(_PHOTO + "/pictures/{picture}/file", send_picture),
]
"""Requests about photos and their pictures."""
