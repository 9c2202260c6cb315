"""Which files look-alikes of collections of mosaics in TIFF hold: CRVD, ReCRVD, MCR."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rawkit.synth._shots import Shot, Viewpoint, Wishes, kind_of_number, taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FRAME_SECONDS, _TAKES, _DEFAULT_FRAMES = 0.04, 2, 3
_ISOS: Final = (1600, 3200, 6400, 12800, 25600)
_VIDEO_WHITE = 0.04
"""Seconds at which a scene's white reaches the white level: those of each frame."""


def _video_shot(
    collection: str, name: str, viewpoint: Viewpoint, iso: int, *, clean: bool, seed: int
) -> Shot:
    return Shot(
        name=name,
        viewpoint=viewpoint,
        role="clean" if clean else "short",
        seconds=_FRAME_SECONDS,
        iso=iso,
        f_number=1.8,
        white=(_VIDEO_WHITE, iso),
        taken=taken(seed, collection, viewpoint.scene, viewpoint.frame),
        noise_key=name,
    )


class CrvdLayout:
    """CRVD: ``indoor_raw_noisy/scene1/ISO1600/frame1_noisy0.tiff`` and clean frames."""

    default_scenes = 2
    folders = ("indoor_raw_noisy", "indoor_raw_gt")
    _first_test = 7
    _name = re.compile(r"indoor_raw_(?:noisy|gt)/scene(\d+)/ISO\d+/frame(\d+)_[a-z_]+\d?\.tiff")

    def shots(self, wishes: Wishes) -> Iterator[Shot]:
        """Yield two noisy takes and the clean one of each frame; the last scene is of the test."""
        last = self._first_test if 1 < wishes.scenes < self._first_test else wishes.scenes
        for scene in (*range(1, wishes.scenes), last):
            for iso in wishes.isos or _ISOS[:2]:
                yield from self._video(scene, iso, wishes)

    def _video(self, scene: int, iso: int, wishes: Wishes) -> Iterator[Shot]:
        for frame in range(1, (wishes.shots or _DEFAULT_FRAMES) + 1):
            place, stem = self._viewpoint(scene, frame), f"scene{scene}/ISO{iso}/frame{frame}"
            for take in range(_TAKES):
                name = f"indoor_raw_noisy/{stem}_noisy{take}.tiff"
                yield _video_shot("crvd", name, place, iso, clean=False, seed=wishes.seed)
            name = f"indoor_raw_gt/{stem}_clean_and_slightly_denoised.tiff"
            yield _video_shot("crvd", name, place, iso, clean=True, seed=wishes.seed)

    @staticmethod
    def _viewpoint(scene: int, frame: int) -> Viewpoint:
        return Viewpoint(f"scene{scene}", kind_of_number(scene), frame=frame, wide=True)

    def viewpoint(self, name: str) -> Viewpoint | None:
        """Tell scene and frame."""
        match = self._name.fullmatch(name)
        return self._viewpoint(int(match[1]), int(match[2])) if match else None


class RecrvdLayout:
    """ReCRVD: ``wb_scene_noisy/boxing/ISO1600/wb_noisy_1_0.tiff`` and clean frames."""

    default_scenes = 2
    folders = ("wb_scene_noisy", "wb_scene_clean_postprocessed")
    _train = ("boxing", "camel", "golf", "hike", "rhino", "sheep", "surf", "tennis")
    _test = "bear"
    _name = re.compile(
        r"wb_scene_(?:noisy|clean_postprocessed)/([^/]+)/(?:ISO\d+/)?wb_[a-z_]+?_(\d+)(?:_\d+)?\.tiff"
    )

    def shots(self, wishes: Wishes) -> Iterator[Shot]:
        """Yield two noisy takes and the clean one of each frame; the last scene is of the test."""
        isos = wishes.isos or _ISOS
        for index, scene in enumerate(self._scenes(wishes.scenes)):
            yield from self._video(scene, isos[index % len(isos)], wishes)

    def _scenes(self, count: int) -> Sequence[str]:
        names = [*self._train, *(f"scene{number}" for number in range(len(self._train), count))]
        return names[:count] if count == 1 else [*names[: count - 1], self._test]

    def _video(self, scene: str, iso: int, wishes: Wishes) -> Iterator[Shot]:
        for frame in range(1, (wishes.shots or _DEFAULT_FRAMES) + 1):
            place = self._viewpoint(scene, frame)
            for take in range(_TAKES):
                name = f"wb_scene_noisy/{scene}/ISO{iso}/wb_noisy_{frame}_{take}.tiff"
                yield _video_shot("recrvd", name, place, iso, clean=False, seed=wishes.seed)
            name = f"wb_scene_clean_postprocessed/{scene}/wb_clean_postprocessed_{frame}.tiff"
            yield _video_shot("recrvd", name, place, iso, clean=True, seed=wishes.seed)

    @staticmethod
    def _viewpoint(scene: str, frame: int) -> Viewpoint:
        return Viewpoint(scene, kind_of_number(len(scene)), frame=frame, wide=True)

    def viewpoint(self, name: str) -> Viewpoint | None:
        """Tell scene and frame."""
        match = self._name.fullmatch(name)
        return self._viewpoint(match[1], int(match[2])) if match else None


class McrLayout:
    """MCR: ``Color_RAW_Input/C00001_48mp_0x8_0x007f.tif``, the exposure in hexadecimal."""

    default_scenes = 4
    folders = ("Mono_Colored_RAW_Paired_DATASET",)
    _indoor = (0x007F, 0x00FF, 0x01FF, 0x03FF, 0x07FF, 0x0FFF, 0x1FFF, 0x2FFF)
    _outdoor = (0x0007, 0x000F, 0x001F, 0x003F, 0x007F, 0x00FF, 0x01FF, 0x03FF)
    _first_outdoor, _indoor_most = 501, 194
    _units, _iso = 32768, 100
    """Units of the shutter's width in a second; the gain, 8, is the same everywhere."""
    _name = re.compile(r"Mono_Colored_RAW_Paired_DATASET/Color_RAW_Input/C(\d{5})_48mp_.*\.tif")

    def shots(self, wishes: Wishes) -> Iterator[Shot]:
        """Yield eight exposures of each scene, the longest last; rooms first, then streets."""
        indoor = min(max(1, wishes.scenes - 1), self._indoor_most)
        streets = range(self._first_outdoor, self._first_outdoor + wishes.scenes - indoor)
        for number in (*range(1, indoor + 1), *streets):
            yield from self._scene(number, wishes)

    def _scene(self, number: int, wishes: Wishes) -> Iterator[Shot]:
        widths = self._indoor if number < self._first_outdoor else self._outdoor
        longest = (widths[-1] + 1) / self._units
        for step, width in enumerate(widths):
            name = f"{self.folders[0]}/Color_RAW_Input/C{number:05d}_48mp_0x8_0x{width:04x}.tif"
            yield Shot(
                name=name,
                viewpoint=self._viewpoint(number),
                role="long" if width == widths[-1] else "short",
                seconds=(width + 1) / self._units,
                iso=self._iso,
                f_number=2.8,
                white=(longest, self._iso),
                taken=taken(wishes.seed, "mcr", str(number), step),
                noise_key=name,
            )

    def _viewpoint(self, number: int) -> Viewpoint:
        return Viewpoint(f"{number:05d}", "indoor" if number < self._first_outdoor else "outdoor")

    def viewpoint(self, name: str) -> Viewpoint | None:
        """Tell the scene of the five digits."""
        match = self._name.fullmatch(name)
        return self._viewpoint(int(match[1])) if match else None
