"""A server of the page, in this process or one of its own, and a small client of its API."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import uvicorn

from rawkit.serve import Room, ServeSettings, make_app
from rawkit.serve.server import listen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SECONDS = 120


@dataclass
class Answer:
    """What the server has answered."""

    status: int
    """HTTP status."""
    headers: dict[str, str]
    """Headers, by their names in small letters."""
    data: bytes
    """The body."""

    @property
    def json(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.data)


@dataclass
class Client:
    """Asks a server."""

    address: str
    """Where it is, with a slash at the end."""

    def ask(
        self, path: str, method: str = "GET", data: bytes | None = None, **headers: str
    ) -> Answer:
        """Send a request; names of headers have ``_`` for ``-``."""
        request = urllib.request.Request(  # noqa: S310 - of this machine
            self.address + path.lstrip("/"), data, method=method,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )  # fmt: skip
        opener = urllib.request.build_opener(_Stay())
        try:
            with opener.open(request, timeout=_SECONDS) as found:
                return _answer(found)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error)

    def ask_raw(self, path: str) -> Any:
        """Send a request, and return the answer while it comes."""
        return urllib.request.urlopen(self.address + path, timeout=_SECONDS)  # noqa: S310 - ours

    def new_work(self) -> str:
        """Begin a work."""
        return str(self.ask("api/works", "POST", b"").json["id"])

    def upload(self, work: str, name: str, data: bytes, **settings: object) -> Answer:
        """Send a file as the body of a request."""
        query = urlencode({"name": name, **settings}, quote_via=quote)
        return self.ask(f"api/works/{work}/photos?{query}", "POST", data,
                        content_type="application/octet-stream")  # fmt: skip

    def settled(self, work: str) -> dict[str, Any]:
        """Return the photos of a work by their names, once nothing is to be done with them."""
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            photos = self.ask(f"api/works/{work}").json["photos"]
            if all(_is_settled(one) for one in photos):
                return {one["name"]: one for one in photos}
            time.sleep(0.05)
        raise AssertionError(photos)


def _is_settled(photo: dict[str, Any]) -> bool:
    return photo["stage"] in ("ready", "refused") and all(
        one["stage"] in ("done", "failed") for one in photo["pictures"]
    )


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing: where an answer leads is what a test wants to see."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _answer(found: Any) -> Answer:
    headers = {name.lower(): value for name, value in found.headers.items()}
    return Answer(found.status, headers, found.read())


@contextmanager
def served(settings: ServeSettings) -> Iterator[Client]:
    """Run a server in a thread of this process, and end it."""
    listening = listen(settings)
    port = listening.getsockname()[1]
    config = uvicorn.Config(
        make_app(Room(replace(settings, port=port))), log_level="warning", lifespan="on",
        timeout_graceful_shutdown=1, ws="none",
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    end = time.monotonic() + _SECONDS
    while not server.started and thread.is_alive() and time.monotonic() < end:
        time.sleep(0.01)
    assert server.started
    try:
        yield Client(f"http://127.0.0.1:{port}/")
    finally:
        server.should_exit = True
        thread.join(_SECONDS)
        listening.close()
        assert not thread.is_alive()


@contextmanager
def spawned(workspace: Path, weights: Path, port: int, *options: str) -> Iterator[Spawned]:
    """Run `rawkit serve` in a process of its own; kill what is left of it at the end."""
    command = [sys.executable, "-m", "rawkit", "--workspace", workspace, "serve", "--weights",
               weights, "--port", port, "--no-open", *options]  # fmt: skip
    process = subprocess.Popen(
        [str(one) for one in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None:
            raise AssertionError
        address = process.stdout.readline().strip()
        client = Client(address)
        end = time.monotonic() + _SECONDS
        while process.poll() is None and time.monotonic() < end:
            with suppress(OSError):
                client.ask("api/about")
                break
            time.sleep(0.02)
        yield Spawned(process, client)
    finally:
        process.kill()
        process.communicate()


@dataclass
class Spawned:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    """The process."""
    client: Client
    """Asks it."""
