"""Which frames are used, and what is missing, in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rawkit.calibrate.look import Look, agreed
from rawkit.calibrate.work import Unread
from rawkit.errors import MissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rawkit.sensor import Mosaic

_ALIKE: Final = 0.25
"""How much the light of two flat frames of a pair may differ."""
_DARKS: Final = 2
ENOUGH: Final = 10
"""Dark frames of one ISO that are asked for."""


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
    white: float | None
    """Where pixels were seen to saturate, DN; None if nowhere."""
    step: float
    """Distance of neighbouring values, DN."""


@dataclass(frozen=True, eq=False)
class FramePlan:
    """What was found in a folder, and what it is used for."""

    make: str
    """Camera maker."""
    model: str
    """Camera model."""
    isos: tuple[IsoFrames, ...]
    """Frames by rising ISO; those with fewer than two dark frames are left out."""
    refused: tuple[Unread, ...]
    """Frames of no use, each with the reason."""
    notes: tuple[str, ...]
    """What is missing, and what follows of it."""
    gain_from: str
    """``flats`` or ``frames``."""


def plan_frames(found: Sequence[Look | Unread], where: object, camera: str | None) -> FramePlan:
    """Choose the frames of one camera that are used.

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
    by_iso: dict[float, list[Look]] = {}
    for one in usable:
        if one.iso is not None:
            by_iso.setdefault(one.iso, []).append(one)
        else:
            refused.append(Unread(one.name, one.reason))
    isos, notes = [], []
    for iso in sorted(by_iso):
        judged = agreed(by_iso[iso])
        refused += [Unread(one.name, one.reason) for one in judged if one.kind == "unusable"]
        isos.append(_of_iso(iso, judged, refused))
    told = _what_there_is(isos, refused)
    kept = tuple(one for one in isos if len(one.dark) >= _DARKS)
    if not kept:
        raise _without_darks(isos, told, where)
    notes += [_left_out(one) for one in isos if len(one.dark) < _DARKS]
    has_flats = any(one.flat for one in isos)
    if not has_flats and not any(one.ordinary for one in kept):
        raise MissingError(
            f"no two flat frames of one ISO, and no ordinary ones ({told})",
            expected="flat frames: an even wall, a screen or the sky, two of each ISO",
            where=where,
            fix="Without them the gain cannot be found. Photographs of the camera at these ISOs "
            "would do, with wider intervals.",
        )
    gain_from = "flats" if has_flats else "frames"
    notes += [note for one in kept for note in _notes_of(one, gain_from)]
    first = usable[0]
    return FramePlan(first.make, first.model, tuple(isos), tuple(refused), tuple(notes), gain_from)


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


def _of_iso(iso: float, looks: Sequence[Look], refused: list[Unread]) -> IsoFrames:
    kinds = {
        kind: [one for one in looks if one.kind == kind] for kind in ("dark", "flat", "ordinary")
    }
    whites = [white for one in looks if (white := one.saturation) is not None]
    for one in looks:
        if one.kind == "clipped":
            use = "; it tells where pixels saturate" if one.saturation is not None else ""
            refused.append(Unread(one.name, f"clipped: {one.reason}{use}"))
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
        min(whites, default=None), float(step),
    )  # fmt: skip


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


def _notes_of(one: IsoFrames, gain_from: str) -> list[str]:
    notes = []
    if len(one.dark) < ENOUGH:
        notes.append(f"ISO {one.iso:g} has {len(one.dark)} dark frames, {ENOUGH} are asked for: "
                     "intervals are wider")  # fmt: skip
    if gain_from == "flats" and not one.flat:
        notes.append(f"ISO {one.iso:g} has no flat frames; K is interpolated")
    if gain_from == "frames":
        if one.ordinary:
            notes.append(f"ISO {one.iso:g} has no flat frames; K is from smooth patches of "
                         f"{len(one.ordinary)} ordinary ones")  # fmt: skip
        else:
            notes.append(f"ISO {one.iso:g} has no flat and no ordinary frames; K is interpolated")
    if one.white is None:
        notes.append(f"ISO {one.iso:g} has no frame that is saturated; where it does is what the "
                     "files say")  # fmt: skip
    return notes


def _left_out(one: IsoFrames) -> str:
    count = "one dark frame, two are needed" if one.dark else "no dark frames"
    used = "; its flat frames are used for K of the others" if one.flat else ""
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
