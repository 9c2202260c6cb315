"""Which frames of a catalog are wanted, and which long is the ground truth of which short."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from rawkit.errors import SelectionError
from rawkit.workspace import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rawkit.catalog.definition import Split
    from rawkit.catalog.scan import Catalog, Entry

SHUTTER_TOLERANCE = 0.05
"""Nominal shutter times differ from recorded ones: 1/25 s is written as 0.04, 0.0397 or 0.039."""
_ISO_TOLERANCE = 0.5


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters on shorts; an empty one lets everything pass. Their longs always come too."""

    isos: tuple[float, ...] = ()
    """ISO speeds."""
    shutters: tuple[float, ...] = ()
    """Nominal exposure times in seconds; within 5%."""
    scenes: tuple[str, ...] = ()
    """Names of scenes, whole, their last part (`pair1`), or with ``*`` and ``?``."""
    splits: tuple[Split, ...] = ()
    """Splits."""
    limit: int | None = None
    """At most so many shorts, the first in the order of names."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What a selection takes from a catalog."""

    entries: tuple[Entry, ...]
    """Shorts that pass and their longs, in the order of names."""
    pairs: int
    """Shorts whose long is there."""
    unpaired: int
    """Shorts whose long is not there (yet)."""
    filtered: Mapping[str, int]
    """How many shorts each filter left out; the first that fails counts."""


def select(catalog: Catalog, selection: Selection) -> Selected:
    """Apply the filters to the shorts and add the long of each pair.

    Longs without any short (or the other way round) are kept only while nothing filters.

    Raises
    ------
    SelectionError
        If nothing passes; says what there is.
    """
    shorts = [entry for entry in catalog.entries if entry.role == "short"]
    longs = longs_by_pair(catalog.entries)
    filtered: dict[str, int] = defaultdict(int)
    passed: list[Entry] = []
    for entry in shorts:
        failed = _failing_filter(selection, entry)
        if failed is None and selection.limit is not None and len(passed) >= selection.limit:
            failed = "limit"
        if failed is None:
            passed.append(entry)
        else:
            filtered[failed] += 1
    if not passed and (shorts or selection != Selection()):
        raise _nothing(catalog, shorts, selection)
    paired = [entry for entry in passed if entry.pair in longs]
    wanted_longs = (
        {entry.frame.name: entry for entry in longs.values()}
        if selection == Selection()
        else {longs[entry.pair].frame.name: longs[entry.pair] for entry in paired}
    )
    entries = sorted([*passed, *wanted_longs.values()], key=lambda entry: entry.frame.name)
    return Selected(tuple(entries), len(paired), len(passed) - len(paired), dict(filtered))


def longs_by_pair(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the ground truth of each pair: its longest exposure, the first by name where equal."""
    best: dict[str, Entry] = {}
    for entry in entries:
        if entry.role == "long":
            other = best.get(entry.pair)
            if other is None or _longness(entry) < _longness(other):
                best[entry.pair] = entry
    return best


def _longness(entry: Entry) -> tuple[float, str]:
    return -(entry.frame.exposure.seconds or 0.0), entry.frame.name


def _failing_filter(selection: Selection, entry: Entry) -> str | None:
    exposure = entry.frame.exposure
    if selection.splits and entry.split not in selection.splits:
        return "split"
    if selection.scenes and not any(_scene_fits(entry.scene, name) for name in selection.scenes):
        return "scene"
    if selection.isos and not _near(exposure.iso, selection.isos, absolute=_ISO_TOLERANCE):
        return "iso"
    if selection.shutters and not _near(
        exposure.seconds, selection.shutters, relative=SHUTTER_TOLERANCE
    ):
        return "shutter"
    return None


def _scene_fits(scene: str, wanted: str) -> bool:
    return fnmatchcase(scene, wanted) or scene.rpartition("/")[2] == wanted


def _near(
    value: float | None, wanted: Sequence[float], *, absolute: float = 0.0, relative: float = 0.0
) -> bool:
    return value is not None and any(
        abs(value - one) <= absolute + relative * one * (1 + 1e-9) for one in wanted
    )


def _nothing(catalog: Catalog, shorts: Sequence[Entry], selection: Selection) -> SelectionError:
    there: dict[str, set[str]] = {
        "ISO": {f"{e.frame.exposure.iso:g}" for e in shorts if e.frame.exposure.iso},
        "shutter": {f"{e.frame.exposure.seconds:g}" for e in shorts if e.frame.exposure.seconds},
        "split": {entry.split for entry in shorts},
        "scene": {entry.scene for entry in shorts},
    }
    texts = [
        f"{name} {listed(sorted(values, key=lambda text: (len(text), text)))}"
        for name, values in there.items()
    ]
    return SelectionError(
        f"none of {len(shorts)} dark frames passes {_describe(selection)}",
        expected="filters that match something",
        where=catalog.root,
        fix=f"There is: {'; '.join(texts)}.",
    )


def _describe(selection: Selection) -> str:
    parts = {
        "--iso": ",".join(f"{iso:g}" for iso in selection.isos),
        "--shutter": ",".join(f"{seconds:g}" for seconds in selection.shutters),
        "--scene": ",".join(selection.scenes),
        "--split": ",".join(selection.splits),
        "--limit": "" if selection.limit is None else str(selection.limit),
    }
    return " ".join(f"{option} {value}" for option, value in parts.items() if value) or "no filter"
