"""Processes that read what others wrote reach nothing: tried from within them."""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rawkit.errors import NotRawError
from rawkit.workers import Child, Confinement

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = "tests.support.hostile"


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def ask(child: Child, *request: object) -> Any:
    child.send(request)
    return child.receive(30)


def test_a_process_that_decodes_reaches_nothing(tmp_path: Path, listening: int) -> None:
    other = tmp_path / "upload.dng"
    other.write_bytes(b"of somebody else")
    child = Child(f"{HOSTILE}:serve")
    try:
        # Nothing here may lack what the page promises: CI has a Linux with both.
        assert child.receive(30).whole
        refused = {
            request[0]: ask(child, *request)
            for request in (
                ("read", other), ("list", tmp_path), ("write", tmp_path / "new"),
                ("write", other), ("remove", other), ("read", "/etc/passwd"),
                ("connect", listening), ("fork",), ("run",), ("kill", os.getpid()),
                ("trace", os.getpid()),
            )
        }  # fmt: skip
        assert set(refused.values()) == {"PermissionError"}, refused
        assert {ask(child, "import"), ask(child, "thread")} == {"done"}
    finally:
        child.close()
    assert other.read_bytes() == b"of somebody else"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("remote", [False, True])
def test_a_thread_that_ingests_writes_where_shards_wait_alone(
    tmp_path: Path, listening: int, *, remote: bool
) -> None:
    place, store = tmp_path / "staging", tmp_path / "frames.parquet"
    place.mkdir()
    store.write_bytes(b"rows")
    expected = {
        ("write", place / "shard"): "done",
        ("write", os.devnull): "done",
        ("write", store): "PermissionError",
        ("remove", store): "PermissionError",
        ("read", store): "done",  # raw files lie anywhere
        ("connect", listening): "done" if remote else "PermissionError",
        ("run",): "done" if remote else "PermissionError",
    }
    for request, answer in expected.items():
        child = Child(f"{HOSTILE}:serve_work")
        try:
            child.send((place, remote))
            child.send(request)
            child.send(("connect", listening))
            confinement, found = child.receive(30)
            assert (confinement.files > 0, confinement.calls) == (True, not remote)
            assert found == answer, request
            # The thread that talks to the scheduler goes on as before.
            assert child.receive(30) == "done"
        finally:
            child.close()
    assert store.read_bytes() == b"rows"


def test_a_fork_that_dies_takes_its_process_along_and_one_that_is_well_does_not() -> None:
    child = Child(f"{HOSTILE}:serve_forks")
    try:
        assert ask(child, "import") == "done"
        assert ask(child, "read", "/nowhere") == "FileNotFoundError"
        child.send(("die",))
        with pytest.raises(EOFError):
            child.receive(30)
        assert child.ended_by() == "SIGSEGV"
    finally:
        child.kill()


def test_a_fork_dies_with_its_process() -> None:
    child = Child(f"{HOSTILE}:serve_forks")
    child.send(("sleep",))
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
    deadline = time.monotonic() + 20
    while not (found := children.read_text().split()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.kill()
    while Path(f"/proc/{found[0]}/stat").exists():
        state = Path(f"/proc/{found[0]}/stat").read_text().split()[2]
        if state == "Z":  # nobody has asked for its end, but it has ended
            break
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_files_are_few_and_small(tmp_path: Path) -> None:
    child = Child(f"{HOSTILE}:serve_few_files")
    try:
        assert ask(child, "write", tmp_path / "small") == "done"
        assert ask(child, "large", tmp_path / "large") == "OSError"
        assert ask(child, "many") == "OSError"
    finally:
        child.close()


def test_what_is_on_is_said() -> None:
    assert Confinement().describe() == "limits of memory and time"
    both = Confinement(files=7, calls=True)
    assert both.whole
    assert both.describe() == (
        "files out of reach (Landlock, ABI 7), no network, no other processes (seccomp), "
        "limits of memory and time"
    )
    assert not Confinement(files=7).whole
    assert not Confinement(calls=True).whole


def answering(*request: object) -> Child:
    child = Child(f"{HOSTILE}:serve_answers")
    child.send(request)
    return child


@pytest.mark.parametrize("what", ["pickle", "system", "noise", "large"])
def test_an_answer_of_a_doubted_process_runs_nothing_here(tmp_path: Path, what: str) -> None:
    child = answering(what, str(tmp_path / "taken"))
    with pytest.raises(EOFError):
        child.receive(30, doubted=True)
    child.kill()
    assert not (tmp_path / "taken").exists()


VALUES = [
    None, True, 2.5, "words", (1, [2], {"three": {4}}), Confinement(7, calls=True),
    NotRawError("no raw file", where="a.dng", fix="Fetch it again."), np.dtype("uint16"),
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
]  # fmt: skip


def test_values_and_objects_that_describe_come_through() -> None:
    child = Child(f"{HOSTILE}:serve_answers")
    for value in VALUES:
        child.send(("value", value))
        found = child.receive(30, doubted=True)
        assert type(found) is type(value)
        assert str(found) == str(value)
    child.send(("value", np.arange(3, dtype=np.float32)))
    np.testing.assert_array_equal(child.receive(30, doubted=True), [0, 1, 2])
    child.close()


def test_an_array_is_taken_whole_and_sealed() -> None:
    child = answering("array", "")
    found = child.receive_array((3, 4), np.dtype(np.uint16))
    np.testing.assert_array_equal(found, np.arange(12).reshape(3, 4))
    for what in ("unsealed", "short"):
        child.send((what, ""))
        with pytest.raises(EOFError):
            child.receive_array((3, 4), np.dtype(np.uint16))
    child.send(("array", ""))
    with pytest.raises(EOFError):
        child.receive_array((3, 4), np.dtype(object))
    child.close()
