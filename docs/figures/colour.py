"""Draw where a network folds blue: the first figure of docs/explanation/colour.md.

    python docs/figures/colour.py WEIGHTS

asks the network of the published WEIGHTS what it makes of flat fields of every red over green and
blue over green, and writes a JPEG beside the page: on the left the colours as they are, on the
right as they come out, with a frame around those whose red and blue have changed places. What it
measures goes to standard output, as the page's table.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rawkit.models import describe, find_neutral, flat_response, load_network, prepare
from rawkit.pictures.curve import encoded_of
from rawkit.pictures.write import PictureFormat, write_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PAGES = Path(__file__).parents[1] / "explanation"
TIMES = np.geomspace(0.25, 4, 17)
"""Red and blue over those of neutral."""
LEVEL = 0.1
"""Normalised, amplified green."""
CELL, GAP = 24, 24
FORMAT = PictureFormat("jpeg")


def shown(light: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Encode linear RGB (..., 3) so that the largest channel is three quarters."""
    bright = light / np.maximum(light.max(axis=-1, keepdims=True), 1e-6) * 0.5
    return np.asarray(encoded_of(np.clip(bright, 0, 1)) * 255 + 0.5).astype(np.uint8)


def swapped(true: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether red and blue (..., 3) differ by a tenth at least, and the other way round."""
    order = np.log(true[..., 2] / true[..., 0])
    other = np.log(np.maximum(seen[..., 2], 1e-4) / np.maximum(seen[..., 0], 1e-4))
    found = (order * other < 0) & (np.minimum(np.abs(order), np.abs(other)) > np.log(1.1))
    return np.asarray(found)


def drawn(light: NDArray[np.float64], framed: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Draw fields (rows, columns, 3), the first row below; a frame around some."""
    picture = np.kron(shown(light), np.ones((CELL, CELL, 1), np.uint8))
    for row, column in np.argwhere(framed):
        top, left = int(row) * CELL, int(column) * CELL
        cv2.rectangle(picture, (left, top), (left + CELL - 1, top + CELL - 1), (255, 255, 255), 1)
    return np.ascontiguousarray(picture[::-1])


def main(arguments: Sequence[str]) -> int:
    """Ask, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("weights", type=Path, help="the published weights")
    chosen = parser.parse_args(arguments)
    built, loaded = load_network(chosen.weights)
    net, network = prepare(built), describe(loaded.network)
    neutral = find_neutral(net, network.cell, network.multiple)
    sys.stdout.write(
        f"neutral: R/G {neutral.red:.2f}, B/G {neutral.blue:.2f}, error {neutral.error:.3f}\n"
    )

    def seen(red: float, blue: float) -> NDArray[np.float64]:
        planes = (LEVEL * red * neutral.red, LEVEL, LEVEL * blue * neutral.blue)
        return flat_response(net, network.cell, network.multiple, planes)

    true = np.array([[(red, 1.0, blue) for red in TIMES] for blue in TIMES])
    out = np.array([[seen(red, blue) for red in TIMES] for blue in TIMES])
    framed = swapped(true, out)
    sys.stdout.write(f"red and blue change places in {framed.mean():.0%} of the plane\n")
    sys.stdout.write("| blue over neutral | red | green | blue |\n|---|---|---|---|\n")
    for blue in (0.5, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0):
        light = seen(1.0, blue)
        sys.stdout.write(f"| {blue:g} | {light[0]:.3f} | {light[1]:.3f} | {light[2]:.3f} |\n")
    nothing = np.zeros_like(framed)
    gap = np.full((CELL * len(TIMES), GAP, 3), 255, np.uint8)
    picture = np.hstack([drawn(true, nothing), gap, drawn(out, framed)])
    write_picture(PAGES / "colour-fold.jpg", picture, FORMAT)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
