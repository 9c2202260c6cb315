"""A web server on this machine that counts what it sends, and can be made to misbehave."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass
class Web:
    """What a server serves, and what it has sent."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Contents by path, each with a slash at its beginning."""
    ranges: bool = True
    """Whether it knows range requests."""
    failures: int = 0
    """How many requests to refuse with 503 before it works."""
    broken: int = 0
    """How many answers to break off half way."""
    damaged: int = 0
    """How many answers to send with their last byte flipped, among those of more than 1 kB."""
    silent: bool = False
    """Whether it takes requests and never answers."""
    most: int | None = None
    """How many requests to answer before it is silent; None: all."""
    sent: list[tuple[str, int, int]] = field(default_factory=list)
    """Path, first byte and count of each answer."""
    port: int = 0
    """Where it listens."""
    released: threading.Event = field(default_factory=threading.Event)
    """Ends the waiting of a silent server."""

    def url(self, path: str) -> str:
        """Address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def bytes_sent(self) -> int:
        """Bytes of all answers."""
        return sum(count for _, _, count in self.sent)


@contextmanager
def serve(web: Web) -> Iterator[Web]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(self, web)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 64  # connections beyond it would wait for a second

    server = Server(("127.0.0.1", 0), Handler)
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        web.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, web: Web) -> None:
    if web.silent or (web.most is not None and len(web.sent) >= web.most):
        web.released.wait(10)
        handler.close_connection = True
        return
    if web.failures:
        web.failures -= 1
        handler.send_error(503)
        return
    data = web.files.get(handler.path.partition("?")[0])
    if data is None:
        handler.send_error(404)
        return
    wanted = _RANGE.fullmatch(handler.headers.get("Range", ""))
    start, end = 0, len(data)
    if web.ranges and wanted:
        start, end = int(wanted[1]), min(int(wanted[2]) + 1, len(data))
        if start >= len(data):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(data)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
    else:
        handler.send_response(200)
    handler.send_header("Content-Length", str(end - start))
    handler.end_headers()
    body = data[start:end]
    if web.broken and len(body) > 1:
        web.broken -= 1
        body = body[: len(body) // 2]
        handler.close_connection = True
    if web.damaged and len(body) > 1 << 10:
        web.damaged -= 1
        at = len(body) // 2
        body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    web.sent.append((handler.path, start, len(body)))
    try:
        handler.wfile.write(body)
    except OSError:
        handler.close_connection = True  # the client has seen enough
