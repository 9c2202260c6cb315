"""A collection into a store: plan, prepare frames on dask, commit them in catalog order."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from rawkit.catalog import LeftOut, scan_by, select
from rawkit.errors import UsageError
from rawkit.ingest.attributes import attributes_of
from rawkit.ingest.exchange import agree
from rawkit.ingest.executor import open_pool
from rawkit.ingest.feed import in_order, once_more
from rawkit.ingest.jobs import describe_rendering, job_of, rendering_of
from rawkit.ingest.profiles import not_there, put_alone, travelling_with
from rawkit.ingest.proofs import Proofs
from rawkit.ingest.quarantine import read_quarantine, update_quarantine
from rawkit.ingest.staged import VideoStage
from rawkit.progress import SILENT
from rawkit.source import Prefetch, Spill
from rawkit.store import (
    Store,
    clear_after_death,
    is_store,
    open_writer,
    put_profiles,
)
from rawkit.workers import Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rawkit.catalog import Catalog, Definition, Entry, Selection
    from rawkit.ingest.exchange import Exchange
    from rawkit.ingest.executor import Pool
    from rawkit.ingest.frame import FrameJob, Prepared
    from rawkit.ingest.jobs import Targets
    from rawkit.ingest.quarantine import MaxBad
    from rawkit.locations import Location
    from rawkit.noise import CameraProfile
    from rawkit.progress import Progress
    from rawkit.sensor import Headerless
    from rawkit.source import Source, SourceFile, SourceSpec
    from rawkit.store import StoredProfile, StoreWriter

    Each = Callable[[StoreWriter, Entry, Prepared | LeftOut], None]

COMMIT_FRAMES = 64
COMMIT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class IngestPlan:
    """What an ingest will do, known from names and EXIF alone."""

    catalog: Catalog
    """All that the source holds."""
    selected: tuple[Entry, ...]
    """Frames that pass the filters and their longs, in catalog order."""
    wanted: tuple[Entry, ...]
    """Those that the store does not have yet."""
    pairs: int
    """Selected shorts whose long is there."""
    unpaired: int
    """Selected shorts whose long is not there (yet)."""
    filtered: Mapping[str, int]
    """Shorts that each filter left out."""
    store: Location
    """Where they go."""
    warning: str = ""
    """Why the table of the last scan could not be used, if so."""
    spare_longs: tuple[Entry, ...] = ()
    """Longs of the pairs selected that have a longer one; they are not used."""
    quarantined: tuple[LeftOut, ...] = ()
    """Selected frames that could not be used before and are unchanged: not tried again."""
    targets: Targets | None = None
    """Bits of the targets, 0 for none; None: as the definition says."""
    headerless: Headerless | None = None
    """What files hold that do not say so themselves."""
    fps: float | None = None
    """Frames a second of videos that do not say so themselves."""
    profiles: tuple[StoredProfile, ...] = ()
    """Profiles of cameras that are to travel with the store."""
    new_profiles: tuple[StoredProfile, ...] = ()
    """Those that the store does not have yet."""

    @property
    def frame_rates(self) -> dict[str, float]:
        """Frames a second of the videos selected, by scene, where they are known."""
        said = self.catalog.frame_rates
        scenes = sorted({entry.scene for entry in self.selected})
        rates = {scene: said.get(scene, self.fps) for scene in scenes}
        return {scene: rate for scene, rate in rates.items() if rate is not None}

    def attributes(self) -> dict[str, Any]:
        """Return what the root of the store is to say."""
        return attributes_of(
            self.catalog.definition, self.store, self.frame_rates, self.profiles
        )  # fmt: skip

    @property
    def left_out(self) -> list[LeftOut]:
        """Files that will not be used, and why."""
        spare = [
            LeftOut(
                entry.frame.name,
                "spare-long",
                f"{entry.pair} has a longer exposure, or one as long",
            )
            for entry in self.spare_longs
        ]
        return [*self.catalog.left_out, *spare, *self.quarantined]

    @property
    def bytes_in(self) -> int:
        """Bytes of the raw files that will be read."""
        return sum(entry.frame.size_bytes for entry in self.wanted)

    @property
    def bytes_to_fetch(self) -> int:
        """Bytes of them that will come over a network, as they are stored there."""
        files = (entry.file for entry in self.wanted)
        return sum(file.stored for file in files if file is not None and file.remote)

    @property
    def scenes(self) -> int:
        """Scenes of the selected frames."""
        return len({entry.scene for entry in self.selected})

    @property
    def already(self) -> int:
        """Selected frames that the store has."""
        return len(self.selected) - len(self.wanted) - len(self.quarantined)


@dataclass(slots=True)
class IngestReport:
    """What an ingest did."""

    plan: IngestPlan
    """What it set out to do."""
    added: int = 0
    """Frames that the store has gained."""
    duplicates: int = 0
    """Of these, frames whose pixels it already held."""
    targets: int = 0
    """Targets rendered."""
    bytes_in: int = 0
    """Bytes of the raw files read."""
    bytes_out: int = 0
    """Bytes of shards written."""
    left_out: list[LeftOut] = field(default_factory=list)
    """Files that could not be used, and why."""
    notes: list[LeftOut] = field(default_factory=list)
    """Longs that have no target, and why."""
    warnings: list[LeftOut] = field(default_factory=list)
    """Frames whose black level does not fit their pixels; they are in the store."""
    decoders: list[LeftOut] = field(default_factory=list)
    """Frames that two decoders did not decode alike; LibRaw's pixels are in the store."""
    wrong: list[LeftOut] = field(default_factory=list)
    """Frames that are in the store with pixels that are not LibRaw's, or may be; none as a rule."""
    seconds: float = 0.0
    """Time it took."""
    stopped: str | None = None
    """Why it stopped before its end, if too many files were bad; what was added is in the store."""
    interrupted: bool = False
    """Whether it was stopped; what was added is in the store."""
    exchange: str = ""
    """How shards passed between the workers of a scheduler and the store, for people."""


def plan_ingest(
    definition: Definition,
    source: SourceSpec | Source,
    store: Location,
    selection: Selection,
    progress: Progress = SILENT,
    *,
    table: Path | None = None,
    remember: bool = True,
    targets: Targets | None = None,
    headerless: Headerless | None = None,
    retry: bool = False,
    fps: float | None = None,
    profiles: Sequence[CameraProfile] = (),
) -> IngestPlan:
    """Scan a source and find out what is wanted and not yet in the store.

    `table` is where the collection's table of files lies, see `rawkit.catalog.table`: files it
    knows are not opened, and unless `remember` is off it is brought up to date. Nothing else is
    written. Files that a filter leaves out by their names alone are not opened either. `targets`
    are the bits of the targets, 0 for none; else the definition says. `headerless` describes files
    that do not say themselves what they hold. Files that could not be used
    before are not wanted while they are unchanged, unless `retry` is on. `fps` are the frames a
    second of videos that do not say so. `profiles` of cameras are put beside the frames, which stay
    as the sensor gave them.

    Raises what `scan` and `select` raise, `StoreFormatError` if `store` is of another version, and
    `UsageError` if there is a rate for what is no video, or two profiles of one camera;
    `ProfileError` if no file is of a profile's camera.
    """
    if fps is not None and not definition.has_videos:
        raise UsageError(f"--fps for {definition.title}", expected="a collection of videos")
    catalog, warning = scan_by(
        table, definition, source, progress, selection=selection, save=remember
    )  # fmt: skip
    selected = select(catalog, selection)
    have = set(Store(store).frames.texts("name")) if is_store(store) else set()
    known = {} if retry else read_quarantine(store)
    bad = {
        entry.frame.name: known[entry.frame.name]
        for entry in selected.entries
        if entry.frame.name in known
        and known[entry.frame.name].still(entry, described=headerless is not None)
    }
    passed = have | bad.keys()
    travelling = travelling_with(selected.entries, profiles)
    return IngestPlan(
        catalog=catalog,
        selected=selected.entries,
        wanted=tuple(entry for entry in selected.entries if entry.frame.name not in passed),
        quarantined=tuple(one.left_out() for name, one in bad.items() if name not in have),
        targets=targets,
        headerless=headerless,
        fps=fps,
        profiles=travelling,
        new_profiles=not_there(store, travelling),
        pairs=selected.pairs,
        unpaired=selected.unpaired,
        filtered=selected.filtered,
        store=store,
        warning=warning,
        spare_longs=selected.spare_longs,
    )


def run_ingest(
    plan: IngestPlan,
    *,
    workers: int | None = None,
    resources: Resources | None = None,
    max_bad: MaxBad | None = None,
    staging: Path | None = None,
    beside: bool = True,
    progress: Progress = SILENT,
    pool: AbstractContextManager[Pool] | None = None,
    each: Each | None = None,
    fetch_ahead: bool = True,
) -> IngestReport:
    """Add the wanted frames of a plan to its store; bad files are listed and the rest goes on.

    `workers` processes decode (default: one for each core); 0 uses threads of this process, which
    starts at once but does not survive a crash of LibRaw. `resources` says more; then `workers` is
    not used. A run that finds more than `max_bad` bad files stops. Shards of a store elsewhere wait
    in `staging`; where workers of a scheduler do not see that, they wait in the store's bucket.
    Unless `beside` is off, pixels may come from a faster decoder than LibRaw that has been proven
    to give the same, see `rawkit.ingest.proofs`. Ctrl-C commits what is done and returns. A `pool`
    takes the place of `workers` and `resources`. `each` is called with the writer, a frame and what
    has become of it, after it has been added; then it is who commits, before the end. Unless
    `fetch_ahead` is off, files that come over a network are fetched before a worker asks for them.

    Raises
    ------
    StoreError, OutputError
        If the store cannot be added to, or its server is lost; what it held is intact.
    MissingError
        If a source or the scheduler does not answer; what was added is in the store.
    UsageError
        If memory does not suffice for one worker.
    ClusterError
        If the scheduler or one of its workers has other versions than this process, does not see
        the same paths, or is lost; no frame counts as bad for it.
    """
    report = IngestReport(plan, left_out=plan.left_out)
    if not plan.wanted:
        clear_after_death(plan.store, staging)
        if plan.new_profiles and is_store(plan.store):
            put_alone(plan.store, plan.attributes(), plan.new_profiles, staging)
        return report
    rendering = rendering_of(plan.catalog.definition, plan.targets)
    started = time.monotonic()
    tried: list[Entry] = []
    bad: dict[str, LeftOut] = {}
    with (
        open_writer(
            plan.store,
            attributes=plan.attributes(),
            target=describe_rendering(rendering),
            staging=staging,
        ) as writer,
        pool
        or open_pool(
            resources or Resources(workers),
            len(plan.wanted),
            writer.staging,
            lambda cluster: agree(
                cluster, writer.staging, writer.objects, _files(plan), plan.catalog.source
            ),
            remote=any(file.remote for file in _files(plan)),
        ) as taking,
        progress.stage("Ingesting", len(plan.wanted), "frames") as advance,
    ):
        put_profiles(writer.place, plan.new_profiles)
        fetching = resources is None or resources.scheduler is None
        if not fetching:
            report.exchange = taking.exchange.describe()
        jobs = _jobs(plan, writer, taking.exchange, fetch_ahead=fetching and fetch_ahead)
        proofs, say = Proofs(beside=beside), partial(advance, 0)
        try:
            for entry, result in in_order(jobs, taking, proofs, say):
                tried.append(entry)
                if isinstance(result, LeftOut):
                    bad[entry.frame.name] = result
                _take(entry, result, writer, report)
                (each or _commit_if_due)(writer, entry, result)
                advance(1, entry.frame.name)
                if max_bad is not None and not max_bad.allows(len(bad), len(plan.wanted)):
                    report.stopped = (
                        f"{len(bad)} of {len(tried)} files cannot be used, more than {max_bad}"
                    )
                    break
            report.wrong += proofs.wrong(
                lambda job: once_more(job, taking, say),
                {row.name: row.pixel_hash for row in writer.rows} if proofs.notes else {},
            )
        except KeyboardInterrupt:
            report.interrupted = True
        finally:
            report.decoders += proofs.notes
            update_quarantine(plan.store, tried, bad)
    report.seconds = time.monotonic() - started
    return report


def _files(plan: IngestPlan) -> Iterator[SourceFile]:
    """Yield the raw files that are wanted."""
    return (one.file for one in plan.wanted if one.file is not None)


def _jobs(
    plan: IngestPlan, writer: StoreWriter, exchange: Exchange, *, fetch_ahead: bool
) -> Iterator[FrameJob]:
    """Yield jobs in catalog order; with `fetch_ahead`, raw files from a network come before them.

    Workers on other machines fetch for themselves, but for what only this process can read.
    """
    catalog, spill, prefetch = plan.catalog, None, None
    videos = VideoStage(exchange, writer.staging)
    rendering = rendering_of(catalog.definition, plan.targets)
    if catalog.source is not None:
        files = [one.file for one in plan.wanted if one.file is not None and one.video is None]
        spill = Spill(catalog.source, files, writer.staging)
        if fetch_ahead:
            prefetch = Prefetch(catalog.source, files, writer.staging)
    try:
        for number, entry in enumerate(plan.wanted):
            placed, unpacked = videos.put(entry, number)
            picture = None
            if rendering is not None:
                placed, picture = videos.put_picture(placed, number)
            file = entry.file
            if file is not None and spill is not None and unpacked is None:
                spilled = spill.path(file)
                unpacked = None if spilled is None else exchange.hold(spilled)
            if file is not None and unpacked is None and prefetch is not None:
                unpacked = prefetch.path(file)
            if unpacked is None and entry.video is None:
                unpacked = exchange.send(catalog.source, file, f"{number:08d}.raw")
            yield job_of(
                catalog, placed, number, exchange.staging, writer.codecs, unpacked,
                picture=picture, rendering=rendering, headerless=plan.headerless,
                version=writer.version,
            )  # fmt: skip
    finally:
        if prefetch is not None:
            prefetch.close()


def _take(
    entry: Entry, result: Prepared | LeftOut, writer: StoreWriter, report: IngestReport
) -> None:
    report.bytes_in += entry.frame.size_bytes
    if isinstance(result, LeftOut):
        report.left_out.append(result)
        return
    row = writer.add(result.frame)
    report.added += 1
    if row.duplicate_of is not None:
        report.duplicates += 1
    else:
        report.bytes_out += result.written
        report.targets += result.frame.target is not None
    if row.level_warning is not None:
        report.warnings.append(LeftOut(row.name, "level", row.level_warning))
    if row.target_note is not None:
        report.notes.append(LeftOut(row.name, "no-target", row.target_note))


def _commit_if_due(writer: StoreWriter, _: Entry, __: Prepared | LeftOut) -> None:
    writer.commit_if_due(COMMIT_FRAMES, COMMIT_SECONDS)
