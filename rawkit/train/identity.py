"""Which frames a training was on: a run goes on with the same ones, or says what changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rawkit.arrow import values_of
from rawkit.errors import TrainingError
from rawkit.store import FORMAT, VERSION, column_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rawkit.store import FrameTable, Store
    from rawkit.stream import Pairs

_SPLITS = ("train", "val")
STORE_FORMAT = f"{FORMAT} {VERSION}"
SAME_FORMATS = frozenset(f"{FORMAT} {version}" for version in range(1, VERSION + 1))
"""Formats of stores whose frames give the same samples: they differ in other columns alone."""
_CONTENT = (
    "name", "group", "index", "pair", "pixel_hash", "black_level", "white_level",
    "amplification_base", "exposure_time", "iso", "f_number",
)  # fmt: skip
"""Columns that decide the samples."""
_ESCAPED = r"[^ !#-\[\]-~]"
"""Characters that JSON does not write as they are."""


@dataclass(frozen=True, slots=True)
class DataIdentity:
    """What the samples of a training follow from, besides its settings."""

    rules: Mapping[str, Any]
    """How the frames were chosen: fraction, seed, limits, filters, and the stores."""
    named: bool
    """Whether the subset is saved under its name; otherwise it is made anew by the rules."""
    store_format: str
    """Format and version of the stores."""
    frames: Mapping[str, int]
    """Number of pairs of each split."""
    content: Mapping[str, str]
    """SHA-256 over all that is known of the frames of each split, in their order: identity, levels,
    exposure, and a digest of the pixels."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {
            "rules": dict(self.rules),
            "named": self.named,
            "store_format": self.store_format,
            "frames": dict(self.frames),
            "content": dict(self.content),
        }


def identify(
    pairs: Mapping[str, Pairs | None],
    stores: Mapping[str, Store],
    rules: Mapping[str, Any],
    *,
    named: bool,
) -> DataIdentity:
    """Return the identity of the pairs of each split; those of opened stores, by collection.

    What is hashed of them is read when it is asked for: at the first checkpoint, or to resume.
    """
    frames = {split: 0 if found is None else len(found) for split, found in pairs.items()}
    tables = {collection: store.frames for collection, store in stores.items()}
    content = Content({split: partial(digest_of, one, tables) for split, one in pairs.items()})
    return DataIdentity(rules, named, STORE_FORMAT, frames, content)


class Content(Mapping[str, str]):
    """Digests by split, each computed when it is asked for first.

    Parameters
    ----------
    digests
        What computes them.
    """

    def __init__(self, digests: Mapping[str, Callable[[], str]]) -> None:
        self._digests = dict(digests)
        self._known: dict[str, str] = {}

    def __getitem__(self, split: str) -> str:
        if split not in self._known:
            self._known[split] = self._digests[split]()
        return self._known[split]

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)


def digest_of(pairs: Pairs | None, tables: Mapping[str, FrameTable]) -> str:
    """SHA-256 over what of frames decides the samples: a JSON list of each, in their order."""
    digest = sha256()
    if pairs is None:
        return digest.hexdigest()
    borders = np.flatnonzero(np.diff(pairs.which)) + 1
    for begin, end in pairwise([0, *borders.tolist(), len(pairs)]):
        table = tables[pairs.groups[int(pairs.which[begin])].collection]
        for piece in table.taken(pairs.rows[begin:end], *_CONTENT):
            digest.update(_as_json(piece))
    return digest.hexdigest()


def _as_json(piece: pa.Table) -> bytes:
    """Write the values of `_CONTENT` as ``json.dumps`` writes them, one list for each row."""
    texts = [_text_of(column_of(piece, name)) for name in _CONTENT]
    rows = pc.binary_join_element_wise(*texts, ", ")
    return "".join(f"[{row}]" for row in rows.to_pylist()).encode()


def _text_of(array: pa.Array) -> pa.Array:
    """JSON of each value of a column; of each different one once where few are."""
    if pa.types.is_list(array.type):
        return _lists(array)
    if pa.types.is_integer(array.type):
        return array.cast(pa.string())
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    texts = _strings if pa.types.is_string(coded.dictionary.type) else _floats
    return texts(coded.dictionary).take(coded.indices).fill_null("null")


def _floats(values: pa.Array) -> pa.Array:
    return pa.array(json.dumps(values.to_pylist())[1:-1].split(", "), pa.string())


def _strings(values: pa.Array) -> pa.Array:
    """Quote texts; what JSON escapes is left to it."""
    if pc.any(pc.match_substring_regex(values, _ESCAPED)).as_py():
        return pa.array([json.dumps(one) for one in values.to_pylist()], pa.string())
    return pc.binary_join_element_wise('"', values, '"', "")


def _lists(array: pa.Array) -> pa.Array:
    lengths = pc.unique(pc.list_value_length(array)).to_pylist()
    if len(lengths) != 1 or not lengths[0]:
        return pa.array([json.dumps(one) for one in array.to_pylist()], pa.string())
    places = values_of(array.flatten()).reshape(len(array), -1).T
    texts = [_text_of(pa.array(place)) for place in places]
    return pc.binary_join_element_wise("[", pc.binary_join_element_wise(*texts, ", "), "]", "")


def identity_of(values: object) -> DataIdentity | None:
    """Read an identity back from a checkpoint; None from an earlier version's."""
    if not isinstance(values, dict):
        return None
    try:
        return DataIdentity(**values)
    except TypeError:
        return None


def check_same(saved: DataIdentity | None, found: DataIdentity | None, where: object) -> None:
    """Refuse to go on with other frames than a run was begun with.

    Raises
    ------
    TrainingError
        If they differ; the text says in what.
    """
    if saved is None or found is None:
        return
    same_format = {saved.store_format, found.store_format} <= SAME_FORMATS
    if same_format and saved.content == found.content:
        return  # the same frames, however they were chosen
    changed = []
    if not same_format and saved.store_format != found.store_format:
        changed.append(f"stores of {found.store_format} instead of {saved.store_format}")
    for split in _SPLITS:
        if saved.frames[split] != found.frames[split]:
            changed.append(
                f"{found.frames[split]} pairs of {split} instead of {saved.frames[split]}"
            )
        elif saved.content[split] != found.content[split]:
            changed.append(f"other frames among the {found.frames[split]} pairs of {split}")
    changed += [
        f"{name} {_text(found.rules.get(name))} instead of {_text(saved.rules.get(name))}"
        for name in sorted({*saved.rules, *found.rules})
        if saved.rules.get(name) != found.rules.get(name)
    ]
    raise TrainingError(
        f"other data than the run was begun with: {'; '.join(changed)}",
        expected="the same frames",
        where=where,
        fix="Bring them back, or begin another run.",
    )


def _text(value: object) -> str:
    return "nothing" if value is None else json.dumps(value)
