"""Which frames a training was on: a run goes on with the same ones, or says what changed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from rawkit.errors import TrainingError
from rawkit.store import FORMAT, VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rawkit.store import FrameRow, Store
    from rawkit.subset import Subset

_SPLITS = ("train", "val")


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
        return asdict(self)


def identify(
    subset: Subset, stores: Mapping[str, Store], rules: Mapping[str, Any], *, named: bool
) -> DataIdentity:
    """Return the identity of the pairs of a subset."""
    content, frames = {}, {}
    for split in _SPLITS:
        pairs, digest = subset.pairs(split), sha256()
        for frame in pairs:
            row = stores[frame.collection].groups[frame.group].rows[frame.index]
            digest.update(json.dumps(_content(row)).encode())
        content[split], frames[split] = digest.hexdigest(), len(pairs)
    return DataIdentity(rules, named, f"{FORMAT} {VERSION}", frames, content)


def _content(row: FrameRow) -> tuple[object, ...]:
    """List what of a frame decides the samples."""
    return (
        row.name, row.group, row.index, row.pair, row.pixel_hash, row.black_level, row.white_level,
        row.amplification_base, row.exposure_time, row.iso, row.f_number,
    )  # fmt: skip


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
    if saved.store_format == found.store_format and saved.content == found.content:
        return  # the same frames, however they were chosen
    changed = []
    if saved.store_format != found.store_format:
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
