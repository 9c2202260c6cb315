"""Tests of `rawkit.restore`."""
