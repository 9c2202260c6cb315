"""Chunks as anybody may have written them: the native codec does with them what numcodecs does."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from hashlib import sha256
from typing import TYPE_CHECKING

import google_crc32c
import numpy as np
import pytest

from rawkit import native
from rawkit.errors import StoreDamagedError
from rawkit.store.shard import decompress
from tests.native.building import LEVELS, NATIVE
from tests.native.fuzz import AS_IT_IS, RIGHT_LENGTH, fabricated, kept
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

needs_it = pytest.mark.skipif(not native.CUTS, reason="the native module does not read chunks here")
HEADER = 16
MOST = 1 << 14
"""Bytes of the longest chunk of the corpus, decoded."""


def little(data: bytes | bytearray) -> int:
    return int.from_bytes(data, "little")


def chunks() -> Iterator[tuple[bytes, int]]:
    """Yield the chunks of the corpus, most of them damaged, and the bytes each says it holds."""
    for whole in (*fabricated(), *kept()):
        kind, data = whole[0] & 3, bytearray(whole[1:])
        if kind in {RIGHT_LENGTH, AS_IT_IS} and len(data) >= HEADER:
            if kind == RIGHT_LENGTH:
                data[12:16] = len(data).to_bytes(4, "little")
            size = little(data[4:8])
            if 0 < size <= MOST and size % 2 == 0:
                yield bytes(data), size


def shape_of(size: int) -> tuple[int, int]:
    """Rows and columns of a plane of so many bytes."""
    columns = math.gcd(size // 2, 64)
    return size // 2 // columns, columns


def natively(data: bytes, size: int, file: Path) -> NDArray[np.uint16] | None:
    """Have the native module decode a chunk; None if it leaves it to the library."""
    file.write_bytes(data + google_crc32c.value(data).to_bytes(4, "big")[::-1])
    rows, columns = shape_of(size)
    side = min(max(rows, columns), 128)
    out = np.zeros((1, side, side), np.uint16)
    piece = np.array([[0, len(data) + 4, 0, 0]], np.int64)
    shape, crop = (1, rows, columns, 2), (out, 0, 0, 0, bytes(3))
    compressed = True
    with file.open("rb") as open_file:
        done = native.functions.cut_chunks(
            open_file.fileno(), piece, shape, compressed, [crop], bytearray()
        )
    return out[0, : min(rows, side), : min(columns, side)] if done else None


def by_the_library(data: bytes, size: int, fill: int) -> NDArray[np.uint16] | None:
    """Have numcodecs decode a chunk into memory that held something else; None if it refuses."""
    out = np.full(shape_of(size), fill, np.uint16)
    try:
        decompress(memoryview(data), out, "a chunk")
    except StoreDamagedError:
        return None
    return out[:128, :128]


def is_ours(data: bytes, size: int) -> bool:
    """Whether a chunk is of the kind that the native module decodes, if it is whole."""
    flags, block = data[2], little(data[8:12])
    plain_or_split = 2 | 16
    return (
        (data[0], data[1], data[3]) == (2, 1, 2)
        and flags & ~plain_or_split == 4 | 1 << 5
        and block % 16 == size % 16 == 0
    )


@needs_it
def test_what_the_native_codec_takes_and_refuses_is_what_numcodecs_takes_and_refuses(
    tmp_path: Path,
) -> None:
    taken = refused = 0
    for data, size in chunks():
        ours = natively(data, size, tmp_path / "chunk")
        theirs, again = (by_the_library(data, size, fill) for fill in (0x1111, 0xEEEE))
        if theirs is None:
            assert ours is None
            refused += 1
            continue
        assert again is not None
        np.testing.assert_array_equal(theirs, again)  # it does not show what memory held
        assert ours is not None or not is_ours(data, size)
        if ours is not None:
            np.testing.assert_array_equal(ours, theirs)
            taken += 1
    assert taken >= 80
    assert refused >= 40


_DIGEST = """
import sys
from pathlib import Path
from tests.native.test_codec import digest
print(*digest(Path(sys.argv[1])))
"""


def digest(folder: Path) -> tuple[str, str]:
    """Return the level that runs, and a digest of all that is decoded of the corpus and how."""
    found = sha256()
    for data, size in chunks():
        ours = natively(data, size, folder / "chunk")
        found.update(b"refused" if ours is None else ours.tobytes())
    return native.LEVEL, found.hexdigest()


@needs_it
def test_all_levels_decode_alike(tmp_path: Path) -> None:
    found = {}
    for level in LEVELS:
        ended = subprocess.run(
            [sys.executable, "-c", _DIGEST, str(tmp_path)],
            env={**os.environ, "RAWKIT_NATIVE": level},
            cwd=REPOSITORY, capture_output=True, text=True, check=True,
        )  # fmt: skip
        name, what = ended.stdout.split()
        found[name] = what
    assert "base" in found
    assert len(set(found.values())) == 1


@pytest.mark.parametrize(("decoded", "encoded"), [(-16, 0), (16, 0), (0, -1), (0, 4096), (-64, 9)])
def test_a_chunk_that_lies_about_its_lengths_is_refused(decoded: int, encoded: int) -> None:
    data = bytearray(next(fabricated())[1:])
    size = little(data[4:8])
    data[4:8] = (size + decoded if size + decoded > 0 else 8).to_bytes(4, "little")
    data[12:16] = (len(data) + encoded).to_bytes(4, "little")
    with pytest.raises(StoreDamagedError, match=f"a chunk that tells of .* expected {size} in"):
        decompress(memoryview(data), np.zeros(size, np.uint8), "a chunk")


def test_a_chunk_without_a_whole_header_is_refused() -> None:
    for data in (b"", next(fabricated())[1:HEADER]):
        with pytest.raises(StoreDamagedError, match="a chunk that tells of 0 bytes in 0"):
            decompress(memoryview(data), np.zeros(16, np.uint8), "a chunk")


def test_the_codec_knows_nothing_of_python_or_of_the_rest() -> None:
    allowed = {"../blocks.h", "../processor.h", "codec.h", "ljpeg.h", "nmmintrin.h"}
    for path in NATIVE.glob("codec/*.[ch]"):
        included = re.findall(r'#include ["<](.*)[">]', path.read_text("utf-8"))
        assert set(included) <= allowed, path
    for name in ("blocks.h", "processor.h", "processor.c"):
        text = (NATIVE / name).read_text("utf-8")
        assert "Python.h" not in text
        assert "native.h" not in text
