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
from dataclasses import replace
from typing import TYPE_CHECKING

from rawkit.errors import (
    RawFileError,
    RawkitError,
    StoreUnreachableError,
    TooLargeError,
    UsageError,
)
from rawkit.interrupt import uninterrupted
from rawkit.pictures import (
    LightMeter,
    capture_of_row,
    kept_to_turn,
    quantise,
    upright_bands,
    upright_shape,
    write_bands,
)
from rawkit.restore.bands import AbortedError, Bands
from rawkit.restore.decoder import DecodeJob, Decoder, decode_job
from rawkit.restore.denoising import denoise
from rawkit.restore.gallery import written
from rawkit.restore.memory import Held, held_beside
from rawkit.restore.network import restore_bands
from rawkit.restore.outcome import Outcome, Restored
from rawkit.restore.restorer import Origin
from rawkit.restore.stored import StoredFrame
from rawkit.restore.tone import toned
from rawkit.restore.work import Loaded, Work, asked_of, restored_of, write_plain
from rawkit.sensor import amplification_base, overridden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rawkit.colour import Development
    from rawkit.locations import Location
    from rawkit.restore.inputs import Item
    from rawkit.restore.output import Output
    from rawkit.restore.restorer import Restorer
    from rawkit.sensor import RawImage

_WRITERS = 2
_FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG}
"""What the next file would meet, too."""


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
    pending: deque[Work] = deque()

    def tell() -> None:
        work = pending[0]
        outcome = _outcome(work)
        # Half told of, a picture would be there that nobody has noted.
        with uninterrupted():
            pending.popleft()
            if work.ended or outcome.restored:
                done(outcome)

    with ThreadPoolExecutor(_WRITERS, "rawkit-write") as writers:
        try:
            for item, loaded, ahead in _loaded_ahead(items, output, decoder, last=last):
                pending.append(work := Work(item))
                if isinstance(loaded, RawkitError):
                    work.error = loaded
                else:
                    held = _held(loaded, output, decoder=decoder is not None, ahead=ahead)
                    work.error = _restore(work, loaded, output, restorer, writers, held)
                work.ended = True
                while len(pending) > 1:
                    tell()
            while pending:
                tell()
        except BaseException:
            if decoder is not None:
                decoder.abort()  # or a file that hangs would keep us
            raise
        finally:
            while pending:  # an error or an interrupt came between
                tell()


def _outcome(work: Work) -> Outcome:
    item, error, restored, fatal = work.item, work.error, list[Restored](), False
    for future in work.futures:
        try:
            restored.append(future.result())
        except RawkitError as failed:
            cause = failed.__cause__
            full = isinstance(cause, OSError) and cause.errno in _FATAL
            fatal = fatal or full or isinstance(failed, StoreUnreachableError)
            error = error or failed
        except MemoryError:
            error = error or TooLargeError("not enough memory to write it", where=item.where)
        except AbortedError:
            continue  # `error` says why, or the user has interrupted it
    return Outcome(item, tuple(restored), error, fatal)


def _loaded_ahead(
    items: Iterable[Item], output: Output, decoder: Decoder | None, *, last: bool
) -> Iterator[tuple[Item, Loaded | RawkitError, bool]]:
    """Decode one item ahead of the one that is being restored; tell if that goes on meanwhile."""
    with ThreadPoolExecutor(1, "rawkit-decode") as reader:
        following: tuple[Item, Future[Loaded | RawkitError]] | None = None
        for item in items:
            current = following
            following = item, reader.submit(_load, item, output, decoder)
            if current is not None:
                yield current[0], current[1].result(), True
        if following is not None:
            loaded = following[1].result()
            if decoder is not None and last:
                decoder.close()
            yield following[0], loaded, decoder is not None and not last


def _load(item: Item, output: Output, decoder: Decoder | None) -> Loaded | RawkitError:
    started = time.monotonic()
    try:
        if isinstance(item.what, StoredFrame):
            return _mended(item, _load_stored(item.what, output), output, started)
        job = DecodeJob(
            item.what.contents(), item.where, output.levels, output.compare, output.headerless
        )
        found = decode_job(job) if decoder is None else decoder.decode(job)
    except RawkitError as error:
        return error
    except MemoryError:
        return TooLargeError("not enough memory to decode it", where=item.where)
    loaded = Loaded(
        found.image, found.base, found.capture, found.levels.warning, found.plain, None, 0.0
    )
    return _mended(item, loaded, output, started)


def _mended(
    item: Item, loaded: Loaded, output: Output, started: float
) -> Loaded | RawkitError:  # fmt: skip
    """Do to a mosaic what is asked of its camera's profile; its amplification is another then."""
    if output.mending is not None:
        try:
            done, profile = output.mending.mend(item.what, loaded.image, loaded.capture)
        except RawkitError as error:
            return _placed(error, item)
        loaded = replace(
            loaded, image=done.image, base=amplification_base(done.image), mended=done,
            profile=profile,
        )  # fmt: skip
    return replace(loaded, seconds=time.monotonic() - started)


def _load_stored(frame: StoredFrame, output: Output) -> Loaded:
    image = frame.image(fit=output.colour != "network")
    base = frame.row.amplification_base
    if output.levels is not None:
        image = replace(image, mosaic=overridden(image.mosaic, output.levels))
        base = amplification_base(image)
    return Loaded(
        image, base, capture_of_row(frame.row), frame.row.level_warning, None,
        frame.gain_ratio, 0.0,
    )  # fmt: skip


def _held(loaded: Loaded, output: Output, *, decoder: bool, ahead: bool) -> Held:
    height, width = loaded.image.mosaic.square_size
    size = height * width * 3 * output.format.bits // 8
    return held_beside(
        loaded.image.pixels.size,
        output.format.bits,
        decoder=decoder,
        ahead=ahead,
        compare=output.compare,
        mended=loaded.mended is not None,
        linear=loaded.image.resampled,
        turned=kept_to_turn(size, loaded.capture.orientation),
    )


def _restore(
    work: Work,
    loaded: Loaded,
    output: Output,
    restorer: Restorer,
    writers: ThreadPoolExecutor,
    held: Held,
) -> RawkitError | None:
    """Run the network for each picture of an item; the writers follow it band by band.

    Returns why it could not be restored as a whole.
    """
    item = work.item
    try:
        capture = loaded.capture
        origin = Origin(loaded.base, capture.exposure, loaded.gain_ratio, capture.model)
        if restorer.gives_mosaic:
            denoise(work, loaded, output, restorer, origin, held)
            return _plain_error(loaded, output, item)
        if output.format.name == "dng":
            raise UsageError(
                f"a DNG by {restorer.network}, which gives pictures",
                expected="a network that gives mosaics, such as pmrid",
                fix="Use --format png, jpeg or tiff.",
            )
        developments = restorer.developments(loaded.image, output.brightness, output.colour, origin)
        if any(one.anchor is not None for one in developments):
            mosaic = loaded.image.mosaic
            held = held.anchored(mosaic.width, mosaic.cell.block)
        for path, one in zip(output.pictures(item.name), developments, strict=True):
            bands = Bands()
            clock = [0.0]
            try:
                work.futures.append(
                    writers.submit(
                        _write, item, loaded, path, one, output, restorer, bands, clock, held
                    )
                )
                _run_network(loaded.image, restorer, one, output, bands, clock, held)
            except BaseException:
                bands.abort()
                raise
    except RawkitError as error:
        return _placed(error, item)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        return TooLargeError(
            "not enough memory to restore it", where=item.where, fix="Allow less with --max-ram."
        )
    return _plain_error(loaded, output, item)


def _placed(error: RawkitError, item: Item) -> RawkitError:
    """Say which file an error is about, if it does not itself."""
    if error.where is not None:
        return error
    return type(error)(error.found, expected=error.expected, where=item.where, fix=error.fix)


def _plain_error(loaded: Loaded, output: Output, item: Item) -> RawkitError | None:
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
    development: Development,
    output: Output,
    bands: Bands,
    clock: list[float],
    held: Held,
) -> None:
    """Hand every band over; `clock` counts the seconds the network itself takes.

    Bands are rounded here, not by the writer: what waits is then a quarter or half as large.
    """
    started = time.monotonic()
    for band in toned(
        restore_bands(image, restorer, development, held), image.mosaic, linear=output.linear
    ):
        clock[0] += time.monotonic() - started
        if not bands.put(quantise(band, output.format.bits)):
            return  # the writer has failed, and says why
        del band
        started = time.monotonic()
    bands.put(None)


def _write(
    item: Item,
    loaded: Loaded,
    path: Location,
    development: Development,
    output: Output,
    restorer: Restorer,
    bands: Bands,
    clock: list[float],
    held: Held,
) -> Restored:
    bits, orientation = output.format.bits, loaded.capture.orientation
    meter = LightMeter(bits, linear=output.linear)

    size = upright_shape(*loaded.image.mosaic.square_size, orientation)
    seen = map(meter.see, bands) if output.compare else bands
    started = time.monotonic()
    try:
        with written(path) as here:
            write_bands(
            here, upright_bands(seen, orientation), size, output.format,
                linear=output.linear, capture=loaded.capture,
            )  # fmt: skip
    finally:
        bands.left = True
    plain = write_plain(path, loaded, output, meter)
    times = clock[0], max(0.0, time.monotonic() - started - clock[0])
    return restored_of(
        item, loaded, path, plain, development, restorer, held, times, asked=asked_of(output)
    )
