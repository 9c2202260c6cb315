"""Time against quality: which network keeps up with thirty frames a second, and what it costs.

``RAWKIT_CURVE_SHARE=0.1`` trains a tenth as long: the times are the same, the quality is not.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.bench.curve import measured, table

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("openvino")

FRAME_MS = 33.0
"""What a frame may take where thirty come a second."""
GIVEN_UP = 1.0
"""dB that the smaller network may lie below the full one."""


@pytest.mark.bench
def test_time_against_quality(tmp_path: Path) -> None:
    share = float(os.environ.get("RAWKIT_CURVE_SHARE", "1"))
    points = measured(tmp_path, share=share)
    print(f"\n{table(points)}")
    full = max(one.psnr for one in points if one.network == "lamba2021")
    fast = [one for one in points if one.wall["720p"] <= FRAME_MS]
    assert fast, f"nothing restores 720p within {FRAME_MS:g} ms"
    best = max(fast, key=lambda one: one.psnr)
    exact = [one for one in fast if not one.way.endswith("bf16")]
    print(
        f"720p within {FRAME_MS:g} ms: {len(fast)} of {len(points)}; best {best.network} by "
        f"{best.way}, {best.wall['720p']:.1f} ms, {best.psnr:.2f} dB; lamba2021 has {full:.2f} dB"
    )
    assert any(one.network == "lamba2021-lite" for one in exact)
    if share >= 1:
        assert best.psnr > full - GIVEN_UP
