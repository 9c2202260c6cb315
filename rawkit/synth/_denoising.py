"""Which files look-alikes of the collections of raw denoising hold: ELD, LRD, LRID, RawNIND."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from rawkit.synth._shots import Shot, Viewpoint, Wishes, kind_of_number, taken
from rawkit.synth.collection_cameras import ELD_CAMERAS, FUJI_XT1, SONY_A7C

if TYPE_CHECKING:
    from collections.abc import Iterator

_ELD_PICTURES, _ELD_BLOCK, _ELD_ISOS = 16, 5, (800, 1600, 3200)
_ELD_RATIOS: Final = (1, 1, 10, 100, 200)
_ELD_SECONDS, _ELD_BASE_ISO = 4.0, 100


class EldLayout:
    """ELD: ``SonyA7S2/scene-1/IMG_0001.ARW``; 1, 6, 11 and 16 are references."""

    default_scenes = 4
    folders = tuple(ELD_CAMERAS)
    _name = re.compile(r"([A-Za-z0-9]+)/(scene-\d+)/IMG_\d{4}\.(?:ARW|nef|CR2)")

    def shots(self, wishes: Wishes) -> Iterator[Shot]:
        """Yield the sixteen pictures of each scene, the cameras in turn."""
        for index in range(wishes.scenes):
            camera = self.folders[index % len(self.folders)]
            yield from self._scene(camera, f"scene-{index // len(self.folders) + 1}", wishes)

    def _scene(self, folder: str, scene: str, wishes: Wishes) -> Iterator[Shot]:
        camera, ending = ELD_CAMERAS[folder]
        isos = wishes.isos or _ELD_ISOS
        for number in range(1, _ELD_PICTURES + 1):
            block, place = divmod(number - 1, _ELD_BLOCK)
            iso = isos[min(block, len(isos) - 1)] if place else _ELD_BASE_ISO
            seconds = _ELD_SECONDS * _ELD_BASE_ISO / iso / _ELD_RATIOS[place]
            name = f"{folder}/{scene}/IMG_{number:04d}.{ending}"
            yield Shot(
                name=name,
                viewpoint=self._viewpoint(folder, scene),
                role="short" if place else "long",
                seconds=seconds,
                iso=iso,
                f_number=5.6,
                white=(_ELD_SECONDS, _ELD_BASE_ISO),
                taken=taken(wishes.seed, "eld", f"{folder}/{scene}", number),
                noise_key=name,
                camera=camera,
            )

    @staticmethod
    def _viewpoint(folder: str, scene: str) -> Viewpoint:
        return Viewpoint(f"{folder}/{scene}", "indoor")

    def viewpoint(self, name: str) -> Viewpoint | None:
        """Tell the scene of the folders."""
        match = self._name.fullmatch(name)
        return self._viewpoint(match[1], match[2]) if match else None


class LrdLayout:
    """LRD: ``Clean/00001_00_0.25s.DNG`` and three shorts, ``Noisy/00001_01_0.0625s.DNG``."""

    default_scenes = 6
    folders = ("Clean", "Noisy")
    _isos = (1600, 800, 200, 400, 3200, 6400)
    _held_out = (541, 200)
    """Scenes of the published lists for test and for val; the look-alike's last two."""
    _name = re.compile(r"(?:Clean|Noisy)/(\d{5})_\d\d_[\d.]+s\.DNG")

    def shots(self, wishes: Wishes) -> Iterator[Shot]:
        """Yield the long and the shorts of every scene."""
        held_out = self._held_out if wishes.scenes > len(self._held_out) else ()
        for number in (*range(1, wishes.scenes - len(held_out) + 1), *held_out):
            yield from self._scene(f"{number:05d}", number, wishes)

    def _scene(self, scene: str, number: int, wishes: Wishes) -> Iterator[Shot]:
        isos = wishes.isos or self._isos
        iso, long_seconds = isos[(number + number // 100) % len(isos)], 2.0
        bright = long_seconds * 100 / iso
        stops = wishes.shutters or tuple(bright / 2**stop for stop in (1, 2, 3))
        files = [("Clean", 0, long_seconds, 100)]
        files += [("Noisy", shot, seconds, iso) for shot, seconds in enumerate(stops[:3], 1)]
        for folder, shot, seconds, speed in files:
            name = f"{folder}/{scene}_{shot:02d}_{round(seconds, 5):g}s.DNG"
            yield Shot(
                name=name,
                viewpoint=self._viewpoint(scene),
                role="short" if shot else "long",
                seconds=seconds,
                iso=speed,
                f_number=2.8,
                white=(long_seconds, 100),
                taken=taken(wishes.seed, "lrd", scene, shot),
                noise_key=name,
            )

    @staticmethod
    def _viewpoint(scene: str) -> Viewpoint:
        return Viewpoint(scene, kind_of_number(int(scene)))

    def viewpoint(self, name: str) -> Viewpoint | None:
        """Tell the scene of the five digits."""
        match = self._name.fullmatch(name)
        return self._viewpoint(match[1]) if match else None


class LridLayout:
    """LRID: ``indoor_x5/6400/1/000/*.dng`` for each ratio, ``indoor_x5/100/000/*.dng``."""

    default_scenes = 4
    folders = ("indoor_x5", "indoor_x3", "outdoor_x3", "outdoor_x5")
    _ratios = (1, 2, 4, 8, 16)
    _iso, _long_iso, _long_seconds = 6400, 100, 2.0
    _name = re.compile(r"((?:in|out)door_x[35])/(?:6400/\d+|100)/(\d{3})/[^/]+\.dng")

    def shots(self, wishes: Wishes) -> Iterator[Shot]:
        """Yield the bursts of every scene, the parts of the collection in turn."""
        for index in range(wishes.scenes):
            part = self.folders[index % len(self.folders)]
            yield from self._scene(part, index // len(self.folders), wishes)

    def _scene(self, part: str, number: int, wishes: Wishes) -> Iterator[Shot]:
        iso = (wishes.isos or (self._iso,))[0]
        base = self._long_seconds * self._long_iso / iso
        ratios = self._ratios[: int(part[-1])]
        seconds = wishes.shutters or tuple(base / ratio for ratio in ratios)
        files = [
            (f"6400/{ratio}", "short", time, iso, shot)
            for ratio, time in zip(ratios, seconds, strict=False)
            for shot in range(wishes.shots or 2)
        ]
        files += [("100", "long", self._long_seconds, self._long_iso, shot) for shot in range(2)]
        for step, (folder, role, time, speed, _) in enumerate(files):
            exposed = f"exp-{round(time * 1e9)}_iso-{speed}"
            name = f"{part}/{folder}/{number:03d}/{step:06d}_{exposed}_orientation_0_camera-0.dng"
            yield Shot(
                name=name,
                viewpoint=self._viewpoint(part, f"{number:03d}"),
                role=role,
                seconds=time,
                iso=speed,
                f_number=1.8,
                white=(self._long_seconds, self._long_iso),
                taken=taken(wishes.seed, "lrid", f"{part}/{number}", step),
                noise_key=name,
            )

    @staticmethod
    def _viewpoint(part: str, number: str) -> Viewpoint:
        return Viewpoint(f"{part}/{number}", part.partition("door")[0] + "door")

    def viewpoint(self, name: str) -> Viewpoint | None:
        """Tell part and scene."""
        match = self._name.fullmatch(name)
        return self._viewpoint(match[1], match[2]) if match else None


class RawnindLayout:
    """RawNIND: ``Bayer_TEST_set2_ISO6400_sha1=....arw``, in folders as its code arranges them.

    The 40 digits are those of a name, not of the contents: these are made after it.
    """

    default_scenes = 4
    folders = ("Bayer", "X-Trans")
    _isos = (400, 1600, 6400, 25600)
    _base_iso, _seconds, _truths = 100, 2.0, 2
    _test_every = 3
    _name = re.compile(r"(Bayer|X-Trans)/((?:TEST_)?set\d+)/(?:gt/)?[^/]+\.(?:arw|raf)")

    def shots(self, wishes: Wishes) -> Iterator[Shot]:
        """Yield two ground truths and the noisy frames of each set, Bayer and X-Trans in turn."""
        for index in range(wishes.scenes):
            number = index + 1
            test = "TEST_" if number % self._test_every == 0 else ""
            yield from self._set(self.folders[index % 2], f"{test}set{number}", wishes)

    def _set(self, mosaic: str, name_of_set: str, wishes: Wishes) -> Iterator[Shot]:
        files = [("gt/", self._base_iso, self._seconds, take) for take in range(self._truths)]
        for iso in wishes.isos or self._isos:
            seconds = self._seconds * self._base_iso / iso
            files += [("", iso, seconds, take) for take in range(wishes.shots or 1)]
        for step, (folder, iso, seconds, take) in enumerate(files):
            kind = "GT_" if folder else ""
            stem = f"{mosaic}_{name_of_set}_{kind}ISO{iso}"
            words = f"{wishes.seed} {stem} {take}".encode()
            digits = hashlib.sha1(words, usedforsecurity=False).hexdigest()
            ending = "arw" if mosaic == "Bayer" else "raf"
            name = f"{mosaic}/{name_of_set}/{folder}{stem}_sha1={digits}.{ending}"
            yield Shot(
                name=name,
                viewpoint=self._viewpoint(mosaic, name_of_set),
                role="long" if folder else "short",
                seconds=seconds,
                iso=iso,
                f_number=8.0,
                white=(self._seconds, self._base_iso),
                taken=taken(wishes.seed, "rawnind", f"{mosaic}/{name_of_set}", step),
                noise_key=name,
                camera=SONY_A7C if mosaic == "Bayer" else FUJI_XT1,
            )

    @staticmethod
    def _viewpoint(mosaic: str, name_of_set: str) -> Viewpoint:
        number = int(name_of_set.rpartition("set")[2])
        return Viewpoint(f"{mosaic}/{name_of_set}", kind_of_number(number))

    def viewpoint(self, name: str) -> Viewpoint | None:
        """Tell the set."""
        match = self._name.fullmatch(name)
        return self._viewpoint(match[1], match[2]) if match else None
