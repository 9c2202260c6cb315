"""Which frames are used, and what is missing, in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.calibrate.look import Look, agreed
from rawkit.calibrate.work import Unread
from rawkit.errors import MissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from rawkit.sensor import Mosaic

_ALIKE: Final = 0.25
"""How much the light of two flat frames of a pair may differ."""
_DARKS: Final = 2
ENOUGH: Final = 10
"""Dark frames of one ISO that are asked for."""
MOST_LIT: Final = 12
"""Ordinary frames, and pairs, of an ISO that are looked at."""
_BEST_LIGHT: Final = 1e-5
"""Mean of a short that tells most, of what saturates, for each ISO: some fifty electrons, of a full
well as most cameras have it."""
PAIRS_ONLY: Final = (
    "no dark frames: from shorts and their longs alone there is shot noise and Gaussian noise of "
    "single pixels only; nothing of tails, rows, columns, dark shading and hot pixels"
)
"""What a profile made without dark frames notes."""


@dataclass(frozen=True)
class Pair:
    """A short and its long, by name."""

    short: str
    """Name of the short."""
    long: str
    """Name of the long."""
    long_iso: float
    """ISO speed of the long."""


@dataclass(frozen=True)
class IsoFrames:
    """Frames of one ISO that are used, by name."""

    iso: float
    """ISO speed."""
    mosaic: Mosaic
    """Pattern, levels and size."""
    dark: tuple[str, ...]
    """Dark frames."""
    flat: tuple[str, ...]
    """Flat frames; two that follow each other have about the same light."""
    ordinary: tuple[str, ...]
    """Frames of scenes, of which smooth patches may be used."""
    pairs: tuple[Pair, ...]
    """Shorts of this ISO with their longs; those that tell most first."""
    white: float | None
    """Where pixels were seen to saturate, DN; None if nowhere."""
    step: float
    """Distance of neighbouring values, DN."""

    @property
    def saturates(self) -> float:
        """Where pixels saturate, DN: as seen, or as the file says."""
        return float(self.mosaic.white_level if self.white is None else self.white)


@dataclass(frozen=True, eq=False)
class FramePlan:
    """What was found in a folder, and what it is used for."""

    make: str
    """Camera maker."""
    model: str
    """Camera model."""
    isos: tuple[IsoFrames, ...]
    """Frames by rising ISO; those with fewer than two dark frames are left out, unless there are
    none at all."""
    refused: tuple[Unread, ...]
    """Frames of no use, each with the reason."""
    notes: tuple[str, ...]
    """What is missing, and what follows of it."""
    gain_from: str
    """``flats``, ``pairs`` or ``frames``: the best of what there is at any ISO."""

    @property
    def measured(self) -> tuple[IsoFrames, ...]:
        """The ISOs whose darkness is measured."""
        return tuple(one for one in self.isos if len(one.dark) >= _DARKS)

    def gain_of(self, one: IsoFrames) -> str | None:
        """Where the gain of an ISO comes from; None where it is interpolated."""
        if one.flat and self.measured:  # of flat frames alone the noise of darkness is not known
            return "flats"
        if one.pairs:
            return "pairs"
        usable = self.gain_from == "frames" and one.ordinary and len(one.dark) >= _DARKS
        return "frames" if usable else None


def plan_frames(
    found: Sequence[Look | Unread], where: object, camera: str | None,
    pairs: Sequence[tuple[str, str]] = (), scenes: Collection[str] = (),
) -> FramePlan:  # fmt: skip
    """Choose the frames of one camera that are used.

    `pairs` are shorts, each with its long, by name. `scenes` are frames that are known to show
    some: however dark or even, none of them is taken for a dark or a flat frame.

    Raises
    ------
    MissingError
        If there are none to calibrate from; says what there is and what is missing.
    UsageError
        If there are those of several cameras, or none of the one named.
    """
    refused = [one for one in found if isinstance(one, Unread)]
    looks = [one for one in found if isinstance(one, Look)]
    looks = _of_one_camera(looks, where, camera)
    usual = Counter(map(_geometry, looks)).most_common(1)[0][0]
    usable = []
    for one in looks:
        if _geometry(one) != usual:
            refused.append(Unread(one.name, f"{_geometry(one)}, unlike the others"))
        else:
            usable.append(one)
    by_name = {one.name: one for one in usable if one.iso is not None}
    matched = [(by_name[short], by_name[long]) for short, long in pairs
               if short in by_name and long in by_name]  # fmt: skip
    by_iso: dict[float, list[Look]] = {}
    for one in usable:
        if one.iso is not None:
            by_iso.setdefault(one.iso, []).append(one)
        else:
            refused.append(Unread(one.name, one.reason))
    isos, notes = [], []
    for iso in sorted(by_iso):
        judged = agreed([_as_scene(one) if one.name in scenes else one for one in by_iso[iso]])
        refused += [Unread(one.name, one.reason) for one in judged if one.kind == "unusable"]
        own = [pair for pair in matched if pair[0].iso == iso]
        refused += [_clipped(one) for one in judged
                    if one.kind == "clipped" and one.name not in scenes]  # fmt: skip
        isos.append(_of_iso(iso, judged, own, refused))
    told = _what_there_is(isos, refused)
    kept = tuple(one for one in isos if len(one.dark) >= _DARKS)
    has_flats, has_pairs = (any(getattr(one, kind) for one in isos) for kind in ("flat", "pairs"))
    if not kept and not has_pairs:
        raise _without_darks(isos, told, where)
    if kept:
        notes += [_left_out(one) for one in isos if len(one.dark) < _DARKS]
    if not (has_flats or has_pairs or any(one.ordinary for one in kept)):
        raise MissingError(
            f"no two flat frames of one ISO, and no ordinary ones ({told})",
            expected="flat frames: an even wall, a screen or the sky, two of each ISO",
            where=where,
            fix="Without them the gain cannot be found. Photographs of the camera at these ISOs "
            "would do, with wider intervals.",
        )
    gain_from = "flats" if has_flats else "pairs" if has_pairs else "frames"
    first = usable[0]
    plan = FramePlan(first.make, first.model, tuple(isos), tuple(refused), tuple(notes), gain_from)
    if not kept:
        notes = [PAIRS_ONLY, *(note for one in isos if one.pairs for note in _gain_note(plan, one))]
    notes += [note for one in kept for note in _notes_of(plan, one)]
    return replace(plan, notes=tuple(notes))


def _as_scene(one: Look) -> Look:
    """Return a frame as one of a scene, with which no fault is found."""
    return one if one.kind in {"ordinary", "clipped"} else replace(one, kind="ordinary", reason="")


def _geometry(one: Look) -> str:
    return f"{one.mosaic.width}x{one.mosaic.height} pixels, {one.mosaic.pattern_text}"


def _of_one_camera(looks: list[Look], where: object, camera: str | None) -> list[Look]:
    names = Counter(one.model or one.make or "unknown" for one in looks)
    if camera is not None:
        chosen = [one for one in looks if camera.lower() in f"{one.make} {one.model}".lower()]
        if not chosen:
            raise UsageError(f"no frame of a camera {camera!r}", where=where,
                             expected=", ".join(names) or "raw files")  # fmt: skip
        looks, names = chosen, Counter(one.model or one.make or "unknown" for one in chosen)
    if len(names) > 1:
        counts = ", ".join(f"{name} ({count})" for name, count in names.items())
        raise UsageError(
            f"frames of {len(names)} cameras: {counts}", expected="those of one", where=where,
            fix="Name it with --camera.",
        )  # fmt: skip
    if not looks:
        raise MissingError(
            "no raw file that can be used", expected="dark and flat frames of a camera",
            where=where,
        )  # fmt: skip
    return looks


def _of_iso(
    iso: float, looks: Sequence[Look], pairs: Sequence[tuple[Look, Look]], refused: list[Unread]
) -> IsoFrames:
    kinds = {
        kind: [one for one in looks if one.kind == kind] for kind in ("dark", "flat", "ordinary")
    }
    whites = [white for one in looks if (white := one.saturation) is not None]
    flat, alone = _paired(kinds["flat"])
    refused += [
        Unread(one.name, "a flat frame without a second one of the same light and ISO")
        for one in alone
    ]
    # Saturated pixels may lie between the steps of the others.
    step = int(np.median([one.step for one in kinds["dark"] or looks])) or 1
    return IsoFrames(
        iso, looks[0].mosaic, tuple(one.name for one in kinds["dark"]),
        tuple(one.name for one in flat), tuple(one.name for one in kinds["ordinary"]),
        _in_turn(pairs), min(whites, default=None), float(step),
    )  # fmt: skip


def _from_best(short: Look) -> float:
    span = short.mosaic.white_level - max(short.mosaic.black_level)
    share = max(float(short.light.mean()) / span, 1e-6)
    return abs(float(np.log(share / (_BEST_LIGHT * (short.iso or 1.0)))))


def _clipped(one: Look) -> Unread:
    use = "; it tells where pixels saturate" if one.saturation is not None else ""
    return Unread(one.name, f"clipped: {one.reason}{use}")


def _in_turn(pairs: Sequence[tuple[Look, Look]]) -> tuple[Pair, ...]:
    """Order pairs such that each long comes once before any comes again.

    Of its shorts those come first that are about as bright as tells most: texture grows with light
    faster than noise does, and in the dark there is read noise alone.
    """
    ordered = sorted(pairs, key=lambda pair: _from_best(pair[0]))
    seen: Counter[str] = Counter()
    turns = []
    for short, long in ordered:
        turns.append((seen[long.name], long.name, short.name, long.iso or 0.0))
        seen[long.name] += 1
    return tuple(Pair(short, long, iso) for _, long, short, iso in sorted(turns))


def _paired(flats: Sequence[Look]) -> tuple[list[Look], list[Look]]:
    """Put flat frames of about the same light together; returns pairs in turn, and the rest."""
    ordered = sorted(flats, key=lambda one: float(one.light.mean()))
    pairs: list[Look] = []
    alone: list[Look] = []
    while ordered:
        first = ordered.pop(0)
        if ordered and ordered[0].light.mean() < (1 + _ALIKE) * first.light.mean():
            pairs += [first, ordered.pop(0)]
        else:
            alone.append(first)
    return pairs, alone


def _notes_of(plan: FramePlan, one: IsoFrames) -> list[str]:
    notes = []
    if len(one.dark) < ENOUGH:
        notes.append(f"ISO {one.iso:g} has {len(one.dark)} dark frames, {ENOUGH} are asked for: "
                     "intervals are wider")  # fmt: skip
    notes += _gain_note(plan, one)
    if one.white is None:
        notes.append(f"ISO {one.iso:g} has no frame that is saturated; where it does is what the "
                     "files say")  # fmt: skip
    return notes


def _gain_note(plan: FramePlan, one: IsoFrames) -> list[str]:
    """Say of an ISO where its gain is from, unless it is from flat frames."""
    match plan.gain_of(one):
        case "flats":
            return []
        case "pairs":
            used = len(one.pairs[:MOST_LIT])
            where = f"{used} pairs of a short and its long"
        case "frames":
            where = f"smooth patches of {len(one.ordinary)} ordinary ones"
        case _:
            missing = "no flat and no ordinary frames" if plan.gain_from == "frames" else (
                "no flat frames and no pairs" if plan.gain_from == "pairs" else "no flat frames"
            )  # fmt: skip
            return [f"ISO {one.iso:g} has {missing}; K is interpolated"]
    return [f"ISO {one.iso:g} has no flat frames; K is from {where}"]


def _left_out(one: IsoFrames) -> str:
    count = "one dark frame, two are needed" if one.dark else "no dark frames"
    lit = "flat frames" if one.flat else "pairs" if one.pairs else ""
    used = f"; its {lit} are used for K of the others" if lit else ""
    return f"ISO {one.iso:g} has {count}: it is left out{used}"


def _without_darks(isos: Iterable[IsoFrames], told: str, where: object) -> MissingError:
    singles = [f"{one.iso:g}" for one in isos if one.dark]
    some = f"one dark frame of ISO {', '.join(singles)}" if singles else "no dark frame"
    return MissingError(
        f"{some} ({told})",
        expected="at least two dark frames of one ISO, ten of each to be sure",
        where=where,
        fix="Take them with the cap on, at the ISOs of interest, and two of an even wall at each.",
    )


def _what_there_is(isos: Iterable[IsoFrames], refused: Sequence[Unread]) -> str:
    counts = {"dark": 0, "flat": 0, "ordinary": 0}
    for one in isos:
        for kind in counts:
            counts[kind] += len(getattr(one, kind))
    parts = [f"{count} {kind}" for kind, count in counts.items()]
    reasons = [f"{one.name}: {one.reason}" for one in refused[:3]]
    more = f"; of no use {len(refused)}" + (f", such as {'; '.join(reasons)}" if reasons else "")
    return "found " + ", ".join(parts) + (more if refused else "")
