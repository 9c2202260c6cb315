"""Which files a look-alike of each collection holds: names, exposures, scenes. No pixels here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rawkit.errors import UsageError
from rawkit.synth._denoising import EldLayout, LrdLayout, LridLayout, RawnindLayout
from rawkit.synth._mosaics import CrvdLayout, McrLayout, RecrvdLayout
from rawkit.synth._shots import Layout, Shot, Viewpoint, Wishes, shutter_text, taken

if TYPE_CHECKING:
    from collections.abc import Iterator

_SID_SHUTTERS = (0.1, 0.04, 1 / 30)
_SID_LONG_SECONDS = (10.0, 30.0)
_SID_HELD_OUT_SHARE = 0.15

_MID_SHUTTERS = (0.005, 0.01, 0.025, 0.05, 0.17, 0.5)
_MID_FIRST_INDOOR_SHUTTERS = (0.01, 0.02, 0.05, 0.1, 0.3, 1.0)
_MID_FIRST_INDOOR_PAIRS = 17
_MID_LONG_SECONDS, _MID_LONG_ISO = 30.0, 100
_MID_OUTDOOR_NUMBERS = 5000
_MID_MOST_PAIRS = 4000

_SMID_SHUTTERS = (0.02,)
_SMID_LONG_SECONDS = 2.0
_SMID_DUPLICATE_EVERY = 4


class SidLayout:
    """SID's Sony part: ``Sony/short/00001_00_0.1s.ARW``; the first digit is the split."""

    default_scenes = 6
    folders = ("Sony",)
    _apertures = (8.0, 9.0, 5.6, 10.0, 7.1)
    _isos = (100, 200, 400, 800, 1600, 3200)
    _name = re.compile(r"Sony/(?:short|long)/(\d{5})_\d\d_[\d.]+s\.ARW")

    def shots(self, wishes: Wishes) -> Iterator[Shot]:
        """Yield the longs and shorts of every scene."""
        for scene in self._scenes(wishes.scenes):
            yield from self._scene(scene, wishes)

    @staticmethod
    def _scenes(count: int) -> list[str]:
        held_out = max(1, round(_SID_HELD_OUT_SHARE * count))
        test = held_out if count > 1 else 0
        val = held_out if count > 2 else 0  # noqa: PLR2004 - one scene for each of three splits
        splits = (("0", count - test - val), ("1", test), ("2", val))
        return [f"{digit}{n:04d}" for digit, many in splits for n in range(1, many + 1)]

    def _scene(self, scene: str, wishes: Wishes) -> Iterator[Shot]:
        number = int(scene[1:])
        isos = wishes.isos or self._isos
        # By number alone, so that asking for more scenes later leaves the first as they are.
        iso = isos[(number - 1 + 2 * int(scene[0])) % len(isos)]
        long_seconds = _SID_LONG_SECONDS[number % 3 == 0]
        shutters = wishes.shutters or _SID_SHUTTERS
        if wishes.shutters is None and long_seconds > _SID_LONG_SECONDS[0]:
            shutters = shutters[:1]  # as published: 0.1 s alone goes with 30 s
        exposures = [(long_seconds, "long", 0)] + [
            (seconds, "short", burst) for burst in range(wishes.shots or 2) for seconds in shutters
        ]
        for step, (seconds, role, burst) in enumerate(exposures):
            name = f"Sony/{role}/{scene}_{burst:02d}_{shutter_text(seconds)}s.ARW"
            yield Shot(
                name=name,
                viewpoint=self._viewpoint(scene),
                role=role,
                seconds=seconds,
                iso=iso,
                f_number=self._apertures[number % len(self._apertures)],
                white=(long_seconds, iso),
                taken=taken(wishes.seed, "sid", scene, step),
                noise_key=name,
            )

    @staticmethod
    def _viewpoint(scene: str) -> Viewpoint:
        return Viewpoint(scene, "outdoor" if int(scene[1:]) % 2 else "indoor")

    def viewpoint(self, name: str) -> Viewpoint | None:
        """Tell the scene of the five digits."""
        match = self._name.fullmatch(name)
        return self._viewpoint(match[1]) if match else None


class MidLayout:
    """MID: ``Indoor/pair1/00001/IMG_0001_00100_0.01_Indoor.cr2``, the long beside the folder."""

    default_scenes = 2
    folders = ("Indoor", "Outdoor")
    _isos = (100, 200, 400, 800, 1600, 3200, 6400, 12800)
    _name = re.compile(r"(Indoor|Outdoor)/pair(\d+)/(?:\d{5}/)?IMG_(\d{4})_.*\.cr2")

    def shots(self, wishes: Wishes) -> Iterator[Shot]:
        """Yield both views of every pair, indoor and outdoor in turn."""
        if wishes.scenes > _MID_MOST_PAIRS:
            raise UsageError(f"{wishes.scenes} scenes", expected=f"at most {_MID_MOST_PAIRS}")
        if wishes.shots not in {None, 1}:
            raise UsageError(
                f"{wishes.shots} shots of each exposure",
                expected="1: MID holds one frame for each ISO and shutter speed",
            )
        for index in range(wishes.scenes):
            place = self.folders[index % 2]
            for view in (0, 1):
                yield from self._position(place, index // 2 + 1, view, wishes)

    def _position(self, place: str, pair: int, view: int, wishes: Wishes) -> Iterator[Shot]:
        number = 2 * pair - 1 + view + (_MID_OUTDOOR_NUMBERS if place == "Outdoor" else 0)
        prefix = f"IMG_{number:04d}_"
        first = place == "Indoor" and pair <= _MID_FIRST_INDOOR_PAIRS
        shutters = wishes.shutters or (_MID_FIRST_INDOOR_SHUTTERS if first else _MID_SHUTTERS)
        files = [(f"{prefix}GT_{place}.cr2", "long", _MID_LONG_SECONDS, _MID_LONG_ISO)] + [
            (f"{number:05d}/{prefix}{iso:05d}_{shutter_text(s)}_{place}.cr2", "short", s, iso)
            for iso in wishes.isos or self._isos
            for s in shutters
        ]
        viewpoint = self._viewpoint(place, pair, view)
        for step, (file, role, seconds, iso) in enumerate(files):
            name = f"{place}/pair{pair}/{file}"
            yield Shot(
                name=name,
                viewpoint=viewpoint,
                role=role,
                seconds=seconds,
                iso=iso,
                f_number=4.0,
                white=(_MID_LONG_SECONDS, _MID_LONG_ISO),
                taken=taken(wishes.seed, "mid", viewpoint.scene, 100 * view + step),
                noise_key=name,
            )

    @staticmethod
    def _viewpoint(place: str, pair: int, view: int) -> Viewpoint:
        return Viewpoint(f"{place}/pair{pair}", place.lower(), view, wide=True)

    def viewpoint(self, name: str) -> Viewpoint | None:
        """Tell the pair of the folder and the view of the number."""
        match = self._name.fullmatch(name)
        return self._viewpoint(match[1], int(match[2]), (int(match[3]) - 1) % 2) if match else None


class SmidLayout:
    """SMID: ``short1/0001/0001.ARW``, ``long/0001/0001.ARW``, and a dynamic video ``M0000``."""

    default_scenes = 4
    folders = ("short1", "long")
    _dynamic = "M0000"
    _default_frames = 6
    _isos = (400, 200, 800, 1600)
    _name = re.compile(r"(?:short1|long)/(M?\d{4})/(?:half)?(\d{4})\.(?:ARW|png)")

    def shots(self, wishes: Wishes) -> Iterator[Shot]:
        """Yield static videos with their longs and copies of them, then a dynamic video."""
        for number in range(1, wishes.scenes + 1):
            yield from self._video(f"{number:04d}", number - 1, wishes)
        yield from self._video(self._dynamic, wishes.scenes, wishes)

    def _video(self, video: str, index: int, wishes: Wishes) -> Iterator[Shot]:
        isos = wishes.isos or self._isos
        shutters = wishes.shutters or _SMID_SHUTTERS
        if video == self._dynamic:
            index = 0
        iso, seconds = isos[index % len(isos)], shutters[index % len(shutters)]
        frames = range(1, (wishes.shots or self._default_frames) + 1)
        files = [(f"short1/{video}/{frame:04d}.ARW", "short", frame) for frame in frames]
        if video != self._dynamic:
            files.append((f"long/{video}/0001.ARW", "long", 0))
            files.append((f"long/{video}/half0001.png", "preview", 0))
        for name, role, frame in files:
            # Every fourth frame is the one before once more, as in the collection.
            source = frame - 1 if frame and frame % _SMID_DUPLICATE_EVERY == 0 else frame
            yield Shot(
                name=name,
                viewpoint=self._viewpoint(video, source),
                role=role,
                seconds=seconds if role == "short" else _SMID_LONG_SECONDS,
                iso=iso,
                f_number=2.8,
                white=(_SMID_LONG_SECONDS, iso),
                taken=taken(wishes.seed, "smid", video, source),
                noise_key=f"short1/{video}/{source:04d}.ARW" if role == "short" else name,
            )

    def _viewpoint(self, video: str, frame: int) -> Viewpoint:
        moving = video == self._dynamic
        kind = "indoor" if moving or int(video) % 2 else "outdoor"
        return Viewpoint(video, kind, frame=frame if moving else 0, wide=moving)

    def viewpoint(self, name: str) -> Viewpoint | None:
        """Tell the video of the folder, and the frame where the camera moves."""
        match = self._name.fullmatch(name)
        if match is None:
            return None
        frame = int(match[2])
        source = frame - 1 if frame % _SMID_DUPLICATE_EVERY == 0 else frame
        return self._viewpoint(match[1], source)


LAYOUTS: Final[dict[str, Layout]] = {
    "sid": SidLayout(),
    "mid": MidLayout(),
    "smid": SmidLayout(),
    "eld": EldLayout(),
    "lrd": LrdLayout(),
    "lrid": LridLayout(),
    "rawnind": RawnindLayout(),
    "crvd": CrvdLayout(),
    "recrvd": RecrvdLayout(),
    "mcr": McrLayout(),
}
"""The layouts by collection."""
