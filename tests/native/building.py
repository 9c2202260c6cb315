"""Compiles the C files of `native` for tests: with sanitizers, and for the fuzzer."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NoReturn

from tests.support.paths import REPOSITORY

NATIVE = REPOSITORY / "native"
BUILD = REPOSITORY / "build"
LEVELS = ("base", "avx2", "avx512")
"""What ``RAWKIT_NATIVE`` may say, lowest first."""
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
_HOW = "As root on Debian: apt-get install gcc clang libclang-rt-dev, as .ci/run does."


def stop(what: str) -> NoReturn:
    """End this script with what is missing or was found."""
    sys.exit(f"{Path(sys.argv[0]).stem}: {what}")


def compiler(name: str) -> str:
    """Return the path of a compiler; ends the script where there is none."""
    return shutil.which(name) or stop(f"no {name} here, which this cannot do without. {_HOW}")


def library(path: str, *names: str) -> str:
    """Return the path of the first of some libraries of a compiler that it has."""
    for name in names:
        found = subprocess.check_output([path, f"-print-file-name={name}"], text=True).strip()
        if Path(found).is_absolute():
            return found
    stop(f"{path} has no {' or '.join(names)}. {_HOW}")


def compile_shared(compiler: str, out: Path, *flags: str, sources: list[Path]) -> None:
    """Compile C files into a shared library; what the compiler says goes to stderr."""
    out.parent.mkdir(parents=True, exist_ok=True)
    include = sysconfig.get_path("include")
    command = [compiler, "-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    if subprocess.call([*command, f"-I{include}", *map(str, sources), *flags, "-o", str(out)]):
        stop(f"{out.name} does not compile")
