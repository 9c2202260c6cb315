"""Tests of `rawkit.ingest`."""
