"""A web server on this machine that counts what it sends, and can be made to misbehave.

It behaves as the servers do that collections lie on: redirects, also to other hosts, ETag and date,
ranges or none, a rate, refusals now and then, answers that break off or stall, login pages, files
that change, certificates that have expired, and being away.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

_PIECE = 1 << 16
_RANGE = re.compile(r"bytes=(\d*)-(\d+)")


@dataclass
class Web:
    """What a server serves, and what it has sent."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Contents by path, each with a slash at its beginning."""
    ranges: bool = True
    """Whether it knows range requests."""
    failures: int = 0
    """How many requests to refuse with 503 before it works."""
    retry_after: str = ""
    """What a refusal with 503 asks for in its Retry-After header; empty: nothing."""
    statuses: list[int] = field(default_factory=list)
    """Statuses with which to refuse the next requests, one each."""
    away: bool = False
    """Whether it closes each connection without an answer."""
    modified: dict[str, str] = field(default_factory=dict)
    """Date of the last change by path."""
    kinds: dict[str, str] = field(default_factory=dict)
    """Content-Type by path."""
    packed: bool = False
    """Whether it says that its answers are compressed, though nobody asked for that."""
    stalls: int = 0
    """How many answers to send half, and then nothing more over a connection that stays open."""
    shifted: int = 0
    """How many answers to send from another byte than the one asked for."""
    every: int = 0
    """Refuse each so many-th request with 503; 0: none."""
    asked: int = 0
    """How many requests came."""
    status_of_redirects: int = 302
    """Status of redirects."""
    tls: ssl.SSLContext | None = None
    """Certificate and key; None: plain HTTP."""
    broken: int = 0
    """How many answers to break off half way."""
    damaged: int = 0
    """How many answers to send with their last byte flipped, among those of more than 1 kB."""
    refusal: int = 0
    """Status with which to refuse all requests, also those that only ask for headers."""
    reset: int = 0
    """How many answers to end by a reset of the connection, half way."""
    trickle: float = 0.0
    """Seconds between single bytes, of the head too; 0: all at once."""
    hang_up: bool = False
    """Whether it closes each connection after the answer without saying so."""
    etags: dict[str, str] = field(default_factory=dict)
    """ETag by path."""
    connections: int = 0
    """How many connections were opened."""
    redirects: dict[str, str] = field(default_factory=dict)
    """Where a path has moved to."""
    rate: float = 0.0
    """Bytes a second of all answers together; 0: as fast as may be."""
    free_at: float = 0.0
    """When the line is free again, by the monotonic clock."""
    line: threading.Lock = field(default_factory=threading.Lock)
    """Held by whoever asks for the line."""
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
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    @property
    def bytes_sent(self) -> int:
        """Bytes of all answers."""
        return sum(count for _, _, count in self.sent)


@contextmanager
def serve(web: Web) -> Iterator[Web]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # a body would wait until its head is acknowledged

        def setup(self) -> None:
            super().setup()
            web.connections += 1

        def do_GET(self) -> None:
            _answer(self, web)
            if web.hang_up:
                self.close_connection = True

        def do_HEAD(self) -> None:
            self.send_response(web.refusal or 501)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 64  # connections beyond it would wait for a second

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: connections are broken off on purpose."""

    server = Server(("127.0.0.1", web.port), Handler)
    if web.tls is not None:
        server.socket = web.tls.wrap_socket(server.socket, server_side=True)
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
    web.asked += 1
    if web.away:
        handler.close_connection = True
        return
    if web.refusal:
        handler.send_error(web.refusal)
        return
    if web.statuses:
        handler.send_error(web.statuses.pop(0))
        return
    if web.failures or (web.every and web.asked % web.every == 0):
        web.failures = max(0, web.failures - 1)
        _refuse(handler, web)
        return
    path = handler.path.partition("?")[0]
    if path in web.redirects:
        handler.send_response(web.status_of_redirects)
        handler.send_header("Location", web.redirects[path])
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    data = web.files.get(path)
    if data is None:
        handler.send_error(404)
        return
    _send(handler, web, path, data)


def _refuse(handler: BaseHTTPRequestHandler, web: Web) -> None:
    """Refuse with 503, as a busy server does."""
    handler.send_response(503)
    if web.retry_after:
        handler.send_header("Retry-After", web.retry_after)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _send(handler: BaseHTTPRequestHandler, web: Web, path: str, data: bytes) -> None:
    """Send a file, or the piece of it that is asked for."""
    wanted = _RANGE.fullmatch(handler.headers.get("Range", ""))
    start, end = 0, len(data)
    etag, modified = web.etags.get(path, ""), web.modified.get(path, "")
    version = handler.headers.get("If-Range", "")
    current = version in ("", etag) or version == modified != ""
    if web.ranges and wanted and current:
        if wanted[1]:
            start, end = int(wanted[1]), min(int(wanted[2]) + 1, len(data))
        else:
            start = max(0, len(data) - int(wanted[2]))
        if start >= len(data):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(data)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206)
        shift = 1 if web.shifted and start else 0
        web.shifted -= shift
        shown = f"bytes {start - shift}-{end - 1 - shift}/{len(data)}"
        handler.send_header("Content-Range", shown)
    else:
        handler.send_response(200)
    handler.send_header("Content-Length", str(end - start))
    if etag:
        handler.send_header("ETag", etag)
    if modified:
        handler.send_header("Last-Modified", modified)
    if path in web.kinds:
        handler.send_header("Content-Type", web.kinds[path])
    if web.packed:
        handler.send_header("Content-Encoding", "gzip")
    if web.trickle:
        _trickle(handler, web)
        return
    handler.end_headers()
    _send_body(handler, web, data[start:end], start)


def _send_body(handler: BaseHTTPRequestHandler, web: Web, body: bytes, start: int) -> None:
    if web.broken and len(body) > 1:
        web.broken -= 1
        body = body[: len(body) // 2]
        handler.close_connection = True
    if web.stalls and len(body) > 1:
        web.stalls -= 1
        handler.wfile.write(body[: len(body) // 2])
        web.released.wait(10)
        handler.close_connection = True
        return
    if web.reset and len(body) > 1:
        web.reset -= 1
        _reset(handler, body[: len(body) // 2])
        return
    if web.damaged and len(body) > 1 << 10:
        web.damaged -= 1
        at = len(body) // 2
        body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    web.sent.append((handler.path, start, len(body)))
    try:
        for piece in (body[at : at + _PIECE] for at in range(0, len(body), _PIECE)):
            _wait_for_line(web, len(piece))
            handler.wfile.write(piece)
    except OSError:
        handler.close_connection = True  # the client has seen enough


def _wait_for_line(web: Web, count: int) -> None:
    """Wait until so many bytes have gone over a line that all connections share."""
    if web.rate:
        with web.line:
            web.free_at = max(web.free_at, time.monotonic()) + count / web.rate
            until = web.free_at
        time.sleep(max(0.0, until - time.monotonic()))


def _trickle(handler: BaseHTTPRequestHandler, web: Web) -> None:
    """Send the head byte by byte, as long as somebody listens."""
    handler.send_header("X-Padding", "x" * 10_000)
    head = b"".join(handler._headers_buffer)  # type: ignore[attr-defined] # noqa: SLF001 - the base's
    handler.close_connection = True
    for byte in head:
        try:
            handler.wfile.write(bytes([byte]))
        except OSError:
            return
        if web.released.wait(web.trickle):
            return


def _reset(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Send a part, and end the connection as a process that dies does."""
    handler.wfile.write(body)
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()
    handler.close_connection = True
