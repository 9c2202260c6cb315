"""What a training's step says of its critic, as fields of settings and as options."""

from __future__ import annotations

from typing import Any

from rawkit.errors import UsageError

CriticValues = dict[str, bool | float | str]
"""What is said of a critic, by the names of `_FIELDS`."""
_FIELDS = {
    "critic": "critic",
    "objective": "critic_objective",
    "rate": "critic_rate",
    "warmup": "critic_warmup",
    "r1": "critic_r1",
    "conditional": "critic_conditional",
}
"""What may be said -> the field of `TrainSettings`."""
_FLAGS = {"critic": "--critic", "rate": "--critic-lr"}
"""Options whose names do not follow from it."""


def critic_fields(values: CriticValues) -> dict[str, Any]:
    """Return the fields of `TrainSettings` that say how the critic is.

    Raises
    ------
    UsageError
        If something else is said.
    """
    unknown = sorted(values.keys() - _FIELDS.keys())
    if unknown:
        raise UsageError(f"{unknown[0]!r} of a critic", expected=", ".join(_FIELDS))
    return {
        _FIELDS[name]: int(value) if name == "warmup" else value for name, value in values.items()
    }


def critic_options(values: CriticValues) -> str:
    """Return the same as options of `rawkit train`, each with a space before it."""
    found = ""
    for name, value in values.items():
        flag = _FLAGS.get(name, f"--critic-{name}")
        if value is True:
            found += f" {flag}"
        elif value is not False:
            found += f" {flag} {value}" if isinstance(value, str) else f" {flag} {value:g}"
    return found
