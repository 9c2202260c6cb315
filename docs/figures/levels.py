"""Draw what wrong black levels do: the figures of docs/explanation/levels.md.

    python docs/figures/levels.py WEIGHTS RAW_FOLDER

makes a synthetic MID scene at its eight ISO speeds, restores it with the published WEIGHTS, once
with the levels of each file and once with a black level of 512 everywhere, does the same with the
raw files in RAW_FOLDER, and writes two JPEGs beside the page. The colours it measures go to
standard output, as the page's tables.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rawkit.errors import RawFileError
from rawkit.pictures.curve import linear_of
from rawkit.pictures.write import PictureFormat, write_picture
from rawkit.report.sheet import SheetCell, contact_sheet
from rawkit.restore import Brightness, Origin, load_restorer, restore_image
from rawkit.sensor import Levels, RenderParameters, amplification_base, open_raw, read_exif
from rawkit.synth import make_collection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.restore import Restorer

PAGES = Path(__file__).parents[1] / "explanation"
WRONG = Levels(512, None)
SHUTTER = 0.1
MULTIPLE = 5
"""m: with 1 the published weights leave this scene darker than a page shows well."""
ISOS = (100, 200, 400, 800, 1600, 3200, 6400, 12800)
SMALL = (216, 144)
FORMAT = PictureFormat("jpeg")


def restored(
    path: Path, restorer: Restorer, levels: Levels | None, m: float = 1
) -> tuple[SheetCell, list[str]]:
    """Restore a file; return a small picture of it and its figures: black, factor, R/G, B/G."""
    try:
        with open_raw(path) as raw:
            image = raw.image(levels)
    except RawFileError as error:
        blank = np.full((SMALL[1], SMALL[0], 3), 225, np.uint8)
        return SheetCell(blank, error.found), ["512", "-", "-", "-"]
    base = amplification_base(image)
    factor = m * base
    # In the network's own colours: it is what wrong levels do to them that is drawn.
    (development,) = restorer.developments(
        image, Brightness("number", (factor,)), "network", Origin(base, image.exposure)
    )
    picture = restore_image(image, restorer, development)
    black = f"{np.mean(image.mosaic.black_level):.0f}"
    caption = f"black {black}, x{factor:.1f}"
    return SheetCell(fitted(picture), caption), [black, f"{factor:.1f}", *colour(picture)]


def fitted(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Cut the middle out in the sheet's aspect and make it small."""
    height, width = picture.shape[:2]
    rows = min(height, width * SMALL[1] // SMALL[0])
    columns = min(width, height * SMALL[0] // SMALL[1])
    top, left = (height - rows) // 2, (width - columns) // 2
    small = cv2.resize(
        picture[top : top + rows, left : left + columns], SMALL, interpolation=cv2.INTER_AREA
    )
    return (np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8)


def colour(picture: NDArray[np.float32]) -> list[str]:
    """Mean linear red and blue of a picture over its green."""
    red, green, blue = linear_of(picture).mean(axis=(0, 1))
    return [f"{red / max(green, 1e-9):.2f}", f"{blue / max(green, 1e-9):.2f}"]


def truth(path: Path) -> list[str]:
    """Measure the colour of a long exposure as LibRaw renders it."""
    with open_raw(path) as raw:
        picture = np.float32(1 / 65535) * raw.render(RenderParameters(bits=16)).astype(np.float32)
    return ["long, LibRaw", "512", "-", *colour(picture), "", "", "", ""]


def draw_isos(restorer: Restorer) -> list[list[str]]:
    """Draw the synthetic scene: a column for each ISO, levels of the file above 512 everywhere."""
    with tempfile.TemporaryDirectory() as folder:
        make_collection("mid", Path(folder), scenes=1, shutters=(SHUTTER,))
        paths = [next(Path(folder).glob(f"Indoor/pair1/00001/*_{iso:05d}_*")) for iso in ISOS]
        rights = [restored(path, restorer, None, MULTIPLE) for path in paths]
        wrongs = [restored(path, restorer, WRONG, MULTIPLE) for path in paths]
        long = truth(next(Path(folder).glob("Indoor/pair1/*_GT_*")))
    half = len(ISOS) // 2
    rows = [
        [cell for cell, _ in some[first : first + half]]
        for first in (0, half)
        for some in (rights, wrongs)
    ]
    sheet = contact_sheet(
        "One scene at eight ISO speeds, restored with the published weights",
        f"synthetic MID, {SHUTTER:g} s, m = {MULTIPLE}, ISO {ISOS[0]} to {ISOS[half - 1]}, then "
        f"{ISOS[half]} to {ISOS[-1]}: the file's own levels above, black 512 below",
        [f"ISO {ISOS[n]}, ISO {ISOS[n + half]}" for n in range(half)],
        rows,
    )
    write_picture(PAGES / "levels-iso.jpg", sheet, FORMAT)
    table = [
        [f"{iso}", *right, *wrong]
        for iso, (_, right), (_, wrong) in zip(ISOS, rights, wrongs, strict=True)
    ]
    return [*table, long]


def draw_cameras(folder: Path, restorer: Restorer) -> list[list[str]]:
    """Draw real files: a column for each, levels of the file above 512 everywhere."""
    table, rights, wrongs, names = [], [], [], []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() != ".md"):
        if not path.is_file():
            continue
        with path.open("rb") as file:
            name = (read_exif(file).model or path.stem).removeprefix("Canon ")
        names.append(name.replace(" Digital Camera", "").replace(" Zoom Camera", ""))
        right, wrong = restored(path, restorer, None), restored(path, restorer, WRONG)
        rights.append(right[0])
        wrongs.append(wrong[0])
        table.append([names[-1], *right[1], *wrong[1]])
    sheet = contact_sheet(
        "Six cameras, restored with the published weights",
        "each file's own levels above, a black level of 512 below",
        [name[:24] for name in names],
        [rights, wrongs],
    )
    write_picture(PAGES / "levels-cameras.jpg", sheet, FORMAT)
    return table


def as_table(first: str, rows: list[list[str]]) -> str:
    """Lay out the figures as Markdown."""
    head = [first, *(f"{part} {name}" for part in ("own", "512:") for name in
                     ("black", "factor", "R/G", "B/G"))]  # fmt: skip
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def main() -> None:
    """Draw both figures and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("raw_folder", type=Path)
    chosen = parser.parse_args()
    restorer = load_restorer(chosen.weights)
    sys.stdout.write(as_table("ISO", draw_isos(restorer)) + "\n")
    sys.stdout.write(as_table("camera", draw_cameras(chosen.raw_folder, restorer)))


if __name__ == "__main__":
    main()
