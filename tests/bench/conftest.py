"""Leaves out what needs packages that only `make bench` installs, where they are missing."""

from __future__ import annotations

from importlib.util import find_spec

PEERS = ("tensorstore", "webdataset", "zarrs")

collect_ignore = [] if all(find_spec(name) for name in PEERS) else ["test_bench_stream.py"]
