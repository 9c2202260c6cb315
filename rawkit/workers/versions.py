"""Which versions a process has of what must be the same wherever a piece of work is done."""

from __future__ import annotations

import sys
from functools import lru_cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import rawkit
from rawkit.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BASIS = ("python", "rawkit", "dask", "distributed", "cloudpickle")
"""What must agree for any work to travel: Python by its minor version, rawkit by its code, too."""
_NONE = "none"


@lru_cache(maxsize=8)
def installed(packages: tuple[str, ...] = BASIS) -> Mapping[str, str]:
    """Return the version of each package in this process.

    ``python`` has two numbers, ``rawkit`` also a digest of its code: a checkout keeps its version
    while it changes. Builds of one version, such as ``2.6.0+cpu``, count as one.
    """
    return {name: _version(name) for name in packages}


def _version(name: str) -> str:
    if name == "python":
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    if name == "rawkit":
        return f"{rawkit.__version__} (code {_digest()})"
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return _NONE


def _digest() -> str:
    """Return eight hexadecimal digits of the modules of rawkit, by name and content."""
    root = Path(rawkit.__file__).parent
    total = blake2b(digest_size=4)
    for path in sorted(root.rglob("*.py")):
        total.update(path.relative_to(root).as_posix().encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """Say what another process has instead of what this one has, a few words a package."""
    return [
        f"{'no ' + name if there.get(name, _NONE) == _NONE else f'{name} {there[name]}'}"
        f" instead of {version_here}"
        for name, version_here in here.items()
        if there.get(name, _NONE) != version_here
    ]


def not_the_same(where: str, different: Sequence[str], more: int = 0) -> ClusterError:
    """Return the error for a worker or scheduler that differs, and `more` others that do so."""
    others = f" and {more} more" if more else ""
    return ClusterError(
        "; ".join(different),
        expected="what this command runs with, on the scheduler and on every worker",
        where=f"{where}{others}",
        fix="Install the same versions there (`pip install -c constraints.txt`), start the "
        "scheduler and its workers again, and repeat the command. No file is at fault.",
    )
