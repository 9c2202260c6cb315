"""``--where``: a simple expression over what the catalog knows of a frame.

A small part of Python's own expressions, parsed by Python and checked node by node: names of
fields, numbers, texts, comparisons, ``in``, ``and``, ``or``, ``not`` and arithmetic. No calls, no
attributes, no subscripts.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType

FIELDS: Mapping[str, str] = {
    "name": "identity within the collection",
    "scene": "what one split never divides",
    "view": "camera position of the scene",
    "kind": "kind of scene, such as indoor, outdoor, static or dynamic",
    "pair": "what a short and its long share",
    "frame": "position in a video, from 0; of raw files the number that ends the name",
    "frame_rate": "frames a second of its video, as the file says",
    "split": "train, val or test",
    "role": "short or long",
    "camera": "model as EXIF spells it",
    "model": "the same",
    "make": "maker as EXIF spells it",
    "iso": "ISO speed",
    "shutter": "exposure time in seconds",
    "seconds": "the same",
    "f_number": "aperture",
    "ratio": "exposure time of the long over that of the frame",
    "taken": "date and time of capture, YYYY:MM:DD HH:MM:SS",
    "orientation": "EXIF orientation, 1 to 8",
    "size": "bytes of the raw file",
    "path": "path within its source",
    "origin": "folder, archive or URL that it lies in",
    "stamp": "time of change, ETag or checksum",
}
"""Names an expression may use: the columns of the table of a scan, and what follows from them."""
_NODES = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt,
    ast.GtE, ast.In, ast.NotIn, ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.List,
)  # fmt: skip
_MAX_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Where:
    """A compiled expression."""

    names: frozenset[str]
    """Fields it asks for."""
    code: CodeType
    """The expression."""

    def __call__(self, fields: Mapping[str, Any]) -> bool:
        """Tell whether it is true of a frame, given the fields it asks for."""
        try:
            return bool(eval(self.code, {"__builtins__": {}}, dict(fields)))  # noqa: S307 - checked by `compile_where`
        except (TypeError, ZeroDivisionError, OverflowError):
            return False  # an unknown value compares with nothing


def compile_where(text: str) -> Where:
    """Compile an expression to a test of a frame's fields.

    A comparison with a field that is unknown (None) is false.

    Raises
    ------
    UsageError
        If it is no such expression; says what was found.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _wrong(text, f"it cannot be read ({error})") from error
    if len(text) > _MAX_LENGTH:
        raise _wrong(text[:40] + "...", f"longer than {_MAX_LENGTH} characters")
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise _wrong(text, f"{type(node).__name__.lower()} is not allowed")
        if isinstance(node, ast.Name) and node.id not in FIELDS:
            raise _wrong(text, f"no field {node.id}")
        if isinstance(node, ast.Constant) and not isinstance(node.value, int | float | str):
            raise _wrong(text, f"{node.value!r} is no number and no text")
    names = frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    return Where(names, compile(tree, "--where", "eval"))


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(
        f"--where {text!r}: {why}",
        expected=f"comparisons of {', '.join(FIELDS)}, joined by and, or, not",
        fix="For example: --where \"iso >= 400 and ratio < 300 and scene != '00001'\".",
    )
