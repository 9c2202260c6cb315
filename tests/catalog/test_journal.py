"""A scan that is interrupted, or killed, has remembered what it read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import load_definition, scan
from rawkit.catalog.journal import journal_path, read_journal
from rawkit.catalog.table import read_table, scan_with_table
from rawkit.workspace import Workspace
from tests.support.factories import write_noise_dng
from tests.support.fixtures_cli import REPOSITORY, run_in
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rawkit.progress import Advance

FOLDER = load_definition("folder")
FILES = 150


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a zip of raw files that differ in their ISO."""
    folder = tmp_path_factory.mktemp("raw")
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(FILES):
            write_noise_dng(folder / "a.dng", shape=(16, 16), iso=100 + number, seed=number)
            archive.write(folder / "a.dng", f"{number:03d}.dng")
    return file.getvalue()


def test_a_scan_that_was_killed_goes_on_with_what_it_read(packed: bytes, tmp_path: Path) -> None:
    table = Workspace(tmp_path).catalog("folder")
    with serve(Web({"/raw.zip": packed}, most=110)) as web:
        command = ["--workspace", tmp_path, "scan", "folder", "--source", web.url("/raw.zip")]
        process = subprocess.Popen(
            [sys.executable, "-c", "from rawkit.cli import main; main()", *map(str, command)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            begun = time.monotonic()
            while len(read_journal(table)) < 64 and time.monotonic() - begun < 60:
                time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert not table.exists()
        read = len(read_journal(table))
        assert 64 <= read < FILES
        web.most = None
        web.released.set()
        ended = run_in(tmp_path, *command[2:], "--json")
        summary = json.loads(ended.out)
        assert (summary["files"], summary["opened"]) == (FILES, FILES - read)
        fresh = scan(FOLDER, web.url("/raw.zip"))
        again = scan_with_table(FOLDER, web.url("/raw.zip"), table)
        assert again.catalog.opened == 0
        assert again.catalog.entries == fresh.entries
    assert not journal_path(table).exists()


class Impatient:
    """Presses Ctrl-C after so many files."""

    @contextmanager
    def stage(self, label: str, total: int | None, unit: str) -> Iterator[Advance]:  # noqa: ARG002 - the protocol's
        """Raise in the middle."""
        seen = 0

        def advance(done: int = 1, note: str = "") -> None:  # noqa: ARG001 - the protocol's
            nonlocal seen
            seen += done
            if seen >= 5:
                raise KeyboardInterrupt

        yield advance


def test_ctrl_c_loses_nothing_that_was_read(tmp_path: Path) -> None:
    root, table = tmp_path / "raw", tmp_path / "t.parquet"
    root.mkdir()
    for number in range(8):
        write_noise_dng(root / f"{number}.dng", iso=100 + number)
    with pytest.raises(KeyboardInterrupt):
        scan_with_table(FOLDER, root, table, Impatient())
    assert len(read_journal(table)) == 5
    # A file that has changed since is read again, and so are lines that are damaged or cut off.
    write_noise_dng(root / "0.dng", iso=3200)
    os.utime(root / "0.dng", ns=(1, 1))
    lines = journal_path(table).read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"101", b"102")
    lines[4] = lines[4][:-30]
    journal_path(table).write_bytes(b"".join(lines) + b"\xff\xfe nonsense\n\n")
    dry = scan_with_table(FOLDER, root, table, save=False)
    assert (dry.catalog.opened, journal_path(table).exists()) == (6, True)
    found = scan_with_table(FOLDER, root, table)
    assert found.catalog.opened == 6
    assert found.catalog.entries == scan(FOLDER, root).entries
    assert read_table(table)[0]["iso"] == [3200.0, *(100.0 + n for n in range(1, 8))]
    assert not journal_path(table).exists()


def test_a_dry_run_leaves_no_journal(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    write_noise_dng(tmp_path / "raw" / "a.dng")
    with pytest.raises(KeyboardInterrupt):
        scan_with_table(FOLDER, tmp_path / "raw", tmp_path / "c" / "t.parquet", _once(), save=False)
    assert not (tmp_path / "c").exists()


def _once() -> Impatient:
    class Once(Impatient):
        @contextmanager
        def stage(self, label: str, total: int | None, unit: str) -> Iterator[Advance]:  # noqa: ARG002 - the protocol's
            """Raise with the first file."""

            def advance(done: int = 1, note: str = "") -> None:  # noqa: ARG001 - the protocol's
                raise KeyboardInterrupt

            yield advance

    return Once()
