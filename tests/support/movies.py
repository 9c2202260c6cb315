"""Movies and folders of CinemaDNG frames to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np

from rawkit.synth.dng import BAYER_PATTERNS, DngMeta, encode_dng

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SIZE = (64, 96)
"""Height and width of a frame, in pixels of the mosaic."""


def write_movie(
    path: Path, pictures: Sequence[NDArray[np.uint8]], *, matrix: int = 1, said: bool = True
) -> None:
    """Write pictures (height, width, 3) as a movie that loses next to nothing.

    `matrix` is H.273's number of the one that colours are converted with; `said` whether the movie
    says so.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv444p"
        stream.options = {"qp": "0", "preset": "ultrafast"}
        if said:
            stream.codec_context.colorspace = matrix
            stream.codec_context.color_range = 1
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(format="yuv444p", dst_colorspace=matrix)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_frames(
    folder: Path, numbers: Iterable[int], *, size: tuple[int, int] = SIZE, **about: object
) -> None:
    """Write frames of a video as a camera does, a DNG each, noise with a black level of 256."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        generator = np.random.default_rng(number)
        mosaic = 256 + generator.poisson(60, size).astype(np.uint16)
        meta = DngMeta(
            "Maker", "Pocket", iso=800, seconds=1 / 48, pattern=BAYER_PATTERNS["GBRG"],
            black_level=256, white_level=4095, **about,  # type: ignore[arg-type] # fields by name
        )  # fmt: skip
        (folder / f"A001_{number:06d}.dng").write_bytes(encode_dng(mosaic, meta))


def plain_pictures(count: int, size: tuple[int, int] = SIZE) -> list[NDArray[np.uint8]]:
    """Return pictures of one colour each, which tell their number."""
    return [
        np.full((*size, 3), (10 * number + 5, 255 - 9 * number, 40), np.uint8)
        for number in range(count)
    ]
