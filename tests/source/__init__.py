"""Tests of `rawkit.source`."""
