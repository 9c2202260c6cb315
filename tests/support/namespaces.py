"""Machines that share nothing but a network, on this one: namespaces joined by a bridge.

Each machine has network, mounts and processes of its own. Its ``/tmp``, ``/dev/shm`` and the
folder that tests write to are its own and empty, and all the rest of the disk, the code among it,
can only be read: what one machine writes no other sees. There is no way out of the network.

    with network("scheduler", "one", "two", "store") as machines:
        settings = serve_objects(machines["store"], "night")
        machines["one"].run("rawkit", "info", "s3://night/mid.zarr", env=settings)
        machines["two"].cut()

It needs root and the tools ``ip`` (iproute2), ``unshare`` and ``nsenter`` (util-linux). All ends
with the block, and with the process that made it, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SECONDS = 60.0
"""How long anything may take to start."""
S3_PORT, DASK_PORT = 9000, 8786
_SWITCH, _BRIDGE = "switch", "br0"
_HOME = Path("/tmp")  # noqa: S108 - a folder of the machine's own
_ENVIRONMENT = ("PATH", "LANG", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
"""Variables that machines take over; credentials and caches of ours are not among them."""


@dataclass
class Machine:
    """One machine. Paths are absolute ones of its own; processes begin in its ``/tmp``."""

    name: str
    """What the network calls it."""
    address: str
    """Its IPv4 address, which all machines of the network reach."""
    pid: int
    """Its first process, as this machine numbers it; when it ends, all of the machine ends."""
    _holder: subprocess.Popen[bytes]
    _port: str
    _switch: int
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def path(self, inside: str | Path) -> Path:
        """Return the path by which this process reaches a file of the machine, to read or write.

        Relative ones begin in its ``/tmp``.
        """
        return Path(f"/proc/{self.pid}/root") / str(_HOME / inside).lstrip("/")

    def start(
        self, *command: object, env: Mapping[str, str] | None = None, log: str = ""
    ) -> subprocess.Popen[bytes]:
        """Start a process there; ``python`` and ``rawkit`` are those of this environment.

        What it prints goes to ``/tmp/LOG``, without `log` nowhere. End it by `end`; `poll` and
        `wait` of what is returned tell of the process there.
        """
        out = self.path(log) if log else Path(os.devnull)
        with out.open("ab") as file:
            process = subprocess.Popen(
                self._entered(command), env=self._environment(env), stdin=subprocess.DEVNULL,
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._started.append(process)
        return process

    def run(
        self,
        *command: object,
        env: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there to its end; with `check`, it must succeed."""
        found = subprocess.run(
            self._entered(command), env=self._environment(env), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert not check or found.returncode == 0, found.stdout + found.stderr
        return found

    def cut(self) -> None:
        """Cut it off the network: packets vanish, and nobody is told."""
        self._switched("ip", "link", "set", self._port, "nomaster")

    def join(self) -> None:
        """Let it back into the network."""
        self._switched("ip", "link", "set", self._port, "master", _BRIDGE)

    def limit(self, megabits: int) -> None:
        """Let so many megabits a second in, and as many out."""
        rate = ("root", "tbf", "rate", f"{megabits}mbit", "burst", "256kb", "latency", "100ms")
        self._switched("tc", "qdisc", "replace", "dev", self._port, *rate)
        _run(
            "nsenter",
            f"--target={self.pid}",
            "--net",
            "tc",
            "qdisc",
            "replace",
            "dev",
            "eth0",
            *rate,
        )

    def die(self) -> None:
        """End all processes of the machine at once, as when its power fails."""
        self._holder.kill()
        self._holder.wait()
        for process in self._started:
            process.wait()

    def _switched(self, *command: str) -> None:
        _run("nsenter", f"--target={self._switch}", "--net", *command)

    def _entered(self, command: Sequence[object]) -> list[str]:
        first, *others = (str(part) for part in command)
        beside = Path(sys.executable).with_name(first)
        return [
            "nsenter", f"--target={self.pid}", "--mount", "--net", "--pid", "--",
            "sh", "-c", f'cd {_HOME} && exec "$@"', "sh",
            str(beside) if beside.exists() else first, *others,
        ]  # fmt: skip

    @staticmethod
    def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
        ours = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        path = os.pathsep.join(part for part in (str(REPOSITORY), ours.get("PYTHONPATH")) if part)
        return {**ours, "PYTHONPATH": path, "HOME": str(_HOME / "home"), **(more or {})}


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process that `Machine.start` has started, and to its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    process.wait(SECONDS)


@contextlib.contextmanager
def network(
    *names: str, hidden: Sequence[Path] = (), kept: Sequence[Path] = ()
) -> Iterator[dict[str, Machine]]:
    """Make machines, by name, and end them.

    Parameters
    ----------
    names
        What they are called, each once.
    hidden
        More folders of this machine that they do not see: each has an empty one of its own there.
    kept
        What they see, to read, although it lies in a hidden folder: beside the code and Python.
    """
    with contextlib.ExitStack() as stack:
        switch = _hold(stack, "unshare", "--net", "--fork", "--kill-child", "sh", "-c", _READY)
        inside = ("nsenter", f"--target={switch[1]}", "--net")
        _run(*inside, "ip", "link", "add", _BRIDGE, "type", "bridge")
        _run(*inside, "ip", "link", "set", _BRIDGE, "up")
        machines: dict[str, Machine] = {}
        for number, name in enumerate(names, start=1):
            holder, pid = _hold(
                stack, "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
                "--mount-proc", "--propagation=private", "sh", "-ec", _own_folders(hidden, kept),
            )  # fmt: skip
            port, address = f"port{number}", f"10.83.0.{number}"
            _run(
                *inside, "ip", "link", "add", "name", port, "type", "veth",
                "peer", "name", "eth0", "netns", str(pid),
            )  # fmt: skip
            _run(*inside, "ip", "link", "set", port, "master", _BRIDGE, "up")
            there = ("nsenter", f"--target={pid}", "--net", "ip")
            _run(*there, "address", "add", f"{address}/24", "dev", "eth0")
            _run(*there, "link", "set", "eth0", "up")
            _run(*there, "link", "set", "lo", "up")
            machines[name] = Machine(name, address, pid, holder, port, switch[1])
            stack.callback(machines[name].die)
        yield machines


_READY = "echo ready; exec cat >/dev/null"
"""Says so, and lives as long as somebody holds its standard input."""


def _own_folders(hidden: Sequence[Path], kept: Sequence[Path]) -> str:
    """Return what a machine's shell does to its mounts before it is ready."""
    # The deepest first, so that one in another is made in that one.
    empty = sorted({_HOME, Path("/dev/shm"), Path(tempfile.gettempdir()), *hidden})  # noqa: S108 - what is hidden
    python = {Path(sys.prefix), Path(sys.base_prefix)}
    seen = [
        one
        for one in sorted({REPOSITORY, *python, *kept})
        if any(one.is_relative_to(folder) for folder in empty)
    ]
    lines = ["mount -n -t tmpfs none /mnt"]
    for number, one in enumerate(seen):
        lines += [f"mkdir /mnt/{number}", f"mount -n --bind {shlex.quote(str(one))} /mnt/{number}"]
    lines += ["mount -n -o remount,bind,ro /"]
    for folder in empty:
        if not any(folder != other and folder.is_relative_to(other) for other in empty):
            lines += [f"mount -n -t tmpfs none {shlex.quote(str(folder))}"]
        lines += [f"mkdir -p {shlex.quote(str(folder))}"]
    for number, one in enumerate(seen):
        where = shlex.quote(str(one))
        lines += [f"mkdir -p {where}", f"mount -n --move /mnt/{number} {where}"]
        lines += [f"mount -n -o remount,bind,ro {where}"]
    return "\n".join([*lines, "umount -n /mnt", f"mkdir -p {_HOME}/home", _READY])


def _hold(
    stack: contextlib.ExitStack, *command: str
) -> tuple[subprocess.Popen[bytes], int]:  # fmt: skip
    """Start a process that makes namespaces; return it and the child that lives in them."""
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    stack.callback(_release, holder)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"ready\n"
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
    return holder, int(children[0])


def _release(holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.wait()
    for pipe in (holder.stdin, holder.stdout):
        if pipe is not None:
            pipe.close()


def _run(*command: str) -> None:
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, f"{shlex.join(command)}: {found.stderr}"


def serve_objects(machine: Machine, bucket: str) -> dict[str, str]:
    """Start moto's S3 server on a machine, with a bucket; return the settings that lead to it."""
    machine.start("python", "-m", "moto.server", "-H", "0.0.0.0", "-p", S3_PORT, log="s3.log")  # noqa: S104 - of its own network
    address = f"http://{machine.address}:{S3_PORT}"
    put = (
        "import sys, urllib.request as r\n"
        "r.urlopen(r.Request(sys.argv[1], method='PUT'), timeout=10).read()"
    )
    _until(
        lambda: machine.run("python", "-c", put, f"{address}/{bucket}", check=False).returncode == 0
    )
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def copy_objects(machine: Machine, url: str, settings: Mapping[str, str]) -> dict[str, bytes]:
    """Return all objects below a URL by their paths there, fetched by a process of a machine."""
    copy = (
        "import sys, s3fs\n"
        "fs = s3fs.S3FileSystem()\n"
        "if fs.exists(sys.argv[1]):\n"
        "    fs.get(sys.argv[1].rstrip('/') + '/', sys.argv[2] + '/', recursive=True)"
    )
    folder = machine.run("mktemp", "-d").stdout.strip()
    machine.run("python", "-c", copy, url, folder, env=settings)
    root = machine.path(folder)
    found = {
        one.relative_to(root).as_posix(): one.read_bytes()
        for one in root.rglob("*")
        if one.is_file()
    }
    machine.run("rm", "-rf", folder)
    return found


def put_objects(machine: Machine, url: str, settings: Mapping[str, str], *files: Path) -> None:
    """Put files of this machine into the object store below a URL, by a process of another."""
    put = "import sys, s3fs; s3fs.S3FileSystem().put_file(sys.argv[1], sys.argv[2])"
    for one in files:
        shutil.copy(one, machine.path(one.name))
        machine.run("python", "-c", put, one.name, f"{url}/{one.name}", env=settings)
        machine.path(one.name).unlink()


def start_dask(
    scheduler: Machine, workers: Sequence[Machine], env: Mapping[str, str]
) -> tuple[str, list[subprocess.Popen[bytes]]]:
    """Start a scheduler and a worker on each of `workers`, one thread each, and wait for them.

    Returns
    -------
        The scheduler's address, and the workers' processes. Logs: ``/tmp/dask.log``.
    """
    address = f"tcp://{scheduler.address}:{DASK_PORT}"
    scheduler.start(
        "python", "-m", "dask", "scheduler", "--host", address, "--no-dashboard",
        env={"PYTHONWARNINGS": "ignore", **env}, log="dask.log",
    )  # fmt: skip
    return address, start_workers(scheduler, workers, address, env)


def start_workers(
    scheduler: Machine, workers: Sequence[Machine], address: str, env: Mapping[str, str]
) -> list[subprocess.Popen[bytes]]:
    """Start workers as `start_dask` does, for a scheduler that runs, and wait for them."""
    log = scheduler.path("dask.log")

    def registered() -> int:
        return log.read_text().count("Register worker")

    wanted = registered() + len(workers)
    started = [start_worker(one, address, env) for one in workers]
    _until(lambda: registered() >= wanted)
    return started


def start_worker(
    machine: Machine, scheduler: str, env: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a worker of one thread that joins a scheduler, and do not wait for it."""
    return machine.start(
        "python", "-m", "dask", "worker", scheduler, "--nthreads", 1, "--no-nanny",
        "--no-dashboard", "--memory-limit", 0, env={"PYTHONWARNINGS": "ignore", **env},
        log="dask.log",
    )  # fmt: skip


def _until(true: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < SECONDS
        time.sleep(0.1)
