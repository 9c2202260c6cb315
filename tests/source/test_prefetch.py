"""Files are fetched ahead, in their order, and never more than may wait."""

from __future__ import annotations

import time
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from rawkit.errors import MissingError, OutputError
from rawkit.source import Prefetch, Transfer, open_source
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rawkit.source import Source, SourceFile

NAMES = [f"{number:02d}.dng" for number in range(9)]
QUICK = Transfer(tries=2, timeout=0.5, pause=0.01)


@pytest.fixture
def web() -> Iterator[Web]:
    with serve(Web({"/x.zip": packed(dict.fromkeys(NAMES, b"x" * 5000))})) as server:
        yield server


def packed(contents: dict[str, bytes]) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data + name.encode())
    return file.getvalue()


def opened(web: Web) -> tuple[Source, tuple[SourceFile, ...]]:
    source = open_source(web.url("/x.zip"), QUICK)
    files = source.files().files
    web.sent.clear()
    return source, files


def settled(web: Web) -> int:
    """Wait until nothing more is asked for; returns the number of requests."""
    count = -1
    while count != len(web.sent):
        count = len(web.sent)
        time.sleep(0.2)
    return count


def test_as_many_wait_as_may_and_all_come_once_in_their_order(web: Web, tmp_path: Path) -> None:
    source, files = opened(web)
    prefetch = Prefetch(source, files, tmp_path, ahead=3)
    assert settled(web) == 3
    for number, file in enumerate(files):
        path = prefetch.path(file)
        assert path is not None
        assert path.read_bytes() == b"x" * 5000 + NAMES[number].encode()
        path.unlink()
        expected = min(len(files), number + 4)
        begun = time.monotonic()
        while len(web.sent) < expected and time.monotonic() - begun < 30:
            time.sleep(0.01)
        assert len(web.sent) == expected
    assert prefetch.path(files[0]) is None  # it has been handed out
    prefetch.close()


def test_files_on_this_machine_and_large_ones_are_left_to_the_workers(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.dng").write_bytes(b"a")
    source = open_source(tmp_path / "raw")
    files = source.files().files
    assert Prefetch(source, files, tmp_path).path(files[0]) is None
    monkeypatch.setattr("rawkit.source.prefetch._LARGEST", 4999)
    there, members = opened(web)
    assert Prefetch(there, members, tmp_path).path(members[0]) is None
    assert not web.sent


def test_a_damaged_file_is_left_to_its_worker_and_a_lost_line_ends_the_run(
    web: Web, tmp_path: Path
) -> None:
    data = bytearray(web.files["/x.zip"])
    data[data.index(b"xxx") + 20] ^= 1  # the first member fails its checksum
    web.files["/x.zip"] = bytes(data)
    source, files = opened(web)
    prefetch = Prefetch(source, files, tmp_path, ahead=2, connections=1)
    assert prefetch.path(files[0]) is None
    assert prefetch.path(files[1]) is not None
    settled(web)
    web.failures = 1000
    waiting = [prefetch.path(file) for file in files[2:4]]  # they came before the line was lost
    assert None not in waiting
    with pytest.raises(MissingError, match="503"):
        prefetch.path(files[4])
    prefetch.close()


def test_a_full_disk_is_an_output_error(web: Web, tmp_path: Path) -> None:
    source, files = opened(web)
    prefetch = Prefetch(source, files, tmp_path / "nowhere")
    with pytest.raises(OutputError, match="cannot be written"):
        prefetch.path(files[0])
    prefetch.close()


def test_nothing_is_begun_after_the_end(web: Web, tmp_path: Path) -> None:
    source, files = opened(web)
    prefetch = Prefetch(source, files, tmp_path, ahead=2, connections=1)
    prefetch.path(files[0])
    prefetch.close()
    count = settled(web)
    assert count <= 3
    assert len(list(tmp_path.iterdir())) <= 3
