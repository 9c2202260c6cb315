"""A laboratory whose machines share no folder, one for each module of tests that asks for it.

A test module asks for the fixture by ``pytest_plugins = ("tests.support.fixtures_laboratory",)``.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.factories import files_of
from tests.support.namespaces import SECONDS, copy_objects, network, serve_objects, start_dask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen

    from tests.support.namespaces import Machine

IMPATIENT = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "11s"}
"""The setting that decides how soon a machine that is cut off is given up: as users are told."""


@dataclass
class Laboratory:
    """A scheduler, two machines that work, one that gives commands, and an object store."""

    machines: dict[str, Machine]
    scheduler: str
    workers: list[Popen[bytes]]
    settings: dict[str, str]
    """Of the environment of all: where the object store is, and who they are."""
    stores: str = "s3://night/stores"
    """Where stores lie."""

    def ingest(self, name: str, collection: str, *options: object) -> dict[str, Any]:
        """Ingest into a store of a place of its own; return the summary."""
        found = self.machines["client"].run(
            "rawkit", "--workspace", f"ws-{name}", "--stores", f"{self.stores}/{name}",
            "ingest", collection, "--scheduler", self.scheduler, "--json", *options,
            env=self.settings, seconds=120,
        )  # fmt: skip
        summary: dict[str, Any] = json.loads(found.stdout)
        return summary

    def stored_there(self, name: str, collection: str, source: str) -> dict[str, str]:
        """Ingest on the client alone, into a folder of it; return the files as `objects` does."""
        client, stores = self.machines["client"], f"stores-{name}"
        client.run(
            "rawkit", "--workspace", f"ws-alone-{name}", "--stores", stores,
            "ingest", collection, "--source", source, "--workers", 0, env=self.settings,
        )  # fmt: skip
        return files_of(client.path(stores))

    def puts(self) -> int:
        """Count what has been put into the object store so far."""
        return self.machines["store"].path("s3.log").read_text().count('"PUT ')

    def after(self, puts: int) -> None:
        """Wait until so much has been put."""
        begun = time.monotonic()
        while self.puts() < puts:
            assert time.monotonic() - begun < SECONDS
            time.sleep(0.02)

    def objects(self, name: str) -> dict[str, str]:
        """Return the SHA-256 of all that lies in a place of stores, by path."""
        found = copy_objects(self.machines["client"], f"{self.stores}/{name}", self.settings)
        return {path: sha256(data).hexdigest() for path, data in found.items()}


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    names = ("scheduler", "one", "two", "client", "store")
    with network(*names, hidden=[tmp_path_factory.getbasetemp()]) as machines:
        settings = {
            **serve_objects(machines["store"], "night"),
            **IMPATIENT,
            "OMP_NUM_THREADS": "1",
        }
        address, workers = start_dask(
            machines["scheduler"], [machines["one"], machines["two"]], settings
        )
        yield Laboratory(machines, address, workers, settings)
