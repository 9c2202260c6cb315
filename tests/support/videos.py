"""Small raw videos, and networks that restore them in no time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from rawkit.models import build, prepare
from rawkit.restore import Restorer
from rawkit.sensor import Amplification
from rawkit.synth import BAYER_PATTERNS, DngMeta, write_dng

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CLIPS = "unet3d-depth2-width4"
"""The smallest network that takes clips."""


def packed_frames(
    frames: int = 6, size: tuple[int, int] = (64, 96), seed: int = 0
) -> NDArray[np.uint16]:
    """Film a smooth, dark scene that moves: (frames, rows / 2, columns / 2, 4), noisy."""
    rng = np.random.default_rng(seed)
    height, width = size[0] // 2, size[1] // 2
    wide = cv2.resize(
        rng.random((5, 9, 4), dtype=np.float32), (width + 2 * frames, height),
        interpolation=cv2.INTER_LINEAR,
    )  # fmt: skip
    scene = np.stack([wide[:, 2 * number : 2 * number + width] for number in range(frames)])
    noisy = 200 + 3000 * scene**2 + rng.normal(0, 20, scene.shape)
    return np.clip(noisy, 0, 65535).astype(np.uint16)


def save_frames(path: Path, frames: NDArray[np.generic]) -> Path:
    """Save an array as ``.npy``; returns its path."""
    np.save(path, frames)
    return path


def write_take(folder: Path, frames: NDArray[np.uint16], *, fps: float | None = 30.0) -> list[Path]:
    """Write GBRG frames as DNG files that follow each other; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, packed in enumerate(frames):
        height, width = packed.shape[:2]
        mosaic = np.empty((2 * height, 2 * width), np.uint16)
        for channel in range(4):
            mosaic[channel // 2 :: 2, channel % 2 :: 2] = packed[..., channel]
        path = folder / f"take_{number + 7:06d}.dng"
        meta = DngMeta(
            make="Maker", model="Cinema", pattern=BAYER_PATTERNS["GBRG"], black_level=200,
            as_shot_neutral=(0.6, 1.0, 0.7), frames_a_second=fps,
        )  # fmt: skip
        write_dng(path, mosaic, meta)
        paths.append(path)
    return paths


def restorer_of(network: str = CLIPS, identity: str = "random") -> Restorer:
    """Return a network with random weights whose pictures are neither black nor white."""
    torch.manual_seed(5)
    net = build(network).eval()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name == "picture.weight":
                parameter.mul_(0.3)
            elif name == "picture.bias":
                parameter.fill_(0.4)
    return Restorer(prepare(net), network, None, Amplification(), None, identity)
