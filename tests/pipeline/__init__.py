"""Tests of `rawkit.pipeline`."""
