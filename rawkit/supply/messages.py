"""What a training tells the ingest beside it, and what it hears from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rawkit.catalog import Definition, Selection
    from rawkit.errors import RawkitError
    from rawkit.locations import Location


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be fetched, in which order, and what that may take."""

    definition: Definition
    """The collection."""
    source: tuple[str, ...]
    """Where its raw files are, as `rawkit ingest --source` takes it."""
    selection: Selection
    """Which frames."""
    store: Location
    """The store that they are put into."""
    table: Path
    """The collection's table of files."""
    staging: Path
    """Where shards of a store elsewhere wait."""
    seed: int
    """Seed of the order."""
    batch: int
    """Pairs that training begins with."""
    threads: int
    """Frames that are decoded at once."""
    urgent: tuple[str, ...] = ()
    """Names of dark frames that come before all others: those that a run has drawn from."""
    patient: bool = False
    """Whether to wait for a source that does not answer when it is first asked."""
    killers: Mapping[str, str] = field(default_factory=dict)
    """Frames that are not tried any more, and why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an order comes to, once the source has been scanned."""

    train: tuple[str, ...]
    """Names of the dark frames to train on that have their long, sorted."""
    val: tuple[str, ...]
    """Names of those that are validated on, in their order."""
    longs: Mapping[str, str]
    """Name of the long of each of these."""
    first: tuple[str, ...]
    """Names of the dark frames that are fetched first: as many as a batch."""
    first_bytes: int
    """Bytes of their raw files and of their longs' that the store does not have yet."""
    frames: int
    """Frames selected, longs and other splits included."""
    pairs: Mapping[str, int]
    """Pairs selected of each split."""
    here: int
    """Frames that the store has already."""
    bytes_in: int
    """Bytes of the raw files that will be read, as they are stored where they lie."""
    left_out: tuple[tuple[str, str, str], ...]
    """Name, kind and reason of what will not be used."""


@dataclass(frozen=True, slots=True)
class Scanning:
    """The source is being listed."""

    label: str
    """What is done."""
    done: int
    """How many are done."""
    total: int | None
    """Of how many; None where nobody knows."""
    unit: str
    """Of what."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A frame is being decoded."""

    name: str
    """Its name."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame has been decoded, well or not, and did its process no harm."""

    name: str
    """Its name."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A frame is decoded and waits for the next commit."""

    name: str
    """Its name."""
    size: int
    """Bytes of its raw file, as it is stored where it lies."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A frame cannot be used."""

    name: str
    """Its name."""
    kind: str
    """Stable word for the kind of reason."""
    reason: str
    """One line for people."""
    size: int
    """Bytes of its raw file, as it is stored where it lies."""


@dataclass(frozen=True, slots=True)
class Committed:
    """All frames that have landed so far are in the store."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Bytes have come over the network."""

    count: int
    """How many since the last time."""


@dataclass(frozen=True, slots=True)
class Away:
    """Nothing lands until something is there again, which is tried again and again."""

    reason: str
    """What is the matter, in one line; empty once it goes on."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more will land."""

    error: RawkitError | None = None
    """Why not all has; None where it has."""
    stopped: bool = False
    """Whether it was told to end."""


Message = (
    Wanted | Scanning | Begun | Decoded | Landed | Bad | Committed | Fetched | Away | Ended
)  # fmt: skip
"""What the ingest says."""
STOP = "stop"
"""What it is told when it is to commit what is done and end."""
