"""HTTP requests over connections that are kept and used again.

A connection costs a round trip, over TLS two or three more, and begins slowly; a frame is one
request. Only what range requests need is here, on the standard library's `http.client`.
"""

from __future__ import annotations

import atexit
import http.client
import threading
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from rawkit.source.transfer import TransferError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_MOST_REDIRECTS = 5
_MOST_IDLE = 16
"""Connections to one server that are kept while nobody needs them."""
_PIECE = 1 << 18
SLOWEST = 1000.0
"""Bytes a second; an answer that comes more slowly on average counts as failed."""
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
"""What a kept connection that its server has closed in the meantime shows as."""


class _Server(NamedTuple):
    """Where a connection leads."""

    scheme: str
    netloc: str
    proxy: str


class Answer:
    """The answer to a request; its body has not been read yet."""

    def __init__(self, response: http.client.HTTPResponse, deadline: float, url: str = "") -> None:
        self.url = url
        """Where it comes from, after all redirects."""
        self._response = response
        self._deadline = deadline
        self.status = response.status
        self.reason = response.reason
        self.headers = response.headers

    def read(self, most: int) -> bytes:
        """Read the body, at most so many bytes.

        Raises
        ------
        TransferError
            If it comes too slowly.
        """
        return b"".join(self.pieces(most))

    def pieces(self, most: int) -> Iterator[bytes]:
        """Read the body as it comes, at most so many bytes in all; raises as `read` does."""
        begun, got = time.monotonic(), 0
        while got < most and (piece := self._response.read1(min(_PIECE, most - got))):
            yield piece
            got += len(piece)
            seconds = time.monotonic() - begun
            if seconds > self._deadline and got < SLOWEST * seconds:
                raise TransferError(f"sends {got / seconds:.0f} bytes a second")

    def end(self) -> bool:
        """Let go of the answer; tell whether all of it was read, so that its connection is free."""
        read = self._response.isclosed() or self._response.length == 0
        self._response.close()
        return read and not self._response.will_close


class Connections:
    """Open connections by server; safe in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[_Server, list[http.client.HTTPConnection]] = defaultdict(list)

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str], timeout: float) -> Iterator[Answer]:
        """Make a GET request and follow redirects.

        `timeout` are the seconds without a byte after which it fails, and those in which the head
        of the answer must be there.

        Raises
        ------
        OSError, http.client.HTTPException
            If the server cannot be reached, or breaks off.
        TransferError
            If it redirects in a circle or to another scheme.
        """
        for _ in range(_MOST_REDIRECTS):
            connection, response, server = self._answered(url, headers, timeout)
            answer = Answer(response, timeout, url)
            try:
                if answer.status not in _REDIRECTS or "Location" not in answer.headers:
                    yield answer
                    return
                url = urljoin(url, answer.headers["Location"])
                answer.read(_PIECE)
            finally:
                if answer.end():
                    self._keep(server, connection)
                else:
                    connection.close()
            if urlsplit(url).scheme not in ("http", "https"):
                raise TransferError(f"redirects to {url}")
        raise TransferError(f"redirects more than {_MOST_REDIRECTS} times")

    def _answered(
        self, url: str, headers: Mapping[str, str], timeout: float
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse, _Server]:
        """Send a request; over a new connection if a kept one turns out to be closed."""
        parts = urlsplit(url)
        server = _Server(parts.scheme, parts.netloc, _proxy_of(parts.scheme, parts.hostname or ""))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if server.proxy and server.scheme == "http":
            target = url.partition("#")[0]
        while True:
            kept = self._take(server)
            connection = kept or _connection(server, timeout)
            try:
                response = _send(connection, target, headers, timeout)
            except _STALE:
                connection.close()
                if kept is None:
                    raise
            except BaseException:
                connection.close()
                raise
            else:
                return connection, response, server

    def _take(self, server: _Server) -> http.client.HTTPConnection | None:
        with self._lock:
            idle = self._idle[server]
            return idle.pop() if idle else None

    def _keep(self, server: _Server, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle[server]) < _MOST_IDLE:
                self._idle[server].append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close all connections that nobody uses."""
        with self._lock:
            idle = [one for kept in self._idle.values() for one in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()


CONNECTIONS = Connections()
"""Those of this process: jobs that are pickled to it come and go, its connections stay."""
atexit.register(CONNECTIONS.close)


def _proxy_of(scheme: str, host: str) -> str:
    """Return host and port of the proxy that the environment names for a server; empty if none."""
    proxy = "" if proxy_bypass(host) else getproxies().get(scheme, "")
    return urlsplit(proxy if "://" in proxy else f"//{proxy}").netloc.rpartition("@")[2]


def _connection(server: _Server, timeout: float) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if server.scheme == "https" else http.client.HTTPConnection
    host = server.netloc.rpartition("@")[2]
    connection = kind(server.proxy or host, timeout=timeout)
    if server.proxy and server.scheme == "https":
        connection.set_tunnel(host)
    return connection


def _send(
    connection: http.client.HTTPConnection,
    target: str,
    headers: Mapping[str, str],
    timeout: float,
) -> http.client.HTTPResponse:
    """Send a request and wait for the head of its answer, no longer than `timeout` in all."""
    if connection.sock is None:
        connection.connect()
    sock = connection.sock
    sock.settimeout(timeout)
    late = threading.Event()

    def give_up() -> None:
        late.set()
        with suppress(OSError):
            sock.shutdown(2)  # both ways: whoever reads from it sees its end

    clock = threading.Timer(timeout, give_up)
    clock.daemon = True
    clock.start()
    try:
        connection.request("GET", target, headers=dict(headers))
        response = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        if late.is_set():
            raise TimeoutError("timed out") from error
        raise
    finally:
        clock.cancel()
    return response
