"""Decoding in a process of its own: the same pixels, and bad files that cost only themselves."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.errors import (
    CrashedError,
    HungError,
    NotRawError,
    RawFileError,
    TooLargeError,
    UnreadableError,
)
from rawkit.restore.decoder import DecodeJob, Decoder, decode_job
from rawkit.sensor import Levels, RenderParameters, amplification_base, decode, open_raw
from tests.support.factories import write_noise_dng

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=[False, True], ids=["together", "apart"])
def decoder(request: pytest.FixtureRequest) -> Iterator[Decoder]:
    with Decoder(60, apart=request.param) as one:
        yield one


def job(path: Path, **changes: object) -> DecodeJob:
    return DecodeJob(path, str(path), **changes)  # type: ignore[arg-type] # fields by name


def pid_of(decoder: Decoder) -> int:
    decoder.start()
    child = decoder._child  # noqa: SLF001 - to kill it, as a bad file would
    assert child is not None
    return child.pid


def test_pixels_levels_and_estimate_come_through_whole(tmp_path: Path, decoder: Decoder) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path, shape=(70, 90), active_area=(6, 4, 66, 88), black_level=(1, 2, 3, 4))
    found = decoder.decode(job(path))
    expected = decode(path)
    np.testing.assert_array_equal(found.image.pixels, expected.pixels)
    assert found.image.mosaic == expected.mosaic
    assert found.base == amplification_base(expected)
    assert found.capture.model == "Test"
    assert found.plain is None
    by_bytes = decoder.decode(DecodeJob(path.read_bytes(), "in memory"))
    np.testing.assert_array_equal(by_bytes.image.pixels, expected.pixels)


def test_the_plain_conversion_is_libraws_brightened_by_an_eighth_of_the_estimate(
    tmp_path: Path, decoder: Decoder
) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path)
    found = decoder.decode(job(path, plain=True))
    with open_raw(path) as raw:
        expected = raw.render(RenderParameters(bits=16), brightness=max(1.0, found.base / 8))
    assert isinstance(found.plain, np.ndarray)
    np.testing.assert_array_equal(found.plain, expected)


def test_levels_can_be_overridden(tmp_path: Path, decoder: Decoder) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path)
    found = decoder.decode(job(path, levels=Levels(512, 9000)))
    assert found.image.mosaic.black_level == (512.0,) * 4
    assert found.image.mosaic.white_level == 9000


def test_errors_of_files_come_through_and_the_process_stays(
    tmp_path: Path, decoder: Decoder
) -> None:
    (tmp_path / "a.arw").write_text("no raw file\n" * 1000)
    write_noise_dng(tmp_path / "b.dng")
    before = pid_of(decoder)
    with pytest.raises(NotRawError) as caught:
        decoder.decode(job(tmp_path / "a.arw"))
    assert caught.value.where == str(tmp_path / "a.arw")
    decoder.decode(job(tmp_path / "b.dng"))
    assert pid_of(decoder) == before


def test_a_file_that_takes_too_long_costs_a_process(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path, shape=(1200, 1600))
    with Decoder(1e-4) as hasty:
        hasty.decode(job(path))  # the first has the time that a start may take
        first = pid_of(hasty)
        with pytest.raises(HungError, match="not decoded after"):
            hasty.decode(job(path))
        assert not Path(f"/proc/{first}").exists()
        assert hasty.decode(job(path)).image.pixels.shape == (1200, 1600)


def test_a_process_that_dies_costs_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path)
    with Decoder(60) as one:
        os.kill(pid_of(one), signal.SIGSEGV)
        with pytest.raises(CrashedError, match="SIGSEGV"):
            one.decode(job(path))
        one.decode(job(path))


def test_a_file_that_takes_too_much_memory_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path, shape=(3000, 4000))
    write_noise_dng(tmp_path / "b.dng")
    with Decoder(60, memory=20_000_000) as small:
        with pytest.raises(TooLargeError):
            small.decode(job(path))
        small.decode(job(tmp_path / "b.dng"))


def test_a_wait_can_be_broken_off_from_another_thread(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path)
    with Decoder(60) as one:
        os.kill(pid_of(one), signal.SIGSTOP)
        timer = threading.Timer(0.2, one.abort)
        timer.start()
        started = time.monotonic()
        with pytest.raises(CrashedError):
            one.decode(job(path))
        assert time.monotonic() - started < 30
        timer.join()


def test_real_broken_files_are_refused_alike(real_data: Path, decoder: Decoder) -> None:
    for path in sorted((real_data / "broken").iterdir()):
        with pytest.raises(RawFileError) as there:
            decoder.decode(job(path))
        with pytest.raises(RawFileError) as here:
            decode_job(job(path))
        assert there.value.args == here.value.args


def test_the_process_does_without_torch(decoder: Decoder) -> None:
    mapped = Path(f"/proc/{pid_of(decoder)}/maps")
    if not mapped.is_file():
        pytest.skip("no /proc here")
    assert "libtorch" not in mapped.read_text()


@pytest.mark.parametrize("apart", [False, True])
def test_what_decodes_has_given_up_everything_else(tmp_path: Path, *, apart: bool) -> None:
    write_noise_dng(tmp_path / "a.dng")
    with Decoder(60, memory=10**9, apart=apart) as one:
        assert one.confinement().whole
        assert one.decode(job(tmp_path / "a.dng")).capture.model == "Test"


def until_none(children: Path) -> None:
    deadline = time.monotonic() + 20
    while children.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_file_has_a_process_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    write_noise_dng(path, shape=(3000, 4000))
    with Decoder(60, apart=True) as one:
        one.confinement()
        first = pid_of(one)
        children = Path(f"/proc/{first}/task/{first}/children")
        seen: set[str] = set()
        until_none(children)

        def watch() -> None:
            while not over.is_set():
                seen.update(children.read_text().split())

        over = threading.Event()
        watching = threading.Thread(target=watch)
        watching.start()
        for _ in range(2):
            one.decode(job(path))
        over.set()
        watching.join()
        assert len(seen) == 2
        assert pid_of(one) == first
        until_none(children)


def test_what_is_no_file_is_said_before_a_process_sees_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.dng")
    with Decoder(60) as one:
        for path, found in (
            (tmp_path / "pipe.dng", "a pipe, socket or device"),
            (tmp_path, "Is a directory"),
            (tmp_path / "none.dng", "No such file"),
        ):
            with pytest.raises(UnreadableError, match=found) as caught:
                one.decode(job(path))
            with pytest.raises(UnreadableError) as here:
                decode_job(job(path))
            assert str(caught.value) == str(here.value)
