"""Builds `rawkit._native` from the C files in `native`, where there is a compiler.

Without one rawkit is installed all the same: each loop of that module has its plain way in Python,
slower and with the same results.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

_FLOATS = ["-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
"""Numbers as IEEE 754 has them, each operation rounded; nobody asks for errno or signals."""


class NativeModule(BuildHookInterface[Any]):
    """Adds the module to a wheel; to an editable install by putting it into the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the module before the wheel is put together."""
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        if version == "editable":
            for old in root.glob("rawkit/_native.*"):
                if old.suffix != ".pyi":
                    old.unlink()
        self._folder = tempfile.mkdtemp(prefix="rawkit-native-")
        try:
            built = _build(root, Path(self._folder))
        except (BaseError, CCompilerError, OSError) as error:
            self.app.display_warning(
                f"rawkit is built without its native module, and will be slower: {error}"
            )
            return
        if version == "editable":
            shutil.copyfile(built, root / "rawkit" / built.name)
        else:
            build_data["force_include"][str(built)] = f"rawkit/{built.name}"
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was compiled, now that the wheel has it."""
        del version, build_data, artifact_path
        if self.target_name == "wheel":
            shutil.rmtree(self._folder, ignore_errors=True)


def _build(root: Path, folder: Path) -> Path:
    """Compile the C files into a folder; returns the module."""
    flags = [] if os.name == "nt" else ["-O3", "-std=c11", "-fvisibility=hidden", *_FLOATS]
    extension = Extension(
        "rawkit._native",
        sources=sorted(str(path) for path in (root / "native").rglob("*.c")),
        depends=sorted(str(path) for path in (root / "native").rglob("*.h")),
        extra_compile_args=flags,
        py_limited_api=True,
    )
    command = build_ext(Distribution({"name": "rawkit", "ext_modules": [extension]}))
    command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "temp")
    command.ensure_finalized()
    command.run()
    return Path(command.get_ext_fullpath(extension.name))
