"""What a decoder that a file has taken over would try, in a process of rawkit's."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from multiprocessing import reduction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rawkit.workers import confine, in_fork, limit_files, send_array

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection


def serve(connection: Connection) -> None:
    """Confine this process as one that decodes, and try what is asked for."""
    connection.send(confine(calls="decode"))
    while True:
        connection.send(tried(*connection.recv()))


def serve_work(connection: Connection) -> None:
    """Confine one thread as one that ingests, and try in it, or in another, what is asked for."""
    place, remote = connection.recv()
    answer: list[object] = []

    def confined() -> None:
        answer.append(confine(read=None, write=[place], calls=None if remote else "work"))
        answer.append(tried(*connection.recv()))

    thread = threading.Thread(target=confined)
    thread.start()
    thread.join()
    connection.send(tuple(answer))
    connection.send(tried(*connection.recv()))


def serve_forks(connection: Connection) -> None:
    """Try each thing in a fork."""
    while True:
        request = connection.recv()
        in_fork(lambda request=request: connection.send(tried(*request)))  # type: ignore[misc] # bound


def serve_few_files(connection: Connection) -> None:
    """Try with small files and few of them."""
    limit_files(1000)
    while True:
        connection.send(tried(*connection.recv()))


def tried(what: str, *arguments: object) -> str:
    """Say what came of an attempt: `done`, or the error."""
    try:
        ATTEMPTS[what](*arguments)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        return type(error).__name__
    return "done"


def _connect(port: int) -> None:
    with socket.socket() as one:
        one.connect(("127.0.0.1", port))


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _trace(pid: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.ptrace(16, pid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def _many() -> None:
    with ExitStack() as kept:
        for _ in range(200):
            kept.enter_context(Path("/dev/null").open("rb"))


ATTEMPTS: dict[str, Callable[..., object]] = {
    "read": lambda path: Path(path).read_bytes(),
    "list": lambda path: list(Path(path).iterdir()),
    "write": lambda path: Path(path).write_bytes(b"taken over"),
    "large": lambda path: Path(path).write_bytes(bytes(10_000)),
    "remove": lambda path: Path(path).unlink(),
    "connect": _connect,
    "fork": _fork,
    "run": lambda: subprocess.run([sys.executable, "--version"], check=True),
    "kill": lambda pid: os.kill(pid, signal.SIGTERM),
    "trace": _trace,
    "import": lambda: __import__("xml.dom.minidom"),
    "thread": lambda: threading.Thread(target=int).start(),
    "many": _many,
    "die": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "sleep": lambda: threading.Event().wait(60),
    "fail": lambda: sys.exit(3),
}


class _Bad:
    """A pickle that runs what it likes where it is read."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.write_bytes, (Path(self.path), b"taken over"))


def serve_answers(connection: Connection) -> None:
    """Answer in ways that would take the parent over, or end it."""
    while True:
        what, path = connection.recv()
        if what == "pickle":
            connection.send(_Bad(path))
        elif what == "system":
            connection.send_bytes(b"cos\nsystem\n(S'true'\ntR.")
        elif what == "noise":
            connection.send_bytes(bytes(range(256)))
        elif what == "large":
            connection.send_bytes(bytes(20 << 20))
        elif what == "array":
            send_array(connection, np.arange(12, dtype=np.uint16).reshape(3, 4))
        elif what == "unsealed":
            with os.fdopen(os.memfd_create("open"), "wb") as file:
                file.write(bytes(24))
                file.flush()
                reduction.send_handle(connection, file.fileno(), 0)
        elif what == "short":
            send_array(connection, np.zeros(2, np.uint16))
        else:
            connection.send(path)
