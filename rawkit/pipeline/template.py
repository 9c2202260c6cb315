"""``{name}`` in the values of a pipeline stands for a setting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def fill(value: Any, settings: Mapping[str, Any]) -> Any:
    """Put settings in their places; a text that is one place alone becomes the setting itself.

    Raises
    ------
    KeyError
        If a text names a setting that there is not.
    """
    if isinstance(value, list):
        return [fill(one, settings) for one in value]
    if isinstance(value, dict):
        return {key: fill(one, settings) for key, one in value.items()}
    if not isinstance(value, str):
        return value
    whole = _PLACE.fullmatch(value)
    if whole:
        return settings[whole[1]]
    return _PLACE.sub(lambda place: text_of(settings[place[1]]), value)


def text_of(value: object) -> str:
    """Write a setting within a text: numbers short, lists with commas."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ",".join(map(text_of, value))
    return str(value)


def parse_as(text: str, example: Any, name: str) -> Any:
    """Read a setting of the command line as one of the kind of `example`.

    Raises
    ------
    UsageError
        If it is of another kind.
    """
    try:
        if isinstance(example, bool):
            return {"true": True, "false": False}[text.strip().lower()]
        if isinstance(example, int):
            return int(text)
        if isinstance(example, float):
            return float(text)
        if isinstance(example, list):
            parts = [part.strip() for part in text.split(",") if part.strip()]
            return [parse_as(part, example[0] if example else "", name) for part in parts]
    except (ValueError, KeyError) as error:
        raise UsageError(f"--set {name}={text}", expected=f"{_form(example)}") from error
    return text


def _form(example: Any) -> str:
    if isinstance(example, bool):
        return "true or false"
    kind = {int: "a whole number", float: "a number", list: "values with commas between them"}
    return f"{kind[type(example)]}, such as {text_of(example)}"
