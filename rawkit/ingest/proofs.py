"""Which kinds of files may be decoded beside LibRaw: proven by the first one, then asked again.

A kind is a camera and a compression. Its first frame, and every frame whose number in the plan is
a multiple of `EVERY`, is decoded by both decoders. Frames of that camera that are under way
meanwhile are decoded beside LibRaw as if it were proven; results come in order, so none is taken
before it is. Where the decoders do not give the same, LibRaw decodes that kind from there on;
frames that were taken since both had last agreed are decoded once more by LibRaw, and compared
with what the store has been given.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rawkit.catalog import LeftOut
from rawkit.ingest.frame import Prepared
from rawkit.sensor import LIBRAW, Trust
from rawkit.store import discard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rawkit.ingest.frame import FrameJob

EVERY: Final = 50
_ANEW: Final = 10**7
"""Added to the number of a frame that is decoded once more, so that its files have another name."""


class Proofs:
    """What is known of the two decoders while an ingest runs.

    Parameters
    ----------
    beside
        Whether anything may be decoded beside LibRaw.
    """

    def __init__(self, *, beside: bool = True) -> None:
        self._beside = beside
        self._proven: set[str] = set()
        self._refuted: set[str] = set()
        self._asked: set[str] = set()
        """Cameras of which a frame is, or was, decoded by both."""
        self._since: dict[str, list[FrameJob]] = defaultdict(list)
        self._doubtful: list[FrameJob] = []
        self.notes: list[LeftOut] = []
        """Frames on which the decoders did not agree, and what followed."""

    def trusting(self, job: FrameJob) -> FrameJob:
        """Return a job that says which decoder its frame may have."""
        if not self._beside:
            return job
        camera = job.entry.frame.model or "unknown camera"
        is_first = camera not in self._asked
        self._asked.add(camera)
        return self._job(job, camera, check=is_first or job.number % EVERY == 0)

    def _job(self, job: FrameJob, camera: str, *, check: bool) -> FrameJob:
        proven, refuted = frozenset(self._proven), frozenset(self._refuted)
        return replace(job, trust=Trust(camera, proven, refuted, check, presumed=True))

    def hear(self, job: FrameJob, result: Prepared | LeftOut) -> FrameJob | None:
        """Take note of how a frame was decoded; returns what is to be done anew, if anything."""
        decoded = result.decoded if isinstance(result, Prepared) else None
        if decoded is None or decoded.kind is None or job.trust is None:
            return None
        kind, name = decoded.kind, job.entry.frame.name
        if decoded.agreed is False and kind not in self._refuted:
            self._refuted.add(kind)
            self._proven.discard(kind)
            self._doubtful += self._since.pop(kind, [])
            self.notes.append(
                LeftOut(name, "decoder", f"{kind}: not as LibRaw decodes it, which is taken")
            )
        elif decoded.agreed and kind not in self._refuted:
            self._proven.add(kind)
            self._since.pop(kind, None)
        if decoded.by == LIBRAW:
            return None
        if kind in self._refuted:
            return replace(job, trust=None)
        if kind not in self._proven:  # the first frame of its camera was of another kind, or bad
            return self._job(job, job.trust.camera, check=True)
        self._since[kind].append(job)
        return None

    def wrong(
        self, prepare: Callable[[FrameJob], Prepared | LeftOut], hashes: Mapping[str, str]
    ) -> Iterator[LeftOut]:
        """Decode doubtful frames by LibRaw and yield those that the store has been given wrongly.

        `prepare` decodes a frame; `hashes` has the store's hash of its pixels, by name.
        """
        for job in self._doubtful:
            name = job.entry.frame.name
            anew = replace(job, number=job.number + _ANEW, trust=None, unpacked=None)
            found = prepare(anew)
            if isinstance(found, LeftOut):
                yield LeftOut(name, "decoder", f"could not be compared: {found.reason}")
                continue
            for shard in (found.frame.packed, found.frame.target):
                if shard is not None:
                    discard(shard.path)
            if name in hashes and hashes[name] != found.frame.row.pixel_hash:
                yield LeftOut(name, "decoder", "its pixels in the store are not LibRaw's")
        self._doubtful.clear()
