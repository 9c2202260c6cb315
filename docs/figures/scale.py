"""Measure what a frame, a scene and an epoch cost: the tables of docs/explanation/scale.md.

    python docs/figures/scale.py [--size 4256x2848]

makes synthetic SID scenes, ingests them into an S3 server on this machine that counts requests and
bytes, streams an epoch from there, and measures the table of frames at two sizes. From these
constants, prices and rates, all of them named below, it prints the tables for 10^4, 10^6 and 10^8
frames. Needs moto, which is among what developers install.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import boto3
from moto.server import (  # type: ignore[attr-defined] # what its own command serves
    DomainDispatcherApplication,
    create_backend_app,
)
from werkzeug.serving import make_server

from rawkit.catalog import Selection, load_definition
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.locations import location_of
from rawkit.store import FrameTable, Store, encode_rows
from rawkit.stream import stream_of
from rawkit.subset import Limits, Subset, choose_frames
from rawkit.synth import make_collection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rawkit.store import FrameRow

COUNTS = (10**4, 10**6, 10**8)
BUCKET = "scale"
ROWS = (2_000, 20_000)
"""Rows of the two tables that are measured."""
CROP = 512
WRITES = ("PUT", "POST", "LIST", "COPY")


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars; list prices of S3 Standard in us-east-1 as of 2025, aws.amazon.com/s3/pricing."""

    writes: float = 0.005 / 1000
    """Of a PUT, POST, COPY or LIST."""
    reads: float = 0.0004 / 1000
    """Of a GET or HEAD."""
    month: float = 0.023 / 1e9
    """Of a byte stored for a month."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What a machine near its bucket gets; assumptions, not measurements."""

    line: float = 1.25e9
    """Bytes a second: 10 Gbit/s."""
    answer: float = 0.03
    """Seconds until the first byte of an answer."""
    at_once: int = 8
    """Requests that wait at once: the threads of a stream."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured constants."""

    frames_of_scene: int
    """Frames of a scene, its long included."""
    frame_bytes: float
    """Bytes of the shards of a frame, targets spread over all frames."""
    frame_writes: float
    """Writing requests of an ingest for each further frame."""
    frame_reads: float
    """Reading requests of an ingest for each further frame."""
    crop_reads: float
    """Reading requests of a stream for each crop."""
    crop_bytes: float
    """Bytes of its answers for each crop."""
    frame_crops: float
    """Crops of an epoch for each frame, longs counted."""
    row_bytes: float
    """Bytes of the table for each row."""
    row_seconds: float
    """Seconds to read what `rawkit info` reads of a row."""


class Server:
    """An S3 server on this machine that counts what it is asked for."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.sent = 0
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._inner = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._count, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def _count(self, environ: dict[str, Any], start: Any) -> Any:
        method = str(environ["REQUEST_METHOD"])
        listing = "list-type" in str(environ.get("QUERY_STRING", ""))
        self.requests["LIST" if listing else method] += 1

        def note(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if method == "GET" and not listing:
                self.sent += sum(int(v) for k, v in headers if k.lower() == "content-length")
            return start(status, headers, *rest)

        return self._inner(environ, note)

    def taken(self) -> tuple[Counter[str], int]:
        """Return what was counted since the last call: requests, and bytes sent."""
        found = self.requests, self.sent
        self.requests, self.sent = Counter(), 0
        return found

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()


@contextmanager
def served() -> Iterator[Server]:
    """Start a server with a bucket that this process finds by its environment."""
    server = Server()
    settings = {
        "AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield server
    finally:
        server.stop()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def measure(folder: Path, size: tuple[int, int], crop: int | None = CROP) -> Costs:
    """Measure all constants on synthetic scenes of `size` (rows, columns) in pixels."""
    with served() as server:
        few, once = ingested(folder, size, 1, server)
        store, thrice = ingested(folder, size, 3, server)
        requests = thrice - once
        reads = requests["GET"] + requests["HEAD"]
        more, less = len(store.rows), len(few.rows)
        frames = choose_frames(
            [store], fraction=1.0, seed=0, limits=Limits(), selection=Selection()
        )
        subset = Subset("scale", 1.0, 0, "", {}, frames)
        server.taken()
        stream = stream_of(subset, {store.collection: store}, crop=crop, augment=False)
        crops = stream.epoch_length
        batches = stream.batches()
        for _ in islice(batches, -(-crops // 8)):
            pass
        batches.close()
        asked, sent = server.taken()
        read = asked["GET"] + asked["HEAD"]
        row_bytes, row_seconds = table_costs(list(store.rows))
        known = store.frames.columns("packed_bytes", "target_bytes").to_pydict()
        total = sum(one or 0 for column in known.values() for one in column)
        return Costs(
            frames_of_scene=less,
            frame_bytes=total / more,
            frame_writes=sum(requests[one] for one in WRITES) / (more - less),
            frame_reads=reads / (more - less),
            crop_reads=read / crops,
            crop_bytes=sent / crops,
            frame_crops=crops / more,
            row_bytes=row_bytes,
            row_seconds=row_seconds,
        )


def ingested(
    folder: Path, size: tuple[int, int], scenes: int, server: Server
) -> tuple[Store, Counter[str]]:
    """Ingest so many scenes into a new store of the bucket; returns it, and the requests."""
    raw = folder / f"raw-{scenes}"
    make_collection("sid", raw, scenes=scenes, size=size)
    place = location_of(f"s3://{BUCKET}/sid-{scenes}.zarr")
    plan = plan_ingest(load_definition("sid"), (str(raw),), place, Selection(), targets=8)
    server.taken()
    run_ingest(plan, workers=0, staging=folder)
    requests, _ = server.taken()
    return Store(place), requests


def table_costs(rows: Sequence[FrameRow]) -> tuple[float, float]:
    """Bytes and seconds of a table for each row, from tables of two sizes."""
    sizes, seconds = [], []
    for count in ROWS:
        many = [
            replace(
                rows[number % len(rows)], name=f"{number:08d}.ARW", index=number,
                pixel_hash=f"blake3:{sha256(str(number).encode()).hexdigest()}",
            )
            for number in range(count)
        ]  # fmt: skip
        table = FrameTable.of(many)
        sizes.append(len(encode_rows(table.rows, {"format_version": table.version})))
        started = time.process_time()
        for _ in range(5):
            table.columns("group", "role", "pair", "scene", "split", "iso", "exposure_time")
        seconds.append((time.process_time() - started) / 5)
    more = ROWS[1] - ROWS[0]
    return (sizes[1] - sizes[0]) / more, max(0.0, seconds[1] - seconds[0]) / more


def constants(costs: Costs) -> list[tuple[str, str]]:
    """Name the constants, for the page."""
    return [
        ("frames of a scene", f"{costs.frames_of_scene}"),
        ("bytes of a frame", _size(costs.frame_bytes)),
        ("writing requests of an ingest, a frame", f"{costs.frame_writes:.2f}"),
        ("reading requests of an ingest, a frame", f"{costs.frame_reads:.2f}"),
        ("crops of an epoch, a frame", f"{costs.frame_crops:.1f}"),
        ("reading requests of a stream, a crop", f"{costs.crop_reads:.2f}"),
        ("bytes of a stream, a crop", _size(costs.crop_bytes)),
        ("bytes of the table, a row", f"{costs.row_bytes:.0f}"),
    ]


def at_scale(costs: Costs, prices: Prices, rates: Rates) -> list[tuple[str, ...]]:
    """Say what so many frames cost: a line for each quantity, a cell for each of `COUNTS`."""

    def line(name: str, value: Any) -> tuple[str, ...]:
        return (name, *(value(count) for count in COUNTS))

    def epoch_seconds(frames: int) -> float:
        crops = frames * costs.frame_crops
        waiting = crops * costs.crop_reads * rates.answer / rates.at_once
        return max(waiting, crops * costs.crop_bytes / rates.line)

    def ingest_dollars(frames: int) -> float:
        return frames * (costs.frame_writes * prices.writes + costs.frame_reads * prices.reads)

    return [
        line("scenes", lambda n: _count(n / costs.frames_of_scene)),
        line("store", lambda n: _size(n * costs.frame_bytes)),
        line("store, dollars a month", lambda n: _dollars(n * costs.frame_bytes * prices.month)),
        line("ingest, requests", lambda n: _count(n * (costs.frame_writes + costs.frame_reads))),
        line("ingest, dollars of requests", lambda n: _dollars(ingest_dollars(n))),
        line("epoch, crops", lambda n: _count(n * costs.frame_crops)),
        line("epoch, requests", lambda n: _count(n * costs.frame_crops * costs.crop_reads)),
        line("epoch, dollars of requests",
             lambda n: _dollars(n * costs.frame_crops * costs.crop_reads * prices.reads)),
        line("epoch, bytes read", lambda n: _size(n * costs.frame_crops * costs.crop_bytes)),
        line("epoch, shortest time", lambda n: _time(epoch_seconds(n))),
        line("table of frames", lambda n: _size(n * costs.row_bytes)),
        line("objects of coordinates", lambda n: _count(13 * max(1, n / 1024))),
    ]  # fmt: skip


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000:  # noqa: PLR2004 - kilo
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} PB"


def _count(count: float) -> str:
    return f"{count:,.0f}" if count < 1e6 else f"{count:.2g}"  # noqa: PLR2004 - a million


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount < 100 else f"${amount:,.0f}"  # noqa: PLR2004 - cents


def _time(seconds: float) -> str:
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def as_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table for a page."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Measure, and print the tables of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="4256x2848", help="Columns x rows of a frame.")
    columns, rows = (int(one) for one in parser.parse_args().size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        costs = measure(Path(folder), (rows, columns))
    headers = ["frames", "10 000", "1 000 000", "100 000 000"]
    measured = as_table(["measured", ""], constants(costs))
    sys.stdout.write(f"{measured}\n\n{as_table(headers, at_scale(costs, Prices(), Rates()))}\n")


if __name__ == "__main__":
    main()
