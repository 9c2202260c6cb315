"""Requests about the workspace: what it holds, and stored frames as photos beside their truth."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from rawkit.serve import holdings
from rawkit.serve.answers import answer, missing, read_body
from rawkit.serve.board import Photo, new_id
from rawkit.serve.pages import store_page, workspace_page
from rawkit.serve.schemas import Frames, Wanted, WantedFrame

if TYPE_CHECKING:
    from starlette.requests import Request

    from rawkit.serve.room import Room

_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; frame-ancestors 'none'"
)
"""A report is one file with its script in it: it runs apart, and reaches nothing of ours."""


async def show_holdings(request: Request) -> Response:
    """List what the workspace holds."""
    room: Room = request.app.state.room
    return answer(await asyncio.to_thread(holdings.holdings_of, room.settings.workspace))


async def show_store(request: Request) -> Response:
    """Say what a store holds: frames by exposure, and scenes."""
    room: Room = request.app.state.room
    name = request.path_params["store"]
    return answer(await asyncio.to_thread(holdings.store_details, room.settings.workspace, name))


async def show_frames(request: Request) -> Response:
    """List the frames of a scene."""
    room: Room = request.app.state.room
    name, scene = request.path_params["store"], request.query_params.get("scene", "")
    found = await asyncio.to_thread(holdings.frames_of, room.settings.workspace, name, scene)
    return answer(Frames(frames=found))


async def show_sheet(request: Request) -> Response:
    """Draw a contact sheet of a scene."""
    room: Room = request.app.state.room
    name, scene = request.path_params["store"], request.query_params.get("scene", "")
    workspace = room.settings.workspace
    drawn = room.darkroom.draw(lambda: holdings.sheet_of(workspace, name, scene))
    return Response(await asyncio.wrap_future(drawn), media_type="image/jpeg")


async def show_report(request: Request) -> Response:
    """Send a page of `rawkit report`."""
    room: Room = request.app.state.room
    found = await asyncio.to_thread(holdings.reports_of, room.settings.workspace)
    path = found.get(request.path_params["report"])
    if path is None:
        raise missing("This report")
    return FileResponse(path, media_type="text/html",
                        headers={"Content-Security-Policy": _REPORT_POLICY})  # fmt: skip


async def take_frame(request: Request) -> Response:
    """Take a dark frame of a store into a work, and restore it."""
    room: Room = request.app.state.room
    work = room.work(request.path_params["work"])
    wanted = await read_body(request, WantedFrame)
    stored = await asyncio.to_thread(
        holdings.stored_frame, room.settings.workspace, wanted.store, wanted.frame
    )
    room.may_add(work)
    photo = Photo(new_id(), work, wanted.frame.rpartition("/")[2], 0, stored)
    await asyncio.to_thread(room.board.add, photo)
    room.darkroom.make(await asyncio.to_thread(room.board.ask, photo, Wanted()))
    room.darkroom.read(photo)
    location = f"/api/works/{work.id}/photos/{photo.id}"
    return answer(room.view_photo(photo), 201, {"Location": location})


async def page_of_workspace(request: Request) -> Response:
    """Show what the workspace holds."""
    room: Room = request.app.state.room
    found = await asyncio.to_thread(holdings.holdings_of, room.settings.workspace)
    return HTMLResponse(workspace_page(room, request.query_params.get("work", ""), found))


async def page_of_store(request: Request) -> Response:
    """Show a store, and one of its scenes."""
    room: Room = request.app.state.room
    workspace, name = room.settings.workspace, request.path_params["store"]
    store = await asyncio.to_thread(holdings.store_details, workspace, name)
    scene = request.query_params.get("scene", "")
    frames = []
    if scene:
        frames = await asyncio.to_thread(holdings.frames_of, workspace, name, scene)
    work = request.query_params.get("work", "")
    return HTMLResponse(store_page(room, work, store, scene, frames))


PAGES = [
    Route("/workspace", page_of_workspace),
    Route("/workspace/stores/{store}", page_of_store),
    Route("/workspace/reports/{report:path}", show_report),
]
"""Pages about the workspace."""
ROUTES = [
    Route("/api/workspace", show_holdings),
    Route("/api/stores/{store}", show_store),
    Route("/api/stores/{store}/frames", show_frames),
    Route("/api/stores/{store}/sheet", show_sheet),
    Route("/api/works/{work}/frames", take_frame, methods=["POST"]),
]
"""Requests about the workspace."""
