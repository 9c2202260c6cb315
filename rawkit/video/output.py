"""What is written of a video, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rawkit.errors import UsageError
from rawkit.pictures import PictureFormat
from rawkit.restore import Brightness
from rawkit.video.codecs import CODECS, require_codec
from rawkit.video.parts import Parts, raise_if_taken
from rawkit.video.sinks import Mp4Sink, NpySink, PictureSink
from rawkit.video.steady import RADIUS
from rawkit.video.tones import FLOATS

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.colour import ColourMode
    from rawkit.video.clips import Size
    from rawkit.video.sinks import Sink
    from rawkit.video.tones import Curve

FPS: Final = 25.0
"""Frames a second where neither the files nor the user say."""
_FASTEST = 1000.0
_COMPARED = ".compare.mp4"
_SHEET = ".sheet.jpg"


@dataclass(frozen=True, slots=True)
class VideoOutput:
    """What is written of a video."""

    target: Path
    """``NAME.mp4``, ``NAME.npy``, or a folder for pictures."""
    format: PictureFormat = field(default_factory=PictureFormat)
    """Format of pictures; its bits count for an ``.npy``, too."""
    floats: bool = False
    """Whether an ``.npy`` has float32 of 0 to 1."""
    codec: str = "h264"
    """How an mp4 is compressed: ``h264`` or ``av1``."""
    quality: int | None = None
    """Constant rate factor of the codec, lower is better; None: its default."""
    fps: float | None = None
    """Frames a second; None: as the files say, else 25."""
    brightness: Brightness = field(default_factory=Brightness)
    """How mosaics are amplified."""
    colour: ColourMode = "auto"
    """Whose colours it has."""
    curve: Curve | None = None
    """The curve of the network's pictures; None: as the network was trained."""
    radius: int = RADIUS
    """Frames to each side that brightness is smooth over; 0: each frame for itself."""
    hold: bool = False
    """Whether a frame that cannot be used is replaced by the one before it, instead of an end."""
    compare: bool = False
    """Whether an mp4 of the plain conversion beside the result is written as well."""
    sheet: bool = False
    """Whether a contact sheet is written as well."""
    pieces: Size | None = None
    """Of a network of clips, the pieces: frames, and pixels to a side; None: what fits best."""
    overlap: Size | None = None
    """What neighbouring pieces share: frames, and pixels; None: 4 and 64."""
    max_ram: int | None = None
    """Bytes that the process may take."""

    def __post_init__(self) -> None:
        """Check what can be checked before anything is opened."""
        if len(self.brightness.values) > 1:
            raise UsageError(
                f"{len(self.brightness.values)} brightnesses of a video", expected="one"
            )
        if self.fps is not None and not 0 < self.fps <= _FASTEST:
            raise UsageError(f"{self.fps:g} frames a second", expected=f"0 to {_FASTEST:g}")
        if self.codec not in CODECS:
            raise UsageError(f"codec {self.codec!r}", expected=" or ".join(CODECS))
        most = CODECS[self.codec].most
        if self.quality is not None and not 0 <= self.quality <= most:
            raise UsageError(f"quality {self.quality} of {self.codec}", expected=f"0 to {most}")
        if self.radius < 0:
            raise UsageError(f"a window of {self.radius} frames", expected="0 or more")
        if self.floats and self.suffix != ".npy":
            raise UsageError("32 bits per channel", expected="8 or 16, or an .npy")
        if self.format.name == "jpeg" and not self.is_file:
            raise UsageError("frames as jpeg", expected="png or tiff, an .mp4 or an .npy")

    @property
    def is_file(self) -> bool:
        """Whether one file is written, not a folder of pictures."""
        return self.suffix in (".mp4", ".npy")

    @property
    def suffix(self) -> str:
        """End of the name, in small letters."""
        return self.target.suffix.lower()

    @property
    def compared(self) -> Path:
        """The mp4 of both sides."""
        name = self.target.name
        return self.target.with_name(name.removesuffix(self.target.suffix) + _COMPARED)

    @property
    def contact(self) -> Path:
        """The contact sheet."""
        name = self.target.name
        return self.target.with_name(name.removesuffix(self.target.suffix) + _SHEET)

    def require_codec(self) -> None:
        """Raise UsageError if what is asked for needs PyAV, or an encoder, that is missing."""
        if self.suffix == ".mp4" or self.compare:
            require_codec(self.codec)

    def sinks(self, count: int, size: tuple[int, int], fps: float, parts: Parts) -> list[Sink]:
        """Return where frames of this size go: the result, and the comparison if there is one.

        Raises
        ------
        UsageError
            If PyAV or its encoder is missing.
        OutputError
            If something is in the way.
        """
        raise_if_taken(self.target, folder=not self.is_file)
        sinks: list[Sink] = [self._sink(count, size, fps, parts)]
        if self.compare:
            raise_if_taken(self.compared, folder=False)
            height, width = size
            both = parts.folder / "compare"
            codec = require_codec(self.codec)
            sinks.append(
                Mp4Sink(self.compared, both, (height, 2 * width), fps, codec, self.quality)
            )
        return sinks

    def _sink(self, count: int, size: tuple[int, int], fps: float, parts: Parts) -> Sink:
        folder = parts.folder
        if self.suffix == ".mp4":
            codec = require_codec(self.codec)
            return Mp4Sink(self.target, folder, size, fps, codec, self.quality)
        if self.suffix == ".npy":
            bits = FLOATS if self.floats else self.format.bits
            return NpySink(self.target, folder, size, count, bits)
        return PictureSink(self.target, folder, self.format, count)
