"""Pairs as the definition of a collection: what `rawkit ingest` and all after it work from."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rawkit.adapt.darks import Dark
    from rawkit.adapt.pairs import Found

_HEAD = """\
# Pairs among photos of one's own, as `rawkit adapt` found them: a file a rule. `val` is held back.
name = "photos"
title = "Photos of one's own"
licence = "yours"
"""


def definition_text(found: Found, darks: Sequence[Dark] = ()) -> str:
    """Write pairs as the TOML of a collection; dark photos that are made lie in a second source."""
    made: dict[str, list[str]] = {}
    for one in darks:
        made.setdefault(one.long, []).append(one.name)
    parts = [_HEAD]
    train: list[str] = []
    val: list[str] = []
    for scene in found.scenes:
        shorts = [*(one.name for one in scene.shorts), *made.get(scene.long.name, [])]
        for role, names in (("long", [scene.long.name]), ("short", shorts)):
            for name in names:
                (val if scene.held_back else train).append(name)
                parts.append(_rule(role, name, scene.name))
    parts.append(
        f'[split]\nby = "lists"\ngroup = "file"\ntrain = {_text(sorted(train))}\n'
        f'val = {_text(sorted(val))}\notherwise = "train"\n'
    )
    return "\n".join(parts)


def digest_of(text: str, *more: str) -> str:
    """Eight hexadecimal digits that stand for pairs, and for what else is said."""
    return sha256("\0".join((text, *more)).encode()).hexdigest()[:8]


def _rule(role: str, name: str, scene: str) -> str:
    # The whole path and no other file of that name in a folder below; case counts.
    pattern = f"(?<!/)(?P<file>(?-i:{re.escape(name)}))"
    scene = scene.replace("{", "{{").replace("}", "}}")
    return (
        f'[[files]]\nrole = "{role}"\npattern = {_text(pattern)}\n'
        f"example = {_text(name)}\nscene = {_text(scene)}\nany_raw = true\n"
    )


def _text(value: object) -> str:
    """Write strings and lists of them: JSON's are TOML's, but for the character 127."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
