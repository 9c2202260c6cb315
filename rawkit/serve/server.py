"""Run the server: listen, print the address, open the browser, end cleanly."""

from __future__ import annotations

import socket
import threading
import webbrowser
from dataclasses import replace
from typing import TYPE_CHECKING

import uvicorn

from rawkit.errors import UsageError
from rawkit.serve.app import make_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from rawkit.serve.settings import ServeSettings

_GRACE_SECONDS = 3
_BACKLOG = 512


def serve(settings: ServeSettings, started: Callable[[str], None], *, opens: bool = False) -> None:
    """Serve until the process is asked to end; `started` is told the address to open.

    Raises
    ------
    UsageError
        If the address is taken, or not one of this machine.
    """
    listening = _listen(settings)
    port = listening.getsockname()[1]
    settings = replace(settings, port=port)
    config = uvicorn.Config(
        make_app(settings), log_level="warning", access_log=False, lifespan="on",
        timeout_graceful_shutdown=_GRACE_SECONDS, server_header=False, date_header=False,
        proxy_headers=settings.behind_proxy, forwarded_allow_ips="*", ws="none",
        backlog=_BACKLOG, loop="asyncio", http="h11",
    )  # fmt: skip
    server = uvicorn.Server(config)
    address = address_of(settings)
    started(address)
    if opens:
        threading.Thread(target=_open, args=(server, address), daemon=True).start()
    with listening:
        server.run(sockets=[listening])


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


def _listen(settings: ServeSettings) -> socket.socket:
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
