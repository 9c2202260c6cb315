"""One frame, in a worker: raw file in, encoded shards beside the store out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rawkit.catalog import LeftOut, read_video_frame
from rawkit.errors import CorruptError, MosaicError, RawFileError, TooLargeError, UsageError
from rawkit.sensor import (
    Decoded,
    GivenPictures,
    Headerless,
    RenderParameters,
    amplification_base,
    check_levels,
    open_raw,
    pack_and_count,
    phase_crop,
)
from rawkit.store import (
    VERSION,
    ArrayLayout,
    FrameRow,
    StagedFrame,
    StagedShard,
    compresses,
    discard,
    group_name,
    packed_layout,
    pixel_hash,
    stage_shard,
    target_layout,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from rawkit.catalog import Entry, GivenPicture
    from rawkit.sensor import (
        Levels,
        Mosaic,
        PhaseCrop,
        RawFile,
        RawImage,
        Trust,
        WhiteBalance,
    )
    from rawkit.source import Source, SourceFile
    from rawkit.store import ArrayName, Codec, Staging, StoreFile

    Picture = Callable[[], tuple[NDArray[np.generic] | None, str | None]]

_DESCRIBED = "headerless "
"""Where levels come from, before the description, if a file does not say what it holds."""


def described_by(row: FrameRow) -> Headerless | None:
    """Return the description that a frame was read by; None for a file that says what it holds."""
    if not row.level_source.startswith(_DESCRIBED):
        return None
    return Headerless.parse(row.level_source.removeprefix(_DESCRIBED))


@dataclass(frozen=True, slots=True)
class FrameJob:
    """What a worker needs to prepare one frame."""

    number: int
    """Place in the catalog's order; names the staged files."""
    source: Source
    """Where the raw file comes from."""
    file: SourceFile
    """The raw file, as its source lists it."""
    entry: Entry
    """What the catalog says of it."""
    staging: Staging
    """Where the encoded shards go."""
    rendering: RenderParameters | GivenPictures | None
    """How to render the target of a long, or that pictures are given; None: no targets."""
    levels: Levels | None = None
    """Levels that override the file's."""
    level_source: str = "file"
    """Where the levels come from, for the table."""
    codecs: Mapping[tuple[str, ArrayName], Codec] = field(default_factory=dict)
    """Codecs that the store has settled on; the others are tried with lz4."""
    unpacked: StoreFile | None = None
    """Where the raw file has been put down, if its archive can only be streamed or the worker does
    not see what it lies in."""
    picture: StoreFile | None = None
    """Where its given picture has been put down, likewise; the entry reads it from there."""
    headerless: Headerless | None = None
    """What the raw file holds, if it does not say so itself."""
    version: int = VERSION
    """Format version of the store, which says how pixels are hashed."""
    balance: WhiteBalance | None = None
    """The balance that the store has recorded, for a frame that is made anew."""
    trust: Trust | None = None
    """What may be decoded beside LibRaw; None: nothing."""

    @property
    def origin(self) -> Path | None:
        """Folder or archive on this machine that must be there to read the raw file."""
        if self.unpacked is not None or self.file.remote:
            return None
        return Path(self.file.origin)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frame that was decoded and accepted."""

    frame: StagedFrame
    """Row and staged shards."""
    written: int
    """Bytes of the shards."""
    decoded: Decoded = Decoded()  # noqa: RUF009 - frozen
    """Which decoder its pixels are from."""


def prepare_frame(job: FrameJob) -> Prepared | LeftOut:
    """Decode, check, pack and encode one frame; a bad file comes back as `LeftOut`."""
    video = job.entry.video
    if video is not None and video.fault is not None:
        return LeftOut(job.entry.frame.name, *video.fault)
    try:
        contents = None if video is not None else _contents(job)
    except RawFileError as error:
        return LeftOut(job.entry.frame.name, error.kind, error.reason)
    try:
        if contents is None:
            truth = job.rendering is not None
            image, crop, given = read_video_frame(job.entry, job.levels, with_truth=truth)
            return _stage(job, image, crop, lambda: (given, None))
        tiff = job.entry.mosaic
        with open_raw(
            contents, name=job.file.where, headerless=job.headerless, trust=job.trust, mosaic=tiff
        ) as raw:
            if tiff is not None and job.levels is None:
                job = replace(job, level_source=f"definition: {tiff}")
            elif raw.described is not None and job.levels is None:
                job = replace(job, level_source=f"{_DESCRIBED}{raw.described}")
            image = raw.image(job.levels, copy=False)
            mosaic = image.mosaic
            crop = phase_crop(mosaic.height, mosaic.width, mosaic.phase, mosaic.cell)
            picture: Picture = partial(_render, raw, crop, job)
            if isinstance(job.rendering, GivenPictures) and job.entry.picture is not None:
                picture = partial(_given, job.entry.picture, mosaic, crop, job.file.where)
            prepared = _stage(job, image, crop, picture)
            return _decoded_by(prepared, raw.decoded)
    except (RawFileError, UsageError) as error:  # a mosaic smaller than one cell is no usage
        kind = error.kind if isinstance(error, RawFileError) else MosaicError.kind
        return LeftOut(job.entry.frame.name, kind, error.reason)
    except MemoryError:
        reason = "not enough memory to decode it; --max-ram may allow more"
        return LeftOut(job.entry.frame.name, TooLargeError.kind, reason)


def _decoded_by(prepared: Prepared, how: Decoded) -> Prepared:
    """Add how its mosaic was decoded."""
    frame = replace(prepared.frame, row=replace(prepared.frame.row, decoder=how.decoder))
    return replace(prepared, frame=frame, decoded=how)


def _contents(job: FrameJob) -> Path | bytes:
    """Return the path of the raw file where it has one, else its contents."""
    if job.unpacked is not None:
        return job.unpacked if isinstance(job.unpacked, Path) else job.unpacked.read_bytes()
    path = job.source.local_path(job.file)
    return job.source.read(job.file) if path is None else path


def _stage(job: FrameJob, image: RawImage, crop: PhaseCrop, picture: Picture) -> Prepared:
    """Write packed planes, then make the target: only one of the two is in memory at a time."""
    row, packed, written = _stage_packed(job, image, crop)
    try:
        target, note = picture()
        staged = None
        if target is not None and job.rendering is not None:
            layout = target_layout(packed.layout, job.rendering.bits, "lz4")
            staged, more = _encode(job, row.group, target, layout)
            written += more
    except BaseException:
        discard(packed.path)
        raise
    return Prepared(StagedFrame(replace(row, target_note=note), packed, staged), written)


def _stage_packed(
    job: FrameJob, image: RawImage, crop: PhaseCrop
) -> tuple[FrameRow, StagedShard, int]:  # fmt: skip
    planes, histograms = pack_and_count(image)
    row = _row(job, image, crop, planes, histograms)
    count, height, width = planes.shape
    staged, written = _encode(job, row.group, planes, packed_layout(height, width, "lz4", count))
    return row, staged, written


def _render(
    raw: RawFile, crop: PhaseCrop, job: FrameJob
) -> tuple[NDArray[np.generic] | None, str | None]:
    """Render the target (3, H, W) of a long on its cropped area, or say why there is none."""
    if not isinstance(job.rendering, RenderParameters) or job.entry.role != "long":
        return None, None
    try:
        picture = raw.render(job.rendering, levels=job.levels, balance=job.balance)
    except MosaicError as error:
        return None, error.reason
    return picture[crop.slices].transpose(2, 0, 1), None


def _given(
    picture: GivenPicture, mosaic: Mosaic, crop: PhaseCrop, where: str
) -> tuple[NDArray[np.generic], None]:
    """Read the picture (3, H, W) of a frame, on its cropped area.

    Raises
    ------
    CorruptError
        If it has another size than the mosaic.
    """
    found = picture.frames.frame(picture.number)
    if found.shape[:2] != (mosaic.height, mosaic.width):
        height, width = found.shape[:2]
        raise CorruptError(
            f"a picture of {width}x{height} for a mosaic of {mosaic.width}x{mosaic.height}",
            expected="one as large as the visible mosaic",
            where=where,
        )
    return np.ascontiguousarray(found[crop.slices].transpose(2, 0, 1)), None


def _encode(
    job: FrameJob, group: str, array: NDArray[np.generic], layout: ArrayLayout
) -> tuple[StagedShard, int]:
    """Encode with the store's codec, or with the frame's own while the store has not chosen."""
    codec = job.codecs.get((group, layout.name))
    saves = compresses(array, layout) if codec is None else codec == "lz4"
    chosen = replace(layout, codec="lz4" if saves else "none")
    path, written = stage_shard(array, chosen, job.staging, f"{job.number:08d}.{layout.name}")
    return StagedShard(path, chosen, written), written


def _row(
    job: FrameJob,
    image: RawImage,
    crop: PhaseCrop,
    planes: NDArray[np.uint16],
    histograms: NDArray[np.int64],
) -> FrameRow:
    entry, mosaic, balance = job.entry, image.mosaic, image.white_balance
    frame, check, matrix = entry.frame, check_levels(image, histograms), image.colour_matrix
    exposure = frame.exposure.or_else(image.exposure)
    return FrameRow(
        group=group_name(frame.model, frame.make, *planes.shape[1:]),
        index=-1,
        name=frame.name,
        source=entry.source,
        role=entry.role,
        scene=entry.scene,
        view=entry.view,
        pair=entry.pair,
        split=entry.split,
        make=frame.make,
        model=frame.model,
        taken=frame.taken,
        orientation=frame.orientation,
        exposure_time=exposure.seconds,
        iso=exposure.iso,
        f_number=exposure.f_number,
        pattern=mosaic.pattern_text,
        raw_height=mosaic.raw_height,
        raw_width=mosaic.raw_width,
        visible_top=mosaic.top,
        visible_left=mosaic.left,
        visible_height=mosaic.height,
        visible_width=mosaic.width,
        pixel_aspect=mosaic.pixel_aspect,
        crop_top=crop.top,
        crop_left=crop.left,
        black_level=mosaic.black_level,
        white_level=mosaic.white_level,
        camera_white_level=mosaic.camera_white_level,
        level_source=job.level_source,
        level_warning=check.warning,
        saturated_share=check.saturated_share,
        white_balance=balance.multipliers,
        white_balance_source=balance.source,
        amplification_base=amplification_base(image, histograms),
        target_index=-1,
        target_note=None,
        raw_bytes=frame.size_bytes,
        pixel_hash=pixel_hash(planes, job.version),
        duplicate_of=None,
        colour_matrix=None if matrix is None else matrix.values,
        colour_matrix_source=None if matrix is None else matrix.source,
    )
