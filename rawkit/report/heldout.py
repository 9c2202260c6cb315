"""Held-out frames beside a plain conversion and the truth, with figures and as a sheet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from rawkit.metrics import compare
from rawkit.pictures import converted
from rawkit.progress import SILENT
from rawkit.report.sheet import SheetCell, contact_sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rawkit.progress import Progress
    from rawkit.store import Store
    from rawkit.subset import SubsetFrame


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One held-out frame, measured against its truth."""

    name: str
    """Name of the dark frame."""
    iso: float | None
    """ISO speed."""
    ratio: float | None
    """Exposure ratio to the truth."""
    plain: tuple[float, float]
    """PSNR in dB and SSIM of the brightness-matched LibRaw conversion."""
    restored: tuple[float, float]
    """PSNR in dB and SSIM of the restored picture."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A held-out frame, with its pictures where they were kept."""

    figures: HeldOut
    """What was measured."""
    pictures: tuple[NDArray[np.uint8], ...]
    """Plain, restored and truth, each (H, W, 3); empty where they were not kept."""


def measure_heldout(
    frames: Sequence[SubsetFrame],
    store: Store,
    data: Path,
    restored: Path,
    progress: Progress = SILENT,
    *,
    shown: int = 4,
) -> list[Compared]:
    """Compare restored pictures and plain conversions with the truth.

    Pictures are kept of the first frame of each scene and ratio, at most `shown` times. `data` is
    the folder of the raw files, `restored` that of the pictures, 8 bits each, named after them.

    Raises
    ------
    StoreDamagedError
        If a shard is missing or damaged.
    RawFileError
        If a raw file cannot be decoded.
    """
    rows = {row.name: row for row in store.rows}
    seen: set[tuple[str, float | None]] = set()
    found: list[Compared] = []
    with progress.stage("Measuring", len(frames), "frames") as advance:
        for frame in frames:
            group = store.groups[frame.group]
            source = data / rows[frame.name].source
            index = int(group.coordinates["target_index"][frame.index])
            truth = _eight_bits(group.read("target", index))
            plain = converted(source, truth)
            picture = _read(restored / f"{source.stem}.png")
            figures = HeldOut(
                frame.name, frame.iso, frame.ratio, compare(plain, truth), compare(picture, truth)
            )
            setting = frame.scene, frame.ratio
            keep = setting not in seen and len(seen) < shown
            pictures = (plain, picture, truth) if keep else ()
            seen.add(setting)
            found.append(Compared(figures, pictures))
            advance(1, frame.name)
    return found


def draw_heldout(title: str, frames: Sequence[Compared]) -> NDArray[np.uint8]:
    """Draw the frames whose pictures were kept; returns RGB (height, width, 3)."""
    means = [
        tuple(np.mean([getattr(one.figures, which) for one in frames], axis=0))
        for which in ("plain", "restored")
    ]
    subtitle = (
        f"{len(frames)} held-out frames, means: plain conversion {_text(means[0])}, "
        f"restored {_text(means[1])}"
    )
    headings = ("LibRaw, brightness matched to the truth", "restored", "truth (long exposure)")
    shown = [_cells(one) for one in frames if one.pictures]
    return contact_sheet(title, subtitle, headings, shown)


def _cells(one: Compared) -> list[SheetCell]:
    figures = one.figures
    iso, ratio = (
        "unknown" if value is None else f"{value:.0f}" for value in (figures.iso, figures.ratio)
    )
    captions = (
        _text(figures.plain),
        _text(figures.restored),
        f"{Path(figures.name).name}, ISO {iso}, ratio {ratio}",
    )
    return [SheetCell(*pair) for pair in zip(one.pictures, captions, strict=True)]


def _eight_bits(target: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Picture (H, W, 3) of 8 bits of a stored target (3, H, W) of 8 or 16."""
    scale = 2 ** (8 * target.dtype.itemsize) - 1
    unit = target.astype(np.float32).transpose(1, 2, 0) / np.float32(scale)
    return (unit * 255 + 0.5).astype(np.uint8)


def _read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)


def _text(scores: tuple[float, ...]) -> str:
    return f"PSNR {scores[0]:.2f} dB   SSIM {scores[1]:.3f}"
