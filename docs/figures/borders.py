"""Draw what patches do to a picture, and measure it: docs/explanation/patches.md.

    python docs/figures/borders.py WEIGHTS RAW_FILE

darkens the raw file, restores it with the published WEIGHTS as one picture and in patches of 96
pixels that overlap once, twice and three times, and writes a JPEG beside the page: a part of each
picture, and below it how it differs from the one that was restored as one. What it measures goes to
standard output, as the page's table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from darkened import as_bright, darken

from rawkit.metrics import SSIM_VARIANTS, psnr, sharpness, ssim
from rawkit.models import PATCH, Overlap
from rawkit.pictures.curve import encoded_of
from rawkit.report.sheet import SheetCell, contact_sheet
from rawkit.restore import Brightness, Compute, decode_single, load_restorer, restore_single

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAGES = Path(__file__).parents[1] / "explanation"
FACTOR = 60
TIMES = (1, 2, 3)
SHOWN = (384, 256)
"""Columns and rows of the part that is shown."""
GAIN = 8
"""What differences are multiplied by."""
QUALITY = 85


@dataclass(frozen=True)
class Way:
    """A way of restoring."""

    title: str
    """For figure and table."""
    picture: NDArray[np.float32]
    """The encoded picture, (H, W, 3)."""
    seconds: float
    """CPU seconds."""
    stride: int
    """Pixels from patch to patch; 0 where there are none."""


def ways(weights: Path, dark: Path) -> list[Way]:
    """Restore a file as one picture, and in patches."""
    decoded = decode_single(dark)
    found = []
    for times in (0, *TIMES):
        overlap = Overlap(times) if times else None
        compute = Compute(weights, overlap=(overlap.times, overlap.side) if overlap else None)
        restorer = load_restorer(weights, compute)
        begun = time.process_time()
        picture = restore_single(decoded, restorer, Brightness("expected"), "auto")
        title = "as one picture" if overlap is None else f"patches, overlap {times}"
        seconds = time.process_time() - begun
        found.append(Way(title, picture, seconds, overlap.stride if overlap else 0))
    return found


def border_step(way: Way, whole: NDArray[np.float32]) -> float:
    """Mean step of the difference at the columns where patches begin, over that elsewhere.

    1 where borders do not show.
    """
    if not way.stride:
        return 1.0
    steps = np.abs(np.diff(way.picture - whole, axis=1)).mean((0, 2))
    columns = np.arange(1, len(steps) + 1)
    at_border = columns % way.stride == 0
    return float(steps[at_border].mean() / steps[~at_border].mean())


def part(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut the middle out."""
    columns, rows = SHOWN
    height, width = picture.shape[:2]
    top, left = (height - rows) // 2, (width - columns) // 2
    return picture[top : top + rows, left : left + columns]


def in_bytes(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round to 8 bits."""
    return np.asarray(np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def draw(found: list[Way]) -> None:
    """Write the figure beside the page."""
    whole = found[0].picture
    rows = [
        [SheetCell(in_bytes(part(one.picture)), f"{one.seconds:.1f} CPU s") for one in found],
        [
            SheetCell(in_bytes(0.5 + GAIN * part(one.picture - whole)), f"difference x {GAIN}")
            for one in found
        ],
    ]
    sheet = contact_sheet(
        f"A photograph made {FACTOR} times darker, restored as one picture and in patches",
        f"the published weights; patches of {PATCH} pixels, borders blended where they overlap",
        [one.title for one in found], rows,
    )  # fmt: skip
    path = str(PAGES / "patches-borders.jpg")
    cv2.imwrite(path, sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def table(found: list[Way], truth: NDArray[np.float32]) -> list[str]:
    """Return the lines of the page's table; `truth` is linear, (H, W, 3)."""
    whole, wanted = found[0].picture, encoded_of(np.clip(truth, 0, 1)).astype(np.float32)
    variant = SSIM_VARIANTS["gaussian"]
    heads = ("restored", "PSNR (dB)", "SSIM", "sharpness", "PSNR to one picture (dB)", "borders",
             "CPU s")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for way in found:
        shown = encoded_of(np.clip(as_bright(way.picture, truth), 0, 1)).astype(np.float32)
        same = "" if way is found[0] else f"{psnr(way.picture, whole):.1f}"
        lines.append(
            f"| {way.title} | {psnr(shown, wanted):.2f} | {ssim(shown, wanted, variant):.4f} | "
            f"{sharpness(shown):.3f} | {same} | {border_step(way, whole):.2f} | {way.seconds:.1f} |"
        )
    lines.append(f"| the bright photograph | | | {sharpness(wanted):.3f} | | | |")
    return lines


def main() -> None:
    """Restore, measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("raw", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = darken(asked.raw, Path(folder), FACTOR)
        found = ways(asked.weights, made.dark)
    draw(found)
    sys.stdout.write("\n".join(table(found, made.truth)) + "\n")


if __name__ == "__main__":
    main()
