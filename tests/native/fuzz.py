"""Fuzzes native/codec, guided by its coverage: `make fuzz`, or for a minute in CI.

`fuzz_one.c` says what is compared. It is built by clang with ASan, UBSan and libFuzzer, and runs in
Python, since what it compares with is the library in the very numcodecs that rawkit uses. It starts
from fabricated chunks and from the corpus that is kept beside this file, and leaves what it found
in `build/fuzz`: its corpus, and an input for each find.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numcodecs.blosc import Blosc
from numcodecs.lz4 import LZ4

from tests.native.building import BUILD, NATIVE, SANITIZE, compile_shared, compiler, library, stop
from tests.support.ljpeg import encode_ljpeg
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

HERE = Path(__file__).parent
KEPT = HERE / "corpus.zip"
"""Inputs that reach what can be reached; `--keep` makes it anew."""
FOLDER = BUILD / "fuzz"
BUILT = FOLDER / "fuzz.so"
_COMMAND = (sys.executable, "-m", "tests.native.fuzz", "--libfuzzer")
RIGHT_LENGTH, AS_IT_IS, BLOCK, SUM = range(4)
"""First byte of an input: a chunk with its length put right, a chunk as it is, LZ4, a checksum."""
JPEG = 128
"""The same for a lossless JPEG, and all above."""
_LONGEST = 4096
"""Bytes of an input: enough for chunks of several blocks and tiles, which are tried faster."""


def fabricated() -> Iterator[bytes]:
    """Make inputs from values like those of stores: dark, noise, flat, and with a period.

    Tiles of the bitshuffle are of 512 values: some of the chunks end within one.
    """
    generator = np.random.default_rng(7)
    for count in (8, 32, 128, 512, 520, 1000, 1544, 2048, 7000):
        period = generator.integers(0, 65536, int(generator.integers(1, 60)))
        for values in (
            generator.poisson(9, count),
            generator.integers(0, 65536, count),
            np.full(count, 1234),
            np.resize(period, count),
        ):
            yield from inputs_of(values.astype(np.uint16))
    yield from ends()
    yield from jpegs()


def jpegs() -> Iterator[bytes]:
    """Make lossless JPEGs of few pixels, of all predictors and numbers of components."""
    generator = np.random.default_rng(8)
    for predictor in range(1, 8):
        for components in (1, 2, 4):
            values = generator.integers(0, 1 << 10, (5, 3 * components + 8), np.uint16)
            whole = values[:, : values.shape[1] // components * components]
            yield bytes([JPEG]) + encode_ljpeg(whole, components, predictor, 10)
            yield bytes([JPEG]) + encode_ljpeg(whole // 64 + 500, components, predictor, 12)


def ends() -> Iterator[bytes]:
    """Make LZ4 blocks of one match, short or long, and few bytes behind it: too few in some."""
    for more in (b"\0", b"\x20", b"\xff" * 6 + b"\0"):
        for behind in range(14):
            size = 1 + 19 + sum(more) + behind
            match = b"\x1f" + b"a" + b"\1\0" + more
            block = match + bytes([behind << 4]) + b"b" * behind
            yield bytes([BLOCK]) + (size - 1).to_bytes(2, "little") + block


def inputs_of(values: NDArray[np.uint16]) -> Iterator[bytes]:
    """Make chunks of one block and of several, an LZ4 block, and bytes to be summed."""
    for blocksize in (0, 256, 1024):
        codec = Blosc(cname="lz4", clevel=5, shuffle=Blosc.BITSHUFFLE, blocksize=blocksize)
        yield bytes([RIGHT_LENGTH]) + bytes(codec.encode(values))
    block = bytes(LZ4().encode(values))[4:]  # numcodecs puts the length before it
    yield bytes([BLOCK]) + (values.nbytes - 1).to_bytes(2, "little") + block
    yield bytes([SUM]) + values.tobytes()


def kept() -> list[bytes]:
    """Read the inputs that are kept in the checkout."""
    with zipfile.ZipFile(KEPT) as archive:
        return [archive.read(name) for name in archive.namelist()]


def keep(folder: Path) -> None:
    """Keep the inputs of a folder in the checkout, so that the same ones give the same file."""
    with zipfile.ZipFile(KEPT, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)


def build() -> dict[str, str]:
    """Build the fuzzer; returns the environment that it needs."""
    clang = compiler("clang")
    driver = library(clang, "libclang_rt.fuzzer_no_main-x86_64.a", "libclang_rt.fuzzer_no_main.a")
    sanitizer = library(clang, "libclang_rt.asan-x86_64.so", "libclang_rt.asan.so")
    sources = [
        HERE / "fuzz_one.c",
        HERE / "slow_ljpeg.c",
        NATIVE / "processor.c",
        *sorted(NATIVE.glob("codec/*.c")),
    ]
    compile_shared(
        clang, BUILT, *SANITIZE, "-fsanitize=fuzzer-no-link", "-shared-libasan",
        # The sanitizer's library has counters of its own that do nothing.
        "-Wl,-Bsymbolic", "-Wl,--whole-archive", driver, "-Wl,--no-whole-archive",
        "-lstdc++", "-lm", "-ldl", "-lpthread",
        sources=sources,
    )  # fmt: skip
    return {**os.environ, "LD_PRELOAD": sanitizer, "ASAN_OPTIONS": "detect_leaks=0"}


def run(options: list[str]) -> int:
    """Run libFuzzer in this process, which `build` has an environment for."""
    spec, fuzzer = find_spec("numcodecs.blosc"), ctypes.CDLL(str(BUILT))
    if spec is None or spec.origin is None or not fuzzer.fuzz_prepare(spec.origin.encode()):
        stop("numcodecs shows no blosc_decompress_ctx and LZ4_decompress_safe to compare with")
    fuzzer.fuzz_sweep()
    # libFuzzer starts itself again, through a shell, where it merges.
    arguments = [part.encode() for part in (" ".join(_COMMAND), *options)]
    return int(fuzzer.fuzz(len(arguments), (ctypes.c_char_p * (len(arguments) + 1))(*arguments)))


def start(environment: dict[str, str], *options: str) -> subprocess.Popen[bytes]:
    """Start libFuzzer in a process of its own."""
    return subprocess.Popen([*_COMMAND, *options], cwd=REPOSITORY, env=environment)


def fuzz(seconds: int, processes: int) -> None:
    """Fuzz on some cores, which share what they reach; ends the script at a find."""
    environment, corpus = build(), FOLDER / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate([*fabricated(), *(kept() if KEPT.exists() else ())]):
        (corpus / f"seed-{number}").write_bytes(data)
    options = (
        f"-max_total_time={seconds}", f"-max_len={_LONGEST}", "-rss_limit_mb=3000", "-verbosity=1",
        "-print_final_stats=1", "-reload=5", f"-artifact_prefix={FOLDER}/", str(corpus),
    )  # fmt: skip
    running = [start(environment, *options) for _ in range(processes)]
    ended = [process.wait() for process in running]
    if any(ended):
        stop(f"found something: {FOLDER}/crash-*, or as said above; one is run again with --input")


def main() -> None:
    """Build and fuzz, run one input again, or keep the corpus."""
    if sys.argv[1:2] == ["--libfuzzer"]:
        sys.exit(run(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--input", type=Path, help="run this one input instead")
    parser.add_argument("--keep", action="store_true", help="afterwards, keep the corpus")
    given = parser.parse_args()
    if given.input:
        sys.exit(start(build(), str(given.input)).wait())
    fuzz(given.seconds, given.processes)
    if given.keep:
        merged = FOLDER / "merged"
        shutil.rmtree(merged, ignore_errors=True)
        merged.mkdir()
        options = (f"-max_len={_LONGEST}", "-merge=1", str(merged), str(FOLDER / "corpus"))
        if start(build(), *options).wait():
            stop("the corpus could not be merged")
        keep(merged)


if __name__ == "__main__":
    main()
