"""What is asked for of a format, and the terms in which it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ExportFormat = Literal["onnx", "openvino", "litert", "executorch"]
ExportPrecision = Literal["f32", "f16", "int8"]
Size = tuple[int, int]
"""Height and width of a mosaic, in pixels."""
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Mosaics (1, 1, H, W) in, pictures (1, 3, H, W) out."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for of an export."""

    about: Mapping[str, str]
    """What the file is to say of itself, where its format has room for it."""
    sizes: tuple[Size, ...] = ()
    """Sizes of mosaics, for formats in which they are fixed."""
    precision: ExportPrecision = "f32"
    """What it is to be stored or computed in."""
    delegate: str = ""
    """What runs it inside its runtime; the first of the format's if empty."""
