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
    eager: int = 1
    """The same until training begins."""
    urgent: tuple[str, ...] = ()
    """Names of dark frames that come before all others: those that a run has drawn from."""
    patient: bool = False
    """Whether to wait for a source that does not answer when it is first asked."""
    killers: Mapping[str, str] = field(default_factory=dict)
    """Frames that are not tried any more, and why."""
    disk: int | None = None
    """Bytes that the shards of all frames may take; then those that training reads are fetched
    alone, and they come and go as it says. None: they stay."""


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
    stored: int = 0
    """Bytes of its shards; 0 where they repeat another's."""


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
    who: str = ""
    """Which part of the ingest waits; empty for frames that land."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a store that holds only so much has now; nobody has asked for room before."""

    here: Mapping[str, int]
    """Bytes of the shards of each frame that is there."""
    gone: Mapping[str, int]
    """The same of those that were evicted."""


@dataclass(frozen=True, slots=True)
class Asks:
    """A frame waits until it may land."""

    name: str
    """Its name."""
    size: int
    """Bytes that its shards will take at most."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A frame that was evicted is there again."""

    name: str
    """Its name."""
    count: int
    """Bytes of its raw file, as they came."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A frame that was evicted cannot be had again."""

    name: str
    """Its name."""
    error: RawkitError
    """Why."""


@dataclass(frozen=True, slots=True)
class Rests:
    """All has landed; frames that were evicted still come."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more will land."""

    error: RawkitError | None = None
    """Why not all has; None where it has."""
    stopped: bool = False
    """Whether it was told to end."""


Message = (
    Wanted | Scanning | Begun | Decoded | Landed | Bad | Committed | Fetched | Away | Held | Asks
    | Brought | Lost | Rests | Ended
)  # fmt: skip
"""What the ingest says."""
STOP = "stop"
"""What it is told when it is to commit what is done and end."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A frame may land."""

    name: str
    """Its name."""


@dataclass(frozen=True, slots=True)
class Evict:
    """Frames are to go, before anything that is said later takes room."""

    names: tuple[str, ...]
    """Their names."""


@dataclass(frozen=True, slots=True)
class Bring:
    """A frame that was evicted is to come again."""

    name: str
    """Its name."""


Told = Grant | Evict | Bring
"""What the ingest is told where the store holds only so much."""
