"""An object store on this machine: moto's server, its bucket, and what can go wrong with it.

A test module asks for the fixtures by ``pytest_plugins = ("tests.support.fixtures_s3",)``.
"""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from rawkit.locations import Url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUCKET = "night"


@dataclass
class ObjectServer:
    """A server that can be stopped and started again; what it holds stays."""

    port: int
    """Where it listens."""
    _running: Any = None

    def start(self) -> None:
        """Listen."""
        from moto.server import ThreadedMotoServer

        self._running = ThreadedMotoServer("127.0.0.1", port=self.port, verbose=False)
        self._running.start()

    def stop(self) -> None:
        """Answer nobody from now on."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    @property
    def settings(self) -> dict[str, str]:
        """Variables of the environment that lead a client to it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def free_port() -> int:
    """Return a port that nobody listens on, and that the system gives to nobody by itself.

    So a server that is stopped finds it free when it is started again.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


@pytest.fixture(scope="session")
def one_object_server() -> Iterator[ObjectServer]:
    """Start a server with one bucket, one for all modules: clients keep their connections."""
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    server = ObjectServer(free_port())
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.settings.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.close()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def object_server(one_object_server: ObjectServer) -> Iterator[ObjectServer]:
    """Let the tests of a module find the server by their environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in one_object_server.settings.items():
            patch.setenv(name, value)
        yield one_object_server


@pytest.fixture
def bucket(
    object_server: ObjectServer,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Url:
    """Return a folder in the bucket that no other test writes to; nothing is cached elsewhere."""
    assert object_server.port
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Url(f"s3://{BUCKET}/{abs(hash(request.node.nodeid)):x}")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make places give up on their servers within a second."""
    from rawkit.source import Transfer

    monkeypatch.setattr(
        "rawkit.store.places.objects.PATIENCE", Transfer(tries=2, timeout=2, pause=0.01)
    )
