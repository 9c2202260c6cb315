"""Tests of `rawkit.stream`."""
