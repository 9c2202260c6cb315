"""Frames that are prepared once more, when their raw files no longer wait in the bucket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from rawkit.catalog import Selection, load_definition
from rawkit.ingest import plan_ingest
from rawkit.ingest.exchange import Exchange
from rawkit.ingest.executor import Pool
from rawkit.ingest.feed import once_more
from rawkit.ingest.frame import Prepared, prepare_frame
from rawkit.ingest.jobs import job_of
from rawkit.store import ObjectPlace, ObjectStaging, RemoteFile, objects_of

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from rawkit.catalog import LeftOut
    from rawkit.ingest.frame import FrameJob
    from rawkit.locations import Url

pytest_plugins = ("tests.support.fixtures_s3",)


def test_a_raw_file_is_sent_again_and_removed(mid_folder: Path, bucket: Url) -> None:
    store = bucket / "mid.zarr"
    plan = plan_ingest(load_definition("mid"), str(mid_folder), store, Selection())
    staging, entry = ObjectStaging.of(store), plan.wanted[0]
    assert entry.file is not None
    sent: list[FrameJob] = []
    with ThreadPoolExecutor(1) as threads:

        def submit(job: FrameJob) -> Future[Prepared | LeftOut]:
            sent.append(job)
            return threads.submit(prepare_frame, job)

        exchange = Exchange(staging, frozenset({entry.file.origin}))
        pool = Pool(submit, lambda future, _: future.result(), lambda: 1, exchange)
        job = job_of(plan.catalog, entry, 0, staging, {}, rendering=None)
        gone = staging.place.file("gone.raw")
        found = once_more(replace(job, unpacked=gone), pool, print)
    assert isinstance(found, Prepared)
    assert isinstance(sent[0].unpacked, RemoteFile)
    assert sent[0].unpacked != gone
    (left,) = ObjectPlace(objects_of(store)).sizes()
    assert ".packed." in left
