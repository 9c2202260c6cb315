"""Measure another way to true colour, by matrices alone: a table of docs/explanation/colour.md.

    python docs/figures/colour_map.py WEIGHTS RAW_FOLDER

darkens the raw files in RAW_FOLDER 60 times and restores each as bright: with its planes as they
are, with planes balanced, the same with the picture mapped from the training camera's matrix to the
file's, with planes mapped onto the training camera's and the picture mapped back, and in the
sensor's colours. Files whose matrix LibRaw does not hand out are left aside.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from darkened import compare, darken
from true_colour import EXPECTED, FACTOR, name_of

from rawkit.colour import matrix_of
from rawkit.pictures.curve import encoded_of, linear_of
from rawkit.restore import decode_single, load_restorer, restore_image
from rawkit.restore.restorer import Origin
from rawkit.sensor import ColourMatrix, neutral_of, open_raw
from rawkit.synth import CAMERAS

if TYPE_CHECKING:
    from rawkit.restore import Restorer


def row(path: Path, restorer: Restorer, folder: Path) -> str | None:
    """Return the cells of a file; None where it has no matrix of its own."""
    with open_raw(path) as raw:
        if raw.image().colour_matrix is None:
            return None
    made = darken(path, folder, FACTOR)
    single = decode_single(made.dark)
    image, origin = single.image, Origin(single.base, single.capture.exposure)
    (sensor,) = restorer.developments(image, EXPECTED, "sensor", origin)
    colours = image.mosaic.cell.colours
    trained = ColourMatrix(CAMERAS["sid"].color_matrix, "file")
    own = image.colour_matrix
    if own is None:
        return None
    seen = np.array(neutral_of(image.white_balance.multipliers, colours))
    wanted = trained.array @ np.linalg.inv(own.array) @ seen
    gains = wanted / wanted[1] / seen
    back = matrix_of(own).array() @ np.linalg.inv(matrix_of(trained).array())
    mapped = tuple(float(gains[colour]) for colour in colours)
    ways = (
        replace(sensor, gains=None, anchor=None),
        replace(sensor, anchor=None),
        replace(sensor, anchor=None),
        replace(sensor, gains=mapped, anchor=None),
        sensor,
    )
    pictures = [restore_image(image, restorer, way) for way in ways]
    for number in (2, 3):
        light = linear_of(pictures[number]) @ back.T.astype(np.float32)
        pictures[number] = encoded_of(np.clip(light, 0, 1))
    return " | ".join(compare(one, made.truth).cells() for one in pictures)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("raw_folder", type=Path)
    chosen = parser.parse_args()
    restorer = load_restorer(chosen.weights)
    ways = ("as they are", "balanced", "balanced, mapped back", "mapped and back", "sensor's")
    heads = ["file", *(f"{way}: {what}" for way in ways for what in ("colour", "blue", "SSIM"))]
    sys.stdout.write(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}\n")
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(chosen.raw_folder.iterdir()):
            if path.is_file() and path.suffix.lower() != ".md":
                cells = row(path, restorer, Path(folder))
                if cells is not None:
                    sys.stdout.write(f"| {name_of(path)} | {cells} |\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    main()
