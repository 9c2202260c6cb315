"""What a camera's profile does to pictures: dark shading and hot pixels put in, and taken out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch

from rawkit.metrics import psnr
from rawkit.noise import CameraProfile, NoiseModel, ShadingRange, mended
from rawkit.pictures import PictureFormat
from rawkit.restore import (
    Brightness,
    Compute,
    Mending,
    Output,
    Restorer,
    load_restorer,
    restore_files,
)
from rawkit.sensor import (
    Exposure,
    Mosaic,
    RawImage,
    RenderParameters,
    WhiteBalance,
    decode,
    open_raw,
    read_exif,
)
from rawkit.synth import BAYER_PATTERNS, DngMeta, make_collection, write_dng

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.bench

PUBLISHED = Path(__file__).parents[3] / "shared" / "weights" / "lamba2021" / "weights"
SIZE = (512, 768)
HOT_SHARE = 1e-3
"""Share of pixels that are hot or dead."""


def profile_of(mosaic: Mosaic, make: str, model: str) -> CameraProfile:
    """Make shading of some units, over two ranges of gain, and hot pixels, all known."""
    rng = np.random.default_rng(21)
    ranges = []
    for low, high in ((100, 1600), (2000, 25600)):
        smooth = rng.normal(0, 0.4, (2, 4, 6, 6))
        smooth[0, :, 0, 0] = (0.8, 0.3, -0.4, 0.4)
        smooth[1] *= 1 / high
        rows, columns = (rng.normal(0, 0.3, (2, n)) * [[1.0], [1 / high]]
                         for n in (mosaic.height, mosaic.width))  # fmt: skip
        ranges.append(ShadingRange(low, high, smooth, rows, columns))  # type: ignore[arg-type]
    count = int(HOT_SHARE * mosaic.height * mosaic.width)
    hot = rng.integers(0, (mosaic.height, mosaic.width), (count, 2)).astype(np.int32)
    models = [NoiseModel.of_values(iso, iso / 1000, 1.0, 0.1) for iso in (100, 1600, 25600)]
    return CameraProfile.known(make, model, mosaic, models, ranges=tuple(ranges), hot=hot)


def found_nearly(profile: CameraProfile) -> CameraProfile:
    """Return a profile as a calibration might find it: a little off."""
    rng = np.random.default_rng(8)
    ranges = []
    for one in profile.ranges:
        error = rng.normal(0, 1, one.smooth[0].shape)
        error *= 0.2 / np.sqrt(np.mean(np.sum(error**2, axis=(1, 2))))
        smooth = one.smooth.copy()
        smooth[0] += error.astype(np.float32)
        ranges.append(replace(one, smooth=smooth))
    return replace(profile, ranges=tuple(ranges), hot=profile.hot[: len(profile.hot) * 9 // 10])


def spoiled(
    pixels: NDArray[np.uint16], profile: CameraProfile, iso: float
) -> NDArray[np.uint16]:  # fmt: skip
    """Put the shading and the hot pixels of a profile into a mosaic, as a sensor would."""
    rng = np.random.default_rng(4)
    # Integers plus a fraction would be rounded alike: within a sensor that happens to the noise.
    values = pixels + rng.uniform(-0.5, 0.5, pixels.shape) + profile.shading(iso)
    rows, columns = profile.hot.T
    height = rng.lognormal(5.5, 1.0, len(rows))
    values[rows, columns] = np.where(rng.random(len(rows)) < 0.1, 0, values[rows, columns] + height)
    return np.clip(np.rint(values), 0, 16383).astype(np.uint16)


def written(path: Path, image: RawImage, iso: float, seconds: float, camera: str) -> Path:
    """Write a decoded mosaic as a DNG."""
    balance = image.white_balance.multipliers
    red, green, blue = (1 / one for one in (balance[0], balance[1], balance[2]))
    most = max(red, green, blue)
    make, model = camera.split("|")
    meta = DngMeta(
        make, model, iso=int(iso), seconds=seconds, f_number=8.0, pattern=BAYER_PATTERNS["RGGB"],
        black_level=image.mosaic.black_level[0], white_level=int(image.mosaic.white_level),
        as_shot_neutral=(red / most, green / most, blue / most),
    )  # fmt: skip
    write_dng(path, image.pixels, meta)
    return path


def restored(
    path: Path, restorer: Restorer, brightness: Brightness, mending: Mending | None
) -> NDArray[np.float32]:
    """Restore a file as the command does, and read its picture: (H, W, 3) of 0 to 1, RGB."""
    way = Output(path.with_suffix(""), PictureFormat("png", 16), brightness, colour="sensor",
                 mending=mending)  # fmt: skip
    report = restore_files([path], way, restorer)
    assert not report.failed, report.failed
    found = cv2.imread(str(report.restored[0].picture), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return found[..., ::-1].astype(np.float32) / np.float32(65535)


def truth_of(path: Path, long: float, short: float) -> NDArray[np.float32]:
    """Render the long as LibRaw does."""
    assert long > short
    with open_raw(path) as raw:
        picture = raw.render(RenderParameters(bits=16, adjust_maximum_thr=0.0))
    return picture.astype(np.float32) / np.float32(65535)


def test_a_profile_takes_out_what_was_put_in_and_leaves_what_was_not(tmp_path: Path) -> None:
    torch.set_num_threads(2)
    make_collection("sid", tmp_path / "sid", scenes=3, size=SIZE, shots=1)
    restorer = load_restorer(PUBLISHED, Compute(PUBLISHED, "torch"))
    longs = {path.name[:5]: path for path in (tmp_path / "sid/Sony/long").iterdir()}
    rows = []
    for scene, long in sorted(longs.items()):
        shorts = sorted((tmp_path / "sid/Sony/short").glob(f"{scene}_*"))
        rows.append(_measured(shorts[0], long, restorer, tmp_path))
    print(f"\npublished weights on look-alikes of SID, {SIZE[1]}x{SIZE[0]}, sensor colour, PSNR "
          "against the long, dB")  # fmt: skip
    print("file                  ISO   clean  +profile  spoiled  +profile  shading  hot pixels"
          "  0.2 DN off")  # fmt: skip
    for name, iso, *values in rows:
        print(f"{name:20} {iso:4.0f} " + "  ".join(f"{value:8.2f}" for value in values))
    table = np.array([row[2:] for row in rows], float)
    gain = table[:, 3] - table[:, 2]
    unchanged = np.abs(table[:, 1] - table[:, 0])
    print(f"gain where they were put in: {gain.min():.2f} to {gain.max():.2f} dB, mean "
          f"{gain.mean():.2f}; change where not: at most {unchanged.max():.4f} dB")  # fmt: skip
    assert gain.min() >= 0.5
    assert unchanged.max() <= 0.02


def _measured(
    short: Path, long: Path, restorer: Restorer, folder: Path
) -> tuple[str, float, *tuple[float, ...]]:
    """PSNR of one frame: clean, clean with a profile that finds nothing, spoiled, and mended.

    Mended wholly, of its shading alone, of its hot pixels alone, and by a profile whose shading is
    wrong by 0.2 DN RMS and that has missed a tenth of the hot pixels.
    """
    with short.open("rb") as file:
        about = read_exif(file)
    with long.open("rb") as file:
        of_long = read_exif(file).exposure
    iso, seconds = about.exposure.iso, about.exposure.seconds
    assert iso is not None
    assert seconds is not None
    image = decode(short)
    camera = f"{about.make}|{about.model}"
    full = profile_of(replace(image.mosaic, top=0, left=0), str(about.make), str(about.model))
    nothing = CameraProfile.known(
        full.make, full.model, full.mosaic, [one.model() for one in full.isos]
    )
    bad = replace(image, pixels=spoiled(image.pixels, full, iso))
    clean = written(folder / f"{short.stem}-clean.dng", image, iso, seconds, camera)
    dirty = written(folder / f"{short.stem}-dirty.dng", bad, iso, seconds, camera)
    brightness = Brightness("ratio", (), Exposure(of_long.seconds, of_long.iso, None))
    truth = truth_of(long, float(of_long.seconds or 0), seconds)
    figures = [
        psnr(restored(path, restorer, brightness, mending), truth)
        for path, mending in (
            (clean, None), (clean, Mending((nothing,))),
            (dirty, None), (dirty, Mending((full,))),
            (dirty, Mending((full,), hot_pixels=False)),
            (dirty, Mending((full,), dark_shading=False)),
            (dirty, Mending((found_nearly(full),))),
        )
    ]  # fmt: skip
    shading = full.shading(iso)
    print(f"{short.name}: shading of {np.sqrt(np.mean(shading**2)):.2f} DN RMS, "
          f"{len(full.hot)} hot pixels")  # fmt: skip
    return short.name, iso, *figures


def test_mending_takes_little_beside_decoding() -> None:
    height, width = 2848, 4256
    mosaic = Mosaic.without_margins(((0, 1), (3, 2)), (height, width), (512.0,) * 4, 16383.0)
    profile = profile_of(mosaic, "A", "B")
    rng = np.random.default_rng(0)
    pixels = rng.integers(480, 700, (height, width)).astype(np.uint16)
    image = RawImage(pixels, mosaic, WhiteBalance((2, 1, 1.5, 1), "camera"), Exposure(0.1, 1600, 8))
    times = []
    for _ in range(3):
        began = time.process_time()
        note = mended(image, profile, 1600).note
        times.append(time.process_time() - began)
    print(f"\n12 MP, {note.hot_pixels} hot pixels: {min(times) * 1e3:.0f} ms of CPU")
    assert min(times) < 1.0
