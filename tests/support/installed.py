"""A wheel installed into an environment of its own, away from the checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def install_alone(wheel: Path, home: Path) -> Path:
    """Install a wheel into a new environment in `home`; returns its folder of commands.

    What rawkit depends on is taken from this environment, so that nothing is fetched.
    """
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    paths = sysconfig.get_paths(vars={"base": str(home), "platbase": str(home)})
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps",
         "--no-index", "--disable-pip-version-check", str(wheel)],
        check=True, capture_output=True,
    )  # fmt: skip
    # A path file adds folders, but not the path files in them: not our own editable install.
    others = Path(paths["purelib"]) / "others.pth"
    others.write_text(sysconfig.get_paths()["purelib"] + "\n")
    return home / "bin"


def run(*command: object, cwd: Path) -> str:
    """Run a command that must succeed, without the checkout on Python's path; return its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout
