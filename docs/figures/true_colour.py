"""Draw pictures in true colour, and measure them: docs/explanation/colour.md.

    python docs/figures/true_colour.py WEIGHTS RAW_FOLDER

darkens the raw files in RAW_FOLDER, restores them with the published WEIGHTS as published and in
the sensor's colours, does the same with a synthetic MID scene at its eight ISO speeds, and writes
three JPEGs beside the page. What it measures goes to standard output, as the page's tables.
With ``--tables`` the files are measured darkened 30, 60 and 200 times and as they are, and nothing
is drawn.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from darkened import as_bright, compare, darken

from rawkit.pictures.curve import encoded_of, linear_of
from rawkit.report.sheet import SheetCell, contact_sheet
from rawkit.restore import Brightness, decode_single, load_restorer, restore_single
from rawkit.sensor import RenderParameters, open_raw, read_exif
from rawkit.synth import make_collection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.colour import ColourMode
    from rawkit.restore import Restorer

PAGES = Path(__file__).parents[1] / "explanation"
FACTOR = 60
FACTORS = (30, 60, 200)
SHUTTER = 0.1
ISOS = (100, 200, 400, 800, 1600, 3200, 6400, 12800)
SMALL, LARGE = (288, 192), (300, 225)
"""Width and height of a picture of a sheet, and of the pair."""
QUALITY = 82
PAIR = "CANON_G2"
"""Beginning of the name of the file of the pair."""
PUBLISHED = Brightness("auto", (1.0,))
EXPECTED = Brightness("expected")


def restored(
    path: Path, restorer: Restorer, colour: ColourMode, brightness: Brightness
) -> NDArray[np.float32]:
    """Restore a file; the encoded picture."""
    return restore_single(decode_single(path), restorer, brightness, colour)


def fitted(linear: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Cut the middle out in the aspect of a size, make it small, and encode it."""
    height, width = linear.shape[:2]
    rows, columns = min(height, width * size[1] // size[0]), min(width, height * size[0] // size[1])
    top, left = (height - rows) // 2, (width - columns) // 2
    small = cv2.resize(linear[top : top + rows, left : left + columns], size,
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    return np.asarray(encoded_of(np.clip(small, 0, 1)) * 255 + 0.5).astype(np.uint8)


def write(name: str, sheet: NDArray[np.uint8]) -> None:
    """Write a small JPEG beside the page."""
    cv2.imwrite(str(PAGES / name), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def name_of(path: Path) -> str:
    """Return the camera's name, short."""
    with path.open("rb") as file:
        model = read_exif(file).model or path.stem
    for word in ("Canon ", "Kodak ", " Digital Camera", " Zoom Camera"):
        model = model.replace(word, "")
    return model


def draw_cameras(paths: list[Path], restorer: Restorer, folder: Path) -> None:
    """Draw darkened files, a row each: as published, true, and LibRaw's conversion."""
    rows = []
    for path in paths:
        made = darken(path, folder, FACTOR)
        published = restored(made.dark, restorer, "network", PUBLISHED)
        true = restored(made.dark, restorer, "auto", EXPECTED)
        pictures = [as_bright(published, made.truth), as_bright(true, made.truth), made.truth]
        errors = [compare(one, made.truth).chroma for one in (published, true)]
        captions = [name_of(path), *(f"colour error {error:.1f}" for error in errors)]
        rows.append(
            [
                SheetCell(fitted(one, SMALL), text)
                for one, text in zip(pictures, [*captions[1:], captions[0]], strict=True)
            ]
        )
        if path.name.startswith(PAIR):
            pair = [[SheetCell(fitted(one, LARGE), text) for one, text in
                     zip(pictures, [*captions[1:], "what it should be"], strict=True)]]  # fmt: skip
            write("colour-pair.jpg", contact_sheet(
                "A photograph made 60 times darker, restored",
                "the published weights, which were trained on another camera",
                ["as published", "rawkit restore", "the bright photograph"], pair,
            ))  # fmt: skip
    write("colour-cameras.jpg", contact_sheet(
        f"Photographs of {len(rows)} cameras, {FACTOR} times darker, restored",
        "the published weights; all shown as bright as the bright file",
        ["as published", "true colour", "bright file, LibRaw"], rows,
    ))  # fmt: skip


def draw_isos(restorer: Restorer, folder: Path) -> None:
    """Draw the synthetic scene: a column for each ISO, as published above true."""
    make_collection("mid", folder, scenes=1, shutters=(SHUTTER,))
    with open_raw(next(folder.glob("Indoor/pair1/*_GT_*"))) as raw:
        truth = linear_of(raw.render(RenderParameters(bits=16)).astype(np.float32) / 65535)
    cells, table = [], []
    for iso in ISOS:
        path = next(folder.glob(f"Indoor/pair1/00001/*_{iso:05d}_*"))
        published = restored(path, restorer, "network", PUBLISHED)
        true = restored(path, restorer, "auto", EXPECTED)
        found = [compare(one, truth) for one in (published, true)]
        cells.append([
            SheetCell(fitted(as_bright(one, truth), SMALL), f"colour error {error.chroma:.1f}")
            for one, error in zip((published, true), found, strict=True)
        ])  # fmt: skip
        table.append(
            f"| {iso} | {found[0].chroma:.2f} | {ratios(published)} | {found[1].chroma:.2f} |"
            f" {ratios(true)} |"
        )
    say("| ISO | as published: colour | R/G | B/G | true: colour | R/G | B/G |")
    say("|---|---|---|---|---|---|---|")
    for line in table:
        say(line)
    say(f"| long, LibRaw | | | | | {ratios(encoded_of(truth))} |")
    half = len(ISOS) // 2
    write("colour-iso.jpg", contact_sheet(
        "One scene at eight ISO speeds, restored with the published weights",
        f"synthetic MID, {SHUTTER:g} s, ISO {ISOS[0]} to {ISOS[half - 1]}, then {ISOS[half]} to"
        f" {ISOS[-1]}: as published above, true colour below; all as bright as the long exposure",
        [f"ISO {ISOS[n]}, ISO {ISOS[n + half]}" for n in range(half)],
        [[one[kind] for one in cells[first : first + half]] for first in (0, half) for kind in
         (0, 1)],
    ))  # fmt: skip


def measure_own_camera(restorer: Restorer, folder: Path) -> None:
    """Measure a look-alike of the camera that the published weights were trained on."""
    make_collection("sid", folder, scenes=2, shutters=(SHUTTER,), shots=1)
    say("| look-alike of ILCE-7SM2 | as published: colour | blue | SSIM | true: colour | blue |"
        " SSIM |")  # fmt: skip
    say("|---|---|---|---|---|---|---|")
    for path in sorted(folder.glob("Sony/short/*")):
        long = next(folder.glob(f"Sony/long/{path.name[:5]}_*"))
        with open_raw(long) as raw:
            truth = linear_of(raw.render(RenderParameters(bits=16)).astype(np.float32) / 65535)
        published = restored(path, restorer, "network", PUBLISHED)
        true = restored(path, restorer, "auto", EXPECTED)
        cells = [compare(one, truth).cells() for one in (published, true)]
        say(f"| {path.stem} | {' | '.join(cells)} |")


def ratios(picture: NDArray[np.float32]) -> str:
    """Mean linear red and blue of a picture over its green."""
    red, green, blue = linear_of(picture).mean(axis=(0, 1))
    return f"{red / max(green, 1e-9):.2f} | {blue / max(green, 1e-9):.2f}"


def print_tables(paths: list[Path], restorer: Restorer, folder: Path) -> None:
    """Measure files at every darkness: colour, blue, and SSIM of luminance."""
    kinds: tuple[tuple[ColourMode, Brightness], ...] = (
        ("network", PUBLISHED), ("network", EXPECTED), ("auto", EXPECTED),
    )  # fmt: skip
    say("| file | darker by | as published: colour | blue | SSIM | and as bright as true: colour |"
        " blue | SSIM | true: colour | blue | SSIM |")  # fmt: skip
    say("|" + "---|" * 11)
    for factor in (*FACTORS, 1):
        for path in paths:
            made = darken(path, folder, factor)
            cells = [
                compare(restored(made.dark, restorer, colour, brightness), made.truth).cells()
                for colour, brightness in kinds
            ]
            say(f"| {name_of(path)} | {factor} | {' | '.join(cells)} |")


def say(line: str) -> None:
    """Print a line as soon as it is known."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Draw the figures, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("raw_folder", type=Path)
    parser.add_argument("--tables", action="store_true", help="measure, and draw nothing")
    chosen = parser.parse_args()
    restorer = load_restorer(chosen.weights)
    paths = sorted(one for one in chosen.raw_folder.iterdir()
                   if one.is_file() and one.suffix.lower() != ".md")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        if chosen.tables:
            print_tables(paths, restorer, Path(folder))
            return
        draw_cameras(paths, restorer, Path(folder))
        draw_isos(restorer, Path(folder) / "mid")
        measure_own_camera(restorer, Path(folder) / "sid")


if __name__ == "__main__":
    main()
