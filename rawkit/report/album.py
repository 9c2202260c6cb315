"""Pictures of a report: to compare with a slider, and contact sheets."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from rawkit.errors import StoreFormatError
from rawkit.evaluate import PICTURE_FOLDER, PICTURE_INDEX, PICTURE_KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.report.study import Told

SHEET_WIDTH: Final = 1400
"""Columns of a contact sheet in a page, in pixels."""
_JPEG_QUALITY = 82


@dataclass(frozen=True, slots=True)
class SheetPicture:
    """A contact sheet in a page."""

    uri: str
    """Data URI of the picture."""
    alt: str
    """What it is, for those who do not see it."""
    caption: str
    """Line under it."""


@dataclass(frozen=True, slots=True)
class Card:
    """One picture to compare: plain, restored, truth."""

    id: str
    """Identifier within the page."""
    title: str
    """Place and name."""
    images: tuple[tuple[str, str], ...]
    """Kind and data URI of each."""
    facts: tuple[tuple[str, str], ...]
    """Metadata and figures."""
    left: str = "plain"
    """Kind on the left at first."""
    right: str = "restored"
    """Kind on the right at first."""
    choices: tuple[tuple[str, str], ...] = (
        ("plain", "restored"), ("restored", "truth"), ("plain", "truth"),
    )  # fmt: skip
    """Kinds that may be compared, left and right."""


@dataclass(frozen=True, slots=True)
class Album:
    """Pictures of one evaluation."""

    title: str
    """What was evaluated."""
    cards: tuple[Card, ...]
    """Best, median, worst."""


def album_of(told: Told) -> Album:
    """Read the pictures that were saved beside an evaluation; none if there are none.

    Raises
    ------
    StoreFormatError
        If their index is damaged, belongs to another evaluation, or names a file that is not there.
    """
    folder = told.evaluation.folder / PICTURE_FOLDER
    path = folder / PICTURE_INDEX
    if not path.is_file():
        return Album(told.title, ())
    try:
        index = json.loads(path.read_bytes())
        _check_same(index["evaluation"], told.evaluation.id)
        cards = tuple(_card(folder, told, entry) for entry in index["pictures"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreFormatError(
            f"pictures that cannot be used ({error})",
            expected=f"those of evaluation {told.evaluation.id}",
            where=path,
            fix="`rawkit evaluate --pictures` makes them anew.",
        ) from error
    return Album(" ".join(filter(None, [told.title, told.changes])), cards)


def _check_same(found: str, expected: str) -> None:
    if found != expected:
        raise ValueError(f"of evaluation {found}")


def _card(folder: Path, told: Told, entry: dict[str, Any]) -> Card:
    row = entry["row"]
    images = tuple(
        (kind, data_uri((folder / entry["files"]["full"][kind]).read_bytes(), "image/jpeg"))
        for kind in PICTURE_KINDS
    )
    facts = [
        ("scene", row["scene"]),
        ("camera", row["camera"] or "unknown"),
        ("ISO", value_text(row["iso"])),
        ("exposure", value_text(row["exposure_time"], "exposure")),
        ("ratio", value_text(row["exposure_ratio"], "ratio")),
        ("amplified by", f"{row['amplification']:.1f}"),
        ("PSNR", f"{row['psnr']:.2f} dB"),
        ("SSIM", f"{row['ssim']:.4f}"),
    ]
    if row["delta_e"] is not None:
        facts.append(("Delta E", f"{row['delta_e']:.2f}"))
    title = f"{entry['rank']} {entry['place']}: {row['name']}"
    name = f"{told.evaluation.id}-{entry['rank']}-{entry['place']}"
    return Card(f"p-{name}", title, images, tuple(facts))


def contact(path: Path) -> SheetPicture:
    """Make a contact sheet small enough for a page.

    Raises
    ------
    StoreFormatError
        If it is no picture.
    """
    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (OSError, ValueError) as error:
        raise StoreFormatError(
            "not a picture", expected="a contact sheet of `rawkit show`", where=path
        ) from error
    picture.thumbnail((SHEET_WIDTH, 4 * SHEET_WIDTH))
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=_JPEG_QUALITY)
    name = path.stem
    return SheetPicture(data_uri(sink.getvalue(), "image/jpeg"), f"contact sheet {name}", name)


def data_uri(data: bytes, kind: str) -> str:
    """Make a picture or a video part of the page; `kind` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def value_text(value: object, axis: str = "") -> str:
    """Say a value of an axis, such as ``0.1 s`` for an exposure."""
    if value is None:
        return "unknown"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} s" if axis == "exposure" else f"{text} x" if axis == "ratio" else text
