"""Machines of the tests have nothing in common but their network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.namespaces import copy_objects, end, network, serve_objects

if TYPE_CHECKING:
    from pathlib import Path

_ANSWERS = "import socket, sys; socket.create_connection((sys.argv[1], 9000), 1)"
_PUT = "import sys, s3fs; s3fs.S3FileSystem().pipe_file(sys.argv[1], b'there')"


def test_machines_have_no_folder_in_common(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("ours")
    kept = tmp_path / "kept"  # as a checkout that lies below a hidden folder is
    kept.mkdir()
    (kept / "seen").touch()
    with network("one", "two", hidden=[tmp_path], kept=[kept]) as machines:
        one, two = machines["one"], machines["two"]
        one.path("note").write_text("mine")
        assert one.run("cat", "note").stdout == "mine"
        assert two.run("ls", "note", check=False).returncode != 0
        assert one.run("ls", tmp_path, kept).stdout.split() == [
            f"{tmp_path}:", "kept", f"{kept}:", "seen",
        ]  # fmt: skip
        assert one.run("touch", kept / "seen", check=False).returncode != 0
        assert one.run("touch", "/etc/note", check=False).returncode != 0
        assert one.run("python", "-c", "import rawkit.errors").returncode == 0
        first, second = one.start("sleep", "1000"), one.start("sleep", "1000")
        end(first)
        assert (first.poll() is None, second.poll() is None) == (False, True)
        one.die()
        assert second.poll() is not None
        assert two.run("echo", "alive").stdout == "alive\n"


def test_a_machine_that_is_cut_off_reaches_nobody_until_it_is_back(tmp_path: Path) -> None:
    with network("store", "other", hidden=[tmp_path]) as machines:
        store, other = machines["store"], machines["other"]
        settings = serve_objects(store, "night")

        def answers() -> bool:
            asked = other.run("python", "-c", _ANSWERS, store.address, check=False)
            return asked.returncode == 0

        assert answers()
        other.run("python", "-c", _PUT, "night/folder/one", env=settings)
        other.cut()
        assert not answers()
        other.join()
        assert copy_objects(other, "s3://night/folder", settings) == {"one": b"there"}
        assert copy_objects(other, "s3://night/none", settings) == {}
