"""Pictures into compressed video and back, by PyAV.

Two traps are avoided here. swscale converts RGB by BT.601 unless it is told otherwise, whatever the
stream says; and a stream without its four tags of colour is guessed at by each player in its own
way. So colours are converted by BT.709, and the tags say so: primaries and matrix of BT.709, the
curve of sRGB, limited range.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from rawkit.errors import OutputError, UnreadableError, UsageError
from rawkit.files import output_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

CodecName = Literal["h264", "av1"]
_BT709, _SRGB, _LIMITED = 1, 13, 1
"""Of ITU-T H.273: primaries and matrix, transfer; and of FFmpeg: range."""
_THREADS = 1
"""What x264 writes depends on it; the network has the others."""
_CHANNELS = 3
_EIGHT, _SIXTEEN = 8, 16
_LEAST_SIDE = 64
"""What all encoders take."""
_SAME_RATE = 0.005


@dataclass(frozen=True, slots=True)
class Codec:
    """A way of compressing."""

    name: CodecName
    """What it is called on the command line."""
    encoder: str
    """What FFmpeg calls the encoder."""
    pixels: str
    """Pixel format."""
    bits: int
    """Bits a channel that are kept."""
    quality: int
    """Constant rate factor unless one is given; lower is better."""
    most: int
    """The greatest, and worst."""
    options: Mapping[str, str]
    """Further options."""
    memory: tuple[int, int]
    """Bytes that it takes, and bytes a pixel of a frame, as measured."""

    @property
    def given_bits(self) -> int:
        """Bits per channel of the pictures that it is given."""
        return _EIGHT if self.bits == _EIGHT else _SIXTEEN


CODECS: Final[Mapping[str, Codec]] = {
    "h264": Codec(
        "h264", "libx264", "yuv420p", 8, 18, 51,
        # Its AVX-512 code reads memory that nobody has written, and then writes one of several
        # files for the same frames. This leaves it out, as fast, and all processors write the same.
        {"preset": "veryfast", "rc-lookahead": "10", "x264-params": "cpu-independent=1"},
        (30_000_000, 80),
    ),
    "av1": Codec(
        "av1", "libsvtav1", "yuv420p10le", 10, 24, 63,
        {"preset": "8", "svtav1-params": "lp=1:lookahead=0"}, (60_000_000, 200),
    ),
}  # fmt: skip
"""Both play in browsers; HEVC does not in all."""


def require_av() -> Any:
    """Import PyAV.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    try:
        import av  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "compressed video without PyAV",
            expected="the extra `video`",
            fix="pip install rawkit-lowlight[video], or write frames: -o FOLDER.",
        ) from error
    av.logging.set_level(av.logging.PANIC)  # what fails comes as an error
    return av


def require_codec(name: str) -> Codec:
    """Return a codec that this PyAV can write.

    Raises
    ------
    UsageError
        If it is not known, or this PyAV has not got it.
    """
    if name not in CODECS:
        raise UsageError(f"codec {name!r}", expected=" or ".join(CODECS))
    av, codec = require_av(), CODECS[name]
    if codec.encoder not in av.codecs_available:
        others = [one.name for one in CODECS.values() if one.encoder in av.codecs_available]
        raise UsageError(
            f"codec {name}: this PyAV ({av.__version__}) was built without {codec.encoder}",
            expected=f"one of {', '.join(others)}" if others else "a PyAV from PyPI",
            fix="Choose it by --codec." if others else "pip install --force-reinstall av.",
        )
    return codec


def stored_size(height: int, width: int) -> tuple[int, int]:
    """Return rows and columns as they are stored: even, as chroma has one value for 2x2 pixels."""
    return max(_LEAST_SIDE, height + height % 2), max(_LEAST_SIDE, width + width % 2)


def rate_of(fps: float) -> Fraction:
    """Return a frame rate as a fraction: 23.976 stands for 24000/1001, as it does on television."""
    for whole in (24, 30, 48, 60, 120):
        television = Fraction(whole * 1000, 1001)
        if abs(fps - float(television)) < _SAME_RATE:
            return television
    return Fraction(fps).limit_denominator(1000)


class Encoder:
    """Writes one file of frames. Not thread-safe; the same frames give the same bytes.

    Parameters
    ----------
    path
        The file; what is there is overwritten.
    size
        Rows and columns of a frame. Odd ones are made even by repeating the last.
    fps
        Frames a second.
    codec
        Of `require_codec`.
    quality
        Constant rate factor; the codec's own if None.

    Raises
    ------
    UsageError
        If the codec does not take such frames.
    OutputError
        If the file cannot be written.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], fps: float, codec: Codec,
        quality: int | None = None,
    ) -> None:  # fmt: skip
        self._av, self._codec, self._path = require_av(), codec, path
        self._stored = stored_size(*size)
        rate = rate_of(fps)
        chosen = codec.quality if quality is None else quality
        with _coding_errors(path, codec):
            self._container = self._av.open(str(path), "w", format="mp4")
            self._stream = self._container.add_stream(
                codec.encoder, rate=rate, options={**codec.options, "crf": str(chosen)}
            )
            context = self._stream.codec_context
            context.height, context.width = self._stored
            context.pix_fmt = codec.pixels
            context.time_base = 1 / rate
            context.thread_count = _THREADS
            context.color_primaries, context.color_trc = _BT709, _SRGB
            context.colorspace, context.color_range = _BT709, _LIMITED
            with _quiet(), _usual_scheduling():
                context.open(strict=False)
        self._count = 0

    def write(self, frame: NDArray[np.unsignedinteger]) -> None:
        """Add a frame: (rows, columns, 3), 8 or 16 bits a channel, in the curve of sRGB.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        with _coding_errors(self._path, self._codec):
            picture = self._av.VideoFrame.from_ndarray(
                _padded(frame, self._stored),
                format="rgb24" if frame.dtype == np.uint8 else "rgb48le",
            ).reformat(
                format=self._codec.pixels,
                dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG",
            )  # fmt: skip
            picture.pts = self._count
            picture.time_base = self._stream.codec_context.time_base
            self._count += 1
            self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Write what the encoder has kept, and end the file.

        Raises
        ------
        OutputError
            If that cannot be written.
        """
        with _coding_errors(self._path, self._codec):
            self._container.mux(self._stream.encode(None))
            self._container.close()

    def abort(self) -> None:
        """Close the file as it is."""
        try:
            self._container.close()
        except (OSError, self._av.FFmpegError):
            return


def _padded(
    frame: NDArray[np.unsignedinteger], size: tuple[int, int]
) -> NDArray[np.unsignedinteger]:
    below, right = (wanted - own for wanted, own in zip(size, frame.shape, strict=False))
    if below or right:
        frame = np.pad(frame, ((0, below), (0, right), (0, 0)), mode="edge")
    return np.ascontiguousarray(frame)


@contextmanager
def _usual_scheduling() -> Iterator[None]:
    """Take back what SVT-AV1 does where it runs as root: it makes the whole process real-time.

    Its own threads, the one that opens it, and every process that is started by that one would
    keep the processor from all others of the machine.
    """
    if not hasattr(os, "sched_getscheduler"):  # only Linux has it
        yield
        return
    before, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    yield
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # one that has ended meanwhile
            if os.sched_getscheduler(int(thread.name)) == os.SCHED_FIFO:
                os.sched_setscheduler(int(thread.name), before, priority)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let SVT-AV1, which reads this when it is opened, tell of nothing but errors."""
    before = os.environ.get("SVT_LOG")
    os.environ["SVT_LOG"] = "1"
    try:
        yield
    finally:
        os.environ.pop("SVT_LOG")
        if before is not None:
            os.environ["SVT_LOG"] = before


@contextmanager
def _coding_errors(path: Path, codec: Codec) -> Iterator[None]:
    """Turn what PyAV raises into our errors."""
    av = require_av()
    try:
        with output_errors(path):
            yield
    except av.FFmpegError as error:  # those of the operating system are OSErrors as well
        raise OutputError(
            f"{codec.encoder} fails ({error.strerror})", where=path,
            fix="Choose another --codec, or write frames: -o FOLDER.",
        ) from error  # fmt: skip


def join(files: list[Path], target: Any, comment: str) -> None:
    """Write files of one codec one after the other into one, without encoding anything again.

    Parameters
    ----------
    files
        Of `Encoder`, of the same size, rate and codec.
    target
        An open file, writable and seekable.
    comment
        A text to keep in it.

    Raises
    ------
    UnreadableError
        If one is damaged.
    """
    av = require_av()
    offset = 0
    with av.open(target, "w", format="mp4", options={"movflags": "+faststart"}) as out:
        out.metadata["comment"] = comment
        stream = None
        for path in files:
            try:
                with av.open(str(path)) as one:
                    source = one.streams.video[0]
                    if stream is None:
                        stream = out.add_stream_from_template(source, opaque=True)
                    # In the unit of time of each file, which is that of its first packets.
                    for packet in one.demux(source):
                        if packet.dts is None:
                            continue
                        packet.pts += offset
                        packet.dts += offset
                        packet.stream = stream
                        out.mux(packet)
                    offset += source.duration
            except av.FFmpegError as error:
                raise UnreadableError(
                    f"cannot be read ({error.strerror})", where=path,
                    fix="Delete it and start the command again.",
                ) from error  # fmt: skip


def decoded(path: Path, *, bits: int = 8) -> Iterator[NDArray[np.unsignedinteger]]:
    """Decode a compressed video as players do: (rows, columns, 3) each, as stored.

    Raises
    ------
    UnreadableError
        If it cannot be read.
    """
    av = require_av()
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield rgb_of(frame, bits)
    except (OSError, av.FFmpegError) as error:
        raise UnreadableError(f"cannot be read ({error.strerror})", where=path) from error


def rate_in(path: Path) -> float:
    """Return the frames a second of a compressed video.

    Raises
    ------
    UnreadableError
        If it cannot be read.
    """
    av = require_av()
    try:
        with av.open(str(path)) as container:
            return float(container.streams.video[0].average_rate)
    except (OSError, av.FFmpegError) as error:
        raise UnreadableError(f"cannot be read ({error.strerror})", where=path) from error


def rgb_of(frame: Any, bits: int = 8) -> NDArray[np.unsignedinteger]:
    """Convert a decoded frame by BT.709 to RGB of 8 or 16 bits."""
    wanted = "rgb24" if bits == _EIGHT else "rgb48le"
    converted: NDArray[np.unsignedinteger] = frame.reformat(
        format=wanted, src_colorspace="ITU709", src_color_range="MPEG", dst_color_range="JPEG"
    ).to_ndarray()
    return converted
