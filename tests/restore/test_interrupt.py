"""Ctrl-C in a batch of pictures: whatever it hits, what is on the disk is noted and told of."""

from __future__ import annotations

import dis
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from rawkit.interrupt import uninterrupted
from rawkit.models import Lamba2021, prepare
from rawkit.restore import Brightness, Output, Restorer, restore_files
from rawkit.restore.manifest import Manifest, read_manifest
from rawkit.sensor import Amplification
from tests.support.factories import write_noise_dng

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType
    from typing import Self

    from rawkit.restore import RestoreReport

MOMENTS = 24
"""Moments of a batch at which it is interrupted, one in each part of it."""


@pytest.fixture(scope="module")
def restorer() -> Restorer:
    torch.manual_seed(3)
    return Restorer(prepare(Lamba2021().eval()), "lamba2021", None, Amplification())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("dark")
    found = [folder / f"{number}.dng" for number in range(6)]
    for number, path in enumerate(found):
        write_noise_dng(path, shape=(96, 128), seed=number)
    return found


def assert_all_is_noted(out: Path, report: RestoreReport) -> None:
    written = sorted(str(path) for path in out.glob("*.png"))
    assert sorted(str(one.picture) for one in report.restored) == written
    assert sorted(read_manifest(out)) == written
    assert report.failed == []
    # A thread that the interrupt hit while it was started is not waited for, and drops its picture.
    deadline = time.monotonic() + 5
    while list(out.glob("*.part")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not list(out.glob("*.part"))


def test_an_interrupt_waits_until_a_picture_is_noted(
    tmp_path: Path, files: list[Path], restorer: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, added = Manifest.add, []

    def hit(self: Manifest, values: dict[str, Any]) -> None:
        added.append(values)
        if len(added) == 2:
            signal.raise_signal(signal.SIGINT)
        plain(self, values)

    monkeypatch.setattr(Manifest, "add", hit)
    report = restore_files(files, Output(tmp_path), restorer)
    assert report.interrupted
    assert 2 <= len(report.restored) < len(files)
    assert_all_is_noted(tmp_path, report)


class Lines:
    """Counts the lines that the main thread runs of rawkit and of what hands work to threads.

    Time is no measure of how far a batch is: on a fast machine it ends before a timer does.
    """

    def __init__(self, at: int | None = None) -> None:
        self.count = 0
        """Lines that have begun."""
        self._at = at

    def __enter__(self) -> Self:
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG002 - Python's
        name = frame.f_code.co_filename
        return self._line if "/rawkit/" in name or "/concurrent/futures/" in name else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG002 - Python's
        if event == "line":
            self.count += 1
            if self._at is not None and self.count >= self._at and not _leaves_with(frame):
                self._at = None
                signal.raise_signal(signal.SIGINT)
        return self._line


def _leaves_with(frame: FrameType) -> bool:
    """Tell whether a block of `with` ends here, and what ends it has yet to be called.

    No signal is handled there, but what is traced may raise: a lock would stay locked for ever.
    """
    code, at = frame.f_code.co_code, frame.f_lasti
    while dis.opname[code[at]] == "SWAP":  # a value that is returned goes below
        at += 2
    return [dis.opname[one] for one in code[at : at + 6 : 2]] == ["LOAD_CONST"] * 3


def test_an_interrupt_at_any_moment_leaves_nothing_that_is_not_noted(
    tmp_path: Path, files: list[Path], restorer: Restorer
) -> None:
    def restore(name: str) -> RestoreReport:
        output = Output(tmp_path / name, brightness=Brightness("auto", (1, 5)))
        return restore_files(files, output, restorer)

    with Lines() as whole:
        assert len(restore("whole").restored) == 2 * len(files)
    edges = np.linspace(1, whole.count, MOMENTS + 1).astype(int)
    moments = np.random.default_rng(0).integers(edges[:-1], edges[1:])
    hit = 0
    for moment in moments.tolist():
        name = str(moment)
        try:
            with Lines(moment):
                report = restore(name)
        except KeyboardInterrupt:  # before the first, or after the last
            hit += 1
            continue
        assert_all_is_noted(tmp_path / name, report)
        assert report.interrupted or len(report.restored) == 2 * len(files)
        hit += report.interrupted
    # Threads are not as fast each time: the last moments may lie behind the end.
    assert hit >= 0.8 * MOMENTS, hit


def test_where_a_with_ends_is_known() -> None:
    ends = []

    def body(lock: threading.Lock) -> int:
        with lock:
            return len(str(lock))

    def trace(frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ARG001 - Python's
        if frame.f_code is not body.__code__:
            return None
        if event == "line":
            ends.append((frame.f_lineno - body.__code__.co_firstlineno, _leaves_with(frame)))
        return trace

    sys.settrace(trace)
    body(threading.Lock())
    sys.settrace(None)
    assert ends == [(1, False), (2, False), (1, True)]


def test_an_interrupt_is_held_back_and_then_comes() -> None:
    done = []

    def held() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("after")

    with pytest.raises(KeyboardInterrupt):
        held()
    assert done == ["after"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_only_the_main_thread_holds_it_back() -> None:
    found = []

    def elsewhere() -> None:
        with uninterrupted():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
