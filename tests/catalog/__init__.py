"""Tests of `rawkit.catalog`."""
