"""Runs the tests of the native module with one built under ASan and UBSan: `make sanitize`.

Once for each level that the processor has, so that both the plain and the vector ways are seen.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.native.building import BUILD, LEVELS, NATIVE, SANITIZE, compile_shared, compiler, library
from tests.support.paths import REPOSITORY

TESTS = ("tests/native", "tests/stream/test_cutting.py", "tests/store/test_shard.py")
_PROBE = "import tests.native.sanitized; from rawkit import native; print(native.LEVEL)"


def main() -> None:
    """Build, and run the tests level by level; ends with an error where one fails."""
    gcc = compiler("gcc")
    sources = sorted(NATIVE.rglob("*.c"))
    built = BUILD / "sanitize" / "_native.so"
    compile_shared(gcc, built, *SANITIZE, "-fvisibility=hidden", sources=sources)
    preloaded = [library(gcc, name) for name in ("libasan.so", "libubsan.so", "libstdc++.so.6")]
    for level in LEVELS:
        environment = {
            **os.environ,
            "LD_PRELOAD": " ".join(preloaded),
            # Python keeps memory until it ends.
            "ASAN_OPTIONS": "detect_leaks=0",
            "RAWKIT_SANITIZED": str(built),
            "RAWKIT_NATIVE": level,
        }
        probe = [sys.executable, "-c", _PROBE]
        found = subprocess.check_output(probe, cwd=REPOSITORY, env=environment, text=True).strip()
        if found != level:
            sys.stderr.write(f"sanitize: this processor has no {level}\n")
            continue
        sys.stderr.write(f"sanitize: {level}\n")
        plugin = ["-p", "tests.native.sanitized"]
        tests = [sys.executable, "-m", "pytest", "-q", "-n", "2", *plugin, *TESTS]
        if ended := subprocess.call(tests, cwd=REPOSITORY, env=environment):
            sys.exit(ended)


if __name__ == "__main__":
    main()
