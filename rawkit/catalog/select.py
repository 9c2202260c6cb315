"""Which frames of a catalog are wanted, and which long is the ground truth of which short."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from rawkit.catalog.expression import compile_where
from rawkit.catalog.neighbours import place_in_video
from rawkit.errors import SelectionError
from rawkit.sensor import exposure_ratio
from rawkit.workspace import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from rawkit.catalog.definition import Split
    from rawkit.catalog.rules import Role
    from rawkit.catalog.types import Catalog, Entry

NOMINAL = 0.05
"""Nominal times differ from recorded ones: 1/25 s is written as 0.04, 0.0397 or 0.039."""
ISO_ROUNDING = 0.5
"""So far may two numbers lie apart that mean one ISO speed."""
_ROUNDING = 1e-9


Band = float | tuple[float, float]
"""One value, or all from a lowest to a highest one."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters on shorts; an empty one lets everything pass. Their longs always come too."""

    isos: tuple[Band, ...] = ()
    """ISO speeds, or ranges of them."""
    shutters: tuple[Band, ...] = ()
    """Nominal exposure times in seconds, or ranges of them; within 5%."""
    ratios: tuple[Band, ...] = ()
    """Exposure ratios to the long, or ranges of them; within 5%."""
    scenes: tuple[str, ...] = ()
    """Names of scenes, whole, their last part (`pair1`), or with ``*`` and ``?``."""
    views: tuple[str, ...] = ()
    """Camera positions of a scene, likewise."""
    cameras: tuple[str, ...] = ()
    """Models as EXIF spells them, without regard to case, or with ``*`` and ``?``."""
    splits: tuple[Split, ...] = ()
    """Splits."""
    role: Role | None = None
    """Only the shorts, or only the longs, of what passes."""
    per_long: Literal["darkest", "first"] | None = None
    """One short for each long: the one of the highest ratio, or the first by name."""
    excluded: tuple[str, ...] = ()
    """Pairs to leave out, whole or with ``*`` and ``?``: those that a definition names as bad."""
    bad: tuple[str, ...] = ()
    """Dark frames to leave out, as ``COLLECTION:NAME``: those whose pairs were found bad."""
    where: str = ""
    """Expression over the fields of a frame, see `rawkit.catalog.expression`."""
    limit: int | None = None
    """At most so many shorts, the first in the order of names."""

    def bad_of(self, collection: str) -> frozenset[str]:
        """Names of the dark frames of a collection that `bad` leaves out."""
        start = f"{collection}:"
        return frozenset(one.removeprefix(start) for one in self.bad if one.startswith(start))


@dataclass(frozen=True, slots=True)
class Selected:
    """What a selection takes from a catalog."""

    entries: tuple[Entry, ...]
    """Shorts that pass and their longs, in the order of names."""
    pairs: int
    """Shorts whose long is there, or that bring their ground truth."""
    unpaired: int
    """Shorts whose long is not there (yet)."""
    filtered: Mapping[str, int]
    """How many shorts each filter left out; the first that fails counts."""
    spare_longs: tuple[Entry, ...] = ()
    """Longs of the pairs selected that have a longer one; they are not used."""


def select(catalog: Catalog, selection: Selection) -> Selected:
    """Apply the filters to the shorts and add the long of each pair.

    Longs without any short (or the other way round) are kept only while nothing filters.

    Raises
    ------
    SelectionError
        If nothing passes; says what there is.
    """
    return select_entries(
        catalog.entries, selection, catalog.root, collection=catalog.definition.name
    )


def select_entries(
    entries: Sequence[Entry], selection: Selection, where: Path | str, *, collection: str
) -> Selected:
    """Apply the filters to entries of a collection in the order of their names.

    `where` they are, for people.

    Raises
    ------
    SelectionError
        If nothing passes; says what there is.
    """
    shorts = [entry for entry in entries if entry.role == "short"]
    longs = longs_by_pair(entries)
    filtered: dict[str, int] = defaultdict(int)
    tests = _tests(selection, longs, collection)
    passed = []
    for entry in shorts:
        failed = next((name for name, test in tests if not test(entry)), None)
        if failed is None:
            passed.append(entry)
        else:
            filtered[failed] += 1
    for name, kept in (
        ("per-long", _one_for_each_long(passed, longs, selection.per_long)),
        ("limit", None),
    ):
        chosen = passed[: selection.limit] if kept is None else kept
        filtered[name] += len(passed) - len(chosen)
        passed = chosen
    if not passed and (shorts or selection != Selection()):
        raise _nothing(where, shorts, selection)
    paired = [entry for entry in passed if entry.pair in longs]
    own = sum(entry.brings_truth and entry.pair not in longs for entry in passed)
    wanted_longs = (
        {entry.frame.name: entry for entry in longs.values()}
        if selection in (Selection(), Selection(role="long"))
        else {longs[entry.pair].frame.name: longs[entry.pair] for entry in paired}
    )
    chosen_entries = [
        *(passed if selection.role != "long" else ()),
        *(wanted_longs.values() if selection.role != "short" else ()),
    ]
    pairs = {entry.pair for entry in wanted_longs.values()}
    spare = [
        entry for entry in entries
        if entry.role == "long" and entry.pair in pairs and longs[entry.pair] is not entry
    ]  # fmt: skip
    return Selected(
        entries=tuple(sorted(chosen_entries, key=lambda entry: entry.frame.name)),
        pairs=len(paired) + own,
        unpaired=len(passed) - len(paired) - own,
        filtered={name: count for name, count in filtered.items() if count},
        spare_longs=tuple(spare),
    )


def _one_for_each_long(
    passed: Sequence[Entry],
    longs: Mapping[str, Entry],
    which: Literal["darkest", "first"] | None,
) -> list[Entry]:
    """Keep one short of each pair that has a long; shorts without one all stay."""
    if which is None:
        return list(passed)
    best: dict[str, Entry] = {}
    for entry in passed:  # in the order of names
        other = best.get(entry.pair)
        if other is None or (which == "darkest" and _ratio(entry, longs) > _ratio(other, longs)):
            best[entry.pair] = entry
    return [entry for entry in passed if entry.pair not in longs or best[entry.pair] is entry]


def _ratio(entry: Entry, longs: Mapping[str, Entry]) -> float:
    """Exposure ratio to the long; NaN where there is none, or a time is unknown."""
    long = longs.get(entry.pair)
    if long is None:
        return float("nan")
    return exposure_ratio(entry.frame.exposure, long.frame.exposure)


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


def _tests(
    selection: Selection, longs: Mapping[str, Entry], collection: str
) -> list[tuple[str, Callable[[Entry], bool]]]:
    """Return the filters that are set, by the name of their option, the cheapest first."""
    tests: list[tuple[str, Callable[[Entry], bool]]] = []
    if selection.excluded or selection.bad:
        tests.append(("without-excluded", _not_excluded(selection, collection)))
    if selection.splits:
        tests.append(("split", lambda entry: entry.split in selection.splits))
    if selection.scenes:
        tests.append(("scene", lambda entry: is_named(entry.scene, selection.scenes)))
    if selection.views:
        tests.append(("view", lambda entry: is_named(entry.view, selection.views)))
    if selection.cameras:
        cameras = [name.lower() for name in selection.cameras]
        tests.append(("camera", lambda entry: is_named((entry.frame.model or "").lower(), cameras)))
    if selection.isos:
        tests.append(
            ("iso", lambda e: is_within(e.frame.exposure.iso, selection.isos, around=ISO_ROUNDING))
        )
    if selection.shutters:
        tests.append(
            ("shutter", lambda e: is_within(e.frame.exposure.seconds, selection.shutters, NOMINAL))
        )
    if selection.ratios:
        tests.append(("ratio", lambda e: is_within(_ratio(e, longs), selection.ratios, NOMINAL)))
    if selection.where:
        where = compile_where(selection.where)
        asked = {name: _FIELDS[name] for name in where.names}
        tests.append(
            ("where", lambda e: where({name: get(e, longs) for name, get in asked.items()}))
        )
    return tests


def _not_excluded(selection: Selection, collection: str) -> Callable[[Entry], bool]:
    """Return the filter on pairs that are known to be bad, or were found so."""
    bad = selection.bad_of(collection)
    return lambda entry: (
        entry.frame.name not in bad and not is_named(_own_pair(entry), selection.excluded)
    )


def _own_pair(entry: Entry) -> str:
    """Return the pair as the definition names it: of a store's frames the group stands before."""
    return entry.pair.rpartition("\0")[2]


def _number(entry: Entry) -> int | None:
    """Return the number of a frame in its video; None where nothing says that it is in one."""
    if entry.video is not None:
        return entry.video.number
    place = place_in_video(entry.frame.name)
    return None if place is None else place.number


def _known_ratio(entry: Entry, longs: Mapping[str, Entry]) -> float | None:
    ratio = _ratio(entry, longs)
    return None if math.isnan(ratio) else ratio


_FIELDS: Mapping[str, Callable[[Entry, Mapping[str, Entry]], Any]] = {
    "name": lambda e, _: e.frame.name,
    "scene": lambda e, _: e.scene,
    "view": lambda e, _: e.view,
    "kind": lambda e, _: e.kind,
    "pair": lambda e, _: e.pair,
    "frame": lambda e, _: _number(e),
    "frame_rate": lambda e, _: None if e.exif is None else e.exif.frame_rate,
    "split": lambda e, _: e.split,
    "role": lambda e, _: e.role,
    "camera": lambda e, _: e.frame.model,
    "model": lambda e, _: e.frame.model,
    "make": lambda e, _: e.frame.make,
    "iso": lambda e, _: e.frame.exposure.iso,
    "shutter": lambda e, _: e.frame.exposure.seconds,
    "seconds": lambda e, _: e.frame.exposure.seconds,
    "f_number": lambda e, _: e.frame.exposure.f_number,
    "ratio": _known_ratio,
    "taken": lambda e, _: e.frame.taken,
    "orientation": lambda e, _: e.frame.orientation,
    "size": lambda e, _: e.frame.size_bytes,
    "path": lambda e, _: e.source,
    "origin": lambda e, _: None if e.file is None else e.file.origin,
    "stamp": lambda e, _: None if e.file is None else e.file.stamp,
}
"""What ``--where`` may ask of a frame; None where it is unknown."""


def is_named(name: str, wanted: Sequence[str]) -> bool:
    """Tell whether a name is wanted: whole, by its last part, or with wildcards."""
    last = name.rpartition("/")[2]
    return any(last == one or fnmatchcase(name, one) for one in wanted)


def is_within(
    value: float | None, bands: Sequence[Band], tolerance: float = 0.0, around: float = _ROUNDING
) -> bool:
    """Tell whether a value is wanted, give or take a share `tolerance` and so much `around`."""
    if value is None:
        return False
    slack = tolerance * (1 + 1e-9)  # so that exactly 5% more is within 5%
    for band in bands:
        low, high = band if isinstance(band, tuple) else (band, band)
        if low * (1 - slack) - around <= value <= high * (1 + slack) + around:
            return True
    return False


def _nothing(where: Path | str, shorts: Sequence[Entry], selection: Selection) -> SelectionError:
    return nothing_passes(
        where,
        len(shorts),
        selection,
        isos={e.frame.exposure.iso for e in shorts},
        shutters={e.frame.exposure.seconds for e in shorts},
        splits={entry.split for entry in shorts},
        scenes={entry.scene for entry in shorts},
        cameras={entry.frame.model for entry in shorts},
    )


def nothing_passes(
    where: Path | str,
    count: int,
    selection: Selection,
    *,
    isos: Iterable[float | None],
    shutters: Iterable[float | None],
    splits: Iterable[str],
    scenes: Iterable[str],
    cameras: Iterable[str | None],
) -> SelectionError:
    """Return the error for filters that none of `count` shorts passes; says what there is."""
    there: dict[str, set[str]] = {
        "ISO": {f"{iso:g}" for iso in isos if iso},
        "shutter": {f"{seconds:g}" for seconds in shutters if seconds},
        "split": set(splits),
        "scene": set(scenes),
        "camera": {camera for camera in cameras if camera},
    }
    texts = [
        f"{name} {listed(sorted(values, key=lambda text: (len(text), text)))}"
        for name, values in there.items()
    ]
    return SelectionError(
        f"none of {count} dark frames passes {_describe(selection)}",
        expected="filters that match something",
        where=where,
        fix=f"There is: {'; '.join(texts)}.",
    )


def _describe(selection: Selection) -> str:
    parts = {
        "--iso": _bands(selection.isos),
        "--shutter": _bands(selection.shutters),
        "--ratio": _bands(selection.ratios),
        "--scene": ",".join(selection.scenes),
        "--view": ",".join(selection.views),
        "--camera": ",".join(selection.cameras),
        "--split": ",".join(selection.splits),
        "--role": selection.role or "",
        "--per-long": selection.per_long or "",
        "--without-excluded": ",".join(selection.excluded)
        + (f" and {len(selection.bad)} found" if selection.bad else ""),
        "--where": selection.where,
        "--limit": "" if selection.limit is None else str(selection.limit),
    }
    return " ".join(f"{option} {value}" for option, value in parts.items() if value) or "no filter"


def _bands(bands: Sequence[Band]) -> str:
    return ",".join(_band(band) for band in bands)


def _band(band: Band) -> str:
    """Write a value or range as the options take it."""
    if not isinstance(band, tuple):
        return f"{band:g}"
    low, high = (f"{end:g}" if 0 < end < math.inf else "" for end in band)
    return f"{low}-{high}"
