"""What goes over the wire, as pydantic models: the API's description is made from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Stage = Literal["waiting", "reading", "ready", "refused"]
PictureStage = Literal["waiting", "working", "done", "failed"]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Wanted(_Message):
    """How a picture is to be made; what is left out is as in `rawkit restore`."""

    m: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Brightness as a multiple of the estimate, as `--m`; null: automatic."""
    stops: Annotated[float, Field(ge=-6, le=6)] | None = None
    """Brightness in stops above the automatic one; goes with neither `m` nor `exposure`."""
    exposure: Annotated[str, Field(max_length=60)] | None = None
    """As bright as this exposure, such as `10s` or `10s,iso100,f/8`, as `--exposure`."""
    colour: Literal["auto", "sensor", "network"] = "auto"
    """Whose colours, as `--colour`."""
    format: Literal["png", "jpeg", "tiff"] = "png"
    """File format."""
    bits: Literal[8, 16] = 8
    """Bits per channel; 16 for png and tiff."""
    weights: Annotated[str, Field(max_length=200)] | None = None
    """Name of the weights, one of those that `about` lists; null: the first."""

    @model_validator(mode="after")
    def _one_brightness(self) -> Wanted:
        if sum(one is not None for one in (self.m, self.stops, self.exposure)) > 1:
            raise ValueError("m, stops and exposure each say how bright: give one of them")
        if self.format == "jpeg" and self.bits != 8:  # noqa: PLR2004 - what JPEG has
            raise ValueError("a JPEG has 8 bits: take png or tiff for 16")
        return self


class Problem(_Message):
    """Why something did not work, in words for people."""

    kind: str
    """For scripts."""
    title: str
    """What is the case."""
    text: str
    """Why, and what can be done."""
    phone: bool = False
    """Whether the page says how a raw file is had from a phone."""


class ErrorBody(_Message):
    """What every answer of 400 and above holds."""

    error: Problem
    """Why."""


class Facts(_Message):
    """What is known of a photo once it has been read."""

    camera: str | None = None
    """Maker and model."""
    lens: str | None = None
    """Lens."""
    iso: float | None = None
    """ISO speed."""
    seconds: float | None = None
    """Exposure time."""
    f_number: float | None = None
    """Aperture as the f-number N."""
    taken: str | None = None
    """Date and time, `YYYY:MM:DD HH:MM:SS`, camera's local time."""
    width: int
    """Columns of the picture, upright, in pixels."""
    height: int
    """Rows of the picture, upright, in pixels."""
    black_level: list[float]
    """Black level of each plane, in sensor units."""
    white_level: float
    """White level, in sensor units."""
    estimate: float
    """How dark it is: the amplifier's estimate, of which `m` is a multiple."""
    warning: str | None = None
    """What does not fit, in words."""
    note: str | None = None
    """What is to be known besides."""


class PictureView(_Message):
    """A picture that was asked for."""

    id: str
    """Names it."""
    stage: PictureStage
    """How far it is."""
    share: float
    """Part of the network's work that is done, 0 to 1."""
    wanted: Wanted
    """How it is made."""
    place: int | None = None
    """How many are made before it; null unless it waits."""
    file: str | None = None
    """Where to get it, once it is done."""
    name: str | None = None
    """Name of its file."""
    bytes: int | None = None
    """Size of its file."""
    problem: Problem | None = None
    """Why it failed."""
    warning: str | None = None
    """What is to be known of how it looks, in words."""
    made: dict[str, Any] | None = None
    """How it was made: its line of the manifest."""


class PhotoView(_Message):
    """A file that was uploaded, or a frame of a store."""

    id: str
    """Names it."""
    name: str
    """What the file was called."""
    bytes: int
    """Size of the file."""
    stage: Stage
    """How far it is."""
    problem: Problem | None = None
    """Why it was refused."""
    facts: Facts | None = None
    """What is known of it."""
    thumbnail: str | None = None
    """Where a small picture of it is."""
    truth: bool = False
    """Whether there is a true picture to compare with: of frames of stores."""
    source: str | None = None
    """Store and frame, if it is of a store."""
    pictures: list[PictureView] = []
    """What was asked for, the newest last."""
    place: int | None = None
    """How many are read before it; null unless it waits."""
    deleted_at: float
    """When it is deleted unless something is done with it, seconds since 1970."""


class WorkView(_Message):
    """All photos under one address."""

    id: str
    """Names it; unguessable."""
    address: str
    """Path of its page."""
    photos: list[PhotoView]
    """In the order they came."""


class WeightsView(_Message):
    """Weights that can be chosen."""

    name: str
    """What to call them in `weights`."""
    network: str | None = None
    """The network, once it was loaded."""
    licence: str | None = None
    """A note on their licence, if there is one."""


class About(_Message):
    """What the server is and allows."""

    version: str
    """Of rawkit."""
    ready: bool
    """Whether the network is loaded; it takes some seconds after the start."""
    weights: list[WeightsView]
    """What can be chosen."""
    protections: str
    """What keeps a hostile raw file from doing harm."""
    file_bytes: int
    """Size that a file may have."""
    photos: int
    """Photos that an address may have."""
    keep_seconds: float
    """How long files and pictures are kept."""
    stores: bool
    """Whether there is a workspace with stores to browse."""


class StoreLine(_Message):
    """A store."""

    name: str
    """What to call it."""
    title: str
    """As its collection's definition says."""
    frames: int
    """Frames in it, longs included."""
    cameras: int
    """Cameras and sizes of picture."""


class RunLine(_Message):
    """A training run."""

    name: str
    """Name of its folder."""
    network: str
    """Name of the network."""
    pairs: int | None = None
    """Pairs it was trained on; null where unknown."""
    step: int | None = None
    """Its best step; null before the first validation."""
    psnr: float | None = None
    """PSNR there, dB."""
    ssim: float | None = None
    """SSIM there."""


class EvaluationLine(_Message):
    """A finished evaluation."""

    id: str
    """Its identity."""
    title: str
    """What was evaluated."""
    protocol: str
    """How pictures were compared."""
    pictures: int
    """Pictures."""
    means: dict[str, float]
    """Means over all pictures, by metric."""


class Holdings(_Message):
    """What the workspace holds."""

    stores: list[StoreLine]
    """Stores, by name."""
    runs: list[RunLine]
    """Runs, the newest last."""
    evaluations: list[EvaluationLine]
    """Evaluations, by folder."""
    reports: list[str]
    """Pages of `rawkit report`, by their paths in the workspace."""
    problems: list[str]
    """What could not be read."""


class Exposures(_Message):
    """Frames of one exposure time."""

    role: str
    """`short` or `long`."""
    seconds: float | None
    """Exposure time, nominal; null where unknown."""
    counts: list[int]
    """Frames at each ISO."""


class SceneLine(_Message):
    """A scene of a store."""

    name: str
    """Its name."""
    split: str
    """`train`, `val` or `test`."""
    frames: int
    """Its frames."""


class StoreDetails(_Message):
    """What a store holds."""

    name: str
    """What to call it."""
    title: str
    """As its collection's definition says."""
    frames: int
    """Frames in it."""
    licence: str | None = None
    """Of its pictures."""
    citation: str | None = None
    """What to cite."""
    isos: list[float | None]
    """ISO speeds there are; null where unknown."""
    exposures: list[Exposures]
    """Frames by exposure time and ISO."""
    scenes: list[SceneLine]
    """Scenes, by name."""


class FrameLine(_Message):
    """A frame of a store."""

    name: str
    """Its name, to restore it by."""
    role: str
    """`short` or `long`."""
    iso: float | None = None
    """ISO speed."""
    seconds: float | None = None
    """Exposure time."""
    camera: str | None = None
    """Model."""


class Frames(_Message):
    """Frames of a scene."""

    frames: list[FrameLine]
    """In the order of the store."""


class WantedFrame(_Message):
    """A frame of a store that is to be restored."""

    store: Annotated[str, Field(max_length=200)]
    """Name of the store."""
    frame: Annotated[str, Field(max_length=500)]
    """Name of the dark frame."""
