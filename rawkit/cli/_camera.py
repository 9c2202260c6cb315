"""A camera's profile in words."""

from __future__ import annotations

from typing import Any

from rawkit.cli._print import fields, table

_HEADERS = (
    "ISO", "K (DN/e-)", "from", "read scale", "read shape", "rows", "columns", "bias",
    "saturates at", "electrons", "dark", "flat",
)  # fmt: skip


def profile_text(found: dict[str, Any]) -> str:
    """Lay out what `describe_profile` found: a line an ISO, means of planes with intervals."""
    height, width = found["visible_size"]
    head = fields({
        "camera": f"{found['make']} {found['model']}".strip(),
        "mosaic": f"{width} x {height}, {found['pattern']}, black "
        + ", ".join(f"{level:g}" for level in dict.fromkeys(found["black_level"])),
        "hot or dead pixels": found["hot_pixels"],
        "dark shading": "\n".join(map(_range, found["shading"])) or None,
        "over log K": "\n".join(
            f"log {name} = {line['slope']:.3f} log K {line['intercept']:+.3f}, scatter "
            f"{line['scatter']:.3f}" for name, line in found["relations"].items()
        ) or None,
        "notes": "\n".join(found["notes"]) or None,
    })  # fmt: skip
    rows = [
        (
            f"{one['iso']:g}", _mean(one["gain"], 4), one["gain_source"],
            _mean(one["read_scale"], 3), _mean(one["read_shape"], 3), _mean(one["row"], 3),
            _mean(one["column"], 3), ", ".join(f"{value:+.2f}" for value in one["bias"]["value"]),
            f"{one['white']:g}" + ("" if one["white_seen"] else " (by the file)"),
            f"{one['full_well']:.0f}", one["dark_frames"], one["flat_frames"],
        )
        for one in found["isos"]
    ]  # fmt: skip
    return f"{head}\n\n{table(_HEADERS, rows)}\n\nDN; means of the planes, with intervals of 95%."


def _range(one: dict[str, float]) -> str:
    return f"ISO {one['low']:g} to {one['high']:g}, spread {one['spread']:.2f} DN at the highest"


def _mean(found: dict[str, list[float]], digits: int) -> str:
    value, low, high = (sum(found[part]) / len(found[part]) for part in ("value", "low", "high"))
    text = f"{value:.{digits}f}"
    return text if low != low else f"{text} ({low:.{digits}f} to {high:.{digits}f})"  # noqa: PLR0124 - NaN
