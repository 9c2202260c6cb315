"""The application: which request is answered by what."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from rawkit.errors import RawkitError
from rawkit.serve import browse, photos, works
from rawkit.serve.answers import RefusedError, missing
from rawkit.serve.guard import Guard
from rawkit.serve.openapi import description_of
from rawkit.serve.pages import api_page, page_of
from rawkit.serve.words import INTERNAL, Reason, reason_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from rawkit.serve.room import Room


_SWEEP_SECONDS = 5.0
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def make_app(room: Room) -> ASGIApp:
    """Return the application of a room, whose threads live as long as its lifespan."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.room = room
        await asyncio.to_thread(room.start, asyncio.get_running_loop())
        sweeping = asyncio.create_task(_sweep(room))
        try:
            yield
        finally:
            room.closing.set()
            sweeping.cancel()
            await asyncio.to_thread(room.close)

    app = Starlette(
        routes=[
            Route("/", _begin),
            Route("/work/{work}", _work_page),
            Route("/assets/{name}", _asset),
            Route("/api", _api_page),
            *browse.PAGES,
            *ROUTES,
        ],
        lifespan=lifespan,
        exception_handlers={
            RefusedError: _refused, ClientDisconnect: _left, RawkitError: _failed,
            HTTPException: _http, 500: _internal,
        },
    )  # fmt: skip
    return Guard(app, room.settings)


async def _sweep(room: Room) -> None:
    while True:
        await asyncio.sleep(min(_SWEEP_SECONDS, room.settings.keep_seconds))
        with suppress(OSError):
            await asyncio.to_thread(room.sweep)


async def _begin(request: Request) -> Response:
    """Begin a work, whose address is the page's from now on."""
    room: Room = request.app.state.room
    return RedirectResponse(f"/work/{room.new_work().id}", 303)


async def _work_page(request: Request) -> Response:
    room: Room = request.app.state.room
    return HTMLResponse(page_of(room, request.path_params["work"]))


async def _api_page(request: Request) -> Response:
    room: Room = request.app.state.room
    work, address = request.query_params.get("work", ""), str(request.base_url)
    return HTMLResponse(api_page(room, work, address, description_of(ROUTES)))


async def describe(_: Request) -> Response:
    """Describe the API as OpenAPI has it."""
    return JSONResponse(description_of(ROUTES))


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    kind = _TYPES.get(name.rpartition(".")[2])
    path = files("rawkit.serve") / "assets" / name
    if kind is None or "/" in name or not path.is_file():
        raise missing("That file")
    return Response(path.read_bytes(), media_type=kind, headers={"Cache-Control": "no-cache"})


async def _refused(_: Request, error: Any) -> Response:
    answer: Response = error.response()
    return answer


async def _failed(_: Request, error: Any) -> Response:
    status = {"usage": 422, "missing": 404, "output": 507}.get(error.kind, 422)
    return RefusedError(status, reason_of(error)).response()


async def _http(_: Request, error: Any) -> Response:
    said = {404: "There is no such address", 405: "That cannot be done here"}
    reason = Reason("http", said.get(error.status_code, str(error.detail)), "Look at /api.")
    return RefusedError(error.status_code, reason, dict(error.headers or {})).response()


async def _left(_: Request, __: Exception) -> Response:
    """Answer who has gone: nobody reads it, and nothing is wrong."""
    return Response(status_code=400)


async def _internal(_: Request, __: Exception) -> Response:
    return RefusedError(500, INTERNAL).response()


ROUTES = [
    Route("/api/openapi.json", describe),
    *works.ROUTES,
    *photos.ROUTES,
    *browse.ROUTES,
]
"""The API."""
