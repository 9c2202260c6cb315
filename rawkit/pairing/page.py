"""Pictures of pairs, to look at: short brightened, long, difference, and a detail of both."""

from __future__ import annotations

import base64
import html
import math
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from rawkit.errors import StoreDamagedError
from rawkit.files import write_atomically
from rawkit.pairing.exposed import binned
from rawkit.pictures import encoded_of
from rawkit.progress import SILENT
from rawkit.sensor import BAYER, XTRANS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rawkit.pairing.exposed import Exposed
    from rawkit.pairing.run import CheckedPair
    from rawkit.progress import Progress
    from rawkit.store import FrameRow

_WIDTH: Final = 400
"""Columns of a picture, in pixels."""
_DETAIL: Final = 72
"""Rows and columns of a detail, in pixels of a plane."""
_BRIGHT: Final = 0.9
"""What the brightest hundredth of a long is brought to, linear."""
_FULL: Final = 0.5
"""Share of its light by which a place has changed that is shown in full colour."""
_QUALITY: Final = 85

_STYLE = """body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:1320px;
padding:0 1rem;color:#1c1c1e;background:#fafaf8}h1{font-size:1.5rem}
h2{font-size:1rem;margin:2rem 0 .2rem}
p{margin:.2rem 0 .5rem}.row{display:flex;gap:.6rem;flex-wrap:wrap}figure{margin:0;width:400px;
max-width:100%}img{width:100%;display:block;image-rendering:auto}.detail img{image-rendering:
pixelated}figcaption{font-size:.8rem;color:#606064}.bad{color:#a03010}.unsure{color:#806000}
@media(prefers-color-scheme:dark){body{color:#eee;background:#1c1c1e}figcaption{color:#aaa}
.bad{color:#f09070}.unsure{color:#e0c060}}"""


def write_page(
    path: Path,
    title: str,
    pairs: Sequence[CheckedPair],
    *,
    left_out: int = 0,
    progress: Progress = SILENT,
) -> None:
    """Write one HTML file with pictures of pairs, what was found of each above it.

    `left_out` pairs more are said to be there. A pair whose frames cannot be read has no pictures.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width">',
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style><h1>{html.escape(title)}</h1>",
        (
            "<p>Each short is as bright as its long. In the difference red is where the short is "
            "brighter and blue where it is darker, full where by half; grey is what cannot be "
            "compared. The detail is where the long has its strongest edges.</p>"
        ),
    ]
    if left_out:
        parts.append(f"<p>{left_out} more are in the list, without pictures.</p>")
    with progress.stage("Drawing", len(pairs), "pairs") as advance:
        for one in pairs:
            parts += _section(one)
            advance(1, one.pair.short.name)
    write_atomically(path, "\n".join(parts).encode())


def _section(one: CheckedPair) -> Iterator[str]:
    """Heading, words and pictures of a pair."""
    name, long_name = html.escape(one.pair.short.name), html.escape(one.pair.long.name)
    yield f"<section><h2>{name} <small>with {long_name}</small></h2>"
    reasons = ", ".join(one.verdict.reasons) or "cannot tell"
    yield (
        f'<p><b class="{one.verdict.state}">{html.escape(reasons)}</b>: '
        f"{html.escape(one.verdict.text)}</p>"
    )
    try:
        short, long = one.pair.read_short(), one.pair.read_long()
    except StoreDamagedError as error:
        yield f"<p>No pictures: {html.escape(str(error))}</p></section>"
        return
    gain = one.measured.gain
    if not math.isfinite(gain) or gain <= 0:
        gain = one.pair.gain_ratio if math.isfinite(one.pair.gain_ratio) else 1.0
    exposure = _BRIGHT / max(one.measured.long_light * long.span, 1e-6)
    pictures = (
        ("short, brightened", _colour(short, one.pair.short, gain * exposure)),
        ("long", _colour(long, one.pair.long, exposure)),
        ("difference", _difference(short, long, gain)),
    )
    yield '<div class="row">'
    yield from (_figure(picture, f"{what} of {name}", what) for what, picture in pictures)
    yield '</div><div class="row detail">'
    place = _strongest(long)
    details = (("short, smoothed", short, gain * exposure, 1.2), ("long", long, exposure, 0.0))
    for what, exposed, factor, smooth in details:
        picture = _detail(exposed, place, factor, smooth)
        yield _figure(picture, f"detail of the {what} of {name}", f"detail: {what}")
    yield "</div></section>"


def _figure(picture: NDArray[np.uint8], alt: str, caption: str) -> str:
    worked, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    uri = base64.b64encode(data.tobytes()).decode() if worked else ""
    return (
        f'<figure><img loading=lazy alt="{alt}" src="data:image/jpeg;base64,{uri}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _colour(exposed: Exposed, row: FrameRow, factor: float) -> NDArray[np.uint8]:
    """Picture of a frame in its white balance, its light multiplied."""
    cell = BAYER if exposed.count == BAYER.planes else XTRANS
    height = max(1, round(_WIDTH * exposed.shape[0] / exposed.shape[1]))
    light = np.zeros((height, _WIDTH, 3), np.float32)
    planes = zip(exposed.mended, exposed.blacks, row.white_balance, cell.colours, strict=True)
    for plane, black, balance, colour in planes:
        small = cv2.resize(plane.astype(np.float32), (_WIDTH, height), interpolation=cv2.INTER_AREA)
        light[..., colour] += (small - black) * np.float32(balance * factor)
    light /= np.bincount(cell.colours)
    return _encoded(light)


def _encoded(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    encoded = encoded_of(np.clip(light, 0, 1).astype(np.float64))
    return np.round(encoded * 255).astype(np.uint8)


def _difference(short: Exposed, long: Exposed, gain: float) -> NDArray[np.uint8]:
    """Relative difference of squares, as they lie: red where the short is brighter."""
    side = max(4, round(short.shape[1] / 160))
    dark, bright = binned(short.light, side) * np.float32(gain), binned(long.light, side)
    clipped = binned((short.clipped | long.clipped).astype(np.float32), side) > 0.01  # noqa: PLR2004
    base = np.maximum(bright, 0) + 0.15 * max(float(np.median(bright)), 1e-6)
    change = np.clip((dark - bright) / base / _FULL, -1, 1)
    picture = np.full((*change.shape, 3), 245.0)
    picture[..., 1] -= 215 * np.abs(change)
    picture[..., 2] -= 225 * np.maximum(change, 0)
    picture[..., 0] -= 225 * np.maximum(-change, 0)
    picture[clipped] = 150
    height = max(1, round(_WIDTH * short.shape[0] / short.shape[1]))
    large = cv2.resize(picture, (_WIDTH, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(large.clip(0, 255), np.uint8)


def _strongest(long: Exposed) -> tuple[int, int]:
    """Top and left of the detail with the strongest edges, in pixels of a plane."""
    light = np.sqrt(np.maximum(cv2.GaussianBlur(long.light, (0, 0), 1.5), 0))
    energy = np.zeros_like(light)
    energy[1:, 1:] = np.diff(light, axis=0)[:, 1:] ** 2 + np.diff(light, axis=1)[1:] ** 2
    energy[long.clipped] = 0
    side = min(_DETAIL, *long.shape)
    summed = cv2.boxFilter(energy, cv2.CV_32F, (side, side), normalize=False)
    half = side // 2
    inner = summed[half : long.shape[0] - half or None, half : long.shape[1] - half or None]
    if inner.size == 0:
        return 0, 0
    top, left = np.unravel_index(int(np.argmax(inner)), inner.shape)
    return int(top), int(left)


def _detail(
    exposed: Exposed, place: tuple[int, int], factor: float, smooth: float
) -> NDArray[np.uint8]:
    """Part of a frame in grey, its pixels large."""
    light = exposed.light if not smooth else cv2.GaussianBlur(exposed.light, (0, 0), smooth)
    part = light[place[0] : place[0] + _DETAIL, place[1] : place[1] + _DETAIL]
    grey = _encoded(np.asarray(part * np.float32(factor / exposed.count), np.float32))
    large = cv2.resize(grey, (_WIDTH, _WIDTH), interpolation=cv2.INTER_NEAREST)
    return np.repeat(np.asarray(large, np.uint8)[..., None], 3, axis=2)
