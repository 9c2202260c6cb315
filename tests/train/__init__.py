"""Tests of `rawkit.train`."""
