"""Raw files decoded in a process of their own, under limits of time and memory.

LibRaw has crashed, hung and asked for gigabytes over damaged files. Here that costs one file: the
process is replaced, and the file is listed. What it reads may be made to take it over, too: so the
process gives up files, network and other processes before it reads any, and is handed open files.
"""

from __future__ import annotations

import io
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from rawkit.errors import CrashedError, HungError, RawFileError, TooLargeError, UnreadableError
from rawkit.pictures import Capture, capture_of_file
from rawkit.sensor import (
    Headerless,
    LevelCheck,
    Levels,
    RawImage,
    RenderParameters,
    amplification_base,
    check_levels,
    load_readers,
    open_file,
    open_raw,
    plane_histograms,
)
from rawkit.workers import (
    Child,
    Confinement,
    confine,
    in_fork,
    limit_files,
    limit_memory,
    load_sandbox,
    receive_file,
    send_array,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from multiprocessing.connection import Connection
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

_HEADROOM = 8.0
"""How far below the estimate a plain conversion is rendered: a picture may be darker than the
estimate, and what is clipped cannot be darkened again."""
_GRACE_SECONDS = 10.0
"""What a process may take to start, beyond the time for a file."""
_LEAST_BYTES = 1_000_000_000
"""What a file may always take: one of 100 MP does."""


def decoder_memory(max_ram: int) -> int:
    """Return how many bytes decoding a file may take where a process may take `max_ram`."""
    return max(max_ram, _LEAST_BYTES)


@dataclass(frozen=True, slots=True)
class DecodeJob:
    """A raw file to decode."""

    contents: Path | bytes
    """Its path or its bytes."""
    where: str
    """What messages call it."""
    levels: Levels | None = None
    """Levels that override the file's."""
    plain: bool = False
    """Whether LibRaw's own conversion is wanted as well."""
    headerless: Headerless | None = None
    """What a file holds that does not say so itself."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded raw file, ready for the network."""

    image: RawImage
    """The visible mosaic; its pixels may not be written to."""
    base: float
    """The amplifier's estimate."""
    levels: LevelCheck
    """Whether its levels fit its pixels."""
    capture: Capture
    """What is known of the capture."""
    plain: NDArray[np.uint16] | RawFileError | None
    """LibRaw's conversion (H, W, 3), brightened where the estimate is high, or why there is none;
    None where it was not asked for."""
    seconds: float
    """Time it took."""


def decode_job(job: DecodeJob) -> Decoded:
    """Decode a raw file, estimate its amplification, read its EXIF; raises as `open_raw`."""
    started = time.monotonic()
    contents = job.contents
    with open_raw(contents, name=job.where, headerless=job.headerless) as raw:
        image = raw.image(job.levels, resample=True)
        if image.colour_matrix is None:
            image = replace(image, colour_matrix=raw.probe_matrix())
        histograms = plane_histograms(image)
        base = amplification_base(image, histograms)
        plain: NDArray[np.uint16] | RawFileError | None = None
        if job.plain:
            try:
                rendered = raw.render(
                    RenderParameters(bits=16),
                    brightness=max(1.0, base / _HEADROOM),
                    levels=job.levels,
                    square=True,
                )
                plain = rendered.astype(np.uint16, copy=False)
            except RawFileError as error:
                plain = error
    try:
        with io.BytesIO(contents) if isinstance(contents, bytes) else contents.open("rb") as file:
            capture = capture_of_file(file, image.exposure)
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})", where=job.where) from error
    check = check_levels(image, histograms)
    # What was masked has served its purpose, and would have to travel.
    image = replace(image, masked=None)
    return Decoded(image, base, check, capture, plain, time.monotonic() - started)


class Decoder:
    """Decodes one file after the other in a child process. Not thread-safe.

    Parameters
    ----------
    seconds
        Time after which a file counts as hung.
    memory
        Bytes a file may take beyond what the process takes before it; None: no limit.
    apart
        Whether each file has a process to itself, for files of people who do not know each other:
        one that a file has taken over sees no other file. It takes a fork of a process that has
        read none, milliseconds; and the memory of one more process.
    """

    def __init__(self, seconds: float, memory: int | None = None, *, apart: bool = False) -> None:
        self._seconds, self._memory, self._apart = seconds, memory, apart
        self._child: Child | None = None
        self._confinement: Confinement | None = None

    def start(self) -> None:
        """Start the process, so that it is ready when the first file comes."""
        self._started()

    def _started(self) -> Child:
        if self._child is None:
            self._child = Child(f"{__name__}:_serve")
            self._child.send((self._memory, self._apart))
            self._confinement = None
        return self._child

    def _first_answer(self, child: Child) -> Confinement:
        """Return the first thing that the process says."""
        if self._confinement is None:
            self._confinement = child.receive(self._seconds + _GRACE_SECONDS)
        return self._confinement

    def confinement(self) -> Confinement:
        """Start the process, and say what it cannot do.

        Raises
        ------
        CrashedError
            If it dies, or says nothing for long.
        """
        child = self._started()
        try:
            return self._first_answer(child)
        except (EOFError, TimeoutError) as error:
            self._child = None
            child.kill()
            raise CrashedError(
                "the process that decodes does not start", expected="an answer from it"
            ) from error

    def decode(self, job: DecodeJob) -> Decoded:
        """Decode a file.

        Raises
        ------
        HungError
            If it takes too long.
        CrashedError
            If the process dies over it.
        RawFileError
            As `rawkit.sensor.open_raw`.
        """
        known = self._child is not None and self._confinement is not None
        child = self._started()
        with _opened(job) as file:
            try:
                self._first_answer(child)
                child.send((job if file is None else replace(job, contents=b""), file is not None))
                if file is not None:
                    child.send_file(file.fileno())
                return self._answer(child, 0 if known else _GRACE_SECONDS)
            except TimeoutError as error:
                self._child = None
                child.kill()
                raise HungError(
                    f"not decoded after {self._seconds:g} seconds",
                    where=job.where,
                    fix="Allow it more with --frame-timeout, or fetch the file again.",
                ) from error
            except EOFError as error:
                self._child = None
                said = f"answers {error}" if str(error) else f"died ({child.ended_by()})"
                child.kill()
                raise CrashedError(
                    f"the process that decoded it {said}",
                    expected="a file that LibRaw can decode",
                    where=job.where,
                ) from error

    def _answer(self, child: Child, grace: float) -> Decoded:
        answer = child.receive(self._seconds + grace, doubted=True)
        if isinstance(answer, RawFileError):
            raise answer
        try:
            decoded, announced, plain = answer
            shape = (decoded.image.mosaic.height, decoded.image.mosaic.width)
            if announced != (shape, np.dtype(np.uint16)) or not isinstance(decoded, Decoded):
                raise EOFError("not the mosaic that was announced")
            pixels = child.receive_array(*announced)
            if isinstance(plain, tuple):
                plain = child.receive_array(*plain)
        except (AttributeError, TypeError, ValueError) as error:
            raise EOFError("no answer to what was asked") from error
        return replace(decoded, image=replace(decoded.image, pixels=pixels), plain=plain)

    def abort(self) -> None:
        """End the process now, from another thread than the one that waits for it."""
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(job: DecodeJob) -> AbstractContextManager[BinaryIO | None]:
    """Open the file of a job, which the process that decodes could not; None for bytes."""
    if isinstance(job.contents, bytes):
        return nullcontext()
    return open_file(job.contents, job.where)


_EMPTY = np.empty((0, 0), np.uint16)


def _serve(connection: Connection) -> None:
    """Answer requests in the child."""
    memory, apart = connection.recv()
    if not apart:
        connection.send(_confined(memory))
        while True:
            _answer(connection, *_request(connection))
    # What a fork imports the next one imports again.
    load_readers()
    load_sandbox()
    in_fork(lambda: connection.send(_confined(memory)))
    while True:
        job, file = _request(connection)
        in_fork(partial(_answer_apart, connection, job, file, memory))
        if file is not None:
            file.close()


def _confined(memory: int | None) -> Confinement:
    if memory is not None:
        limit_memory(memory)
    limit_files(memory)
    return confine(calls="decode")


def _request(connection: Connection) -> tuple[DecodeJob, io.FileIO | None]:
    job, has_file = connection.recv()
    return job, receive_file(connection) if has_file else None


def _answer_apart(
    connection: Connection, job: DecodeJob, file: io.FileIO | None, memory: int | None
) -> None:
    _confined(memory)
    _answer(connection, job, file)


def _answer(connection: Connection, job: DecodeJob, file: io.FileIO | None) -> None:
    """Answer a request: an error, or a result followed by its arrays."""
    try:
        if file is not None:
            with file:
                job = replace(job, contents=file.readall())
        found = decode_job(job)
    except RawFileError as error:
        connection.send(error)
        return
    except MemoryError:
        connection.send(TooLargeError("not enough memory to decode it", where=job.where))
        return
    arrays: list[NDArray[Any]] = [found.image.pixels]
    plain: Any = found.plain
    if isinstance(plain, np.ndarray):
        arrays.append(plain)
        plain = (plain.shape, plain.dtype)
    pixels = found.image.pixels
    light = replace(found, image=replace(found.image, pixels=_EMPTY), plain=None)
    connection.send((light, (pixels.shape, pixels.dtype), plain))
    for array in arrays:
        send_array(connection, array)
