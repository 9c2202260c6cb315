"""SLURM on this machine: its daemons with a key, folders and ports of their own, as root.

It needs slurmctld, slurmd, sbatch and srun (Debian's slurm-wlm) and munged (munge). Its one node is
this machine: Debian's SLURM knows no more of them on one.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 60
PROCESSORS = 4
"""What its node claims to have: jobs wait for less than they would with the true ones."""

_CONFIGURATION = """\
ClusterName=night
SlurmctldHost=localhost
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1
KillWait=10
"""


@dataclass
class Slurm:
    """A cluster of one node in one partition, ``compute``."""

    folder: Path
    """Where it keeps all that is its own."""
    env: dict[str, str]
    """Variables that lead its commands to it."""

    def run(self, *command: object, env: dict[str, str] | None = None) -> str:
        """Run one of its commands; returns what it says."""
        found = subprocess.run(
            [str(part) for part in command], env={**os.environ, **self.env, **(env or {})},
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        assert found.returncode == 0, found.stderr + self.logs()
        return found.stdout

    def wait(self, job: str, seconds: float = 2 * SECONDS) -> str:
        """Wait until a job is over; returns its last state, such as ``COMPLETED``."""
        begun = time.monotonic()
        while True:
            told = self.run("scontrol", "show", "job", job, "--oneliner")
            state = told.partition("JobState=")[2].split()[0]
            if state not in {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING"}:
                return state
            assert time.monotonic() - begun < seconds, told + self.logs()
            time.sleep(0.2)

    def logs(self) -> str:
        """Return the last lines that its daemons have written."""
        texts = (path.read_text(errors="replace") for path in self.folder.glob("*.log"))
        return "\n".join(line for text in texts for line in text.splitlines()[-20:])


@contextmanager
def slurm(folder: Path) -> Iterator[Slurm]:
    """Start a cluster in an empty folder, and end it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key, configuration = folder / "munge.key", folder / "slurm.conf"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    node = f"NodeName=localhost Port={_free_port()} CPUs={PROCESSORS} RealMemory=4000 State=UNKNOWN"
    partition = "PartitionName=compute Nodes=ALL Default=YES MaxTime=INFINITE State=UP"
    configuration.write_text(
        _CONFIGURATION.format(port=_free_port(), folder=folder) + f"{node}\n{partition}\n"
    )
    found = Slurm(folder, {"SLURM_CONF": str(configuration)})
    daemons: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> None:
        with (folder / "daemons.log").open("ab") as log:
            daemons.append(
                subprocess.Popen(command, env={**os.environ, **found.env}, stdout=log, stderr=log)
            )

    try:
        start(
            "munged", "--foreground", "--force", f"--key-file={key}",
            f"--socket={folder}/munge.socket", f"--log-file={folder}/munged.log",
            f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/munged.seed",
        )  # fmt: skip
        begun = time.monotonic()
        while not (folder / "munge.socket").exists():
            assert time.monotonic() - begun < SECONDS, found.logs()
            time.sleep(0.05)
        start("slurmctld", "-D", "-i", "-f", str(configuration))
        start("slurmd", "-D", "-N", "localhost", "-f", str(configuration))
        while not _is_idle(found):
            assert time.monotonic() - begun < SECONDS, found.logs()
            time.sleep(0.2)
        yield found
    finally:
        if len(daemons) > 1:
            subprocess.run(
                ["scancel", "--full", "--user", "root"], env={**os.environ, **found.env},
                capture_output=True, timeout=SECONDS, check=False,
            )  # fmt: skip
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            try:
                daemon.wait(15)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _is_idle(found: Slurm) -> bool:
    """Tell whether its node waits for jobs."""
    told = subprocess.run(
        ["sinfo", "--noheader", "--Node", "--format=%t"], env={**os.environ, **found.env},
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    return told.stdout.strip() == "idle"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
