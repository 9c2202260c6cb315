"""A raw video to a finished one, in bounded memory; what was done before a crash is gone on with.

::

    reading thread   │ frame n + 20: decode, estimate │ smooth curve │
    this thread      │ frame n, or a piece of clips: network, blend, round │
    writing thread   │ frame n - 1: compress, segment by segment │
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from rawkit.errors import CorruptError, RawFileError
from rawkit.files import output_errors
from rawkit.pictures import upright_shape
from rawkit.progress import SILENT
from rawkit.sensor import equalising_tables, plane_histograms
from rawkit.video.beside import Ahead, Behind
from rawkit.video.codecs import CODECS, stored_size
from rawkit.video.compare import plain
from rawkit.video.developing import developed
from rawkit.video.folder import FolderFootage
from rawkit.video.memory import plan_video
from rawkit.video.network import Clock, InPieces, OneByOne, takes_clips
from rawkit.video.outcome import HeldFrame, VideoReport
from rawkit.video.output import FPS
from rawkit.video.parts import Parts, segments_of, span_of
from rawkit.video.sheet import write_sheet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

    from rawkit.models import MemoryPlan
    from rawkit.progress import Progress
    from rawkit.restore import Restorer
    from rawkit.video.developing import Developed
    from rawkit.video.footage import Footage, RawFrame
    from rawkit.video.output import VideoOutput
    from rawkit.video.sinks import Segment, Sink
    from rawkit.video.tones import Curve

_EQUALISED = 32
"""Frames that the curves of an equalised video are made of, at most."""
_WAITING = 2
"""Frames that wait between two threads."""


@dataclass(frozen=True)
class VideoPlan:
    """What restoring a video comes to, before it starts."""

    footage: Footage
    """The raw video."""
    output: VideoOutput
    """What is written."""
    fps: float
    """Frames a second when it is played."""
    size: tuple[int, int]
    """Rows and columns of a frame, upright."""
    work: OneByOne | InPieces
    """How the network is run."""
    memory: MemoryPlan
    """What it takes."""
    curve: Curve
    """The curve of the network's pictures."""
    first: RawFrame
    """The first frame that can be used."""

    @property
    def pieces(self) -> str:
        """How the network is run, for people."""
        if isinstance(self.work, OneByOne):
            return "frame by frame"
        return self.work.grid.text()


def plan_restoration(footage: Footage, output: VideoOutput, restorer: Restorer) -> VideoPlan:
    """Look at the first frame and decide how a video is restored.

    Raises
    ------
    RawFileError
        If a frame is missing and is not to be held, or the first one cannot be used.
    UsageError
        If it does not fit into the memory allowed.
    """
    if footage.missing and not output.hold:
        some = ", ".join(str(one) for one in footage.missing[:5])
        raise CorruptError(
            f"{len(footage.missing)} of {footage.count} frames are missing: {some}"
            f"{' ...' if len(footage.missing) > 5 else ''}",  # noqa: PLR2004
            expected="numbers without a gap", where=footage.where,
            fix="Fetch them again, or let the frame before each stand for it: --hold.",
        )  # fmt: skip
    first = _frame(footage, 0, output, {})
    mosaic = first.image.mosaic
    size = upright_shape(*mosaic.square_size, first.capture.orientation)
    memory, how = plan_video(
        restorer, output, footage.count, first.image, size,
        decoder=isinstance(footage, FolderFootage),
    )  # fmt: skip
    if how is None:
        work: OneByOne | InPieces = OneByOne(restorer, memory.held)
    else:
        work = InPieces.of(restorer, how, footage.count, first.image)
    work = replace(work, tables=curves_of(footage, output, restorer))
    curve = output.curve or ("srgb" if takes_clips(restorer) else "bt709")
    fps = output.fps or footage.fps or FPS
    return VideoPlan(footage, output, fps, size, work, memory.plan, curve, first)


def curves_of(
    footage: Footage, output: VideoOutput, restorer: Restorer
) -> NDArray[np.uint16] | None:
    """Curves that equalise a video, of frames spread evenly over it; None where it is not.

    Raises
    ------
    RawFileError
        If a frame cannot be used and is not to be held.
    """
    if restorer.amplification.kind != "equalise":
        return None
    chosen = np.unique(np.linspace(0, footage.count - 1, _EQUALISED).round().astype(int)).tolist()
    counts = np.zeros((), np.int64)
    for number in chosen:
        image = _frame(footage, number, output, {}).image
        counts = counts + plane_histograms(image)
    return equalising_tables(counts, image.mosaic.black_level)


def restore_video(
    footage: Footage, output: VideoOutput, restorer: Restorer, progress: Progress = SILENT
) -> VideoReport:
    """Restore a raw video.

    A run that was killed is gone on with by the same call: the result is the same, byte for byte.

    Raises
    ------
    RawFileError
        If a frame cannot be used and is not to be held.
    UsageError
        If it does not fit into the memory allowed, or the extra `video` is missing.
    OutputError
        If it cannot be written.
    """
    started = time.monotonic()
    try:
        plan = plan_restoration(footage, output, restorer)
        return _restored(plan, restorer, progress, started)
    finally:
        footage.close()


def _restored(
    plan: VideoPlan, restorer: Restorer, progress: Progress, started: float
) -> VideoReport:
    output, count = plan.output, plan.footage.count
    parts = Parts.beside(output.target)
    sinks = output.sinks(count, plan.size, plan.fps, parts)
    parts.open(_identity(plan, restorer, sinks))
    for sink in sinks:
        with output_errors(sink.parts):
            sink.parts.mkdir(parents=True, exist_ok=True)
    total = segments_of(count)
    done = next((n for n in range(total) if not all(sink.has(n) for sink in sinks)), total)
    run = _Run(plan, restorer, sinks, done, {}, Clock())
    if done < total:
        run.make(progress)
    with progress.stage("joining", len(sinks), "files") as advance:
        for sink in sinks:
            sink.finish(total)
            advance()
    beside = [output.compared] if output.compare else []
    if output.sheet:
        write_sheet(output.contact, sinks[0].target, count, plan.fps)
        beside.append(output.contact)
    parts.remove()
    mp4 = output.suffix == ".mp4"
    return VideoReport(
        target=output.target, frames=count, size=plan.size,
        stored=stored_size(*plan.size) if mp4 else plan.size, fps=plan.fps,
        begun_at=min(count, span_of(done, count).start), alone=tuple(run.alone),
        amplification=tuple(run.amplification),
        held=tuple(run.held[number] for number in sorted(run.held)), colour=run.colour,
        network_seconds=run.clock.seconds, seconds=time.monotonic() - started,
        beside=tuple(beside),
    )  # fmt: skip


class _Run:
    """One run over the segments that are not there."""

    def __init__(
        self, plan: VideoPlan, restorer: Restorer, sinks: list[Sink], done: int,
        held: dict[int, HeldFrame], clock: Clock,
    ) -> None:  # fmt: skip
        self._plan, self._restorer, self._sinks = plan, restorer, sinks
        self._begin = span_of(done, plan.footage.count).start
        self.held, self.clock = held, clock
        self.alone: list[float] = []
        self.amplification: list[float] = []
        self.colour: str | None = None

    def make(self, progress: Progress) -> None:
        """Make the frames from the first that is not there, and hand them to the sinks."""
        plan, count = self._plan, self._plan.footage.count
        first = plan.work.begins_at(self._begin)
        started = time.monotonic()
        writer = SegmentWriter(self._sinks, self._begin, count)
        try:
            with (
                progress.stage("frames", count, "frames") as advance,
                Behind(writer.write, _WAITING) as behind,
                Ahead(self._developed(first), _WAITING) as frames,
            ):
                advance(self._begin)
                bits = self._sinks[0].bits
                for one, picture in plan.work.run(frames, bits, plan.curve, self.clock):
                    if one.frame.number < self._begin:
                        continue
                    behind.put(self._pictures(one, picture))
                    self._note(one)
                    advance(1, _rate(len(self.alone), count - one.frame.number - 1, started))
                    del one, picture
        except BaseException:
            writer.abort()
            raise

    def _developed(self, first: int) -> Iterator[Developed]:
        """Read frames from far enough back that the smooth curve is the same, from `first` on."""
        plan, output = self._plan, self._plan.output
        begin = max(0, first - 2 * output.radius)
        frames = (
            _frame(plan.footage, number, output, self.held)
            for number in range(begin, plan.footage.count)
        )
        for one in developed(
            frames, self._restorer, output.brightness, output.colour, output.radius
        ):
            if one.frame.number >= first:
                yield one

    def _pictures(
        self, one: Developed, picture: NDArray[np.unsignedinteger]
    ) -> list[NDArray[np.unsignedinteger]]:
        """Return the frame for each sink."""
        if not self._plan.output.compare:
            return [picture]
        bits = CODECS[self._plan.output.codec].given_bits
        beside = plain(one.frame, one.development.amplification, bits)
        own = picture if picture.itemsize * 8 == bits else _rounded(picture, bits)
        return [picture, np.concatenate([beside, own], axis=1)]

    def _note(self, one: Developed) -> None:
        self.alone.append(one.alone)
        self.amplification.append(one.development.amplification)
        self.colour = one.development.note.colour


class SegmentWriter:
    """Hands frames to the sinks, in the writing thread."""

    def __init__(self, sinks: list[Sink], begin: int, count: int) -> None:
        self._sinks, self._next, self._count = sinks, begin, count
        self._open: list[Segment] = []

    def write(self, pictures: list[NDArray[np.unsignedinteger]]) -> None:
        """Write a frame; at the end of a segment complete it."""
        number = self._next // len(span_of(0, 1 << 30))
        span = span_of(number, self._count)
        if not self._open:
            # One by one: what fails leaves those before to be dropped.
            for sink in self._sinks:
                self._open.append(sink.segment(number, span.start))
        for segment, picture in zip(self._open, pictures, strict=True):
            segment.write(picture)
        self._next += 1
        if self._next == span.stop:
            while self._open:
                self._open.pop(0).close()

    def abort(self) -> None:
        """Drop what is not complete; the thread must have ended."""
        while self._open:
            self._open.pop().abort()


def _frame(
    footage: Footage, number: int, output: VideoOutput, held: dict[int, HeldFrame]
) -> RawFrame:
    """Read a frame; where it cannot be used and may be held, the nearest one before it.

    Where there is none before it is the first one after it.
    """
    try:
        return footage.frame(number)
    except RawFileError as error:
        if not output.hold:
            if error.fix is None:
                fix = "Fetch it again, or let the frame before stand for it: --hold."
                raise type(error)(
                    error.found, expected=error.expected, where=error.where, fix=fix
                ) from error
            raise
        held[number] = HeldFrame(number, error.kind, error.reason)
    for other in (*range(number - 1, -1, -1), *range(number + 1, footage.count)):
        try:
            return replace(footage.frame(other), number=number)
        except RawFileError:
            continue
    raise CorruptError("no frame that can be used", expected="one", where=footage.where)


def _identity(plan: VideoPlan, restorer: Restorer, sinks: list[Sink]) -> str:
    """Return a digest of all that decides the bytes of the result."""
    output, work = plan.output, plan.work
    compute = restorer.compute
    about = {
        "footage": plan.footage.identity(), "count": plan.footage.count,
        "sinks": [sink.identity() for sink in sinks],
        "weights": restorer.identity, "network": restorer.network,
        "compute": None if compute is None else [compute.backend, compute.precision,
                                                 compute.device],
        "brightness": str(output.brightness), "colour": output.colour, "curve": plan.curve,
        "radius": output.radius, "hold": output.hold,
        "cut": str(work.cut) if isinstance(work, InPieces) else None,
        "threads": torch.get_num_threads(),  # which sums depend on
    }  # fmt: skip
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _rate(done: int, left: int, started: float) -> str:
    """Say how fast it goes, and how long it will take."""
    seconds = time.monotonic() - started
    each = seconds / max(1, done)
    minutes, rest = divmod(round(each * left), 60)
    return f"{1 / max(each, 1e-9):.2f} frames/s, {minutes}:{rest:02d} left"


def _rounded(picture: NDArray[Any], bits: int) -> NDArray[np.unsignedinteger]:
    """Change the bits of a picture."""
    most = 1 if picture.dtype.kind == "f" else np.iinfo(picture.dtype).max
    kind = np.uint8 if bits == 8 else np.uint16  # noqa: PLR2004
    return np.round(picture.astype(np.float32) * ((1 << bits) - 1) / most).astype(kind)
