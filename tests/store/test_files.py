"""Files are replaced whole or not at all, and two writers keep apart."""

import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import OutputError, StoreLockedError
from rawkit.files import write_atomically
from rawkit.store.locks.holder import HEARTBEAT_LOST
from rawkit.store.locks.lock import lock


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@contextmanager
def full_disk(file_bytes: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_a_file_holds_what_was_written_last(
    tmp_path_factory: pytest.TempPathFactory, first: bytes, second: bytes
) -> None:
    path = tmp_path_factory.mktemp("files") / "deep" / "file"
    for data in (first, second):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert names_in(path.parent) == ["file"]


def test_a_file_with_the_same_bytes_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"same")
    before = path.stat()
    write_atomically(path, b"same")
    after = path.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    write_atomically(path, b"else")
    assert path.stat().st_ino != before.st_ino


def test_on_a_full_disk_the_old_file_stays_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with full_disk(1000), pytest.raises(OutputError, match="File too large"):
        write_atomically(path, bytes(5000))
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "file" / "inner").mkdir(parents=True)
    with pytest.raises(OutputError) as caught:
        write_atomically(tmp_path / "file", b"data")
    assert caught.value.where == str(tmp_path / "file")
    assert names_in(tmp_path) == ["file"]


def test_below_a_file_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        write_atomically(tmp_path / "file" / "deeper", b"data")
    with pytest.raises(OutputError), lock(tmp_path / "file" / "deeper"):
        pass


def test_a_lock_names_its_holder_and_goes_with_the_block(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path):
        holder = json.loads(path.read_bytes())
        assert holder == {"host": socket.gethostname(), "pid": os.getpid()}
    assert not path.exists()
    with pytest.raises(KeyError), lock(path):
        raise KeyError
    assert not path.exists()


def test_a_second_writer_in_this_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path):
        with pytest.raises(StoreLockedError, match=f"process {os.getpid()} on"), lock(path):
            pass
        assert path.exists(), "who was refused leaves the holder's lock alone"


def test_a_second_process_is_refused_while_the_first_one_runs(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import sys, pathlib\n"
        "from rawkit.errors import StoreLockedError\n"
        "from rawkit.store.locks.lock import HEARTBEAT_LOST, lock\n"
        "try:\n"
        "    with lock(pathlib.Path(sys.argv[1])): print('taken')\n"
        "except StoreLockedError as error: print(error.kind)\n"
    )

    def other() -> str:
        run = [sys.executable, "-c", code, str(path)]
        return subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()

    with lock(path):
        assert other() == "store-locked"
    assert other() == "taken"


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_lock_of_a_dead_process_of_this_machine_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text(json.dumps({"host": socket.gethostname(), "pid": dead_process()}))
    with lock(path):
        assert json.loads(path.read_bytes())["pid"] == os.getpid()
    assert not path.exists()


def test_a_process_number_that_no_process_has_is_dead(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text(json.dumps({"host": socket.gethostname(), "pid": 10**30}))
    with lock(path):
        assert json.loads(path.read_bytes())["pid"] == os.getpid()


def test_the_lock_of_another_machine_is_respected_until_its_heartbeat_stops(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lock"
    path.write_text(json.dumps({"host": "elsewhere", "pid": dead_process()}))
    with pytest.raises(StoreLockedError, match="on elsewhere is writing"), lock(path):
        pass
    assert path.exists()
    stopped = path.stat().st_mtime - HEARTBEAT_LOST - 1
    os.utime(path, (stopped, stopped))
    with lock(path):
        assert json.loads(path.read_bytes())["pid"] == os.getpid()


def test_a_killed_holder_loses_its_lock_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import pathlib, sys, time\n"
        "from rawkit.store.locks.lock import HEARTBEAT_LOST, lock\n"
        "with lock(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == b"held\n"
        with pytest.raises(StoreLockedError, match=f"process {one.pid} on"), lock(path):
            pass
        one.kill()
    with lock(path):
        assert json.loads(path.read_bytes())["pid"] == os.getpid()


def test_the_holder_touches_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rawkit.store.locks.lock.HEARTBEAT", 0.01)
    path = tmp_path / "lock"
    with lock(path):
        os.utime(path, (0, 0))
        deadline = time.monotonic() + 10
        while path.stat().st_mtime == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize("data", [b"", b"garbage", b"[1]", b"{}", b'{"host": "a"}', b"\xff\xfe"])
def test_a_lock_that_says_nothing_and_that_nobody_holds_is_taken_over(
    tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "lock"
    path.write_bytes(data)
    with lock(path):
        assert json.loads(path.read_bytes())["pid"] == os.getpid()
    assert not path.exists()
