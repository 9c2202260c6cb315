"""Run the server: listen, print the address, open the browser, end cleanly."""

from __future__ import annotations

import ctypes
import platform
import socket
import threading
import webbrowser
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import uvicorn

from rawkit.errors import UsageError
from rawkit.serve.app import make_app
from rawkit.serve.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from rawkit.serve.settings import ServeSettings

_GRACE_SECONDS = 3
_ARENA_MAX = -8
"""Number of the parameter in glibc's malloc.h."""
_BACKLOG = 512


def serve(
    settings: ServeSettings, started: Callable[[str, str], None], *, opens: bool = False
) -> None:
    """Serve until the process is asked to end.

    `started` is told the address to open, and what keeps a hostile raw file from doing harm.

    Raises
    ------
    UsageError
        If the address is taken, or not one of this machine; else as `Room`.
    """
    _share_heap()
    listening = listen(settings)
    port = listening.getsockname()[1]
    settings = replace(settings, port=port)
    room = Room(settings)
    config = uvicorn.Config(
        make_app(room), log_level="warning", access_log=False, lifespan="on",
        timeout_graceful_shutdown=_GRACE_SECONDS, server_header=False, date_header=False,
        proxy_headers=settings.behind_proxy, forwarded_allow_ips="*", ws="none",
        backlog=_BACKLOG, loop="asyncio", http="h11",
    )  # fmt: skip
    server = _Server(config, room)
    address = address_of(settings)
    started(address, room.protections)
    if opens:
        threading.Thread(target=_open, args=(server, address), daemon=True).start()
    with listening, suppress(KeyboardInterrupt):  # which is how it is meant to end
        server.run(sockets=[listening])


def _share_heap() -> None:
    """Let all threads take memory from the heap that the main thread has, where it is glibc.

    The network runs in a thread. The heap that glibc gives to one is small: large arrays come from
    the system each time, which clears their pages anew.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


class _Server(uvicorn.Server):
    """Ends streams of news as soon as it is asked to end: it would wait for them."""

    def __init__(self, config: uvicorn.Config, room: Room) -> None:
        super().__init__(config)
        self._room = room

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._room.end()
        super().handle_exit(sig, frame)


def address_of(settings: ServeSettings) -> str:
    """Return the address to open, with the token if one is asked for."""
    host = settings.host
    if host in ("0.0.0.0", "::"):  # noqa: S104 - what is compared with, not listened at
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    query = "" if settings.token is None else f"?token={settings.token}"
    return f"http://{shown}:{settings.port}/{query}"


def _open(server: uvicorn.Server, address: str) -> None:
    pause = threading.Event()
    while not server.started and not server.should_exit:
        pause.wait(0.05)
    webbrowser.open(address)


def listen(settings: ServeSettings) -> socket.socket:
    """Return a socket at the address of a server.

    Raises
    ------
    UsageError
        If the address is taken, or not one of this machine.
    """
    try:
        family, kind, proto, _, place = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        listening = socket.socket(family, kind, proto)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
    except OSError as error:
        raise UsageError(
            f"cannot listen at {settings.host}:{settings.port} ({error.strerror or error})",
            expected="an address of this machine, and a port that is free",
            fix="Choose another with --port; --port 0 takes any.",
        ) from error
    return listening
