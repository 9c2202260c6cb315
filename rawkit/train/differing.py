"""What two settings differ in, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def differences(
    saved: Mapping[str, Any], wanted: Mapping[str, Any], free: frozenset[str] = frozenset()
) -> list[str]:
    """Say in which values two mappings differ, one text each; `free` ones may."""
    names = [*saved, *(name for name in wanted if name not in saved)]
    return [
        f"{name} {_text(wanted.get(name))} instead of {_text(saved.get(name))}"
        for name in names
        if name not in free and saved.get(name) != wanted.get(name)
    ]


def _text(value: object) -> str:
    if value is None:
        return "nothing"
    return f"{value:g}" if isinstance(value, float) else str(value)
