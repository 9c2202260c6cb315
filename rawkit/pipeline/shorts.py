"""What a training's step says of made dark frames."""

from __future__ import annotations

from typing import Any


def short_fields(shorts: str, profile: str, ratio: str, iso: str) -> dict[str, Any]:
    """Return the fields of `TrainSettings` that say where dark frames come from."""
    if shorts == "real":
        return {}
    asked = {"shorts_ratio": ratio, "shorts_iso": iso}
    return {"shorts": shorts, "profile": profile} | {k: v for k, v in asked.items() if v}


def short_options(shorts: str, profile: str, ratio: str, iso: str) -> str:
    """Return the same as options of `rawkit train`, each with a space before it."""
    found = short_fields(shorts, profile, ratio, iso)
    return "".join(f" --{name.replace('_', '-')} {value}" for name, value in found.items())
