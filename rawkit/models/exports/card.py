"""The card beside an exported network: all that a program needs to know to use it right.

``night.tflite`` has its card in ``night.tflite.card.json``. `rawkit restore` reads it, too.
"""

from __future__ import annotations

import platform
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rawkit.errors import MissingError, WeightsError
from rawkit.models.cameras import SeenCamera
from rawkit.sensor import Neutral  # noqa: TC001 - pydantic reads it as the class is made

SUFFIX = ".card.json"
"""What follows the name of the file."""
CARD_VERSION = 1
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Side = Annotated[int, Field(gt=0)]


class _Part(BaseModel):
    """A part of a card; unknown keys are refused, so that a card of another kind is."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Check(_Part):
    """One size that was run by the file's own runtime and by torch."""

    height: _Side
    """Rows of the mosaic."""
    width: _Side
    """Columns of it."""
    on: str
    """What was restored."""
    difference: float
    """Greatest difference from torch, of values between 0 and 1."""
    psnr: float | None
    """The same in decibels, peak 1; None where nothing differs."""
    seconds: float
    """Shortest of a few runs on this machine."""
    torch_seconds: float
    """The same by torch."""


class Amplified(_Part):
    """How mosaics were amplified in training."""

    kind: str
    """As `rawkit.sensor.Amplification` has it."""
    value: _Positive
    """Its value."""
    ratio_to_estimate: _Positive
    """What multiplies the estimate of a file without a long."""


class Colour(_Part):
    """What to do about colour around the network."""

    wanted: Neutral | None
    """Camera R, G and B to which grey is brought before the network, whatever colours are asked
    for: it was trained so. None: planes stay as they are for the network's own colours."""
    neutral: Neutral | None
    """Where grey is to be brought for the sensor's colours; None: planes stay as they are."""
    published: bool
    """Whether the weights are published ones, which turn blue things red."""
    cameras: dict[str, Neutral | None]
    """Cameras that the weights were trained on, and the grey that each sees."""
    sensor: dict[str, Any]
    """Constants of the sensor's colours: of brightness, noise and scales."""


class Card(_Part):
    """What an exported network is, takes and gives."""

    rawkit_card: int
    """Version of the card."""
    file: str
    """Name of the file that it describes."""
    sha256: str
    """Checksum of that file, hexadecimal; of an OpenVINO model of its description and weights."""
    bytes: int
    """Its size."""
    format: str
    """As `rawkit export --format`."""
    delegate: str
    """What runs it inside its runtime; empty where there is nothing to choose."""
    precision: str
    """``f32``, ``f16`` or ``int8``."""
    runtime: str
    """The runtime that it was run by, and its version."""
    network: str
    """Name in the registry."""
    reference: str
    """The paper."""
    licence: str | None
    """Terms of the weights; None where there are none."""
    weights: str
    """SHA-256 of the file of the weights."""
    takes: str
    """The input, in words."""
    gives: str
    """The output, in words."""
    levels: str
    """How the input is made of sensor values, in words."""
    multiple: _Side
    """What sides are multiples of, in pixels."""
    sizes: tuple[tuple[_Side, _Side], ...]
    """Heights and widths of mosaics that it takes; empty: any."""
    amplification: Amplified
    """How bright its input is to be."""
    colour: Colour
    """What is done about colour."""
    checks: tuple[Check, ...]
    """What it gave beside torch; empty where no runtime for it is to be had here."""
    unchecked: str | None
    """Why it was not run."""
    machine: str
    """Where that was, with how many threads."""

    def seen(self) -> dict[str, SeenCamera]:
        """Return the cameras that the weights were trained on."""
        return {model: SeenCamera(None, grey) for model, grey in self.colour.cameras.items()}


def card_path(path: Path) -> Path:
    """Return where the card of an exported file lies."""
    return path.with_name(path.name + SUFFIX)


def checksum(path: Path) -> tuple[str, int]:
    """Return SHA-256 and size of an exported file; the weights of an OpenVINO model count in."""
    parts = [path]
    if path.suffix == ".xml":
        parts.append(path.with_suffix(".bin"))
    digest, size = sha256(), 0
    for part in parts:
        try:
            data = part.read_bytes()
        except FileNotFoundError:
            raise MissingError("no such file", where=part) from None
        except OSError as error:
            raise WeightsError(f"cannot be read ({error.strerror})", where=part) from error
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


def read_card(path: Path) -> Card:
    """Read the card of an exported file and see that it is that file's.

    Raises
    ------
    MissingError
        If the file or its card is not there.
    WeightsError
        If the card cannot be read, is of another version, or is another file's.
    """
    found, _ = checksum(path)
    where = card_path(path)
    again = "Export it again with: rawkit export."
    try:
        text = where.read_bytes()
    except OSError:
        raise MissingError(
            f"no card {where.name} beside it", where=path,
            fix="Copy the card that was written with the file. " + again,
        ) from None  # fmt: skip
    try:
        card = Card.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise WeightsError(
            f"no card that can be read ({place}: {first['msg']})", where=where, fix=again
        ) from error
    if card.rawkit_card != CARD_VERSION:
        raise WeightsError(
            f"a card of version {card.rawkit_card}", expected=f"{CARD_VERSION}", where=where,
            fix=again,
        )  # fmt: skip
    if card.sha256 != found:
        raise WeightsError(
            f"a file of checksum {found[:12]}", expected=f"{card.sha256[:12]}, as its card says",
            where=path, fix="The card is another file's, or the file was changed. " + again,
        )  # fmt: skip
    return card


def machine(threads: int) -> str:
    """Name this machine's processor and how many threads run on it."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return f"{name}, {threads} thread{'s' if threads > 1 else ''}"
