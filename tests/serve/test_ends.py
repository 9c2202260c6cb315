"""A server that is killed goes on, one that is asked to end leaves nothing, and time runs out."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rawkit.errors import UsageError
from rawkit.serve import Room, ServeSettings
from rawkit.workspace import Workspace
from tests.support.fixtures_s3 import free_port
from tests.support.serving import served, spawned

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("tests.support.fixtures_serve", "tests.support.fixtures_workspace")


def test_a_server_that_was_killed_goes_on_and_one_that_ends_leaves_nothing(
    darks: list[Path], serve_weights: Path, tmp_path: Path
) -> None:
    port = free_port()
    names = [f"{number}.ARW" for number in range(6)]
    with spawned(tmp_path, serve_weights, port) as server:
        work = server.client.new_work()
        server.client.upload(work, names[0], darks[0].read_bytes())
        first = server.client.settled(work)[names[0]]["pictures"][0]
        before = server.client.ask(first["file"]).data
        server.client.upload(work, "phone.jpg", b"\xff\xd8\xff" + bytes(900))
        for name in names[1:]:
            server.client.upload(work, name, darks[1].read_bytes())
        server.process.kill()
        server.process.wait()
    works = tmp_path / "serve" / str(port) / "works"
    half = works / work / ("0" * 32)
    half.mkdir()
    (half / "upload.part").write_bytes(b"half of one")
    (works / work / first["file"].split("/")[5] / f"{first['id']}.png.123.part").write_bytes(
        b"half"
    )
    with spawned(tmp_path, serve_weights, port) as server:
        photos = server.client.settled(work)
        assert sorted(photos) == sorted([*names, "phone.jpg"])
        assert photos["phone.jpg"]["problem"]["kind"] == "not-raw"
        for name in names:
            (picture,) = photos[name]["pictures"]
            assert picture["stage"] == "done"
            assert server.client.ask(picture["file"]).data[:4] == b"\x89PNG"
        assert server.client.ask(first["file"]).data == before
        assert not half.exists()
        assert not [*works.rglob("*.part")]
        with_news = server.client.ask_raw(f"api/works/{work}/events")
        assert b"event: work" in with_news.readline()
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
        with_news.close()
        assert time.monotonic() - begun < 20
    assert not (tmp_path / "serve" / str(port)).exists()


def test_files_are_deleted_after_their_time(
    serve_settings: ServeSettings, darks: list[Path], tmp_path: Path
) -> None:
    settings = replace(serve_settings, workspace=Workspace(tmp_path), keep_seconds=1.5)
    with served(settings) as client:
        work = client.new_work()
        client.upload(work, "a.ARW", darks[0].read_bytes())
        end = time.monotonic() + 60
        while client.ask(f"api/works/{work}").status != 404 and time.monotonic() < end:
            time.sleep(0.1)
        assert client.ask(f"api/works/{work}").status == 404
        assert "deleted" in client.ask(f"work/{work}").data.decode()
        assert not [*tmp_path.rglob("raw")]


def test_two_servers_do_not_share_a_folder(serve_settings: ServeSettings, tmp_path: Path) -> None:
    settings = replace(serve_settings, workspace=Workspace(tmp_path))
    room = Room(settings)
    try:
        with pytest.raises(UsageError, match="another server"):
            Room(settings)
    finally:
        room.close()
    assert not [*(tmp_path / "serve").iterdir()]
