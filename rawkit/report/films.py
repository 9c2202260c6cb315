"""Videos in a report: a film that plays in the page, and how bright its frames are."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup
from PIL import Image

from rawkit.errors import StoreFormatError
from rawkit.evaluate import FILM_FOLDER, FILM_INDEX
from rawkit.report import figures
from rawkit.report.album import data_uri, value_text
from rawkit.report.draw import Drawn
from rawkit.video import poster, small_mp4

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.evaluate import CurveRow
    from rawkit.report.study import Told

FILM_BYTES: Final = 1_500_000
"""Bytes that a film may take in a page, before it is written as text."""
_POSTER_QUALITY: Final = 80


@dataclass(frozen=True, slots=True)
class Film:
    """A video in a page."""

    id: str
    """Identifier within the page."""
    title: str
    """What it is of."""
    parts: tuple[str, ...]
    """What it shows, from left to right."""
    poster: str
    """Data URI of the frame in its middle, JPEG."""
    mp4: str
    """Data URI of the film."""
    facts: tuple[tuple[str, str], ...]
    """Figures."""
    curve: Drawn
    """How bright its frames and those of its truth are."""

    @property
    def svg(self) -> Markup:
        """The curve as an element of a page."""
        return Markup(figures.inline_svg(self.curve.figure, self.curve.caption))  # noqa: S704 - made here


def films_of(told: Told, limit: int = FILM_BYTES) -> list[Film]:
    """Read the films that were saved beside an evaluation, each of at most `limit` bytes.

    Raises
    ------
    StoreFormatError
        If their index is damaged, belongs to another evaluation, or names a film that is not there.
    UsageError
        If there are films and the extra `video` is missing.
    """
    folder = told.evaluation.folder / FILM_FOLDER
    path = folder / FILM_INDEX
    if not path.is_file():
        return []
    try:
        index = json.loads(path.read_bytes())
        if index["evaluation"] != told.evaluation.id:
            raise ValueError(f"of evaluation {index['evaluation']}")  # noqa: TRY301 - told below
        entries = [(folder / entry["file"], entry["row"]) for entry in index["videos"]]
        parts, rate = tuple(index["parts"]), float(index["frames_a_second"])
        missing = [film.name for film, _ in entries if not film.is_file()]
        if missing:
            raise ValueError(f"no {missing[0]}")  # noqa: TRY301 - likewise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreFormatError(
            f"videos that cannot be used ({error})",
            expected=f"those of evaluation {told.evaluation.id}",
            where=path,
            fix="`rawkit evaluate --videos` makes them anew.",
        ) from error
    curves = told.evaluation.curves()
    return [
        _film(told, film, row, (parts, rate, limit), curves, number)
        for number, (film, row) in enumerate(entries, 1)
    ]


def _film(
    told: Told,
    path: Path,
    row: dict[str, Any],
    how: tuple[tuple[str, ...], float, int],
    curves: list[CurveRow],
    number: int,
) -> Film:
    parts, rate, limit = how
    sink = io.BytesIO()
    Image.fromarray(poster(path)).save(sink, "JPEG", quality=_POSTER_QUALITY)
    name = " ".join(filter(None, [told.title, told.changes]))
    title = f"{name}: {row['video']}"
    own = [
        one for one in curves
        if (one.collection, one.video) == (row["collection"], row["video"])
        and one.variant == "bt601"
    ]  # fmt: skip
    caption = (
        f"Brightness of {title} over its frames, and the mean difference between neighbouring "
        "frames (MABD); dashed: the truth."
    )
    drawn = Drawn(f"brightness-{told.evaluation.id}-{number}", caption, figures.brightness(own))
    facts = (
        ("frames", f"{row['frames']}"),
        ("PSNR", f"{row['psnr']:.2f} dB"),
        ("SSIM", f"{row['ssim']:.4f}"),
        ("MABD error", value_text(row["mabd_bt601"])),
    )
    return Film(
        id=f"v-{told.evaluation.id}-{number}",
        title=title,
        parts=parts,
        poster=data_uri(sink.getvalue(), "image/jpeg"),
        mp4=data_uri(small_mp4(path, limit, fps=rate), "video/mp4"),
        facts=facts,
        curve=drawn,
    )
