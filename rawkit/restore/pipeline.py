"""Mosaics to pictures in one process: n + 1 is decoded and n - 1 written while n is restored.

::

    decode thread      │ n + 1: child process decodes, estimates      │
    this thread        │ n: network, band by band                     │
    writing threads    │ n: round, turn, compress the bands that are there; n - 1: end of file │

The network waits for nothing but the first file. Between it and the writer lie two bands at most.
"""

from __future__ import annotations

import errno
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

from rawkit.errors import RawFileError, RawkitError, TooLargeError
from rawkit.restore.capture import Capture, capture_of_row
from rawkit.restore.decoder import DecodeJob, Decoder, decode_job
from rawkit.restore.network import restore_bands, tile_for
from rawkit.restore.picture import (
    orient,
    quantise,
    upright_bands,
    upright_shape,
    write_bands,
    write_picture,
)
from rawkit.restore.plain import LightMeter, as_bright
from rawkit.restore.profile import linear_of
from rawkit.restore.stored import StoredFrame
from rawkit.sensor import amplification_base
from rawkit.sensor.decode import overridden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from rawkit.restore.inputs import Item
    from rawkit.restore.network import Restorer
    from rawkit.restore.output import Output
    from rawkit.sensor import RawImage

_BANDS_WAITING = 2
_WRITERS = 2
_POLL_SECONDS = 0.2
_FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG}
"""What the next file would meet, too."""


@dataclass(frozen=True, slots=True)
class Restored:
    """One picture that was written."""

    source: str
    """The raw file: its path, or archive or store and the path in it."""
    picture: Path
    """The picture."""
    plain: Path | None
    """The plain conversion beside it."""
    amplification: float
    """What the normalised mosaic was multiplied by."""
    amplification_base: float
    """The amplifier's estimate, of which `amplification` may be a multiple."""
    black_level: tuple[float, ...]
    """Black level of each plane that was subtracted, in sensor units."""
    white_level: float
    """White level, in sensor units."""
    level_warning: str | None
    """Why the levels may not fit the pixels."""
    memory_warning: str | None
    """Why it may have taken more memory than was allowed."""
    network: str
    """Name of the network."""
    weights: str
    """SHA-256 of the file of its weights, hexadecimal."""
    decode_seconds: float
    """Time to decode the raw file and to estimate the amplification."""
    restore_seconds: float
    """Time in the network."""
    write_seconds: float
    """Time to write after the network: the end of turning, encoding, and the plain conversion."""

    @property
    def seconds(self) -> float:
        """Time of all stages; those of neighbouring files overlap."""
        return self.decode_seconds + self.restore_seconds + self.write_seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item."""

    item: Item
    """The item."""
    restored: tuple[Restored, ...] = ()
    """Pictures written."""
    error: RawkitError | None = None
    """Why it failed, in whole or in part."""
    fatal: bool = False
    """Whether the next one would fail as well: a full disk."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A mosaic on its way to the network."""

    image: RawImage
    base: float
    capture: Capture
    warning: str | None
    plain: NDArray[np.uint16] | RawFileError | None
    gain_ratio: float | None
    seconds: float


class _Bands:
    """A short queue of bands from the network to a writer, which either end can break off."""

    def __init__(self) -> None:
        self._queue: Queue[NDArray[np.unsignedinteger] | None] = Queue(_BANDS_WAITING)
        self.left = False
        """Whether the writer has gone."""
        self._aborted = False

    def put(self, band: NDArray[np.unsignedinteger] | None) -> bool:
        """Hand a band over, None after the last; False if nobody takes it any more."""
        while not self.left:
            try:
                self._queue.put(band, timeout=_POLL_SECONDS)
            except Full:
                continue
            return True
        return False

    def abort(self) -> None:
        """Let the writer drop what it has."""
        self._aborted = True

    def __iter__(self) -> Iterator[NDArray[np.unsignedinteger]]:
        while True:
            try:
                band = self._queue.get(timeout=_POLL_SECONDS)
            except Empty:
                if self._aborted:
                    raise _AbortedError from None
                continue
            if self._aborted:
                raise _AbortedError
            if band is None:
                return
            yield band


class _AbortedError(Exception):
    """The network will not finish this picture."""


def restore_stream(
    items: Iterable[Item],
    output: Output,
    restorer: Restorer,
    decoder: Decoder | None,
    done: Callable[[Outcome], None],
    *,
    last: bool = True,
) -> None:
    """Restore items one after the other; `done` is told of each, in their order, in this thread.

    `decoder` decodes raw files; None decodes them in this process, without its limits. After the
    `last` items its process ends, as its memory is of use to the network. If `done`
    raises, or the user interrupts, the picture in work is dropped, those that are finished are
    still told of, and the error comes through.
    """
    pending: deque[tuple[Item, list[Future[Restored]], RawkitError | None]] = deque()
    with ThreadPoolExecutor(_WRITERS, "rawkit-write") as writers:
        try:
            for item, loaded in _loaded_ahead(items, output, decoder, last=last):
                if isinstance(loaded, RawkitError):
                    pending.append((item, [], loaded))
                else:
                    pending.append((item, *_restore(item, loaded, output, restorer, writers)))
                while len(pending) > 1:
                    done(_outcome(*pending.popleft()))
        except BaseException:
            if decoder is not None:
                decoder.abort()  # or a file that hangs would keep us
            raise
        finally:
            while pending:
                done(_outcome(*pending.popleft()))


def _outcome(item: Item, futures: list[Future[Restored]], error: RawkitError | None) -> Outcome:
    restored = []
    fatal = False
    for future in futures:
        try:
            restored.append(future.result())
        except RawkitError as failed:
            cause = failed.__cause__
            fatal = fatal or (isinstance(cause, OSError) and cause.errno in _FATAL)
            error = error or failed
        except MemoryError:
            error = error or TooLargeError("not enough memory to write it", where=item.where)
        except _AbortedError:
            continue  # `error` says why
    return Outcome(item, tuple(restored), error, fatal)


def _loaded_ahead(
    items: Iterable[Item], output: Output, decoder: Decoder | None, *, last: bool
) -> Iterator[tuple[Item, _Loaded | RawkitError]]:
    """Decode one item ahead of the one that is being restored."""
    with ThreadPoolExecutor(1, "rawkit-decode") as reader:
        following: tuple[Item, Future[_Loaded | RawkitError]] | None = None
        for item in items:
            current = following
            following = item, reader.submit(_load, item, output, decoder)
            if current is not None:
                yield current[0], current[1].result()
        if following is not None:
            loaded = following[1].result()
            if decoder is not None and last:
                decoder.close()
            yield following[0], loaded


def _load(item: Item, output: Output, decoder: Decoder | None) -> _Loaded | RawkitError:
    try:
        if isinstance(item.what, StoredFrame):
            return _load_stored(item.what, output)
        started = time.monotonic()
        job = DecodeJob(item.what.contents(), item.where, output.levels, output.compare)
        found = decode_job(job) if decoder is None else decoder.decode(job)
    except RawkitError as error:
        return error
    except MemoryError:
        return TooLargeError("not enough memory to decode it", where=item.where)
    seconds = time.monotonic() - started
    return _Loaded(
        found.image, found.base, found.capture, found.levels.warning, found.plain, None, seconds
    )


def _load_stored(frame: StoredFrame, output: Output) -> _Loaded:
    started = time.monotonic()
    image, base = frame.image(), frame.row.amplification_base
    if output.levels is not None:
        image = replace(image, mosaic=overridden(image.mosaic, output.levels))
        base = amplification_base(image)
    return _Loaded(
        image, base, capture_of_row(frame.row), frame.row.level_warning, None,
        frame.gain_ratio, time.monotonic() - started,
    )  # fmt: skip


def _restore(
    item: Item, loaded: _Loaded, output: Output, restorer: Restorer, writers: ThreadPoolExecutor
) -> tuple[list[Future[Restored]], RawkitError | None]:
    """Run the network for each picture of an item; the writers follow it band by band."""
    futures: list[Future[Restored]] = []
    try:
        factors = output.brightness.factors(
            loaded.base, loaded.capture.exposure, loaded.gain_ratio, restorer.amplification,
            ratio_to_estimate=restorer.ratio_to_estimate,
        )  # fmt: skip
        for path, factor in zip(output.pictures(item.name), factors, strict=True):
            bands = _Bands()
            clock = [0.0]
            futures.append(
                writers.submit(_write, item, loaded, path, factor, output, restorer, bands, clock)
            )
            try:
                _run_network(loaded.image, restorer, factor, output, bands, clock)
            except BaseException:
                bands.abort()
                raise
    except RawkitError as error:
        return futures, _placed(error, item)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        return futures, TooLargeError(
            "not enough memory to restore it", where=item.where, fix="Allow less with --max-ram."
        )
    return futures, _plain_error(loaded, output, item)


def _placed(error: RawkitError, item: Item) -> RawkitError:
    """Say which file an error is about, if it does not itself."""
    if error.where is not None:
        return error
    return type(error)(error.found, expected=error.expected, where=item.where, fix=error.fix)


def _plain_error(loaded: _Loaded, output: Output, item: Item) -> RawkitError | None:
    if not output.compare or loaded.plain is None:
        return None
    if isinstance(loaded.plain, RawFileError):
        return type(loaded.plain)(
            f"restored, but not converted plainly: {loaded.plain.reason}", where=item.where
        )
    return None


def _run_network(
    image: RawImage,
    restorer: Restorer,
    factor: float,
    output: Output,
    bands: _Bands,
    clock: list[float],
) -> None:
    """Hand every band over; `clock` counts the seconds the network itself takes.

    Bands are rounded here, not by the writer: what waits is then a quarter or half as large.
    """
    started = time.monotonic()
    for band in restore_bands(image, restorer, factor):
        clock[0] += time.monotonic() - started
        light = linear_of(band) if output.linear else band
        if not bands.put(quantise(light, output.format.bits)):
            return  # the writer has failed, and says why
        del band, light
        started = time.monotonic()
    bands.put(None)


def _write(
    item: Item,
    loaded: _Loaded,
    path: Path,
    factor: float,
    output: Output,
    restorer: Restorer,
    bands: _Bands,
    clock: list[float],
) -> Restored:
    bits, orientation = output.format.bits, loaded.capture.orientation
    meter = LightMeter(bits, linear=output.linear)

    height, width = loaded.image.pixels.shape
    size = upright_shape(height, width, orientation)
    seen = map(meter.see, bands) if output.compare else bands
    started = time.monotonic()
    try:
        write_bands(
            path, upright_bands(seen, orientation), size, output.format,
            linear=output.linear, capture=loaded.capture,
        )  # fmt: skip
    finally:
        bands.left = True
    plain = _write_plain(path, loaded, output, meter)
    mosaic = loaded.image.mosaic
    return Restored(
        source=item.where,
        picture=path,
        plain=plain,
        amplification=factor,
        amplification_base=loaded.base,
        black_level=mosaic.black_level,
        white_level=mosaic.white_level,
        level_warning=loaded.warning,
        memory_warning=tile_for(restorer, height, width)[1],
        network=restorer.network,
        weights=restorer.identity,
        decode_seconds=loaded.seconds,
        restore_seconds=clock[0],
        write_seconds=max(0.0, time.monotonic() - started - clock[0]),
    )


def _write_plain(picture: Path, loaded: _Loaded, output: Output, meter: LightMeter) -> Path | None:
    """Write LibRaw's conversion beside a picture, as bright as that."""
    if loaded.plain is None or isinstance(loaded.plain, RawFileError):
        return None
    path = output.plain(picture)
    bits = output.format.bits
    matched = as_bright(loaded.plain, meter.light(), bits, linear=output.linear)
    upright = orient(matched, loaded.capture.orientation)
    write_picture(path, upright, output.format, linear=output.linear, capture=loaded.capture)
    return path
