"""Which of one's own photos are pairs: the same scene with much light and with little.

Time, camera and exposure come from EXIF; framing from the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rawkit.adapt.photos import camera_of, light_of, likeness, look_at, seconds_of
from rawkit.catalog import LeftOut, load_definition, scan, scene_digest
from rawkit.errors import SelectionError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rawkit.adapt.photos import Photo
    from rawkit.catalog import Entry
    from rawkit.progress import Progress

LEAST_SCENES = 2
"""Scenes without which none can be held back."""
HELD_BACK = 0.2
"""Share of the scenes that are held back, of which there is at least one."""


@dataclass(frozen=True, slots=True)
class PairRules:
    """When two photos are a pair."""

    least_ratio: float = 4.0
    """What light the long has at least, that of the short 1: two stops."""
    most_minutes: float = 10.0
    """Minutes between two photos of a scene at most, where EXIF says when they were taken."""
    least_likeness: float = 0.8
    """Correlation of what they show at least, 0 to 1, coarsely."""
    most_clipped: float = 0.2
    """Share of a long's pixels that may be clipped, 0 to 1."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        wrong = {
            "least_ratio": not self.least_ratio > 1,
            "most_minutes": not self.most_minutes > 0,
            "least_likeness": not 0 < self.least_likeness < 1,
            "most_clipped": not 0 <= self.most_clipped <= 1,
        }
        for name in (name for name, bad in wrong.items() if bad):
            raise UsageError(f"{name} = {getattr(self, name)}", expected="see PairRules")


@dataclass(frozen=True, slots=True)
class Scene:
    """Photos of one scene: the long, and what belongs to it."""

    long: Photo
    """The one with the most light."""
    shorts: tuple[Photo, ...]
    """Dark ones, at least one; none where dark ones are made."""
    held_back: bool = False
    """Whether it is kept from training, to measure on."""

    @property
    def name(self) -> str:
        """What the scene is called: the path of its long, without the ending."""
        head, dot, _ = self.long.name.rpartition(".")
        return head if dot else self.long.name


@dataclass(frozen=True, slots=True)
class Found:
    """The pairs of a folder, and what is none."""

    scenes: tuple[Scene, ...]
    """Scenes in the order in which they were taken."""
    left_out: tuple[LeftOut, ...]
    """Files that are in no pair, and why."""

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return sum(len(scene.shorts) for scene in self.scenes)


def find_pairs(folder: Path, rules: PairRules, *, max_ram: int, progress: Progress) -> Found:
    """Find the pairs among the raw files of a folder; reads only.

    Raises
    ------
    MissingError
        If there is no such folder, or no raw file in it.
    SelectionError
        If there are fewer than two scenes: none could be held back.
    """
    catalog = scan(load_definition("folder"), folder, progress)
    wanted, left = by_exif(catalog.entries, rules)
    photos, unfit = look_at(wanted, folder, max_ram, progress)
    scenes, unpaired = scenes_of(photos, rules)
    return found_among(
        scenes, (*catalog.left_out, *left, *unfit, *unpaired), folder,
        what="{} with a bright and a dark photo",
        fix="Take each scene twice from a tripod: once well lit, once with a sixteenth of the "
        "light or less.",
    )  # fmt: skip


def found_among(
    scenes: Sequence[Scene], left_out: Sequence[LeftOut], folder: Path, *, what: str, fix: str
) -> Found:
    """Hold scenes of a folder back; `what` says what they are, braces standing for the word.

    Raises
    ------
    SelectionError
        If there are fewer than two: none could be held back.
    """
    left = tuple(sorted(left_out, key=lambda one: one.name))
    if len(scenes) < LEAST_SCENES:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in left[:3])
        told = what.format("scene" if len(scenes) == 1 else "scenes")
        raise SelectionError(
            f"{len(scenes) or 'no'} {told}" + (f" ({reasons})" if reasons else ""),
            expected=f"at least {LEAST_SCENES}, ten are better: one to train on and one to measure",
            where=folder,
            fix=fix,
        )
    return Found(held_back(scenes), left)


def by_exif(entries: Sequence[Entry], rules: PairRules) -> tuple[list[Entry], list[LeftOut]]:
    """Return the files that EXIF alone lets be in a pair; only those are decoded."""
    left: list[LeftOut] = []
    known: list[tuple[Entry, float | None, float]] = []
    for entry in entries:
        if entry.frame.exposure.seconds is None:
            left.append(LeftOut(entry.source, "exposure", "EXIF does not say how long it was"))
        else:
            known.append((entry, seconds_of(entry.frame.taken), light_of(entry.frame.exposure)))
    known.sort(key=lambda one: (camera_of(one[0]), one[1] or 0.0, one[0].source))
    wanted: list[Entry] = []
    for entry, seconds, light in known:
        near = [
            other
            for other in known
            if other[0] is not entry
            and camera_of(other[0]) == camera_of(entry)
            and _soon(seconds, other[1], rules)
        ]
        if not near:
            left.append(LeftOut(entry.source, "alone", _minutes(rules)))
        elif not any(_far(light, other[2], rules) for other in near):
            left.append(LeftOut(entry.source, "exposure", _as_bright(rules)))
        else:
            wanted.append(entry)
    return wanted, left


def scenes_of(photos: Sequence[Photo], rules: PairRules) -> tuple[list[Scene], list[LeftOut]]:
    """Put photos of one scene together, and choose the long of each."""
    scenes: list[Scene] = []
    left: list[LeftOut] = []
    for group in showing_the_same(photos, rules):
        scene, others = _scene(group, rules)
        scenes += [] if scene is None else [scene]
        left += others
    return scenes, left


def showing_the_same(photos: Sequence[Photo], rules: PairRules) -> list[list[Photo]]:
    """Put photos that show the same together, in the order of time."""
    groups: list[list[Photo]] = []
    ordered = sorted(photos, key=lambda one: (one.camera, one.seconds or 0.0, one.name))
    for photo in ordered:
        best, where = rules.least_likeness, None
        for group in groups:
            alike = max((likeness(photo, one) for one in group if _same(photo, one, rules)),
                        default=0.0)  # fmt: skip
            if alike >= best:
                best, where = alike, group
        if where is None:
            groups.append([photo])
        else:
            where.append(photo)
    return groups


def held_back(scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """Hold scenes back, chosen by a hash of their names: the same ones whatever is added."""
    count = max(1, round(HELD_BACK * len(scenes)))
    chosen = sorted(scenes, key=lambda scene: scene_digest(0, scene.name))[:count]
    names = {scene.name for scene in chosen}
    return tuple(Scene(one.long, one.shorts, one.name in names) for one in scenes)


def _scene(group: list[Photo], rules: PairRules) -> tuple[Scene | None, list[LeftOut]]:
    """Choose the long of photos of one scene and its shorts; the others are left out."""
    if len(group) == 1:
        return None, [LeftOut(group[0].name, "alone", "no other photo shows the same")]
    left: list[LeftOut] = []
    by_light = sorted(group, key=lambda one: (-one.light, one.name))
    while len(by_light) > 1 and by_light[0].clipped > rules.most_clipped:
        burnt = by_light.pop(0)
        left.append(LeftOut(burnt.name, "clipped", f"{burnt.clipped:.0%} of it is clipped"))
    long, *others = by_light
    shorts = [one for one in others if _far(long.light, one.light, rules)]
    left += [
        LeftOut(one.name, "exposure", f"too nearly as much light as {long.name}, which shows the "
                f"same ({long.light / one.light:.1f} times)")
        for one in others if one not in shorts
    ]  # fmt: skip
    if shorts:
        return Scene(long, tuple(shorts)), left
    return None, [*left, LeftOut(long.name, "alone", "no dark photo shows the same")]


def _same(one: Photo, other: Photo, rules: PairRules) -> bool:
    """Tell whether EXIF lets two photos be of one scene."""
    return (
        one.camera == other.camera
        and one.shape == other.shape
        and _soon(one.seconds, other.seconds, rules)
    )


def _soon(one: float | None, other: float | None, rules: PairRules) -> bool:
    return one is None or other is None or abs(one - other) <= 60 * rules.most_minutes


def _far(one: float, other: float, rules: PairRules) -> bool:
    # Shutter speeds are rounded: 1/15 s is a sixteenth of 1 s.
    return max(one, other) >= 0.9 * rules.least_ratio * min(one, other)


def _minutes(rules: PairRules) -> str:
    return f"no other photo of its camera within {rules.most_minutes:g} minutes"


def _as_bright(rules: PairRules) -> str:
    return (
        f"no other photo within {rules.most_minutes:g} minutes has {rules.least_ratio:g} times or "
        "a fraction of its light"
    )
