"""A study into files: the page, and its figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rawkit.files import write_atomically
from rawkit.progress import SILENT
from rawkit.report import figures
from rawkit.report.album import album_of, contact
from rawkit.report.camera_page import draw_profile
from rawkit.report.draw import draw
from rawkit.report.films import FILM_BYTES, films_of
from rawkit.report.page import render

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rawkit.progress import Progress
    from rawkit.report.draw import Drawn
    from rawkit.report.study import Findings


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    page: Path
    """The HTML file."""
    bytes: int
    """Its size."""
    figures: tuple[Path, ...]
    """Each figure as PNG and as SVG."""


def write_report(
    study: Findings,
    page: Path,
    *,
    figure_folder: Path | None = None,
    sheets: Sequence[Path] = (),
    film_bytes: int = FILM_BYTES,
    progress: Progress = SILENT,
) -> Written:
    """Write a study as one HTML file, and its figures beside it as PNG and SVG if asked for.

    `sheets` are contact sheets to put in; `film_bytes` is what each video may take at most.

    Raises
    ------
    StoreFormatError
        If the pictures or tables of an evaluation are damaged.
    OutputError
        If something cannot be written.
    """
    steps = len(study.evaluations) + len(sheets) + 2
    with progress.stage("Drawing", steps, "parts") as advance:
        drawn = draw(study)
        advance(1, "figures")
        albums, films = [], []
        for told in study.evaluations:
            album = album_of(told)
            albums += [album] if album.cards else []
            films += films_of(told, film_bytes)
            advance(1, told.title)
        contacts = []
        for path in sheets:
            contacts.append(contact(path))
            advance(1, path.name)
        cameras = [
            (one.camera, [replace(each, name=f"camera-{number}-{each.name}")
                          for each in draw_profile(one)])
            for number, one in enumerate(study.cameras) if one.curves or one.ranges
        ]  # fmt: skip
        text = render(study, drawn, albums, contacts, films, cameras)
        write_atomically(page, text.encode())
        kept = [
            *drawn,
            *(film.curve for film in films),
            *(one for _, own in cameras for one in own),
        ]
        saved = [] if figure_folder is None else _save(kept, figure_folder)
        advance(1, page.name)
    return Written(page, len(text.encode()), tuple(saved))


def _save(drawn: Sequence[Drawn], folder: Path) -> list[Path]:
    saved = []
    for one in drawn:
        for ending, data in ((".png", figures.png(one.figure)), (".svg", figures.svg(one.figure))):
            path = folder / f"{one.name}{ending}"
            write_atomically(path, data)
            saved.append(path)
    return saved
