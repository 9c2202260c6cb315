"""A Python process of our own that answers requests, and may die without taking us along.

Not `multiprocessing`: its children cannot have children in a dask worker, and it runs the main
module again. The two ends share a socket; what is large crosses as an anonymous file.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import io
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
from multiprocessing import reduction
from multiprocessing.connection import Connection
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import numpy as np

import rawkit
from rawkit.workers.answers import plain_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_ROOT = Path(rawkit.__file__).parents[1]
_CLOSE_SECONDS = 10
_MOST_BYTES = 16 << 20
"""What a message of a doubted child may be."""
_CAN_SEAL = hasattr(os, "memfd_create")
_SEALS = (
    fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    if _CAN_SEAL
    else 0
)
_PR_SET_PDEATHSIG = 1
_UNCATCHABLE = (signal.SIGKILL, signal.SIGSTOP)


class Child:
    """The parent's end. Not thread-safe.

    Parameters
    ----------
    function
        ``module:name`` of a function that takes the child's `Connection` and serves until its end.
    environment
        Variables of the environment to set.
    """

    def __init__(self, function: str, environment: dict[str, str] | None = None) -> None:
        ours, theirs = socket.socketpair()
        module, _, name = function.partition(":")
        code = (
            "import sys; sys.path[:0] = [sys.argv[2]]; "
            "from rawkit.workers.child import serve; serve(*sys.argv[1:2], *sys.argv[3:])"
        )
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [sys.executable, "-c", code, str(theirs.fileno()), str(_ROOT), module, name],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **(environment or {})},
                process_group=0,  # Ctrl-C is the parent's business
            )
        self.connection = Connection(ours.detach())

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send(self, message: object) -> None:
        """Send a message; raises `EOFError` if the child has died."""
        try:
            self.connection.send(message)
        except OSError as error:
            raise EOFError from error

    def receive(self, seconds: float | None = None, *, doubted: bool = False) -> Any:
        """Return its next message.

        From a child that is `doubted`, as what it reads may have taken it over, only plain values
        and objects that describe are taken, see `rawkit.workers.answers`.

        Raises
        ------
        TimeoutError
            If none comes in so many seconds.
        EOFError
            If the child has died, or a doubted one sends what cannot be taken.
        """
        try:
            if not self.connection.poll(seconds):
                raise TimeoutError
            if doubted:
                return plain_answer(self.connection.recv_bytes(_MOST_BYTES))
            return self.connection.recv()
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise EOFError from error
        except UnpicklingError as error:
            raise EOFError(str(error)) from error

    def send_file(self, descriptor: int) -> None:
        """Send an open file, for `receive_file`; raises `EOFError` if the child has died."""
        try:
            reduction.send_handle(self.connection, descriptor, self.pid)
        except OSError as error:
            raise EOFError from error

    def receive_array(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array that the child sends with `send_array`; its memory is the child's.

        Where the system can seal it, it is sealed: it changes no more, nor does it become shorter,
        which would end this process.

        Raises
        ------
        EOFError
            If the child has died, or sends another array, or one that is not sealed.
        """
        try:
            descriptor = reduction.recv_handle(self.connection)
        except (OSError, RuntimeError) as error:
            raise EOFError from error
        try:
            if _CAN_SEAL and fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
                raise EOFError("an array that is not sealed")
            mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
            return np.frombuffer(mapped, dtype).reshape(shape)
        except (OSError, TypeError, ValueError) as error:
            raise EOFError(f"not the array that was announced ({error})") from error
        finally:
            os.close(descriptor)

    def ended_by(self) -> str:
        """Say how a child that has died did so, for people."""
        code = self._process.wait(_CLOSE_SECONDS)
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Let it end by itself; end it if it does not."""
        self.connection.close()  # it ends at the end of its connection
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(descriptor: str, module: str, name: str) -> None:
    """Run in the child: import the function and hand it the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    function: Callable[[Connection], None] = getattr(__import__(module, fromlist=[name]), name)
    with contextlib.suppress(EOFError, ConnectionError), Connection(int(descriptor)) as connection:
        function(connection)


def send_array(connection: Connection, array: NDArray[Any]) -> None:
    """Send an array's bytes as an anonymous file; shape and type go in a message of their own."""
    with _anonymous_file() as file:
        file.write(np.ascontiguousarray(array).data)
        file.flush()
        if _CAN_SEAL:
            fcntl.fcntl(file.fileno(), fcntl.F_ADD_SEALS, _SEALS)
        reduction.send_handle(connection, file.fileno(), 0)


def in_fork(work: Callable[[], None]) -> None:
    """Do work in a fork of this process, which has no threads, and wait for it.

    If it ends by a signal or an error, this process ends in the same way, so that its parent is
    told of it. If this process is killed, so is the fork.
    """
    us = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _die_with(us)
            work()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code < 0:
        if -code not in _UNCATCHABLE:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(us, -code)
    if code:
        os._exit(code)


def _die_with(parent: int) -> None:
    """Let the system kill this process when its parent dies, where it offers that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def receive_file(connection: Connection) -> io.FileIO:
    """Receive a file that the parent has opened, in the child."""
    return io.FileIO(reduction.recv_handle(connection), closefd=True)


def _anonymous_file() -> Any:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("rawkit", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "wb")
    return tempfile.TemporaryFile()
