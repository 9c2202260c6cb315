"""Requests about works: begin one, how it stands, news of it, all pictures as a zip."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from rawkit.serve.answers import RefusedError, answer
from rawkit.serve.words import Reason
from rawkit.serve.zipped import zip_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from rawkit.serve.board import Work
    from rawkit.serve.room import Room

_ALIVE_SECONDS = 15.0
_PAUSE = 0.15
"""Seconds between two messages of news."""


async def about(request: Request) -> Response:
    """Say what the server is and allows."""
    room: Room = request.app.state.room
    return answer(room.about())


async def begin_work(request: Request) -> Response:
    """Begin a work."""
    room: Room = request.app.state.room
    return answer(room.view(room.new_work()), 201)


async def show_work(request: Request) -> Response:
    """Say how a work stands."""
    room: Room = request.app.state.room
    return answer(room.view(room.work(request.path_params["work"])))


async def delete_work(request: Request) -> Response:
    """Delete a work and all that is in it."""
    room: Room = request.app.state.room
    await asyncio.to_thread(room.board.remove_work, room.work(request.path_params["work"]))
    return Response(status_code=204)


async def follow_work(request: Request) -> Response:
    """Send news of a work as server-sent events: each names the photos that have changed."""
    room: Room = request.app.state.room
    work = room.work(request.path_params["work"])
    return StreamingResponse(_news(room, work), media_type="text/event-stream",
                             headers={"X-Accel-Buffering": "no"})  # fmt: skip


async def _news(room: Room, work: Work) -> AsyncIterator[str]:
    known = -1
    with room.listening(work.id) as event:
        ending = asyncio.create_task(room.closing.wait())
        try:
            while not room.closing.is_set():
                event.clear()
                version = work.version
                view = room.view(work, known)
                known = version
                news = view.model_dump(mode="json") | {"ids": [*work.photos]}
                yield f"event: work\ndata: {json.dumps(news)}\n\n"
                if work.id not in room.board.works:
                    yield "event: gone\ndata: {}\n\n"
                    return
                await asyncio.sleep(_PAUSE)
                waiting = asyncio.create_task(event.wait())
                while not waiting.done():
                    await asyncio.wait({waiting, ending}, timeout=_ALIVE_SECONDS,
                                       return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
                    if ending.done():
                        waiting.cancel()
                        return
                    if not waiting.done():
                        yield ": still here\n\n"
        finally:
            ending.cancel()


async def zip_work(request: Request) -> Response:
    """Send all pictures that are done as a zip, made while it is sent."""
    room: Room = request.app.state.room
    work = room.work(request.path_params["work"])
    stream = zip_of(work)
    if stream is None:
        raise RefusedError(409, Reason(
            "empty", "No picture is done yet", "Try again when one is.",
        ))  # fmt: skip
    headers = {"Content-Disposition": 'attachment; filename="rawkit.zip"',
               "Content-Length": str(len(stream))}  # fmt: skip
    return StreamingResponse(stream, media_type="application/zip", headers=headers)


ROUTES = [
    Route("/api/about", about),
    Route("/api/works", begin_work, methods=["POST"]),
    Route("/api/works/{work}", show_work),
    Route("/api/works/{work}", delete_work, methods=["DELETE"]),
    Route("/api/works/{work}/events", follow_work),
    Route("/api/works/{work}/pictures.zip", zip_work),
]
"""Requests about works."""
