"""In which order frames are fetched: what training needs first comes first."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from rawkit.catalog import longs_by_pair
from rawkit.stream import spread

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from rawkit.catalog import Entry


@dataclass(frozen=True, slots=True)
class Arranged:
    """Frames of a selection, in the order in which they are fetched."""

    entries: tuple[Entry, ...]
    """All of them, each once."""
    train: tuple[str, ...]
    """Names of the shorts of the train split that have their truth, sorted."""
    val: tuple[str, ...]
    """Names of those that a training validates on, in their order."""
    first: tuple[str, ...]
    """Names of the shorts that training begins with."""
    longs: Mapping[str, str]
    """Name of the long of each short of `train` and `val`; its own where it brings its truth."""
    counts: Mapping[str, int]
    """Pairs of each split."""


def arrange(
    entries: Sequence[Entry],
    *,
    seed: int,
    batch: int,
    urgent: Iterable[str] = (),
    bad: Collection[str] = (),
    as_listed: bool = False,
    read_alone: bool = False,
) -> Arranged:
    """Put the frames of a selection into an order that follows from their names and the seed alone.

    First the shorts that are urgent, then as many pairs of the train split as a batch has samples,
    then what is validated on, then the rest of the train split, and at last what no training reads;
    a long comes with its first short. `bad` frames cannot be used: no pair counts that needs one.
    With `as_listed` all stay in the order in which they came: of an archive that can only be
    streamed nothing else is cheap. With `read_alone` there are no frames but those that training
    reads, and pairs of one long follow each other: what lands together is held together.
    """
    longs = longs_by_pair(entries)
    truth: dict[str, Entry] = {}
    for entry in entries:
        if entry.role == "short":
            long = (
                entry if entry.brings_truth and entry.pair not in longs else longs.get(entry.pair)
            )
            if long is not None and not {entry.frame.name, long.frame.name} & set(bad):
                truth[entry.frame.name] = long
    by_name = {entry.frame.name: entry for entry in entries}

    def rank(name: str) -> bytes:
        return sha256(f"{seed}/{name}".encode()).digest()

    def together(name: str) -> tuple[bytes, bytes]:
        return rank(truth[name].frame.name) if read_alone else b"", rank(name)

    shuffled = sorted(truth, key=together)
    split = {
        one: [name for name in shuffled if by_name[name].split == one]
        for one in ("train", "val", "test")
    }
    val = tuple(spread(sorted(split["val"])))
    asked = [name for name in dict.fromkeys(urgent) if name in truth]
    first = tuple(split["train"][:batch])
    ordered: dict[str, Entry] = {}
    read = [*asked, *first, *val, *split["train"]]
    for name in read if read_alone else [*read, *split["val"], *split["test"]]:
        ordered.setdefault(name, by_name[name])
        ordered.setdefault(truth[name].frame.name, truth[name])
    for entry in () if read_alone else entries:
        ordered.setdefault(entry.frame.name, entry)
    train = tuple(sorted(split["train"]))
    return Arranged(
        entries=tuple(entries) if as_listed else tuple(ordered.values()),
        train=train,
        val=val,
        first=first,
        longs={name: truth[name].frame.name for name in (*train, *val)},
        counts={one: len(names) for one, names in split.items()},
    )
